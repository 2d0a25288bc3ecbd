"""What the pure functions of this family are given and return: two clouds of features, and how new samples follow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from core.errors import InputError

Map = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Alignment:
    """Both domains in one space.

    Attributes
    ----------
    source, target : ndarray
        float64, n×k and m×k, row by row what became of the rows that were given.
    map_source, map_target : callable
        Rows of new samples of one domain, in the coordinates of the old features, to rows in the new ones.
    """

    source: np.ndarray
    target: np.ndarray
    map_source: Map
    map_target: Map

    @classmethod
    def of(cls, source: np.ndarray, target: np.ndarray, map_source: Map, map_target: Map) -> Alignment:
        """The alignment whose rows are the images of the given rows."""
        return cls(map_source(source), map_target(target), map_source, map_target)


def linear(matrix: np.ndarray, centre: np.ndarray | float = 0.0, to: np.ndarray | float = 0.0) -> Map:
    """x ↦ (x − centre) · matrix + to, row by row."""
    return lambda x: (x - centre) @ matrix + to


def check(source: np.ndarray, target: np.ndarray, dimensions: int = 1) -> None:
    """Refuse what no alignment can be computed from.

    Raises
    ------
    InputError
        Values that are not finite, other columns on one side, fewer than two rows, more dimensions than rows or columns.
    """
    for where, rows in (("source features", source), ("target features", target)):
        if rows.ndim != 2 or len(rows) < 2:
            raise InputError(where, f"they have the shape {rows.shape}, and at least 2 rows are needed.", "Give more samples.")
        if not np.isfinite(rows).all():
            raise InputError(where, "they hold values that are not finite numbers.", "Lower the learning rate, or repair the data.")
        if dimensions > min(rows.shape):
            raise InputError(
                "dimensions",
                f"{dimensions} are more than the {len(rows)} samples or the {rows.shape[1]} columns of the {where}.",
                f"Choose at most {min(rows.shape)}.",
            )
    if source.shape[1] != target.shape[1]:
        raise InputError(
            "target features", f"they have {target.shape[1]} columns and the source has {source.shape[1]}.", "Use one backbone for both."
        )


def scaler(x: np.ndarray) -> Map:
    """z-scores by the mean and deviation of ``x``; a column that is constant there is only centred."""
    deviation = x.std(0)
    constant = deviation <= 1e-9 * np.maximum(1, np.abs(x).max(0))
    return linear(np.diag(1 / np.where(constant, 1, deviation)), x.mean(0))


def covariance(x: np.ndarray, regulariser: float = 0.0) -> np.ndarray:
    """Covariance of N×D rows (divided by N − 1) plus ``regulariser`` on its diagonal."""
    return np.cov(x, rowvar=False).reshape(x.shape[1], x.shape[1]) + regulariser * np.eye(x.shape[1])


def power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    """A power of a symmetric positive matrix; directions of (numerically) no extent stay without."""
    values, vectors = np.linalg.eigh(matrix)
    real = values > 1e-12 * max(values[-1], 1e-300)
    return (vectors * np.where(real, np.where(real, values, 1) ** exponent, 0)) @ vectors.T


def median_distance(source: np.ndarray, target: np.ndarray, most: int = 1000) -> float:
    """The median distance between two different samples of both domains together: the usual first guess of a kernel's width.

    Of larger domains, ``most`` samples of each are looked at, evenly spaced.
    """
    rows = np.concatenate([x[:: -(-len(x) // most)] for x in (source, target)])
    found = float(np.median(cdist(rows, rows)[np.triu_indices(len(rows), 1)]))
    return found if found > 0 else 1.0


def gaussian(x: np.ndarray, y: np.ndarray, bandwidth: float) -> np.ndarray:
    """exp(−‖x − y‖² / 2σ²) of all pairs, n×m."""
    return np.exp(cdist(x, y, "sqeuclidean") / (-2 * bandwidth**2))
