"""The measure contract: one evaluation in, named numbers in natural units out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.registry import Registry

MEASURED = 500  # samples per domain in MMD² and domain AUC: the snapshot's first ones, so that both cost the same at any snapshot size


@dataclass(frozen=True)
class Evaluation:
    """What a model says about held-out samples of both domains at one epoch.

    Attributes
    ----------
    source_probabilities, target_probabilities : ndarray
        float32, N×K: softmax outputs for *all* held-out samples of a domain; accuracy comes from these.
    source_labels, target_labels : ndarray or None
        int64, N; the target's are None where unknown and are used for evaluation only.
    source_features, target_features : ndarray
        float32, n×D with the same n on both sides (the snapshot sample): the shift measures come from these.
    bandwidth : float
        Base bandwidth of the MMD kernel in squared distance between L2-normalised rows; fixed once per run,
        from the features before adaptation, so that the curve means one thing.
    seed : int
        Source of every random draw.
    grid : tuple of ndarray, optional
        Features and probabilities at the points of a grid over the plane, for two-dimensional inputs.
    """

    source_probabilities: np.ndarray
    target_probabilities: np.ndarray
    source_labels: np.ndarray
    target_labels: np.ndarray | None
    source_features: np.ndarray
    target_features: np.ndarray
    bandwidth: float
    seed: int
    grid: tuple[np.ndarray, np.ndarray] | None = None


@dataclass(frozen=True)
class MeasureEntry:
    """``compute(evaluation)`` returns the measure under its own name, plus companions such as an interval or p value.

    A value is None where it cannot be computed (no target labels). ``better`` says which direction is good.
    """

    name: str
    title: str
    definition: str
    range: str
    better: Literal["higher", "lower"]
    needs_target_labels: bool
    compute: Callable[[Evaluation], dict[str, float | None]]


MEASURES: Registry[MeasureEntry] = Registry("measure")


def measure(name: str, *, title: str, definition: str, range: str, better: Literal["higher", "lower"], needs_target_labels: bool = False):
    """Register the decorated ``compute(evaluation) -> {name: value}``."""

    def register(compute: Callable[[Evaluation], dict[str, float | None]]) -> Callable[[Evaluation], dict[str, float | None]]:
        MEASURES.add(MeasureEntry(name, title, definition, range, better, needs_target_labels, compute))
        return compute

    return register


def measure_all(evaluation: Evaluation) -> dict[str, float | None]:
    """Every registered measure of one evaluation, in one flat dictionary."""
    values: dict[str, float | None] = {}
    for entry in MEASURES:
        values.update(entry.compute(evaluation))
    return values


def measure_accuracy(evaluation: Evaluation) -> dict[str, float | None]:
    """The accuracies on both domains alone."""
    return MEASURES.get("source_accuracy").compute(evaluation) | MEASURES.get("target_accuracy").compute(evaluation)
