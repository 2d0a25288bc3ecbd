"""The embedding canvas in a real browser, on made-up maps whose every point is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from browser import harness

from core.maps.data import MapData
from pages.elements.embedding import read_selection

NO_WEBGL = """HTMLCanvasElement.prototype.getContext = (get => function (kind, ...more) {
  return kind === 'webgl2' ? null : get.call(this, kind, ...more); })(HTMLCanvasElement.prototype.getContext);"""
REMOVALS = """window.gone = 0; new MutationObserver((list) => { for (const m of list) for (const n of m.removedNodes)
  if (n.nodeType === 1 && n.matches('.embedding, .pane, canvas')) window.gone += 1;
}).observe(document.body, { childList: true, subtree: true })"""
COUNTING = """(() => { window.contexts = new Set(); window.compiled = window.drawn = 0;
  const get = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
    const context = get.call(this, kind, ...more); if (kind === 'webgl2') window.contexts.add(context); return context; };
  const { compileShader, drawArrays } = WebGL2RenderingContext.prototype;
  WebGL2RenderingContext.prototype.compileShader = function (shader) { window.compiled += 1; compileShader.call(this, shader); };
  WebGL2RenderingContext.prototype.drawArrays = function (...what) { window.drawn += 1; drawArrays.apply(this, what); };
  const mark = performance.mark.bind(performance);
  performance.mark = (name) => { if (name === 'embedding-drawn') window.compiledAtDraw = window.compiled; return mark(name); };
})()"""
MARGIN = 0.93  # as in assets/embedding/view.js


@pytest.fixture(scope="module")
def address():
    with harness.serve() as url:
        yield url


@pytest.fixture
def shown(browser, address):
    """A fresh page with the element's code on it; JavaScript errors fail the test."""
    opened, problems = [], []

    def open_page(width: int = 1200, script: str = "", **options) -> harness.Harness:
        context = browser.new_context(viewport={"width": width, "height": 760}, **options)
        opened.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        if script:
            page.add_init_script(script)
        return harness.on(page, address)

    yield open_page
    for context in opened:
        context.close()
    assert not problems


def place(shown: harness.Harness, data: MapData, index: int, frame: int, pane: int) -> tuple[float, float]:
    """Where a point is in the window, at the full view."""
    box = shown.page.locator(".plot").nth(pane).bounding_box()
    scale = min(box["width"] - 2, box["height"] - 2) / 2 * MARGIN
    x, y = data.positions[frame][index]
    return box["x"] + box["width"] / 2 + scale * float(x), box["y"] + box["height"] / 2 - scale * float(y)


def lonely(data: MapData, frame: int) -> int:
    """The sample that is farthest from its nearest neighbour."""
    distances = np.linalg.norm(data.positions[frame][:, None] - data.positions[frame], axis=-1)
    np.fill_diagonal(distances, 9)
    return int(distances.min(1).argmax())


def wait(shown: harness.Harness, name: str, value: str) -> None:
    shown.page.wait_for_selector(f".embedding[data-{name}='{value}']")


def test_hover_shows_the_sample_under_the_hand(shown):
    data = harness.made_up(200)
    one = shown()
    one.show(data)
    for pane, frame in ((0, 0), (1, 11)):
        index = lonely(data, frame)
        one.page.mouse.move(*place(one, data, index, frame, pane))
        wait(one, "hover", str(index))
        words = one.page.locator(".tip").inner_text()
        assert f"#{index}" in words
        assert f"true class {data.labels[index]}" in words
        assert f"predicted class {data.predictions[frame][index]}" in words
        assert ("target" if data.domain[index] else "source") in words
        # Sample i's picture is as bright as i: the tooltip shows this one's.
        one.page.wait_for_function("document.querySelector('.tip canvas').getContext('2d').getImageData(3, 3, 1, 1).data[3] > 0")
        pixel = one.page.evaluate("[...document.querySelector('.tip canvas').getContext('2d').getImageData(3, 3, 1, 1).data]")
        assert pixel[0] == index % 251
    one.page.mouse.move(5, 5)
    wait(one, "hover", "-1")
    assert one.page.locator(".tip").is_hidden()


def test_hover_of_samples_without_pictures_shows_their_row(shown):
    data = harness.made_up(60, pictures=False)
    one = shown()
    one.show(data)
    index = lonely(data, 11)
    one.page.mouse.move(*place(one, data, index, 11, 1))
    wait(one, "hover", str(index))
    one.page.locator(".tip", has_text="x0 = ").wait_for()
    assert f"x3 = {data.rows[index, 3]:.3g}"[:8] in one.page.locator(".tip").inner_text()


def test_a_lasso_takes_exactly_the_points_inside(shown):
    data = harness.made_up(1000)
    one = shown()
    one.show(data)
    one.page.locator(".stage").focus()
    one.page.keyboard.press("l")
    corners = [(-0.9, -0.9), (0.1, -0.8), (0.3, 0.2), (-0.2, 0.1), (-0.7, 0.6)]
    box = one.page.locator(".plot").nth(1).bounding_box()
    scale = min(box["width"] - 2, box["height"] - 2) / 2 * MARGIN
    window = [(box["x"] + box["width"] / 2 + scale * x, box["y"] + box["height"] / 2 - scale * y) for x, y in corners]
    one.page.mouse.move(*window[0])
    one.page.mouse.down()
    for at in [*window[1:], window[0]]:
        one.page.mouse.move(*at, steps=4)
    one.page.mouse.up()
    inside = np.flatnonzero(in_polygon(data.positions[11], np.array(corners)))
    # The hand moves in whole pixels: points within two pixels of the line may fall on either side.
    near = distance_to_polygon(data.positions[11], np.array(corners)) * scale < 2
    found = read_selection(one.told("selection")[-1], 1000)
    assert set(np.setxor1d(found, inside)) <= set(np.flatnonzero(near))
    assert len(found) > 50
    assert one.attribute("selected") == str(len(found))


def in_polygon(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    from matplotlib.path import Path

    return Path(polygon).contains_points(points)


def distance_to_polygon(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    least = np.full(len(points), np.inf)
    for a, b in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        t = np.clip(((points - a) @ (b - a)) / ((b - a) @ (b - a)), 0, 1)
        least = np.minimum(least, np.linalg.norm(points - a - t[:, None] * (b - a), axis=1))
    return least


def test_box_click_shift_and_escape(shown):
    data = harness.made_up(200)
    one = shown()
    one.show(data)
    a, b = np.argsort([-lonely_by(data, i) for i in range(200)])[:2]
    one.page.mouse.click(*place(one, data, a, 11, 1))
    wait(one, "pinned", str(a))
    assert read_selection(one.told("selection")[-1], 200).tolist() == [a]
    one.page.keyboard.down("Shift")
    one.page.mouse.click(*place(one, data, b, 11, 1))
    one.page.keyboard.up("Shift")
    wait(one, "selected", "2")
    assert read_selection(one.told("selection")[-1], 200).tolist() == sorted([a, b])
    one.page.keyboard.press("Escape")
    wait(one, "selected", "0")
    wait(one, "pinned", "-1")
    assert one.told("selection")[-1] == ""
    box = one.page.locator(".plot").nth(1).bounding_box()
    one.page.keyboard.press("b")
    one.page.mouse.move(box["x"] + 3, box["y"] + 3)
    one.page.mouse.down()
    one.page.mouse.move(box["x"] + box["width"] - 3, box["y"] + box["height"] - 3, steps=5)
    one.page.mouse.up()
    wait(one, "selected", "200")
    one.page.get_by_role("button", name="200 selected").click()
    wait(one, "selected", "0")


def lonely_by(data: MapData, index: int) -> float:
    others = np.delete(data.positions[11], index, axis=0)
    return float(np.linalg.norm(others - data.positions[11][index], axis=1).min())


def test_the_keyboard_plays_steps_colours_and_shows(shown):
    one = shown()
    one.show(harness.made_up(100))
    one.page.locator(".stage").focus()
    press = one.page.keyboard.press
    press("Home")
    wait(one, "epoch", "0")
    press("ArrowRight")
    wait(one, "epoch", "1")
    press("ArrowLeft")
    wait(one, "epoch", "0")
    press(" ")
    wait(one, "epoch", "2")
    press(" ")
    at = one.attribute("epoch")
    one.page.wait_for_timeout(900)
    assert one.attribute("epoch") == at, "a pause is a pause"
    press("End")
    wait(one, "epoch", "11")
    for key, name in zip("123456", ("class", "domain", "outcome", "confidence", "moved", "predicted"), strict=True):
        press(key)
        assert one.page.locator("select").input_value() == name
    pressed = one.page.locator("[aria-pressed=true]")
    press("l")
    assert pressed.first.get_attribute("data-tool") == "lasso"
    press("v")
    press("a")
    assert one.page.locator("[data-show=arrows]").get_attribute("aria-pressed") == "true"
    press("s")
    assert one.page.locator(".speed").inner_text() == "½×"
    one.page.wait_for_timeout(600)
    assert one.told("epoch")[-1] == 11


def test_it_begins_with_the_epoch_and_the_selection_of_the_link(shown):
    data = harness.made_up(100)
    one = shown()
    one.show(data, epoch=4, selection="i3.7")
    assert one.attribute("epoch") == "4"
    assert one.attribute("selected") == "2"
    one.page.wait_for_timeout(600)
    assert one.told("epoch") == []
    assert one.told("selection") == []
    one.mount(data, epoch=4, selection="i3.7", alt="A rerun.")
    assert one.attribute("selected") == "2"
    one.page.keyboard.press("Escape")
    other = harness.made_up(100, seed=1)
    one.show(other, epoch=99, selection="i999.zzz")  # a hand-edited link
    assert (one.attribute("epoch"), one.attribute("selected")) == ("11", "0")


def test_twenty_live_updates_keep_zoom_selection_and_the_element(shown):
    whole = harness.made_up(400, epochs=24)

    def part(count: int) -> MapData:
        cut = {
            name: getattr(whole, name)[:count]
            for name in ("epochs", "positions", "predictions", "confidence", "titles", "captions", "centres", "outlines")
        }
        return replace(whole, version=f"{whole.version}-{count}", **cut)

    one = shown()
    one.show(part(3), follow=True, run="abc")
    one.page.locator(".stage").focus()
    one.page.keyboard.press("+")
    one.page.keyboard.press("+")
    one.page.keyboard.press("b")
    box = one.page.locator(".plot").nth(1).bounding_box()
    one.page.mouse.move(box["x"] + 5, box["y"] + 5)
    one.page.mouse.down()
    one.page.mouse.move(box["x"] + box["width"] - 5, box["y"] + box["height"] - 5, steps=4)
    one.page.mouse.up()
    selected = one.attribute("selected")
    assert int(selected) > 10
    one.page.evaluate(REMOVALS)
    for count in range(4, 24):
        one.show(part(count), follow=True, run="abc")
    assert one.page.evaluate("window.gone") == 0
    assert one.attribute("selected") == selected
    assert "zoomed" in one.page.locator(".embedding").get_attribute("class")
    wait(one, "epoch", "22")
    one.page.locator(".stage").focus()
    one.page.keyboard.press("Home")
    wait(one, "epoch", "0")
    one.show(part(24), follow=True, run="abc")
    assert one.attribute("epoch") == "0", "whoever chose an epoch stays there"
    one.page.get_by_role("button", name="Follow").click()
    wait(one, "epoch", "23")


@pytest.mark.parametrize("mode", ["pair", "single"])
def test_without_webgl_it_draws_the_same_picture(shown, mode):
    data = harness.made_up(300)
    pictures = []
    for script, name in (("", "webgl2"), (NO_WEBGL, "canvas2d")):
        one = shown(script=script)
        one.show(data, mode=mode)
        assert one.attribute("renderer") == name
        one.page.keyboard.press("Tab")
        one.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        shot = one.page.locator(".plot").first.screenshot()
        pictures.append(as_array(shot))
    a, b = pictures
    assert a.shape == b.shape
    assert (a < 200).any(axis=-1).mean() > 0.02, "something is drawn"
    assert np.abs(a - b).mean() < 6, "of 255"
    # And at the same places: the coloured pixels are the same but for edges.
    colours = [(np.ptp(picture, axis=-1) > 60) for picture in (a, b)]
    assert (colours[0] & colours[1]).sum() > 0.8 * max(c.sum() for c in colours)


def as_array(png: bytes) -> np.ndarray:
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def test_a_lost_graphics_context_comes_back(shown):
    one = shown()
    one.show(harness.made_up(200), mode="single")
    before = as_array(one.page.locator(".plot").first.screenshot())
    one.page.evaluate("window.lose = document.querySelector('.points').getContext('webgl2').getExtension('WEBGL_lose_context')")
    one.page.evaluate("window.lose.loseContext()")
    one.page.wait_for_timeout(300)
    one.page.evaluate("window.lose.restoreContext()")
    one.page.wait_for_timeout(600)
    after = as_array(one.page.locator(".plot").first.screenshot())
    assert np.abs(before - after).mean() < 1


def test_the_first_draw_waits_for_no_shader(shown):
    one = shown(script=COUNTING)
    compiled, drawn, contexts = (one.page.evaluate(what) for what in ("window.compiled", "window.drawn", "window.contexts.size"))
    assert (contexts, drawn) == (2, 2), "a canvas per pane has drawn before any map is there"
    one.show(harness.made_up(300))
    assert one.page.evaluate("window.compiledAtDraw") == compiled > 0
    assert one.page.evaluate("window.contexts.size") == 2


@pytest.mark.parametrize("modes", [("pair", "pair"), ("single", "pair", "single", "pair")])
def test_a_map_that_goes_leaves_its_canvases_to_the_next(shown, modes):
    first, second = harness.made_up(300), harness.made_up(200, seed=1)
    one = shown(script=COUNTING)
    one.show(second, mode=modes[-1])
    expected = [as_array(plot.screenshot()) for plot in one.page.locator(".plot").all() if plot.is_visible()]
    for mode in modes:
        one.page.evaluate("window.leave()")
        one.page.evaluate("document.querySelector('.embedding').hidden = true")
        one.show(first, mode=mode)
        assert one.page.locator(".points").count() == 2
    one.page.evaluate("window.leave()")
    one.show(second, mode=modes[-1])
    one.page.wait_for_timeout(200)
    found = [as_array(plot.screenshot()) for plot in one.page.locator(".plot").all() if plot.is_visible()]
    assert all(np.abs(a - b).mean() < 0.5 for a, b in zip(expected, found, strict=True)), "nothing of the other map is left"
    assert one.page.evaluate("window.contexts.size") == 2


def test_the_place_is_kept_while_the_data_travel(shown):
    data = harness.made_up(100)
    one = shown()
    held = []
    one.page.route("**/map/**", lambda route: held.append(route))
    one.mount(data)
    one.page.wait_for_timeout(300)
    box = one.page.locator(".stage").bounding_box()
    assert box["height"] > 400
    assert not one.page.locator(".stage").is_visible()
    held[0].continue_()
    one.page.wait_for_selector(f".embedding[data-identity='{data.identity}']")
    assert one.page.locator(".stage").is_visible()
    assert one.page.locator(".stage").bounding_box()["height"] == box["height"]


def test_reduced_motion_jumps(shown):
    one = shown(reduced_motion="reduce")
    one.show(harness.made_up(100), mode="single")
    one.page.locator(".stage").focus()
    draws = int(one.attribute("draws"))
    one.page.keyboard.press("Home")
    wait(one, "epoch", "0")
    one.page.wait_for_timeout(500)
    assert int(one.attribute("draws")) - draws <= 3


@pytest.mark.parametrize(("kind", "begins"), [("png", b"\x89PNG"), ("svg", b"<svg "), ("csv", b"epoch,sample,")])
def test_what_is_seen_can_be_saved(shown, kind, begins):
    data = harness.made_up(100)
    one = shown(accept_downloads=True)
    one.show(data)
    one.page.get_by_label("Download").click()
    with one.page.expect_download() as got:
        one.page.locator(f"[data-save={kind}]").click()
    content = got.value.path().read_bytes()
    assert got.value.suggested_filename.endswith(f"-epoch-11.{kind}")
    assert content.startswith(begins)
    if kind == "csv":
        assert len(content.splitlines()) == 1 + 2 * 100
    if kind == "svg":
        assert content.count(b"<path") > 200


def test_an_answer_that_does_not_come_is_said_and_asked_for_again(shown):
    data = harness.made_up(50)
    one = shown()
    one.page.route("**/map/**", lambda route: route.abort())
    one.mount(data)
    trouble = one.page.locator(".trouble")
    trouble.filter(has_text="did not answer").wait_for(timeout=15_000)
    one.page.unroute("**/map/**")
    one.show(data)
    assert trouble.is_hidden()
    one.mount(replace(data, version="x"), address="data/0123456789abcdef/map")
    trouble.filter(has_text="Reload the page").wait_for()


def test_it_fits_a_telephone_and_a_finger_selects(shown):
    data = harness.made_up(200)
    one = shown(width=390, has_touch=True)
    one.show(data)
    assert one.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert "stacked" in one.page.locator(".embedding").get_attribute("class")
    index = lonely(data, 0)
    one.page.locator(".plot").first.scroll_into_view_if_needed()
    one.page.touchscreen.tap(*place(one, data, index, 0, 0))
    wait(one, "pinned", str(index))


def test_the_legend_isolates_and_keeps_the_focus(shown):
    one = shown()
    one.show(harness.made_up(100))
    entry = one.page.locator(".legend button", has_text="class 3")
    entry.focus()
    one.page.keyboard.press("Enter")
    assert entry.get_attribute("aria-pressed") == "true"
    assert one.page.evaluate("document.activeElement.dataset.group") == "3"
    one.page.keyboard.press("Enter")
    assert entry.get_attribute("aria-pressed") == "false"


def test_an_epoch_chosen_here_is_told_to_the_curves_and_theirs_is_followed(shown):
    one = shown()
    one.show(harness.made_up(100))
    one.page.evaluate("window.seen = []; addEventListener('shiftscope-epoch', (e) => window.seen.push(e.detail.epoch))")
    one.page.evaluate("dispatchEvent(new CustomEvent('shiftscope-go', { detail: { epoch: 4.4 } }))")
    wait(one, "epoch", "4")
    assert one.page.evaluate("window.seen").count(4) >= 1
