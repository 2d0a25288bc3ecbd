"""Fixtures that every test may use, and which tests run beside each other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[1]
PROCESSES = 8  # at most: each holds torch and a data set or two
# Before torch is imported: tests run beside each other and beside a server on few cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """As many processes as cores for the whole suite; none beside this one for what was named."""
    whole = config.args_source is not pytest.Config.ArgsSource.ARGS
    return min(os.cpu_count() or 1, PROCESSES) if whole and not config.option.collectonly else 0


def pytest_xdist_make_scheduler(config: pytest.Config, log) -> BrowserFirst:
    return BrowserFirst(config, log)


class BrowserFirst(LoadScopeScheduling):
    """The browser's tests in one process, from the start; all others a file at a time where one is free, and politely.

    A server, a browser, a training run and a map keep two cores busy, and what a page shows is waited for: whatever else runs
    takes what they leave. Tests of one file share what was trained for them.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "browser" if nodeid.startswith("tests/browser/") else nodeid.split("::")[0]

    def _assign_work_unit(self, node) -> None:
        if "browser" in self.workqueue:
            self.workqueue.move_to_end("browser", last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(tryfirst=True)  # before -m leaves any out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What a browser does is slow; ``-m quick`` takes what is not marked as slow, and answers within two minutes on two cores."""
    for item in items:
        if item.nodeid.startswith("tests/browser/"):
            item.add_marker("slow")
        if not item.get_closest_marker("slow"):
            item.add_marker("quick")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ and hasattr(os, "setpriority") and not item.nodeid.startswith("tests/browser/"):
        os.setpriority(os.PRIO_PROCESS, 0, 19)


@pytest.fixture
def shared_data(monkeypatch) -> Path:
    """The folder with the real data sets; the test is skipped where there is none."""
    folder = Path(os.environ.get("SHIFTSCOPE_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"needs the real data sets in {folder} (or $SHIFTSCOPE_DATA)")
    monkeypatch.setenv("SHIFTSCOPE_DATA", str(folder))
    return folder
