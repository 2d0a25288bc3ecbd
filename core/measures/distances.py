"""Distances between two samples that are no kernel and no classifier: sliced Wasserstein, energy, CORAL."""

from __future__ import annotations

import numpy as np

from core.errors import InputError
from core.measures.base import MEASURES, Measure, Populations

PROJECTIONS = 200


def sliced_wasserstein(x: np.ndarray, y: np.ndarray, seed: int = 0, projections: int = PROJECTIONS) -> float:
    """SW₂, the root of the mean over random directions θ of W₂²(θ·x, θ·y) (Bonneel et al. 2015, JMIV 51:22-45).

    In one dimension, with as many samples on each side, W₂² is the mean squared difference of the sorted values.

    Parameters
    ----------
    x, y : ndarray
        n×D, the same n on both sides; in units of these columns.
    seed : int
        Draws the directions, uniform on the sphere.

    Raises
    ------
    InputError
        Another number of rows or columns on the other side.
    """
    _alike(x, y)
    if len(x) != len(y):
        raise InputError("samples", f"there are {len(x)} source and {len(y)} target rows.", "Take the same number of both.")
    at = directions(x.shape[1], projections, seed)
    gaps = np.sort(x @ at, axis=0) - np.sort(y @ at, axis=0)
    return float(np.sqrt(np.square(gaps, dtype=np.float64).mean()))


def directions(d: int, count: int, seed: int) -> np.ndarray:
    """``count`` random directions as the columns of a d×count matrix, float64, of length 1."""
    at = np.random.default_rng([seed, 0x51CE]).normal(size=(d, count))
    return at / np.linalg.norm(at, axis=0)


def energy_distance(x: np.ndarray, y: np.ndarray) -> float:
    """2E‖x−y‖ − E‖x−x′‖ − E‖y−y′‖, unbiased (Székely & Rizzo 2013, J. Statistical Planning and Inference 143:1249-1272).

    The two inner means run over different rows only, so the value averages to 0 without a shift and may be slightly negative.
    """
    _alike(x, y)
    centre = np.concatenate([x, y]).mean(0, dtype=np.float64)
    x, y = x - centre, y - centre
    n, m = len(x), len(y)
    return float(2 * _lengths(x, y).mean() - _lengths(x, x).sum() / (n * (n - 1)) - _lengths(y, y).sum() / (m * (m - 1)))


def _lengths(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """‖aᵢ−bⱼ‖ as |a|²+|b|²−2ab: the rows are centred, so that nothing is lost; exactly 0 between a row and itself."""
    squared = np.square(a).sum(1)[:, None] + np.square(b).sum(1)[None] - 2 * (a @ b.T)
    if a is b:
        np.fill_diagonal(squared, 0)
    return np.sqrt(np.maximum(squared, 0))


def coral_distance(x: np.ndarray, y: np.ndarray) -> float:
    """‖C_x − C_y‖²_F / (4D²) with the unbiased covariances (Sun & Saenko 2016, arXiv 1607.01719)."""
    _alike(x, y)
    difference = np.atleast_2d(np.cov(x, rowvar=False)) - np.atleast_2d(np.cov(y, rowvar=False))
    return float(np.square(difference).sum() / (4 * x.shape[1] ** 2))


def _alike(x: np.ndarray, y: np.ndarray) -> None:
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise InputError("samples", f"shapes {x.shape} and {y.shape} cannot be compared.", "Give two or more rows with the same columns.")


def sliced_wasserstein_of_pair(pair: Populations) -> dict[str, float]:
    return {"sliced_wasserstein": sliced_wasserstein(pair.source, pair.target, pair.seed)}


MEASURES.add(
    Measure(
        name="sliced_wasserstein",
        title="Sliced Wasserstein",
        meaning="How far the samples of one domain would have to be moved to lie on the other, in standard deviations of a column.",
        formula=r"\mathrm{SW}_2^2 = \mathbb{E}_\theta\, W_2^2(\theta^\top x,\, \theta^\top y)",
        source="Bonneel, Rabin, Peyré & Pfister 2015, Sliced and Radon Wasserstein Barycenters, JMIV 51:22–45",
        limits="Never 0, even without a shift: compare it with the A/A control beside it. It shrinks as n grows and thins out in many "
        "dimensions, because most directions see little of a shift that lies in one.",
        range="above 0, upwards",
        better="lower",
        of_pair=sliced_wasserstein_of_pair,
    )
)


def energy_distance_of_pair(pair: Populations) -> dict[str, float]:
    return {"energy_distance": energy_distance(pair.source, pair.target)}


MEASURES.add(
    Measure(
        name="energy_distance",
        title="Energy distance",
        meaning="How much farther apart two samples of different domains lie than two of the same: 0 when the domains are alike.",
        formula=r"E = 2\,\mathbb{E}\lVert x-y\rVert - \mathbb{E}\lVert x-x'\rVert - \mathbb{E}\lVert y-y'\rVert",
        source="Székely & Rizzo 2013, Energy statistics, J. Statistical Planning and Inference 143:1249–1272",
        limits="It grows with the scale and the number of columns, so compare it with its A/A control and not with another data set's. "
        "It can be slightly negative without a shift.",
        range="about 0 (alike) upwards",
        better="lower",
        of_pair=energy_distance_of_pair,
    )
)


def coral_distance_of_pair(pair: Populations) -> dict[str, float]:
    return {"coral_distance": coral_distance(pair.source, pair.target)}


MEASURES.add(
    Measure(
        name="coral_distance",
        title="CORAL distance",
        meaning="How differently the columns of the two domains spread and move together: 0 when both have the same covariance.",
        formula=r"d = \frac{1}{4D^2}\lVert C_\text{source} - C_\text{target}\rVert_F^2",
        source="Sun & Saenko 2016, Deep CORAL, arXiv 1607.01719",
        limits="Blind to a difference of means: two clouds that lie far apart can have a CORAL distance of 0. Never exactly 0 in samples; "
        "compare it with its A/A control.",
        range="0 upwards",
        better="lower",
        of_pair=coral_distance_of_pair,
    )
)
