"""A real server and a real Chromium, one of each for all browser tests."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ARGUMENTS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Server:
    """The app on a free port, with a home folder of its own. It can be killed and started again."""

    def __init__(self, home: Path):
        self.home = home
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = home / "server.log"
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(self.port), "--server.headless", "true"]
        environment = os.environ | {"SHIFTSCOPE_HOME": str(self.home / "data")}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=5).read() == b"ok":
                    return
            except OSError:
                time.sleep(0.2)
        raise RuntimeError(f"The server did not start:\n{self.log.read_text()}")

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self.process:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None


def chromium() -> str | None:
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="session")
def browser():
    path = chromium()
    if path is None:
        if os.environ.get("SHIFTSCOPE_BROWSER_REQUIRED"):
            pytest.fail("Chromium is required here and was not found.")
        pytest.skip("needs Chromium (Debian's package chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory, browser, request):
    server = Server(tmp_path_factory.mktemp("server"))
    (server.home / "data").mkdir()
    (server.home / "data" / "numba").symlink_to(request.config.cache.mkdir("numba"))  # compiled once for all tests
    server.start()
    yield server
    server.stop()


@pytest.fixture
def open_page(browser, server):
    """Open a path of the app in a window of its own; JavaScript errors fail the test."""
    contexts, problems = [], []

    def open_path(path: str = "/", width: int = 1440, height: int = 1000, dark: bool = False):
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(server.url + path)
        page.wait_for_selector("[data-testid=stApp][data-test-connection-state=CONNECTED]")
        return page

    yield open_path
    for context in contexts:
        context.close()
    assert not problems
