"""Own data through the browser: given, looked at, used, run, and deleted."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlencode

import pytest

from core.domains import examples

SHARED = Path(os.environ.get("SHIFTSCOPE_DATA") or Path(__file__).parents[2] / ".." / "shared" / "data")
OFFICE = SHARED / "office_caltech10_images" / "office_caltech10_96px_jpeg.zip"
SETTLED = "[data-testid=stApp][data-test-connection-state=CONNECTED][data-test-script-state=notRunning]"


def give(page, path: Path):
    """Open the dialog and give a file; returns the dialog."""
    page.get_by_role("button", name="Your own data").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("input[type=file]").set_input_files(path)
    return dialog


def choose(dialog, label: str, name: str) -> None:
    box = dialog.locator("[data-testid=stSelectbox]", has_text=label)
    box.locator("input").click()
    dialog.page.get_by_role("option", name=name, exact=True).click()


def use(dialog) -> None:
    dialog.get_by_role("button", name="Use", exact=True).click()
    dialog.wait_for(state="hidden")


def test_pictures_are_given_used_run_and_deleted(open_page, server, tmp_path):
    (tmp_path / "shapes.zip").write_bytes(examples.pictures())
    page = open_page("/adapt?" + urlencode({"source_epochs": "1", "epochs": "2", "snapshot": "60"}))
    dialog = give(page, tmp_path / "shapes.zip")
    dialog.get_by_text("2 domains, 3 classes, the same in both.").wait_for()
    dialog.locator("img").nth(23).wait_for()
    dialog.get_by_text("Stays on this machine").wait_for()
    use(dialog)
    page.wait_for_url("**source=day*target=night*")
    page.get_by_role("button", name="Run", exact=True).click()
    page.locator(".st-key-controls .stMarkdownBadge", has_text="finished").wait_for(timeout=120_000)
    stored = server.home / "data" / "own"
    assert len([p for p in stored.iterdir() if p.is_dir()]) == 2

    page.reload()
    page.locator(".st-key-controls .stMarkdownBadge", has_text="finished").wait_for()
    page.get_by_role("button", name="Your own data").click()
    for left in (1, 0):
        page.wait_for_selector(SETTLED)
        page.get_by_role("dialog").get_by_role("button", name="Delete").first.click()
        page.wait_for_function(f"document.querySelectorAll('[class*=st-key-delete_]').length === {left}")
    assert [p for p in stored.iterdir() if p.is_dir()] == []


def test_what_cannot_be_used_is_said_in_words(open_page, tmp_path):
    (tmp_path / "a.csv").write_bytes(b"")
    page = open_page("/adapt")
    dialog = give(page, tmp_path / "a.csv")
    dialog.get_by_text("the file is empty").wait_for()
    assert dialog.get_by_role("button", name="Use", exact=True).count() == 0


@pytest.mark.skipif(not OFFICE.exists(), reason=f"needs {OFFICE}")
def test_office_caltech_amazon_to_webcam(open_page):
    page = open_page("/?view=Any+shift")
    dialog = give(page, OFFICE)
    dialog.get_by_text("4 domains, 10 classes").wait_for(timeout=120_000)
    choose(dialog, "Use as target", "webcam")
    dialog.get_by_text("295 images").wait_for()
    use(dialog)
    page.wait_for_url("**source=amazon*target=webcam*")
    page.get_by_text("Domain AUC").first.wait_for(timeout=120_000)
