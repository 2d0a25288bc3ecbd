"""PCA: one basis for a finished run, or each epoch laid over the one before for a young one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.decomposition import PCA

from core.maps.frame import EpochMap, Features, check, checkpoints, frame, prepare


def pca_map(features: Features, epochs: Sequence[int]) -> EpochMap:
    """One PCA basis for all epochs, fitted on the pooled `checkpoints`. Linear, exact in time and immediate.

    Parameters
    ----------
    features : sequence of ndarray, or ndarray E×N×D
        Features of the same N samples at each epoch, float32.
    epochs : sequence of int
        Their E epoch numbers.

    Raises
    ------
    InputError
        The features are not finite.
    """
    check(features, epochs)
    basis = _fit_pca(np.concatenate([prepare(features[i]) for i in checkpoints(len(features))]))
    return EpochMap("pca", tuple(epochs), frame(np.stack([basis(prepare(rows)) for rows in features])))


def live_pca(features: np.ndarray, previous: np.ndarray | None = None) -> np.ndarray:
    """PCA of one epoch laid over the previous map, for a run too young for `pca_map`.

    Orthogonal Procrustes (Schönemann 1966, Psychometrika 31): with both maps centred, R = UVᵀ from the singular value
    decomposition of PᵀQ. The size and the centre are those of ``previous``: the least-squares scale would shrink the map a little
    at each epoch. Unchanged features keep their place.

    Parameters
    ----------
    features : ndarray
        N×D.
    previous : ndarray or None
        N×2, what this function returned for the epoch before; None frames the map in [-1, 1].

    Returns
    -------
    ndarray
        float32, N×2.
    """
    rows = prepare(features)
    positions = _fit_pca(rows)(rows)
    if previous is None:
        return frame(positions)
    if previous.shape != positions.shape:
        raise ValueError(f"The previous map has the shape {previous.shape}, this epoch {positions.shape}: track the same samples.")
    centre = previous.mean(axis=0)
    old, new = (previous - centre).astype(np.float64), (positions - positions.mean(axis=0)).astype(np.float64)
    left, _, right = np.linalg.svd(new.T @ old)
    size = np.linalg.norm(old) / max(np.linalg.norm(new), 1e-12)
    return (size * new @ (left @ right) + centre).astype(np.float32)


def _fit_pca(rows: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Projection to the first two principal components. scikit-learn fixes the signs by the largest loading."""
    if min(rows.shape) < 2 or not np.ptp(rows, axis=0).any():  # one sample, one column, or no spread: the second coordinate is 0
        centre = rows.mean(axis=0)
        return lambda x: np.pad((x - centre)[:, :1], ((0, 0), (0, 1)))
    return PCA(n_components=2, random_state=0).fit(rows).transform
