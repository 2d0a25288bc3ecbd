"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[1]
# Before torch is imported: tests run beside each other and beside a server on few cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")


class BrowserTogether(LoadScopeScheduling):
    """With ``-n``: the browser's tests in one process, with one server and one Chromium; every other test in whichever is free."""

    def _split_scope(self, nodeid: str) -> str:
        return "browser" if nodeid.startswith("tests/browser/") else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log) -> BrowserTogether:
    return BrowserTogether(config, log)


@pytest.fixture
def shared_data(monkeypatch) -> Path:
    """The folder with the real data sets; the test is skipped where there is none."""
    folder = Path(os.environ.get("SHIFTSCOPE_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"needs the real data sets in {folder} (or $SHIFTSCOPE_DATA)")
    monkeypatch.setenv("SHIFTSCOPE_DATA", str(folder))
    return folder
