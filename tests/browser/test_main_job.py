"""The main job, done by clicking: open, choose, run, watch, leave, come back, compare."""

from __future__ import annotations

import json
import re
import signal
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import expect

SMALL = {
    "source.printed-digits.n": "600",
    "source_epochs": "2",
    "epochs": "6",
    "snapshot": "60",
}
# Removed nodes inside the chart and the canvas are counted from the moment this is installed.
COUNT_REMOVALS = """
window.removed = [];
const live = n => (n.shadowRoot && n.shadowRoot.querySelector('.embedding')) || n.matches('.shiftscope-chart, .js-plotly-plot');
new MutationObserver(list => { for (const m of list) for (const n of m.removedNodes)
  if (n.nodeType === 1 && (live(n) || [...n.querySelectorAll('*')].some(live))) window.removed.push(n.outerHTML.slice(0, 300));
}).observe(document.body, {childList: true, subtree: true});
"""


def chart(page, key: str):
    return page.locator(f"[data-key={key}]").first


def attribute(page, key: str, name: str) -> int:
    value = chart(page, key).get_attribute(f"data-{name}")
    return int(value or 0)


def run_id(page) -> str:
    return parse_qs(urlsplit(page.url).query)["run"][0]


def map_with(page, frames: int):
    """The embedding once it holds so many epochs; it lives in a shadow root, which locators see into."""
    return page.locator(f".embedding[data-key=embedding][data-frames='{frames}']")


def badge(page, state: str):
    return page.locator(".st-key-controls .stMarkdownBadge", has_text=state)


def wait_for_state(page, state: str) -> None:
    badge(page, state).wait_for(timeout=120_000)


def epochs(server, run: str) -> list[dict]:
    """The lines that the run's record holds so far."""
    path = server.home / "data" / "runs" / run / "epochs.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def start(page) -> str:
    button = page.get_by_role("button", name="Run", exact=True)
    button.wait_for()
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    button.click()
    page.wait_for_url("**run=*")
    return run_id(page)


def test_the_home_page_shows_a_finished_run(open_page):
    page = open_page("/")
    page.locator(".embedding").first.wait_for()
    page.get_by_text(re.compile(r"% right, (up|down) from")).first.wait_for()
    shown = page.locator(".embedding").first
    assert int(shown.get_attribute("data-points")) >= 400
    assert shown.get_attribute("data-renderer") in ("webgl2", "canvas2d")


def test_open_adapt_run_watch_reload_compare(open_page):
    page = open_page("/")
    page.get_by_role("link", name="Adapt").click()
    page.get_by_role("button", name="Demo", exact=True).click()
    first = start(page)
    wait_for_state(page, "running")
    page.wait_for_function("document.querySelectorAll('.st-key-controls').length === 1")  # the shipped run has made room
    page.evaluate(COUNT_REMOVALS)
    seen = set()
    page.wait_for_function("document.querySelector('[data-key=accuracy]')?.dataset.points > 0")
    for _ in range(1500):
        seen.add(attribute(page, "accuracy", "points"))
        if badge(page, "finished").count():
            break
        page.wait_for_timeout(100)
    wait_for_state(page, "finished")
    assert len(seen) >= 4, f"the curve did not grow: {seen}"
    map_with(page, frames=9).wait_for()
    assert page.evaluate("window.removed") == [], "a live figure was taken out of the page"

    page.reload()
    map_with(page, frames=9).wait_for()
    wait_for_state(page, "finished")
    assert run_id(page) == first
    page.get_by_role("link", name="Compare").click()
    page.get_by_text("Accuracy against MMD²").wait_for()
    page.wait_for_function("document.querySelector('[data-key=compare_target_accuracy]')?.dataset.points > 0")


def test_two_tabs_one_run_and_closing_all_tabs_does_not_stop_it(open_page, server):
    query = "/adapt?" + urlencode(SMALL | {"seed": "11", "epochs": "8"})
    a, b = open_page(query), open_page(query)
    one = start(a)
    two = start(b)
    assert one == two
    a.context.close()
    b.context.close()
    later = open_page(f"/adapt?run={one}")
    wait_for_state(later, "finished")
    map_with(later, frames=9).wait_for()


def test_zoom_survives_live_updates(open_page):
    page = open_page("/adapt?" + urlencode(SMALL | {"seed": "12", "epochs": "300", "method": "SHOT"}))
    start(page)
    # Three or more: on a busy machine updates come together, and no picture ever has exactly three.
    drawn = page.locator(".embedding[data-key=embedding]")
    expect(drawn).to_have_attribute("data-frames", re.compile(r"^([3-9]|\d\d+)$"), timeout=60_000)
    zoom = "document.querySelector('[data-key=mmd]')._fullLayout.yaxis.range"
    page.wait_for_function("document.querySelector('[data-key=mmd]')?._fullLayout && document.querySelector('[data-key=mmd] .nsewdrag')")
    whole = page.evaluate(zoom)
    for _ in range(8):  # an update that comes during the drag ends it, as it would for a hand
        drag = page.locator("[data-key=mmd] .nsewdrag").first
        drag.scroll_into_view_if_needed()
        box = drag.bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + box["height"] * 0.2)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.8, steps=3)
        page.wait_for_timeout(200)
        page.mouse.up()
        page.wait_for_timeout(300)
        if page.evaluate(zoom) != pytest.approx(whole, rel=0.05):
            break
    zoomed, updates = page.evaluate(zoom), attribute(page, "mmd", "updates")
    assert zoomed != pytest.approx(whole, rel=0.05)
    page.wait_for_function(f"document.querySelector('[data-key=mmd]').dataset.updates >= {updates + 3}")
    assert page.evaluate(zoom) == pytest.approx(zoomed)
    page.get_by_role("button", name="Cancel").click()  # the next test's run need not wait for this one
    wait_for_state(page, "cancelled")


def test_pause_step_resume_cancel(open_page, server):
    page = open_page("/adapt?" + urlencode(SMALL | {"seed": "13", "epochs": "120"}))
    run = start(page)
    page.get_by_role("button", name="Pause").click()
    wait_for_state(page, "paused")
    lines = len(epochs(server, run))
    page.wait_for_timeout(1500)
    assert len(epochs(server, run)) == lines
    page.get_by_role("button", name="Step").click()
    page.wait_for_timeout(300)
    wait_for_state(page, "paused")
    for _ in range(100):
        if len(epochs(server, run)) == lines + 1:
            break
        page.wait_for_timeout(100)
    page.wait_for_timeout(1000)
    assert len(epochs(server, run)) == lines + 1
    page.get_by_role("button", name="Resume").click()
    wait_for_state(page, "running")
    page.get_by_role("button", name="Cancel").click()
    wait_for_state(page, "cancelled")
    assert len(epochs(server, run)) >= lines + 1


def test_a_killed_server_leaves_an_interrupted_run_that_can_be_resumed(open_page, server):
    page = open_page("/adapt?" + urlencode(SMALL | {"seed": "14", "epochs": "120"}))
    run = start(page)
    while len(epochs(server, run)) < 6:
        page.wait_for_timeout(100)
    server.stop(signal.SIGKILL)
    kept = epochs(server, run)
    page.context.close()
    server.start()
    again = open_page(f"/adapt?run={run}")
    wait_for_state(again, "interrupted")
    assert epochs(server, run) == kept
    again.get_by_role("button", name="Resume").click()
    while len(epochs(server, run)) <= len(kept):
        again.wait_for_timeout(100)
    wait_for_state(again, "running")
    again.get_by_role("button", name="Cancel").click()
    wait_for_state(again, "cancelled")
    places = [(line["phase"], line["number"]) for line in epochs(server, run)]
    assert len(places) == len(set(places)), "an epoch stands twice"


def test_epoch_and_selection_survive_a_rerun_and_a_reload_and_are_answered(open_page):
    page = open_page("/")
    shown = page.locator(".embedding").first
    page.locator(".embedding[data-epoch='30']").wait_for()
    page.locator(".embedding .stage").first.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**epoch=27*")
    box = page.locator(".embedding .plot").first.bounding_box()
    page.keyboard.press("b")
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + box["height"] - 5, steps=4)
    page.mouse.up()
    page.wait_for_url("**selected=*")
    selected = shown.get_attribute("data-selected")
    answer = page.get_by_text(f"{selected} selected:")
    answer.wait_for()
    page.get_by_text("Mean way on the map").wait_for()
    beside = answer.bounding_box()
    assert beside["x"] > box["x"] + box["width"], "the answer stands beside the map"
    assert beside["y"] < box["y"] + box["height"]
    page.get_by_text("Side by side", exact=True).click()  # a rerun
    page.locator(".embedding.pair").wait_for()
    assert (shown.get_attribute("data-epoch"), shown.get_attribute("data-selected")) == ("27", selected)
    page.reload()
    page.locator(f".embedding[data-epoch='27'][data-selected='{selected}']").wait_for()
    answer.wait_for()
    assert page.locator(".embedding.pair").count() == 1
    page.get_by_text("UMAP", exact=True).first.click()  # the same samples in another projection
    page.locator(f".embedding[data-identity*='umap'][data-epoch='27'][data-selected='{selected}']").wait_for()
    page.get_by_role("button", name="Show this").first.click()  # another run: neither its epoch nor its samples
    page.locator(".embedding[data-epoch='30'][data-selected='0']").wait_for()
    page.wait_for_function("!location.search.includes('selected=') && !location.search.includes('epoch=')")


def test_the_curves_show_the_maps_epoch_and_take_it_elsewhere(open_page):
    page = open_page("/")
    page.locator(".embedding[data-epoch='30']").wait_for()
    page.get_by_text("Curves of this run").click()  # a chart that comes after the map asks it for its epoch
    chart(page, "accuracy").scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('[data-key=accuracy]')?.dataset.cursor === '30'")
    page.evaluate("dispatchEvent(new CustomEvent('shiftscope-go', { detail: { epoch: 5 } }))")
    page.locator(".embedding[data-epoch='5']").wait_for()
    page.wait_for_function("document.querySelector('[data-key=accuracy]').dataset.cursor === '5'")


@pytest.mark.parametrize("path", ["/", "/?view=Any+shift", "/adapt", "/compare"])
@pytest.mark.parametrize("width", [390, 1440])
def test_pages_fit_their_window(open_page, path, width):
    page = open_page(path, width=width)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.locator(".embedding, .shiftscope-chart").first.wait_for()
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.get_by_test_id("stException").count() == 0


def test_blind_is_in_the_link_and_goes_along_to_every_page(open_page):
    page = open_page("/")
    page.locator(".st-key-blind label").first.click()
    page.wait_for_function("location.search.includes('blind=true')")
    for name in ("Compare", "Adapt", "Explore"):
        page.get_by_role("link", name=name, exact=True).first.click()
        page.get_by_text("Blind hides what rests on target labels").wait_for()
        page.wait_for_function("location.search.includes('blind=true')")
    page.reload()
    page.get_by_text("Blind hides what rests on target labels").wait_for()


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_the_first_screen_of_home_is_a_picture_that_moves_once(open_page, width, height):
    page = open_page("/", width=width, height=height)
    page.locator(".embedding[data-epoch='0'].playing").wait_for()  # it begins with "before", untouched
    play = page.locator(".embedding .play").bounding_box()
    assert play["y"] + play["height"] <= height, "the play button is on the first screen"
    plot = page.locator(".embedding .plot").first.bounding_box()
    side = min(plot["width"], plot["height"])
    assert side**2 / (plot["width"] * plot["height"]) > 0.75, "a square map fills its canvas"
    page.locator(".embedding[data-epoch='30']:not(.playing)").wait_for()
    assert "epoch=" not in page.url  # nobody has chosen anything
    assert page.evaluate("document.querySelector('.st-key-bar').getBoundingClientRect().bottom") <= 60
    top = page.get_by_role("heading", name="Shiftscope").bounding_box()["y"]
    assert top < 100, "no blank band above"


def test_home_stands_still_for_whoever_wants_no_motion(browser, server):
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.goto(server.url)
    page.locator(".embedding[data-epoch='30']").wait_for(timeout=60_000)
    page.wait_for_timeout(1500)
    assert page.locator(".embedding[data-epoch='30']:not(.playing)").count() == 1
    context.close()


def test_on_a_telephone_the_bar_shows_where_one_is_and_hides_nothing(open_page):
    page = open_page("/", width=390, height=844)
    for name in ("Compare", "Adapt", "Explore"):
        page.get_by_role("link", name=name, exact=True).click()
        page.wait_for_url(lambda url, name=name: name == "Explore" or name.lower() in url)
        links = page.locator(".st-key-ways a")
        assert links.count() == 3
        expect(page.locator(".st-key-ways a", has_text=name)).not_to_have_css("background-color", "rgba(0, 0, 0, 0)")
    assert page.locator("[data-testid=stSidebar]").count() == 0  # nothing to open, nothing that stays open
    page.locator(".st-key-tiles").wait_for()
    tiles = [page.locator(".st-key-tiles > *").nth(i).bounding_box() for i in range(4)]
    assert tiles[0]["y"] == tiles[1]["y"] < tiles[2]["y"] == tiles[3]["y"], "two by two"


def test_a_meaning_covers_nothing_of_what_it_explains(open_page):
    page = open_page("/", width=1440, height=900)
    tile = page.locator(".st-key-tile_mmd2")
    tile.get_by_role("button", name="What is this?").click()
    meaning = page.locator(".st-key-meaning")
    meaning.wait_for()
    assert meaning.bounding_box()["y"] >= tile.bounding_box()["y"] + tile.bounding_box()["height"]
    meaning.get_by_text("How often shuffled domains are this far apart").wait_for()
    tile.get_by_role("button", name="Close").click()
    meaning.wait_for(state="detached")
