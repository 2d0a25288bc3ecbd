"""A result belongs to the question on the page, and Run is always there to be pressed."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

TINY = {
    "source": "Two moons",
    "target": "Two moons",
    "target_shift": "Rotation",
    "backbone": "MLP",
    "source.moons.n": "200",
    "target.moons.n": "200",
    "source_epochs": "1",
    "epochs": "2",
    "batch_size": "16",
    "snapshot": "30",
}


def settled(page) -> None:
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.get_by_test_id("stMain").wait_for()


def run_button(page):
    """By its role: a copy that only measures its width is hidden from that."""
    return page.locator(".st-key-launch").get_by_role("button")


def run_is_on_screen(page, height: int) -> bool:
    box = run_button(page).bounding_box()
    return box is not None and box["y"] >= 0 and box["y"] + box["height"] <= height


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_run_never_leaves_the_screen(open_page, width, height):
    page = open_page("/adapt?" + urlencode(TINY | {"seed": "31"}), width=width, height=height)
    page.get_by_text("This question has not been run yet").wait_for()
    settled(page)
    expect(run_button(page)).to_be_enabled(timeout=60_000)
    assert run_is_on_screen(page, height)
    page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, main.scrollHeight)")
    page.wait_for_timeout(300)
    assert run_is_on_screen(page, height)


def test_choices_that_do_not_fit_leave_run_with_the_reason_and_are_mended_by_a_click(open_page):
    page = open_page("/adapt?source=Two+moons", height=900)
    expect(run_button(page)).to_be_disabled(timeout=60_000)
    expect(page.locator(".st-key-launch_bar")).to_contain_text("Two moons are rows of numbers", timeout=60_000)
    page.locator(".st-key-mend").get_by_role("button").click()
    expect(run_button(page)).to_be_enabled(timeout=60_000)
    expect(page.locator(".st-key-launch_bar")).to_contain_text("Two moons → Two moons · MLP", timeout=60_000)


def test_a_run_with_other_settings_is_dimmed_and_says_how_it_differs(open_page):
    page = open_page("/adapt?" + urlencode(TINY | {"seed": "32"}), height=900)
    page.get_by_text("This question has not been run yet").wait_for()
    settled(page)
    run_button(page).click()
    page.wait_for_url("**run=*")
    page.locator(".st-key-controls .stMarkdownBadge", has_text="finished").wait_for(timeout=120_000)
    opacity = "getComputedStyle(document.querySelector('.st-key-shown_run')).opacity"
    assert page.evaluate(opacity) == "1"
    page.get_by_role("button", name="Full", exact=True).click()
    expect(page.locator(".st-key-launch_bar")).to_contain_text("source epochs 1; you chose 60", timeout=60_000)
    page.wait_for_function(f"{opacity} < 0.6")
    assert run_is_on_screen(page, 900)
    page.locator(".st-key-back").get_by_role("button").click()
    page.wait_for_function(f"{opacity} == 1")
