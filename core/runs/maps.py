"""A run's 2-D maps: PCA at once, UMAP in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import numpy as np

from core.home import home
from core.projection import EpochMap, live_pca, pca_map, prepare_numba_cache, umap_map
from core.runs.record import Record

_PROCESSES: dict[str, subprocess.Popen] = {}


def pca(record: Record, finished: bool) -> EpochMap | None:
    """The PCA map of all epochs so far; None before the first snapshot.

    A finished run has one basis for all epochs. Until then each new epoch is turned onto the one before it, so that
    no point already shown moves.
    """
    numbers = tuple(record.snapshot_numbers())
    if not numbers:
        return None
    return _joint(str(record.folder), numbers) if finished else EpochMap("pca", numbers, _live(str(record.folder), numbers))


@lru_cache(maxsize=16)
def _joint(folder: str, numbers: tuple[int, ...]) -> EpochMap:
    return pca_map(_features(Record(Path(folder)), numbers), numbers)


@lru_cache(maxsize=64)
def _live(folder: str, numbers: tuple[int, ...]) -> np.ndarray:
    earlier = _live(folder, numbers[:-1]) if len(numbers) > 1 else None
    features = Record(Path(folder)).snapshot(numbers[-1])["features"]
    new = live_pca(features, None if earlier is None else earlier[-1])[None]
    return new if earlier is None else np.concatenate([earlier, new])


def umap(record: Record) -> EpochMap | None:
    """The stored UMAP map; None until it has been computed."""
    arrays = record.map("umap")
    return EpochMap("umap", tuple(arrays["epochs"].tolist()), arrays["positions"]) if arrays else None


def compute_umap(record: Record) -> None:
    """Compute and store the UMAP map of a finished run. Takes seconds, and tens of seconds on the first call on a machine."""
    prepare_numba_cache(home() / "numba")
    numbers = record.snapshot_numbers()
    found = umap_map(_features(record, numbers), numbers, seed=record.experiment()["seed"])
    record.write_map("umap", {"epochs": np.asarray(found.epochs, np.int64), "positions": found.positions.astype(np.float32)})


def start_umap(record: Record) -> str:
    """Compute the map in a process of its own, one at a time per run; returns "ready", "computing" or "failed".

    A process and not a thread: UMAP compiles for tens of seconds on a new machine, holding the interpreter.
    """
    if record.map("umap") is not None:
        return "ready"
    process = _PROCESSES.get(record.id)
    if process is None:
        if sum(p.poll() is None for p in _PROCESSES.values()) >= 2:
            return "computing"
        _PROCESSES[record.id] = subprocess.Popen(
            [sys.executable, "-m", "core", "project", record.id], cwd=Path(__file__).parents[2],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return "computing"
    if process.poll() is None:
        return "computing"
    return "ready" if record.map("umap") is not None else "failed"


def _features(record: Record, numbers) -> list[np.ndarray]:
    return [record.snapshot(number)["features"] for number in numbers]
