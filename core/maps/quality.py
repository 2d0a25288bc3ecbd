"""How far a map can be trusted: neighbours kept, classes kept, and whether the domains mix in it as they do in the features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.manifold import trustworthiness as sklearn_trustworthiness

from core.errors import InputError
from core.maps.frame import check_domains, nearest, prepare

POINTS = 600  # in the measures of a map: all pairs of them fit a page's patience
KEPT = 12  # neighbours of trustworthiness
NEAR = 10  # neighbours of purity and mixing


@dataclass(frozen=True)
class MapQuality:
    """Measures of one epoch's map beside the same of the whole feature space, on the same points.

    Attributes
    ----------
    trustworthiness : float
        Whether neighbours in the map are neighbours in the features, in [0, 1]; k = 12.
    purity_map, purity_full : float or None
        Share of a labelled point's 10 nearest labelled others that have its label; None where fewer than two have a label.
    mixing_map, mixing_full : float
        Share of a point's 10 nearest others that are of the other domain, mean over points, divided by the share expected if
        the domains were shuffled. 0 apart, 1 mixed, above 1 where points avoid their own domain.
    """

    trustworthiness: float
    purity_map: float | None
    purity_full: float | None
    mixing_map: float
    mixing_full: float


def map_quality(
    features: np.ndarray, positions: np.ndarray, domain: np.ndarray, labels: np.ndarray | None = None, seed: int = 0
) -> MapQuality:
    """Measure a map on at most 600 points, drawn with the seed from each domain in proportion.

    Parameters
    ----------
    features : ndarray
        N×D.
    positions : ndarray
        N×2.
    domain : ndarray
        uint8, N: 0 source, 1 target.
    labels : ndarray or None
        N, −1 where unknown.
    seed : int

    Raises
    ------
    InputError
        A domain has no samples, or there are fewer than three.
    """
    target = check_domains(domain, len(features))
    if len(features) < 3:
        raise InputError("map", f"there are {len(features)} points.", "Give three or more.")
    chosen = _draw(target, seed)
    target = target[chosen]
    full, flat = (_distances(points[chosen]) for points in (prepare(features), np.asarray(positions)))
    near_full, near_flat = _near(full, KEPT), _near(flat, KEPT)
    purity_map = purity_full = None
    if labels is not None and (known := np.asarray(labels)[chosen] >= 0).sum() > 1:
        ours = np.asarray(labels)[chosen][known]
        purity_map, purity_full = (float((ours[_near(d[np.ix_(known, known)], NEAR)] == ours[:, None]).mean()) for d in (flat, full))
    return MapQuality(_trustworthiness(full, near_flat), purity_map, purity_full, _mixing(near_flat, target), _mixing(near_full, target))


def disagreement(quality: MapQuality, auc_low: float, auc_high: float) -> str | None:
    """One sentence where the map and the numbers say different things; None where they agree.

    Parameters
    ----------
    quality : MapQuality
    auc_low, auc_high : float
        The 95 % interval of the domain classifier's AUC.
    """
    seen, real = quality.mixing_map, quality.mixing_full
    if seen >= 0.7 and auc_low > 0.6:
        least = min(auc_low, 0.99)  # never "at least 1.00"
        return f"The map looks aligned, the features are not: a classifier still tells the domains apart (AUC at least {least:.2f})."
    if seen <= 0.3 and auc_low <= 0.5 <= auc_high:
        return (
            f"The map looks apart, the features are not: a classifier cannot tell the domains apart (AUC {auc_low:.2f} to {auc_high:.2f})."
        )
    if seen > 1.25 * real and seen - real >= 0.1:
        return f"The map shows more mixing than the features have: {seen:.2f} against {real:.2f}, where 1 is fully mixed."
    return None


def trustworthiness(features: np.ndarray, positions: np.ndarray, k: int = KEPT) -> float:
    """Whether neighbours in the map are neighbours in the features (Venna & Kaski 2001), in [0, 1]; k < N/2."""
    return float(sklearn_trustworthiness(prepare(features), positions, n_neighbors=k))


def class_purity(positions: np.ndarray, labels: np.ndarray, k: int = NEAR) -> float:
    """Share of a point's k nearest others that have its label, mean over points. Takes a map or features, N×d; k < N."""
    _, neighbours = nearest(positions, positions, k + 1)
    others = neighbours != np.arange(len(neighbours))[:, None]
    others[others.all(axis=1), -1] = False  # among more than k equal points a row need not find itself
    labels = np.asarray(labels)
    return float((labels[neighbours[others].reshape(-1, k)] == labels[:, None]).mean())


def _draw(target: np.ndarray, seed: int) -> np.ndarray:
    """Indices of at most `POINTS` samples, each domain in proportion and with one at least.

    In random order: which of equally near points count depends on it, and must not depend on the domain.
    """
    order = np.random.default_rng(seed).permutation(len(target))
    share = min(1.0, POINTS / len(target))
    counted = [order[target[order] == domain] for domain in (False, True)]
    kept = np.concatenate([rows[: max(1, int(share * len(rows)))] for rows in counted])
    return order[np.isin(order, kept)]


def _distances(points: np.ndarray) -> np.ndarray:
    """N×N squared distances, infinite from a point to itself. In float64, where |a|² + |b|² − 2ab loses nothing that matters."""
    points = points.astype(np.float64)
    lengths = (points**2).sum(axis=1)
    distances = lengths[:, None] + lengths - 2 * points @ points.T
    np.fill_diagonal(distances, np.inf)
    return distances


def _near(distances: np.ndarray, k: int) -> np.ndarray:
    """N×k: the nearest others, the nearest first; fewer columns where there are fewer others."""
    k = min(k, len(distances) - 1)
    near = np.argpartition(distances, k - 1, axis=1)[:, :k]
    return np.take_along_axis(near, np.take_along_axis(distances, near, axis=1).argsort(axis=1, kind="stable"), axis=1)


def _mixing(near: np.ndarray, target: np.ndarray) -> float:
    other = target[near[:, :NEAR]] != target[:, None]
    expected = np.where(target, (~target).sum(), target.sum()) / (len(target) - 1)
    return float((other.mean(axis=1) / expected).mean())


def _trustworthiness(full: np.ndarray, near_flat: np.ndarray) -> float:
    """1 − 2/(n·k·(2n−3k−1)) · Σᵢ Σⱼ max(0, r(i, j) − k) over the k nearest j of i in the map, with r their rank in the features."""
    n = len(full)
    k = min(KEPT, (n - 1) // 2)
    ranks = np.stack([1 + np.count_nonzero(full < np.take_along_axis(full, j[:, None], axis=1), axis=1) for j in near_flat[:, :k].T])
    return float(1 - 2 * np.maximum(ranks - k, 0).sum() / (n * k * (2 * n - 3 * k - 1)))
