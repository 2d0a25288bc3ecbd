"""Make the README's picture: ``uv run python tests/benchmarks/screenshot.py [PATH] [FILE]``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser.conftest import ARGUMENTS, ROOT, Server, chromium


def main(path: str = "/", file: str = str(ROOT / "assets" / "screenshot.png")) -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(Path(folder))
        server.start()
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        try:
            page = browser.new_context(viewport={"width": 1280, "height": 1010}).new_page()
            page.goto(server.url + path)
            page.locator(".embedding").first.wait_for()
            page.wait_for_timeout(6000)
            page.screenshot(path=file)
        finally:
            browser.close()
            server.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
