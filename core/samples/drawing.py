"""Drawing samples and counting weighted ones: what domains, methods and measures need alike. It knows none of them."""

from __future__ import annotations

import numpy as np


def effective_samples(weights: np.ndarray) -> float:
    """How many samples of equal weight would give as sure an average: (Σw)² / Σw², from 1 to n (Kish 1965, Survey Sampling)."""
    return float(weights.sum() ** 2 / np.square(weights).sum())


def proportional_order(labels: np.ndarray, rng: np.random.Generator, *, all_first: bool = False) -> np.ndarray:
    """A random order of the samples of which every first part holds the classes in proportion.

    Each class is shuffled and spread evenly: its j-th of c samples stands at a random place in [j/c, (j+1)/c).

    Parameters
    ----------
    labels : ndarray of int, N
    rng : Generator
    all_first : bool
        One sample of each class comes first, so that no first part of at least as many samples as classes loses one.
    """
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        place[members] = (np.arange(len(members)) + rng.random(len(members))) / len(members)
        if all_first:
            place[members[0]] = 0
    return np.argsort(place, kind="stable")
