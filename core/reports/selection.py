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
    labelled_target : int
        Target samples whose class is known, on which the two accuracies stand.
    accuracy_before, accuracy_after : float or None
        Of the labelled target samples, at the first and at this epoch; None where there are none, or no network.
    source_accuracy_before, source_accuracy_after : float or None
    confusion_before, confusion_after : ndarray or None
        K×K counts of the labelled target samples, true class by predicted class.
    displacement : float or None
        Mean distance on the map between the first epoch and this one, as a share of the map's width. None where a map has one epoch.
    """

    source: int
    target: int
    classes: tuple[tuple[str, int, int], ...]
    labelled_target: int
    accuracy_before: float | None
    accuracy_after: float | None
    source_accuracy_before: float | None
    source_accuracy_after: float | None
    confusion_before: np.ndarray | None
    confusion_after: np.ndarray | None
    displacement: float | None


def summarise(data: MapData, frame: int, indices: np.ndarray) -> Selection:
    """Summarise the samples ``indices`` (int, n ≥ 1) of a map at its ``frame``-th epoch."""
    domain, labels = data.domain[indices], data.labels[indices]
    mix = [
        (name, *(int(((labels == value) & (domain == side)).sum()) for side in (0, 1)))
        for value, name in [*enumerate(data.class_names), (-1, "unknown")]
    ]
    known = [indices[(domain == side) & (labels >= 0)] for side in (0, 1)]
    accuracy = {side: [_accuracy(data, at, known[side]) for at in (0, frame)] for side in (0, 1)}
    tables = [None, None]
    if data.judged and len(known[1]):
        tables = [confusion(data.labels[known[1]], data.predictions[at][known[1]], len(data.class_names)) for at in (0, frame)]
    moved = np.linalg.norm(data.positions[frame][indices] - data.positions[0][indices], axis=1)
    moved = moved[np.isfinite(moved)]  # a point may have no place at an epoch
    return Selection(
        int((domain == 0).sum()),
        int((domain == 1).sum()),
        tuple(sorted((entry for entry in mix if entry[1] + entry[2]), key=lambda entry: -entry[1] - entry[2])),
        len(known[1]),
        *accuracy[1],
        *accuracy[0],
        *tables,
        float(moved.mean()) / 2 if len(data.epochs) > 1 and len(moved) else None,
    )


def _accuracy(data: MapData, frame: int, indices: np.ndarray) -> float | None:
    if not data.judged or len(indices) == 0:
        return None
    return float((data.predictions[frame][indices] == data.labels[indices]).mean())
