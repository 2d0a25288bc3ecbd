"""What a selection of samples on a map is made of: domains, classes, accuracy before and after, how far they moved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.maps.data import MapData
from core.measures.accuracy import confusion


@dataclass(frozen=True)
class Selection:
    """A summary of n selected samples at one epoch beside the first one.

    Attributes
    ----------
    source, target : int
        How many of them are of each domain.
    classes : tuple of (str, int, int)
        Class name, source samples and target samples of it, the most frequent first; samples without a label are "unknown".
    target_accuracy, source_accuracy : tuple of float, or None
        Of the samples whose class is known, at the first and at this epoch; None where there are none, or no network.
    confusion : tuple of ndarray, or None
        K×K counts of the labelled target samples, true class by predicted class, at the first and at this epoch.
    displacement : float or None
        Mean distance on the map between the first epoch and this one, as a share of the map's width. None where a map has one epoch.
    """

    source: int
    target: int
    classes: tuple[tuple[str, int, int], ...]
    target_accuracy: tuple[float, float] | None
    source_accuracy: tuple[float, float] | None
    confusion: tuple[np.ndarray, np.ndarray] | None
    displacement: float | None


def summarise(data: MapData, frame: int, indices: np.ndarray) -> Selection:
    """Summarise the samples ``indices`` (int, n ≥ 1) of a map at its ``frame``-th epoch."""
    domain, labels = data.domain[indices], data.labels[indices]
    mix = []
    for value, name in [*enumerate(data.class_names), (-1, "unknown")]:
        of_source, of_target = (int(((labels == value) & (domain == side)).sum()) for side in (0, 1))
        if of_source or of_target:
            mix.append((name, of_source, of_target))
    source, target = (indices[(domain == side) & (labels >= 0)] for side in (0, 1))
    moved = np.linalg.norm(data.positions[frame][indices] - data.positions[0][indices], axis=1)
    moved = moved[np.isfinite(moved)]  # a point may have no place at an epoch
    return Selection(
        source=int((domain == 0).sum()),
        target=int((domain == 1).sum()),
        classes=tuple(sorted(mix, key=lambda entry: -entry[1] - entry[2])),
        target_accuracy=_accuracy(data, frame, target),
        source_accuracy=_accuracy(data, frame, source),
        confusion=_confusion(data, frame, target),
        displacement=float(moved.mean()) / 2 if len(data.epochs) > 1 and len(moved) else None,
    )


def _accuracy(data: MapData, frame: int, indices: np.ndarray) -> tuple[float, float] | None:
    if not data.judged or len(indices) == 0:
        return None
    before, after = (float((data.predictions[at][indices] == data.labels[indices]).mean()) for at in (0, frame))
    return before, after


def _confusion(data: MapData, frame: int, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    if not data.judged or len(indices) == 0:
        return None
    before, after = (confusion(data.labels[indices], data.predictions[at][indices], len(data.class_names)) for at in (0, frame))
    return before, after
