"""2-D maps of features in which a point keeps its identity across epochs.

Rows are L2-normalised first, as for MMD², so that the picture and the curve describe the same geometry and a network whose feature
norms grow does not shrink its first epochs to a dot. Features of one or two columns are a map already and are left as they are.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness as sklearn_trustworthiness
from sklearn.neighbors import NearestNeighbors

from core.errors import InputError

TRACKED = 1000  # points in the joint UMAP fit
CHECKPOINTS = 10  # epochs in a joint fit
NEIGHBOURS = 15
PLACED_BY = 11  # nearest joint rows that place a row outside the joint fit

Features = Sequence[np.ndarray] | np.ndarray


@dataclass(frozen=True)
class EpochMap:
    """Positions of the same N samples at E epochs.

    ``positions`` is float32, E×N×2. All epochs share one frame: its bounding box is centred on 0 and its longer side is [-1, 1].
    """

    method: Literal["pca", "umap"]
    epochs: tuple[int, ...]
    positions: np.ndarray


def checkpoints(count: int) -> np.ndarray:
    """At most ten of ``range(count)``: first, last and log-spaced between, because features move most in the first epochs."""
    return np.unique(np.geomspace(1, count, CHECKPOINTS).round().astype(int)) - 1


def pca_map(features: Features, epochs: Sequence[int]) -> EpochMap:
    """One PCA basis for all epochs, fitted on the pooled `checkpoints`. Linear, exact in time and immediate.

    Parameters
    ----------
    features : sequence of ndarray, or ndarray E×N×D
        Features of the same N samples at each epoch, float32.
    epochs : sequence of int
        Their E epoch numbers.
    """
    _check(features, epochs)
    basis = _fit_pca(np.concatenate([_prepare(features[i]) for i in checkpoints(len(features))]))
    return EpochMap("pca", tuple(epochs), _frame(np.stack([basis(_prepare(rows)) for rows in features])))


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
    rows = _prepare(features)
    positions = _fit_pca(rows)(rows)
    if previous is None:
        return _frame(positions)
    if previous.shape != positions.shape:
        raise ValueError(f"The previous map has the shape {previous.shape}, this epoch {positions.shape}: track the same samples.")
    centre = previous.mean(axis=0)
    old, new = (previous - centre).astype(np.float64), (positions - positions.mean(axis=0)).astype(np.float64)
    left, _, right = np.linalg.svd(new.T @ old)
    size = np.linalg.norm(old) / max(np.linalg.norm(new), 1e-12)
    return (size * new @ (left @ right) + centre).astype(np.float32)


def umap_map(features: Features, epochs: Sequence[int], seed: int, on_progress: Callable[[float], None] | None = None) -> EpochMap:
    """One joint UMAP (McInnes et al. 2018, arXiv 1802.03426) over tracked points × checkpoints, sliced by epoch.

    Refitting each epoch, warm starts and AlignedUMAP all make points jump although nothing changed; a joint fit does not.
    At most 1,000 points × 10 `checkpoints` are fitted. Every other row is placed at the mean of its 11 nearest joint rows, weighted
    by 1/distance, so that a row with the features of a fitted one lands on it. Takes seconds: call it from a subprocess, after
    `prepare_numba_cache`.

    Parameters
    ----------
    features : sequence of ndarray, or ndarray E×N×D
    epochs : sequence of int
    seed : int
        Decides which points are tracked, and UMAP's draws; the same seed gives the same map on one machine.
    on_progress : callable, optional
        Told the fraction done, in (0, 1].
    """
    _check(features, epochs)
    report = on_progress or (lambda fraction: None)
    n = len(features[0])
    tracked = np.sort(np.random.default_rng(seed).permutation(n)[:TRACKED])
    fitted = checkpoints(len(features))
    joint = np.concatenate([_prepare(features[i])[tracked] for i in fitted])
    if len(joint) <= NEIGHBOURS:
        raise InputError("map", f"there are {len(joint)} points, and UMAP needs more than {NEIGHBOURS}.", "Use the PCA map.")
    layout = _fit_umap(joint, seed)
    report(0.6)

    index = NearestNeighbors(n_neighbors=PLACED_BY, algorithm="brute").fit(joint)
    of_epoch = {int(i): layout[k * len(tracked) : (k + 1) * len(tracked)] for k, i in enumerate(fitted)}
    positions = np.empty((len(features), n, 2), dtype=np.float32)
    for i, rows in enumerate(features):
        open_rows = np.arange(n)
        if i in of_epoch:
            positions[i, tracked] = of_epoch[i]
            open_rows = np.setdiff1d(open_rows, tracked, assume_unique=True)
        if len(open_rows):
            positions[i, open_rows] = _place(_prepare(rows)[open_rows], index, layout)
        report(0.6 + 0.4 * (i + 1) / len(features))
    return EpochMap("umap", tuple(epochs), _frame(positions))


def trustworthiness(features: np.ndarray, positions: np.ndarray, k: int = 12) -> float:
    """Whether neighbours in the map are neighbours in the features (Venna & Kaski 2001), in [0, 1]; k < N/2."""
    return float(sklearn_trustworthiness(_prepare(features), positions, n_neighbors=k))


def class_purity(positions: np.ndarray, labels: np.ndarray, k: int = 10) -> float:
    """Share of a point's k nearest others that have its label, mean over points. Takes a map or features, N×d; k < N."""
    neighbours = NearestNeighbors(n_neighbors=k).fit(positions).kneighbors(return_distance=False)
    return float((np.asarray(labels)[neighbours] == np.asarray(labels)[:, None]).mean())


def prepare_numba_cache(folder: Path) -> None:
    """Import umap so that its compiled functions are kept in ``folder`` and a later process finds them there.

    numba caches only what asks for it, and most of umap and pynndescent does not. So while umap is imported
    for the first time, ``cache=True`` is numba's default. Call it before anything else imports umap.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    import numba

    # numba may have been imported, and have read its environment, before.
    numba.config.CACHE_DIR = str(folder)
    with _caching_by_default(numba):
        import umap  # noqa: F401


@contextmanager
def _caching_by_default(numba) -> Iterator[None]:
    jit, njit = numba.jit, numba.njit
    numba.jit, numba.njit = (partial(_with_cache, decorator) for decorator in (jit, njit))
    try:
        yield
    finally:
        numba.jit, numba.njit = jit, njit


def _with_cache(decorator, *args, **options):
    return decorator(*args, **{"cache": True, **options})


def _fit_umap(joint: np.ndarray, seed: int) -> np.ndarray:
    from umap import UMAP

    # Exactly NEIGHBOURS columns, each row its own first neighbour: with more, umap below 4,096 rows uses them all; with fewer it
    # searches again. With them given it never compiles its own search, which takes half a minute per process.
    distances, neighbours = NearestNeighbors(n_neighbors=NEIGHBOURS, algorithm="brute").fit(joint).kneighbors(joint)
    model = UMAP(
        n_neighbors=NEIGHBOURS,
        init="pca",
        n_epochs=200,
        random_state=seed,
        n_jobs=1,
        precomputed_knn=(neighbours.astype(np.int32), distances.astype(np.float32)),
    )
    with warnings.catch_warnings():
        # Its search index would only serve UMAP.transform, which is not used.
        warnings.filterwarnings("ignore", message=".*transforming new data with transform", category=UserWarning)
        return model.fit_transform(joint)


def _place(rows: np.ndarray, index: NearestNeighbors, layout: np.ndarray) -> np.ndarray:
    distances, neighbours = index.kneighbors(rows)
    weights = 1 / np.maximum(distances, 1e-9)
    return (layout[neighbours] * (weights / weights.sum(axis=1, keepdims=True))[:, :, None]).sum(axis=1)


def _prepare(rows: np.ndarray) -> np.ndarray:
    """float32, N×D: rows of length 1, as the module says."""
    rows = np.asarray(rows, dtype=np.float32)
    if rows.shape[1] <= 2:
        return rows
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _fit_pca(rows: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Projection to the first two principal components. scikit-learn fixes the signs by the largest loading."""
    if min(rows.shape) < 2 or not np.ptp(rows, axis=0).any():  # one sample, one column, or no spread: the second coordinate is 0
        centre = rows.mean(axis=0)
        return lambda x: np.pad((x - centre)[:, :1], ((0, 0), (0, 1)))
    return PCA(n_components=2, random_state=0).fit(rows).transform


def _frame(positions: np.ndarray) -> np.ndarray:
    """Centre the bounding box of all positions on 0 and scale its longer side to [-1, 1]."""
    flat = positions.reshape(-1, 2)
    low, high = flat.min(axis=0), flat.max(axis=0)
    half = float((high - low).max()) / 2
    return ((positions - (low + high) / 2) / (half or 1.0)).astype(np.float32)


def _check(features: Features, epochs: Sequence[int]) -> None:
    if len(features) != len(epochs) or len(features) == 0:
        raise ValueError(f"There are {len(features)} feature arrays for {len(epochs)} epochs.")
    shapes = {np.shape(rows) for rows in features}
    if len(shapes) > 1:
        raise ValueError(f"A point must keep its row and columns over the epochs, but the shapes are {sorted(shapes)}.")
    for epoch, rows in zip(epochs, features, strict=True):
        if not np.isfinite(rows).all():
            raise InputError(
                "map",
                f"the features of epoch {epoch} hold values that are not finite numbers.",
                "The training diverged. Lower the learning rate or the trade-off and run again.",
            )
