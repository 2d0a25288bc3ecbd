"""A run's 2-D maps, with all that is drawn on them. UMAP is computed by `core.maps.process`, everything else here and at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from core.cache import Cache
from core.devices import one_thread
from core.errors import InputError
from core.home import home
from core.maps import (
    EpochMap,
    MapQuality,
    class_centres,
    density_contour,
    disagreement,
    level_lines,
    map_quality,
    prepare_numba_cache,
    umap_map,
)
from core.maps.data import Ground, MapData, Rings
from core.maps.positions import KINDS, Kind, positions
from core.maps.process import Mapper, mapper
from core.runs.record import Record
from core.runs.snapshots import Frames, class_names, dimensions, frames, readable, snapshot

# Of epochs of maps: class centres and outlines; quality; lines on which the domain classifier cannot decide.
Details = tuple[np.ndarray, tuple[Rings, Rings]]
_DETAILS: Cache[Details] = Cache("outlines of maps", entries=2048)
_QUALITIES: Cache[MapQuality | None] = Cache("qualities of maps", entries=2048)
_LEVELS: Cache[Rings] = Cache("level lines of maps", entries=1024)


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
    details = _all_details(identity, found, seen, shown, len(names))
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
        originals=seen.originals,
        ground=ground,
        note=_note(record, len(seen.domain) // 2),
    )


def _identity(record: Record, kind: Kind, found: EpochMap, finished: bool) -> str:
    """The same as long as no point that was shown moves: the run and the projection first, as the browser reads them."""
    basis = f"all-{len(found.epochs)}" if finished and kind != "inputs" else "live"
    return f"{record.id}-{kind}-{basis}-{_birth(record)}"


def _birth(record: Record) -> str:
    """Another one when a run was deleted and computed again under its id, or is the shipped one of the same id."""
    marks = readable(record)
    return hashlib.sha256(f"{record.folder} {record.blind} {marks[0] if marks else ''}".encode()).hexdigest()[:8]


def compute_umap(record: Record, on_progress: Callable[[float], None] | None = None) -> None:
    """Compute and store the UMAP map of a finished run. Takes seconds, and tens of seconds on the first call on a machine."""
    marks = readable(record)
    if not marks:
        raise InputError("run", f"{record.id} has no snapshot to draw.", "Launch it again.")
    prepare_numba_cache(home() / "numba")
    numbers = tuple(number for number, _ in marks)
    found = umap_map(
        [snapshot(record, number)["features"] for number in numbers], numbers, seed=record.experiment()["seed"], on_progress=on_progress
    )
    if readable(record) != marks:
        raise InputError("run", f"{record.id} has changed while its map was computed.", "Ask for the map again.")
    record.write_map("umap", {"epochs": np.asarray(found.epochs, np.int64), "positions": found.positions.astype(np.float32)})


def umap_state(record: Record, by: Mapper | None = None) -> tuple[str, float]:
    """ "ready", "queued", "computing" or "failed", and the fraction done; the first call for a finished run asks for the map.

    ``by`` computes it; the `mapper` of this process where none is given.
    """
    if record.map("umap") is not None:
        return "ready", 1.0
    by = by or mapper()
    state = by.state(record.id)
    if state[0] in ("unknown", "ready"):  # never asked for, or deleted since
        by.submit(record.id)
        state = by.state(record.id)
    return state


def ask_for_umap(record: Record) -> None:
    """Have a finished run's UMAP computed, also where that has failed before."""
    mapper().submit(record.id)


def quality(record: Record, kind: Kind, epochs: list[int]) -> dict[int, dict[str, Any]]:
    """For each of these epochs: trustworthiness, class purity and mixing of the map beside the full space, and ``warning``.

    ``warning`` is one sentence where the map and the domain classifier disagree, else None. Epochs without a map are left out.
    A map of two features that only turns them hides nothing, and has no warning.
    """
    finished = record.status()["state"] == "finished"
    found, seen = positions(record, kind, finished), frames(record)
    if found is None or seen is None:
        return {}
    measures = {e["number"]: e["measures"] for e in record.phase("adapt")}
    identity, answer = _identity(record, kind, found, finished), {}
    whole = kind != "umap" and dimensions(record) <= 2
    for number in set(epochs) & set(found.epochs):
        place = found.positions[found.epochs.index(number)]
        judged = _QUALITIES.get((identity, number), lambda n=number, p=place: _judge(record, n, p, seen))
        if judged is not None:
            m = measures.get(number)
            warning = None if whole or not m else disagreement(judged, m["domain_auc_low"], m["domain_auc_high"])
            answer[number] = {**vars(judged), "warning": warning}
    return answer


def _judge(record: Record, number: int, places: np.ndarray, seen: Frames) -> MapQuality | None:
    arrays = record.snapshot(number)
    with one_thread():
        return None if arrays is None else map_quality(arrays["features"], places, seen.domain, seen.labels)


def _all_details(identity: str, found: EpochMap, seen: Frames, shown: list[int], classes: int) -> list[Details]:
    """Of every epoch that is on the map; ``shown`` is where each is among the snapshots."""
    return [
        _DETAILS.get((identity, number), lambda i=i: _details(found.positions[i], seen, shown[i], classes))
        for i, number in enumerate(found.epochs)
    ]


def _details(positions: np.ndarray, seen: Frames, frame: int, classes: int) -> Details:
    """Class centres, of predicted classes where the true one is not known, and the density outlines of both domains."""
    labels = np.where(seen.labels >= 0, seen.labels, seen.predictions[frame])
    source, target = (density_contour(positions[seen.domain == side]) for side in (0, 1))
    return class_centres(positions, labels, seen.domain, classes), (source, target)


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
        return f"Showing {shown:,} of {of} held-out samples per domain, drawn at random with seed {seed}."
    return f"Showing {shown:,} samples per domain, of {of} held-out ones, drawn at random with seed {seed}."


def _ground(record: Record, numbers: tuple[int, ...]) -> tuple[Ground, list[Rings]]:
    """What the network and the domain classifier say of the plane, at each epoch."""
    grids = [snapshot(record, number) for number in numbers]
    ground = Ground(np.stack([g["grid_classes"] for g in grids]), np.stack([g["grid_confidence"] for g in grids]))
    birth = _birth(record)
    lines = [
        _LEVELS.get((record.id, birth, number), lambda g=g: level_lines(g["grid_domain"].astype(np.float32), 127.5))
        for number, g in zip(numbers, grids, strict=True)
    ]
    return ground, lines
