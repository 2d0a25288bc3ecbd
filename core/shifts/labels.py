"""Shifts of labels: how frequent the classes are (label shift), and how often a training label is wrong (label noise)."""

from __future__ import annotations

import numpy as np

KEPT = 2  # samples of a class in each part that stay at least


def class_prior(labels: np.ndarray, classes: int, severity: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Class k of K keeps a share 1 − 0.9 s k/(K − 1) of its samples: the first keeps all, the last a tenth at severity 1.

    p(x | y) stays, p(y) changes. What a smaller severity drops, a larger one of the same seed drops too.
    """
    stay = np.zeros(len(labels), bool)
    for k in range(classes):
        members = rng.permutation(np.flatnonzero(labels == k))
        share = 1 - 0.9 * severity * k / max(classes - 1, 1)
        stay[members[: max(KEPT, round(share * len(members)))]] = True
    return labels, stay


def label_noise(labels: np.ndarray, classes: int, severity: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A share 0.5 s of the labels becomes another class, each as likely."""
    wrong = rng.random(len(labels)) < 0.5 * severity
    others = (labels + rng.integers(1, max(classes, 2), len(labels))) % classes
    return np.where(wrong, others, labels), np.ones(len(labels), bool)
