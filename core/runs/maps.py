"""A run's 2-D maps, with all that is drawn on them. UMAP is computed by `core.runs.mapper`, everything else here and at once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from core.devices import one_thread
from core.errors import InputError
from core.home import home
from core.map_data import Ground, MapData, Rings
from core.projection import (
    EpochMap,
    class_centres,
    density_contour,
    disagreement,
    discriminant_map,
    level_lines,
    live_discriminant,
    live_pca,
    map_quality,
    pca_map,
    prepare_numba_cache,
    umap_map,
)
from core.runs.mapper import mapper
from core.runs.record import Record

Kind = Literal["pca", "umap", "discriminant", "inputs"]
KINDS: tuple[Kind, ...] = ("pca", "umap", "discriminant", "inputs")
KEPT = 16  # maps held in memory


def kinds(record: Record) -> tuple[Kind, ...]:
    """The projections that this run can be shown in; its inputs only where they are points of a plane."""
    samples = record.samples()
    return KINDS if samples is not None and "plane" in samples else KINDS[:-1]


def run_map(record: Record, kind: Kind) -> MapData | None:
    """All that a map of this run shows so far; None before the first snapshot, or before its UMAP is computed.

    A finished run has one basis for all epochs, fitted on all of them. Until then each new epoch is placed beside the ones before,
    and no point already shown moves.
    """
    with one_thread():
        return _run_map(record, kind)


def _run_map(record: Record, kind: Kind) -> MapData | None:
    finished = record.status()["state"] == "finished"
    found, seen = positions(record, kind, finished), frames(record)
    if found is None or seen is None:
        return None
    identity = _identity(record, kind, found, finished)
    shown = [seen.epochs.index(number) for number in found.epochs]
    names = class_names(record)
    lines = {e["number"]: e["measures"] for e in record.phase("adapt")}
    ground, domain_lines = _ground(record, found.epochs) if kind == "inputs" else (None, None)
    details = [
        _details(_Keyed((identity, number), _Frame(found.positions[i], seen.domain, seen.labels, seen.predictions[shown[i]], len(names))))
        for i, number in enumerate(found.epochs)
    ]
    outlines = tuple(rings if domain_lines is None else (*rings, domain_lines[i]) for i, (_, rings) in enumerate(details))
    return MapData(
        identity=identity,
        version=f"{identity}-{record.version()}",
        epochs=found.epochs,
        positions=found.positions,
        domain=seen.domain,
        labels=seen.labels,
        predictions=seen.predictions[shown],
        confidence=seen.confidence[shown],
        class_names=names,
        titles=tuple("before" if number == 0 else f"epoch {number}" for number in found.epochs),
        captions=tuple(_caption(lines.get(number)) for number in found.epochs),
        centres=np.stack([centres for centres, _ in details]),
        outlines=outlines,
        pictures=seen.pictures,
        rows=seen.rows,
        ground=ground,
        note=_note(record, len(seen.domain) // 2),
    )


def _identity(record: Record, kind: Kind, found: EpochMap, finished: bool) -> str:
    """The same as long as no point that was shown moves."""
    return f"{record.id}-{kind}-{f'all-{len(found.epochs)}' if finished and kind != 'inputs' else 'live'}"


def positions(record: Record, kind: Kind, finished: bool) -> EpochMap | None:
    """Where every sample is at every epoch so far; None while there is nothing to show."""
    numbers = _readable(record)
    if not numbers:
        return None
    if kind == "umap":
        arrays = record.map("umap")
        return EpochMap("umap", tuple(arrays["epochs"].tolist()), arrays["positions"]) if arrays else None
    if kind == "inputs":
        samples = record.samples()
        centre, half = samples["plane"][:2], samples["plane"][2]
        return EpochMap("inputs", numbers, np.repeat((samples["rows"] - centre)[None] / half, len(numbers), 0).astype(np.float32))
    return _joint(str(record.folder), kind, numbers) if finished else _live(str(record.folder), kind, numbers)


def compute_umap(record: Record, on_progress: Callable[[float], None] | None = None) -> None:
    """Compute and store the UMAP map of a finished run. Takes seconds, and tens of seconds on the first call on a machine."""
    numbers = _readable(record)
    if not numbers:
        raise InputError("run", f"{record.id} has no snapshot to draw.", "Launch it again.")
    prepare_numba_cache(home() / "numba")
    found = umap_map(_features(record, numbers), numbers, seed=record.experiment()["seed"], on_progress=on_progress)
    record.write_map("umap", {"epochs": np.asarray(found.epochs, np.int64), "positions": found.positions.astype(np.float32)})


def umap_state(record: Record) -> tuple[str, float]:
    """ "ready", "queued", "computing" or "failed", and the fraction done; the first call for a finished run asks for the map."""
    if record.map("umap") is not None:
        return "ready", 1.0
    state = mapper().state(record.id)
    if state[0] in ("unknown", "ready"):  # never asked for, or deleted since
        mapper().submit(record.id)
        state = mapper().state(record.id)
    return state


def quality(record: Record, kind: Kind, epochs: list[int]) -> dict[int, dict[str, Any]]:
    """For each of these epochs: trustworthiness, class purity and mixing of the map beside the full space, and ``warning``.

    ``warning`` is one sentence where the map and the domain classifier disagree, else None. Epochs without a map are left out.
    """
    finished = record.status()["state"] == "finished"
    found, seen = positions(record, kind, finished), frames(record)
    if found is None or seen is None:
        return {}
    measures = {e["number"]: e["measures"] for e in record.phase("adapt")}
    answer = {}
    for number in set(epochs) & set(found.epochs):
        held = _Judged(str(record.folder), number, found.positions[found.epochs.index(number)], seen.domain, seen.labels)
        with one_thread():
            judged = _quality(_Keyed((_identity(record, kind, found, finished), number), held))
        if judged is not None:
            m = measures.get(number)
            warning = m and disagreement(judged, m["domain_auc_low"], m["domain_auc_high"])
            answer[number] = {**vars(judged), "warning": warning}
    return answer


def class_names(record: Record) -> tuple[str, ...]:
    samples = record.samples()
    return tuple(record.status().get("class_names") or map(str, range(int(samples["labels"].max(initial=0)) + 1)))


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


@dataclass(frozen=True)
class _Keyed:
    """A value that a cache knows by its key alone."""

    key: tuple
    value: Any = field(compare=False)


@dataclass(frozen=True)
class _Frame:
    positions: np.ndarray
    domain: np.ndarray
    labels: np.ndarray
    predictions: np.ndarray
    classes: int


@lru_cache(maxsize=2048)
def _details(keyed: _Keyed) -> tuple[np.ndarray, tuple[Rings, Rings]]:
    """Class centres, of predicted classes where the true one is not known, and the density outlines of both domains."""
    f = keyed.value
    labels = np.where(f.labels >= 0, f.labels, f.predictions)
    return class_centres(f.positions, labels, f.domain, f.classes), tuple(density_contour(f.positions[f.domain == d]) for d in (0, 1))


@dataclass(frozen=True)
class _Judged:
    folder: str
    number: int
    positions: np.ndarray
    domain: np.ndarray
    labels: np.ndarray


@lru_cache(maxsize=1024)
def _quality(keyed: _Keyed):
    j = keyed.value
    arrays = Record(Path(j.folder)).snapshot(j.number)
    return None if arrays is None else map_quality(arrays["features"], j.positions, j.domain, j.labels)


def _caption(measures: dict[str, Any] | None) -> str:
    if measures is None:
        return ""
    accuracy = measures["target_accuracy"]
    return f"Domain AUC {measures['domain_auc']:.2f} in the full space" + (
        "" if accuracy is None else f", target accuracy {100 * accuracy:.1f} %"
    )


def _note(record: Record, shown: int) -> str:
    totals = record.status().get("held_out") or [shown, shown]
    seed = record.experiment().get("seed", 0)
    of = f"{totals[0]:,}" if totals[0] == totals[1] else f"{totals[0]:,} source and {totals[1]:,} target"
    if totals[0] == totals[1]:
        return f"Showing {shown:,} of {of} held-out samples per domain, each class in proportion, seed {seed}."
    return f"Showing {shown:,} samples per domain, of {of} held-out ones, each class in proportion, seed {seed}."


def _ground(record: Record, numbers: tuple[int, ...]) -> tuple[Ground, list[Rings]]:
    """What the network and the domain classifier say of the plane, at each epoch."""
    grids = [record.snapshot(number) for number in numbers]
    ground = Ground(np.stack([g["grid_classes"] for g in grids]), np.stack([g["grid_confidence"] for g in grids]))
    lines = [_level(_Keyed((record.id, number), g["grid_domain"])) for number, g in zip(numbers, grids, strict=True)]
    return ground, lines


@lru_cache(maxsize=2048)
def _level(keyed: _Keyed) -> Rings:
    return level_lines(keyed.value.astype(np.float32), 127.5)


@lru_cache(maxsize=KEPT)
def _joint(folder: str, kind: Kind, numbers: tuple[int, ...]) -> EpochMap:
    record = Record(Path(folder))
    features = _features(record, numbers)
    if kind == "pca":
        return pca_map(features, numbers)
    count = len(features[0])
    return discriminant_map(features, numbers, (np.arange(count) >= count // 2).astype(np.uint8))


@dataclass(frozen=True)
class _Live:
    numbers: tuple[int, ...] = ()
    positions: np.ndarray | None = None
    basis: Any = None


_LIVE: dict[tuple[str, Kind], _Live] = {}
_LOCK = threading.Lock()


def _live(folder: str, kind: Kind, numbers: tuple[int, ...]) -> EpochMap:
    """What was placed at an earlier call stays where it was."""
    with _LOCK:
        known = _LIVE.pop((folder, kind), _Live())
        if numbers[: len(known.numbers)] != known.numbers:
            known = _Live()
        for number in numbers[len(known.numbers) :]:
            known = _extended(known, kind, number, Record(Path(folder)).snapshot(number)["features"])
        _LIVE[folder, kind] = known
        while len(_LIVE) > KEPT:
            _LIVE.pop(next(iter(_LIVE)))
    return EpochMap(kind, numbers, known.positions)


def _extended(known: _Live, kind: Kind, number: int, features: np.ndarray) -> _Live:
    if kind == "pca":
        placed, basis = live_pca(features, None if known.positions is None else known.positions[-1]), None
    else:
        domain = (np.arange(len(features)) >= len(features) // 2).astype(np.uint8)
        placed, basis = live_discriminant(features, domain, known.basis)
    placed = placed[None].astype(np.float32)
    joined = placed if known.positions is None else np.concatenate([known.positions, placed])
    return replace(known, numbers=(*known.numbers, number), positions=joined, basis=basis)


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
