"""A run's 2-D maps: PCA at once, UMAP in a process of its own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.home import home
from core.projection import EpochMap, live_pca, pca_map, prepare_numba_cache, umap_map
from core.runs.record import Record

AT_ONCE = 2  # processes that compute maps

_PROCESSES: dict[str, subprocess.Popen] = {}
_STARTING = threading.Lock()


def pca(record: Record, finished: bool) -> EpochMap | None:
    """The PCA map of all epochs so far; None before the first snapshot.

    A finished run has one basis for all epochs. Until then each new epoch is turned onto the one before it, so that
    no point already shown moves.
    """
    numbers = _readable(record)
    if not numbers:
        return None
    return _joint(str(record.folder), numbers) if finished else EpochMap("pca", numbers, _live(str(record.folder), numbers))


@lru_cache(maxsize=16)
def _joint(folder: str, numbers: tuple[int, ...]) -> EpochMap:
    return pca_map(_features(Record(Path(folder)), numbers), numbers)


_LIVE: dict[str, tuple[tuple[int, ...], np.ndarray]] = {}
_LOCK = threading.Lock()


def _live(folder: str, numbers: tuple[int, ...]) -> np.ndarray:
    """E×N×2 positions; what was placed at an earlier call stays where it was."""
    with _LOCK:
        return _extend(folder, numbers)


def _extend(folder: str, numbers: tuple[int, ...]) -> np.ndarray:
    known, positions = _LIVE.get(folder, ((), None))
    if numbers[: len(known)] != known:
        known, positions = (), None
    for number in numbers[len(known) :]:
        features = Record(Path(folder)).snapshot(number)["features"]
        new = live_pca(features, None if positions is None else positions[-1])[None].astype(np.float32)
        positions = new if positions is None else np.concatenate([positions, new])
    _LIVE.pop(folder, None)
    _LIVE[folder] = (numbers, positions)
    while len(_LIVE) > 16:
        _LIVE.pop(next(iter(_LIVE)))
    return positions


def umap(record: Record) -> EpochMap | None:
    """The stored UMAP map; None until it has been computed."""
    arrays = record.map("umap")
    return EpochMap("umap", tuple(arrays["epochs"].tolist()), arrays["positions"]) if arrays else None


def compute_umap(record: Record) -> None:
    """Compute and store the UMAP map of a finished run. Takes seconds, and tens of seconds on the first call on a machine."""
    numbers = _readable(record)
    if not numbers:
        raise InputError("run", f"{record.id} has no snapshot to draw.", "Launch it again.")
    prepare_numba_cache(home() / "numba")
    found = umap_map(_features(record, numbers), numbers, seed=record.experiment()["seed"])
    record.write_map("umap", {"epochs": np.asarray(found.epochs, np.int64), "positions": found.positions.astype(np.float32)})


def start_umap(record: Record) -> str:
    """Compute the map in a process of its own, one at a time per run; returns "ready", "computing" or "failed".

    A process and not a thread: UMAP compiles for tens of seconds on a new machine, holding the interpreter.
    """
    if record.map("umap") is not None:
        return "ready"
    with _STARTING:
        process = _PROCESSES.get(record.id)
        if process is not None and process.poll() is None:
            return "computing"
        if record.map("umap") is not None:
            return "ready"
        if process is not None and process.returncode:
            return "failed"
        # There was none, or its map has been deleted since, with the run.
        if sum(p.poll() is None for p in _PROCESSES.values()) < AT_ONCE:
            _PROCESSES[record.id] = subprocess.Popen(
                [sys.executable, "-m", "core", "project", record.id],
                cwd=Path(__file__).parents[2],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        return "computing"


@dataclass(frozen=True)
class Frames:
    """What every snapshot says of its 2n samples (n source ones, then n target ones), over E epochs.

    ``predictions`` int16 E×2n, ``confidence`` float32 E×2n, ``labels`` int16 2n (−1 unknown), ``domain`` uint8 2n.
    """

    epochs: tuple[int, ...]
    predictions: np.ndarray
    confidence: np.ndarray
    labels: np.ndarray
    domain: np.ndarray
    pictures: np.ndarray | None
    rows: np.ndarray | None


def frames(record: Record) -> Frames | None:
    """The predictions of all snapshots so far; None before the first one."""
    numbers, samples = _readable(record), record.samples()
    if not numbers or samples is None:
        return None
    seen = [_predictions(str(record.folder), number) for number in numbers]
    count = len(samples["labels"])
    return Frames(
        numbers,
        np.stack([p for p, _ in seen]),
        np.stack([c for _, c in seen]),
        samples["labels"].astype(np.int16),
        (np.arange(count) >= count // 2).astype(np.uint8),
        samples.get("pictures"),
        samples.get("rows"),
    )


def _readable(record: Record) -> tuple[int, ...]:
    """The epochs whose snapshot can be read; a damaged one is left out."""
    numbers = []
    for number in record.snapshot_numbers():
        with contextlib.suppress(FileNotFoundError):
            _predictions(str(record.folder), number)
            numbers.append(number)
    return tuple(numbers)


@lru_cache(maxsize=4096)
def _predictions(folder: str, number: int) -> tuple[np.ndarray, np.ndarray]:
    arrays = Record(Path(folder)).snapshot(number)
    if arrays is None:
        raise FileNotFoundError(f"{folder}: the snapshot of epoch {number} cannot be read.")
    probabilities = arrays["probabilities"]
    return probabilities.argmax(1).astype(np.int16), probabilities.max(1).astype(np.float32)


def _features(record: Record, numbers) -> list[np.ndarray]:
    return [record.snapshot(number)["features"] for number in numbers]
