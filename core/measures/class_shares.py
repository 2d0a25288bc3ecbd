"""Before a run: do the class shares of two domains seem to differ? Read off a quick linear classifier, without target labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import StratifiedKFold

from core.measures.label_shift import label_shift, with_class_shares
from core.measures.ridge import ridge_test

LEAST = 0.1  # a share that differs by less is not called another one
WIDER = 1.31  # from a 95 % interval to one of 99 %: a warning that often comes without cause is soon not read
FOLDS = 5
ROWS, COLUMNS = 500, 100  # samples of each domain and directions that are looked at, at most
PERMUTATIONS = 199
SURE = 0.01  # p value below which more than the shares is called different


@dataclass(frozen=True)
class SharesBefore:
    """What can be said of the target's class shares without its labels.

    Attributes
    ----------
    source : ndarray
        K, the source's shares, which are known.
    estimated : ndarray or None
        K, the target's if classes look alike in both domains; None where nothing can be read off.
    differing : tuple of int
        Classes whose estimate lies `LEAST` or more from the source's share, with its 99 % interval beyond it.
    alone : bool
        Whether the source with those shares could be the target. If not, more has changed, and the estimate may be mistaken.
    """

    source: np.ndarray
    estimated: np.ndarray | None = None
    differing: tuple[int, ...] = ()
    alone: bool = False


def shares_before(source: np.ndarray, labels: np.ndarray, target: np.ndarray, classes: int, seed: int = 0) -> SharesBefore:
    """Black-box shift estimation (Lipton, Wang & Smola 2018, arXiv 1802.03916) with a ridge classifier on standardised columns.

    Both domains are scaled by the *source*: a mean and a deviation of the target's own would hide other shares. The classifier's mistakes
    are counted out of fold. Other units or another light deceive the estimate just as other shares do. So source samples are drawn with
    the estimated shares, and a domain classifier is asked whether these still differ from the target.

    Parameters
    ----------
    source, target : ndarray
        n×D and m×D inputs.
    labels : ndarray of int, n
    classes : int
        K.
    seed : int
    """
    shares = np.bincount(labels, minlength=classes) / len(labels)
    if np.bincount(labels, minlength=classes).min() < FOLDS or len(target) < 2 * FOLDS:
        return SharesBefore(shares)
    x, y = _reduced(source, target, seed)
    found = label_shift(labels, *_predictions(x, labels, y, seed), classes, seed)
    if found.estimated is None or found.low is None or found.high is None:
        return SharesBefore(shares)
    middle, half = (found.high + found.low) / 2, WIDER * (found.high - found.low) / 2
    beyond = np.abs(middle - shares) > half
    differing = tuple(int(c) for c in np.flatnonzero(beyond & (np.abs(found.estimated - shares) >= LEAST)))
    if not differing:
        return SharesBefore(shares, found.estimated)
    drawn = with_class_shares(labels, found.estimated, len(target), seed)
    alone = len(drawn) >= 2 * FOLDS and ridge_test(x[drawn], y, PERMUTATIONS, seed).p > SURE
    return SharesBefore(shares, found.estimated, differing, bool(alone))


def _predictions(x: np.ndarray, labels: np.ndarray, y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Of source rows out of fold, and of target rows by one of the same classifiers each: a better one would make other mistakes."""
    of_source, of_target = np.empty_like(labels), np.empty(len(y), labels.dtype)
    share = np.random.default_rng([seed, 0x5AA6]).permutation(len(y)) % FOLDS
    for fold, (train, test) in enumerate(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(x, labels)):
        model = RidgeClassifier(alpha=0.1 * len(train)).fit(x[train], labels[train])
        of_source[test] = model.predict(x[test])
        of_target[share == fold] = model.predict(y[share == fold])
    return of_source, of_target


def _reduced(source: np.ndarray, target: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns in units of the source's deviation; where there are many, their first principal components over both domains."""
    deviation = source.std(0)
    x, y = ((rows - source.mean(0)) / np.where(deviation > 1e-9, deviation, 1) for rows in (source, target))
    if x.shape[1] <= COLUMNS:
        return x, y
    both = np.concatenate([x, y])
    scores = PCA(min(COLUMNS, len(both)), svd_solver="randomized", random_state=seed).fit_transform(both)
    return scores[: len(x)], scores[len(x) :]
