"""UMAP: one joint fit over tracked points and checkpoints, in which every other row is placed."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.maps.frame import EpochMap, Features, check, checkpoints, frame, nearest, prepare

# Measured on two runs of 31 epochs, 1,198 and 2,000 points, 64 columns. 1,000 points and 200 steps take 6.3 s of one core where these
# take 4.0 s, with the same trustworthiness (0.97 to 0.98) and 0.007 more class purity; 500 and 120 take 2.6 s and lose 0.017 at epoch 0.
TRACKED = 700  # points in the joint fit
STEPS = 150  # passes of UMAP's optimiser
NEIGHBOURS = 15
PLACED_BY = 8  # joint rows that place a row outside the joint fit

FITTED = 0.5  # share of the time that the fit takes; the rest is placing


def umap_map(features: Features, epochs: Sequence[int], seed: int, on_progress: Callable[[float], None] | None = None) -> EpochMap:
    """One joint UMAP (McInnes et al. 2018, arXiv 1802.03426) over tracked points × checkpoints, sliced by epoch.

    Refitting each epoch, warm starts and AlignedUMAP all make points jump although nothing changed; a joint fit does not.
    At most 700 points × 10 `checkpoints` are fitted, rows that are equal only once. Every other row is placed at the mean of its
    8 nearest joint rows, weighted by 1/d² − 1/d₉², where d₉ is the distance of the ninth: a row with the features of a fitted one lands
    on it, and a weight is 0 when its row stops being among the nearest, so that a small change never makes a point jump (with
    1/d, 1 % of noise moved some by 12 % of the map; so by 2 %). A row whose features did not change keeps its place exactly.

    Takes seconds: call it from a subprocess, after `prepare_numba_cache`.

    Parameters
    ----------
    features : sequence of ndarray, or ndarray E×N×D
    epochs : sequence of int
    seed : int
        Decides which points are tracked, and UMAP's draws; the same seed gives the same map on one machine.
    on_progress : callable, optional
        Told the fraction done, in (0, 1], some hundred times.

    Raises
    ------
    InputError
        The features are not finite, have one column, or have too few different rows.
    """
    check(features, epochs)
    report = on_progress or (lambda fraction: None)
    n, columns = np.shape(features[0])
    tracked = np.sort(np.random.default_rng(seed).permutation(n)[:TRACKED])
    fitted = checkpoints(len(features))
    joint, which = distinct_rows(np.concatenate([prepare(features[i])[tracked] for i in fitted]))
    if columns < 2 or len(joint) <= NEIGHBOURS:
        found = "one column" if columns < 2 else f"{len(joint)} different rows"
        raise InputError(
            "map", f"the features have {found}, and UMAP needs two columns and more than {NEIGHBOURS} rows.", "Use the PCA map."
        )
    layout = _fit_umap(joint, seed, lambda share: report(FITTED * share))

    row_of_epoch = dict(zip(fitted.tolist(), which.reshape(len(fitted), -1), strict=True))
    positions = np.empty((len(features), n, 2), dtype=np.float32)
    before = None
    for i, rows in enumerate(features):
        rows = prepare(rows)
        still = np.zeros(n, dtype=bool) if before is None else (rows == before).all(axis=1)
        known = still.copy()
        if i in row_of_epoch:
            positions[i, tracked] = layout[row_of_epoch[i]]
            known[tracked] = True
        if still.any():
            positions[i, still] = positions[i - 1, still]
        if not known.all():
            positions[i, ~known] = placed_by_neighbours(rows[~known], joint, layout)
        before = rows
        report(FITTED + (1 - FITTED) * (i + 1) / len(features))
    return EpochMap("umap", tuple(epochs), frame(positions))


def prepare_numba_cache(folder: Path) -> None:
    """Import umap so that its compiled functions are kept in ``folder`` and a later process finds them there.

    numba caches only what asks for it, and most of umap and pynndescent does not. So while umap is imported
    for the first time, ``cache=True`` is numba's default. Call it before anything else imports umap.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    import numba
    from numba.core import config

    # numba may have been imported, and have read its environment, before.
    config.CACHE_DIR = str(folder)  # pyright: ignore[reportAttributeAccessIssue]  (it sets its attributes when it reads its environment)
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


class _Steps(io.TextIOBase):
    """What UMAP's progress bar writes to: the number of steps done. The bar is the one thing that tells how far UMAP is."""

    def __init__(self, report: Callable[[float], None]):
        self._report, self._done = report, 0

    def write(self, text: str) -> int:
        done = text.strip()
        if done.isdigit() and int(done) > self._done:
            self._done = int(done)
            self._report(self._done / STEPS)
        return len(text)


def _fit_umap(joint: np.ndarray, seed: int, report: Callable[[float], None]) -> np.ndarray:
    from umap import UMAP

    # Exactly NEIGHBOURS columns, each row its own first neighbour: with more, umap below 4,096 rows uses them all; with fewer it
    # searches again. With them given it never compiles its own search, which takes half a minute per process.
    distances, neighbours = nearest(joint, joint, NEIGHBOURS)
    model = UMAP(
        n_neighbors=NEIGHBOURS,
        init="pca",
        n_epochs=STEPS,
        random_state=seed,
        n_jobs=1,
        precomputed_knn=(neighbours.astype(np.int32), distances.astype(np.float32)),
        tqdm_kwds={"disable": False, "file": _Steps(report), "bar_format": "{n_fmt}", "mininterval": 0, "miniters": 1},
    )
    with warnings.catch_warnings():
        # Its search index would only serve UMAP.transform, which is not used.
        warnings.filterwarnings("ignore", message=".*transforming new data with transform", category=UserWarning)
        return model.fit_transform(joint)


def distinct_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different ones among n×d rows, and n indices into them. Adding 0 makes −0 and 0 the same bytes."""
    rows = np.ascontiguousarray(rows + 0.0)
    as_bytes = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    _, first, which = np.unique(as_bytes, return_index=True, return_inverse=True)
    # In the order in which they came: sorted bytes mean nothing, and UMAP's draws go by row.
    order = np.argsort(first)
    return rows[first[order]], np.argsort(order)[which]


def placed_by_neighbours(rows: np.ndarray, joint: np.ndarray, layout: np.ndarray) -> np.ndarray:
    distances, neighbours = nearest(rows, joint, PLACED_BY + 1)
    closeness = 1 / np.maximum(distances, 1e-9).astype(np.float64) ** 2
    weights = closeness[:, :-1] - closeness[:, -1:]
    weights[weights.sum(axis=1) == 0] = 1  # all nine are equally far
    return (layout[neighbours[:, :-1]] * (weights / weights.sum(axis=1, keepdims=True))[:, :, None]).sum(axis=1)
