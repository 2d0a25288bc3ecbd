"""Several shifts in the browser: added, removed, and found again by the link."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.sync_api import TimeoutError as PlaywrightTimeout

TARGET = {"view": "Any shift", "source": "Two moons", "target": "Two moons"}


def pick(page, label: str, name: str) -> None:
    """Chooses from a list; one that a scrolling or growing page has closed again is opened again, as a user would."""
    box, option = page.get_by_label(label, exact=True), page.get_by_role("option", name=name, exact=True)
    box.wait_for()
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    for _ in range(12):
        box.click()
        try:
            option.click(timeout=5_000)
        except PlaywrightTimeout:
            continue
        return
    raise AssertionError(f"The list of “{label}” did not stay open.")


def shifts_of(page) -> dict[str, str]:
    return {key: value[0] for key, value in parse_qs(urlsplit(page.url).query).items() if "_shift" in key or "_severity" in key}


def test_shifts_are_added_removed_and_carried_by_the_link(open_page):
    page = open_page("/?" + urlencode(TARGET | {"target_shift": "Rotation", "target_severity": "0.2"}))
    page.get_by_role("button", name="Add a shift").click()
    pick(page, "Second shift of the target", "Noise")
    page.get_by_role("button", name="Add a shift").click()
    pick(page, "Third shift of the target", "Translation")
    page.wait_for_url("**target_shift_3=Translation*")
    page.get_by_text("After rotation, noise.").wait_for()
    page.get_by_text("rotation 0.2, noise 0.5, translation 0.5").wait_for()
    page.get_by_role("button", name="Remove").nth(1).click()
    page.wait_for_url("**target_shift_2=Translation*")
    page.get_by_text("rotation 0.2, translation 0.5").wait_for()
    page.wait_for_url(lambda url: "target_shift_3" not in url)  # cleared when the page has been drawn to its end
    assert shifts_of(page) == {"target_shift": "Rotation", "target_severity": "0.2", "target_shift_2": "Translation"}
    page.reload()
    page.get_by_text("After rotation. Severity").wait_for()
    page.get_by_text("rotation 0.2, translation 0.5").wait_for()
    assert page.get_by_role("button", name="Remove").count() == 2
