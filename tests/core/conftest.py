"""A folder of its own for each test that stores runs, and experiments that take a second."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.experiment import Experiment
from core.runs.record import Record
from core.runs.worker import worker


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """$SHIFTSCOPE_HOME, empty, with a worker that has done nothing; the worker is closed afterwards."""
    folder = tmp_path / "home"
    monkeypatch.setenv("SHIFTSCOPE_HOME", str(folder))
    worker.cache_clear()
    yield folder
    worker().close()
    worker.cache_clear()


@pytest.fixture
def tiny() -> Callable[..., Experiment]:
    """``tiny(epochs=2, seed=0, method="dan", …)`` makes an experiment on 200 points; fields of the budget are given by name."""

    def make(method: str = "dan", seed: int = 0, source: dict | None = None, target: dict | None = None, **budget: Any) -> Experiment:
        moons = {"name": "moons", "params": {"n": 200}}
        return Experiment.parse(
            {
                "source": source or moons,
                "target": target or moons | {"shifts": [{"name": "rotation", "severity": 0.3}]},
                "backbone": {"name": "mlp", "params": {"width": 16, "bottleneck": 8}},
                "method": {"name": method},
                "budget": {"source_epochs": 2, "epochs": 2, "batch_size": 16, "lr": 0.02} | budget,
                "seed": seed,
                "snapshot": 30,
            }
        )

    return make


@pytest.fixture
def until() -> Callable[..., None]:
    """``until(condition)`` waits for it to hold, for two minutes at most."""

    def wait(condition: Callable[[], object], seconds: float = 120) -> None:
        limit = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < limit, "this did not happen in time"
            time.sleep(0.01)

    return wait


@pytest.fixture
def contents() -> Callable[[Record], tuple[list[str], dict[str, bytes]]]:
    """What a run came to, exactly: its epochs without the time they took, and the bytes of its snapshots."""

    def read(record: Record) -> tuple[list[str], dict[str, bytes]]:
        lines = [json.loads(line) for line in (record.folder / "epochs.jsonl").read_text().splitlines()]
        for line in lines:
            del line["seconds"]
        files = sorted(path for path in (record.folder / "snapshots").iterdir())
        return [json.dumps(line) for line in lines], {path.name: path.read_bytes() for path in files}

    return read
