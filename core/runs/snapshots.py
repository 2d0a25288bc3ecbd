"""What a run's snapshots say of their samples, and which of them can be read."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core.cache import Cache
from core.errors import InputError
from core.runs.record import ACTIVE, Record
from core.samples.raw import Originals

Marks = tuple[tuple[int, str], ...]  # the number of an epoch, and a mark that changes when its snapshot is written anew

_PREDICTIONS: Cache[tuple[np.ndarray, np.ndarray, int]] = Cache("predictions of snapshots", nbytes=1 << 26)  # a snapshot of 4,000 has 24 kB


def readable(record: Record) -> Marks:
    """The epochs whose snapshot can be read; a damaged one is left out, and one that is not in the list of epochs yet."""
    active = record.status()["state"] in ACTIVE
    listed = {e["number"] for e in record.phase("adapt")} if active else None
    found = []
    for number in record.snapshot_numbers():
        if listed is not None and number not in listed:
            continue
        with contextlib.suppress(OSError):
            stat = (record.folder / "snapshots" / f"{number:04d}.safetensors").stat()
            mark = f"{stat.st_mtime_ns:x}.{stat.st_ino:x}"
            predictions(str(record.folder), number, mark)
            found.append((number, mark))
    return tuple(found)


def predictions(folder: str, number: int, mark: str) -> tuple[np.ndarray, np.ndarray, int]:
    """Predicted classes, their confidence, and the number of columns of the features."""
    return _PREDICTIONS.get((folder, number), lambda: _predictions(folder, number), mark)


def _predictions(folder: str, number: int) -> tuple[np.ndarray, np.ndarray, int]:
    arrays = Record(Path(folder)).snapshot(number)
    if arrays is None:
        raise FileNotFoundError(f"{folder}: the snapshot of epoch {number} cannot be read.")
    probabilities = arrays["probabilities"]
    return probabilities.argmax(1).astype(np.int16), probabilities.max(1).astype(np.float32), arrays["features"].shape[1]


def snapshot(record: Record, number: int) -> dict[str, np.ndarray]:
    """The arrays of a snapshot that was `readable`; raises `InputError` where it is gone since."""
    arrays = record.snapshot(number)
    if arrays is None:
        raise InputError("run", f"the snapshot of epoch {number} of {record.id} cannot be read any more.", "Reload the page.")
    return arrays


def class_names(record: Record) -> tuple[str, ...]:
    names = record.status().get("class_names")
    if names:
        return tuple(names)
    samples = record.samples()
    return () if samples is None else tuple(map(str, range(int(samples["labels"].max(initial=0)) + 1)))


def domains(count: int) -> np.ndarray:
    """uint8, the domain of each of a snapshot's samples: the source's come first, and there are as many of the target."""
    return (np.arange(count) >= count // 2).astype(np.uint8)


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
    originals: Originals = field(default_factory=Originals)


def frames(record: Record) -> Frames | None:
    """The predictions of all snapshots so far; None before the first one."""
    marks, samples = readable(record), record.samples()
    if not marks or samples is None:
        return None
    seen = [predictions(str(record.folder), *mark) for mark in marks]
    return Frames(
        tuple(number for number, _ in marks),
        np.stack([predicted for predicted, _, _ in seen]),
        np.stack([confidence for _, confidence, _ in seen]),
        samples["labels"].astype(np.int16),
        domains(len(samples["labels"])),
        samples.get("pictures"),
        samples.get("rows"),
        Originals.read(samples),
    )


def dimensions(record: Record) -> int:
    """Columns of the features; 0 before the first snapshot."""
    marks = readable(record)
    return predictions(str(record.folder), *marks[0])[2] if marks else 0
