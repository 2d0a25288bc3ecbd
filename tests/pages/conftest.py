"""What every test of a page has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.runs.worker import worker


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder and a worker of their own."""
    monkeypatch.setenv("SHIFTSCOPE_HOME", str(tmp_path))
    worker.cache_clear()
    yield tmp_path
    worker().close()
    worker.cache_clear()
