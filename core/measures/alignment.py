"""Class alignment: on which target class did each source class land? Needs target labels, so it is for evaluation only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import NearestNeighbors

from core.errors import InputError
from core.measures.base import MEASURES, Measure

NEIGHBOURS = 10


@dataclass(frozen=True)
class Alignment:
    """Where K source classes lie among the target's, in the full feature space.

    Attributes
    ----------
    shares : ndarray
        float64, K×K: row = source class, column = target class; each row sums to 1, or is nan for a class without source samples.
    nearest : ndarray
        int64, K: the target class whose centre is nearest to the source class's centre; −1 where there is none.
    landed : ndarray
        int64, K: the target class on which both agree (largest share and nearest centre); −1 where they do not.
    neighbours : int
        k, the neighbours of each source sample that were asked.
    """

    shares: np.ndarray
    nearest: np.ndarray
    landed: np.ndarray
    neighbours: int


def class_alignment(
    source: np.ndarray, source_labels: np.ndarray, target: np.ndarray, target_labels: np.ndarray, k: int, neighbours: int = NEIGHBOURS
) -> Alignment:
    """Which target class lies where each of the k source classes lies.

    With unit-length features, N(i) the ``neighbours`` target samples nearest to source sample i, and π_B the target's share of class B,

        M[A, B] ∝ mean over source samples i of class A of  #{j ∈ N(i) : y_j = B} / π_B,   each row summing to 1.

    The division keeps a frequent target class from looking like everybody's neighbour. Source class A *landed on* B when M[A, B] is the
    largest entry of its row and B's centre (mean of unit features) is also the nearest target centre to A's.

    Parameters
    ----------
    source, target : ndarray
        n×D and m×D features.
    source_labels, target_labels : ndarray of int
        n and m; −1 where unknown: such samples are left out.

    Raises
    ------
    InputError
        One domain has no labelled sample.
    """
    sides = []
    for where, rows, labels in (("source", source, source_labels), ("target", target, target_labels)):
        known = labels >= 0
        if not known.any():
            raise InputError(where, "none of its samples has a label.", "Class alignment needs labels of both domains.")
        rows = rows[known].astype(np.float64)
        sides.append((rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), labels[known]))
    (x, a), (y, b) = sides
    count = min(neighbours, len(y))
    found = b[NearestNeighbors(n_neighbors=count).fit(y).kneighbors(x, return_distance=False)]
    prior = np.bincount(b, minlength=k) / len(b)
    shares = np.full((k, k), np.nan)
    nearest, landed = np.full(k, -1), np.full(k, -1)
    present = np.flatnonzero(prior)
    centres = np.stack([y[b == c].mean(0) for c in present])
    for c in np.unique(a):
        raw = np.bincount(found[a == c].ravel(), minlength=k) / np.maximum(prior, 1e-12)
        shares[c] = raw / raw.sum()
        nearest[c] = present[np.linalg.norm(centres - x[a == c].mean(0), axis=1).argmin()]
        landed[c] = nearest[c] if shares[c].argmax() == nearest[c] else -1
    return Alignment(shares, nearest, landed, count)


MEASURES.add(
    Measure(
        "class_alignment",
        "Class alignment",
        "For each source class: which target class lies in the same place of the feature space. A bright diagonal means that classes met.",
        r"M_{AB} \propto \frac{1}{|A|}\sum_{i \in A} \frac{|\{j \in N_k(i): y_j = B\}|}{\pi_B},\quad k = 10",
        "k-nearest neighbours (Fix & Hodges 1951) on unit-length features in the full space; centres as in class-conditional alignment "
        "(Long et al. 2013, JDA).",
        "It needs target labels: evaluation only. Small classes make rough rows. Where share and centre disagree, nothing is claimed.",
        needs_target_labels=True,
        finding_of="run",
    )
)
