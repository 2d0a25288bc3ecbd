"""Where a run's samples are in each of its maps, at every epoch so far."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Literal

import numpy as np

from core.cache import Cache
from core.maps import Basis, EpochMap, discriminant_map, live_discriminant, live_pca, pca_map
from core.runs.record import Record
from core.runs.snapshots import Marks, domains, readable, snapshot

Kind = Literal["pca", "umap", "discriminant", "inputs"]
KINDS: tuple[Kind, ...] = ("pca", "umap", "discriminant", "inputs")

JOINT: Cache[EpochMap] = Cache("maps of finished runs", nbytes=1 << 26)  # 4,000 samples at 61 epochs have 2 MB
LIVE: Cache[Live] = Cache("maps of running runs", entries=16)


class Live:
    """The places of a run that goes on: each new epoch is placed beside those before, and what was placed stays where it was."""

    def __init__(self):
        self._lock = threading.Lock()
        self._marks: Marks = ()
        self._positions: list[np.ndarray] = []
        self._basis: Basis | None = None

    def positions(self, record: Record, kind: Kind, marks: Marks) -> np.ndarray:
        """float32 E×N×2. Starts over where the epochs are not those before and some more."""
        with self._lock:
            if marks[: len(self._marks)] != self._marks:
                self._marks, self._positions, self._basis = (), [], None
            for mark in marks[len(self._marks) :]:
                self._positions.append(self._placed(snapshot(record, mark[0])["features"], kind).astype(np.float32))
                self._marks = (*self._marks, mark)
            return np.stack(self._positions)

    def _placed(self, rows: np.ndarray, kind: Kind) -> np.ndarray:
        if kind == "pca":
            return live_pca(rows, self._positions[-1] if self._positions else None)
        placed, self._basis = live_discriminant(rows, domains(len(rows)), self._basis)
        return placed


def positions(record: Record, kind: Kind, finished: bool) -> EpochMap | None:
    """Where every sample is at every epoch so far; None while there is nothing to show."""
    marks = readable(record)
    numbers = tuple(number for number, _ in marks)
    if not marks:
        return None
    if kind == "umap":
        arrays = record.map("umap")
        return EpochMap("umap", tuple(arrays["epochs"].tolist()), arrays["positions"]) if arrays else None
    if kind == "inputs":
        samples = record.samples()
        if samples is None:
            return None
        centre, half = samples["plane"][:2], samples["plane"][2]
        return EpochMap("inputs", numbers, np.repeat((samples["rows"] - centre)[None] / half, len(numbers), 0).astype(np.float32))
    place = (str(record.folder), kind)
    if finished:
        return JOINT.get(place, lambda: _joint(record, kind, numbers), marks)
    return EpochMap(kind, numbers, LIVE.get(place, Live).positions(record, kind, marks))


def _joint(record: Record, kind: Kind, numbers: Sequence[int]) -> EpochMap:
    """One basis for all epochs, fitted on all of them."""
    rows = [snapshot(record, number)["features"] for number in numbers]
    return pca_map(rows, numbers) if kind == "pca" else discriminant_map(rows, numbers, domains(len(rows[0])))
