"""Every button that leads to Adapt, pressed in a real browser: it opens there, with what it was pressed for."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

from core.runs import store


def arrived(page, key: str) -> dict[str, str]:
    """Wait until Adapt stands there whole and without complaint; what its link says, ``key`` among it."""
    page.wait_for_url(lambda url: urlsplit(url).path == "/adapt" and key in parse_qs(urlsplit(url).query))
    page.get_by_text("1 · Data").wait_for()
    page.locator(".embedding").or_(page.get_by_text("This question has not been run yet")).first.wait_for()
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    assert page.get_by_test_id("stException").count() == 0
    for words in ("This page met an error", "not understood", "cannot be shown"):
        assert page.get_by_text(words).count() == 0
    return {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}


def shown(page, label: str) -> str:
    return page.get_by_label(label, exact=True).input_value()


def test_a_story_is_adapted_by_oneself(open_page):
    page = open_page("/?" + urlencode({"story": "MCC", "blind": "true"}))
    page.get_by_role("button", name="Adapt this yourself").click()
    link = arrived(page, "run")
    assert link["blind"] == "true"
    assert not {"story", "view"} & set(link)
    assert link["run"] in {record.id for record in store.shipped()}  # its data and settings, not its method alone
    assert shown(page, "Method") == "MCC"


def test_any_shift_is_adapted_with_its_two_domains(open_page):
    query = {"view": "Any shift", "source": "Two moons", "target": "Two moons", "target_shift": "Rotation", "target_severity": "0.3"}
    page = open_page("/?" + urlencode(query | {"compare": "Untrained", "target.moons.n": "300"}))
    page.get_by_role("button", name="Adapt this", exact=True).click(timeout=120_000)
    link = arrived(page, "target")
    kept = {"source": "Two moons", "target": "Two moons", "target_shift": "Rotation", "target_severity": "0.3", "target.moons.n": "300"}
    assert {key: link.get(key) for key in kept} == kept
    assert not {"story", "view", "compare"} & set(link)
    assert [shown(page, label) for label in ("Source", "Target", "Shift of the target")] == ["Two moons", "Two moons", "Rotation"]
    assert page.get_by_role("button", name="Run", exact=True).is_enabled()


def test_a_run_is_opened_from_compare(open_page):
    page = open_page("/compare")
    page.get_by_text("Open, name or delete a run").click()
    page.locator("[class*=st-key-open_] button").first.click()
    link = arrived(page, "run")
    assert link["run"] in {record.id for record in store.shipped()}
    page.locator(".st-key-controls .stMarkdownBadge", has_text="finished").wait_for()
