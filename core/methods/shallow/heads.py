"""Classifiers on frozen features, with sample weights and with probabilities that mean something."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from scipy.optimize import fminbound
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import NearestNeighbors
from sklearn.svm import SVC

HeadName = Literal["nearest-neighbour", "logistic", "linear-svm"]
FOLDS = 3
LEAST_WEIGHT = 1e-6  # of the mean; libsvm refuses a class of which all weights are 0


class Head(Protocol):
    """``fit(x, labels, weights, rng)`` on N×D rows, N labels that hold each of ``range(K)``, and N weights or None for equal ones.

    ``log_probabilities(x)`` is N×K; the head's prediction is its largest column.
    """

    def fit(self, x: np.ndarray, labels: np.ndarray, weights: np.ndarray | None, rng: np.random.Generator) -> Head: ...

    def log_probabilities(self, x: np.ndarray) -> np.ndarray: ...


class NearestNeighbour:
    """The class of the nearest sample.

    Weights: as many samples are redrawn as there are, with replacement and in proportion to their weights (sampling importance
    resampling, Rubin 1987, JASA 82:543-546), and the nearest of those that were drawn decides.

    Probabilities: softmax over the classes' −d²/τ, with d the distance to the nearest sample of a class. τ maximises the
    leave-one-out likelihood on the fitted samples, so that on the source the head is as sure as it is right.
    """

    def fit(self, x: np.ndarray, labels: np.ndarray, weights: np.ndarray | None, rng: np.random.Generator) -> NearestNeighbour:
        if weights is not None:
            drawn = np.unique(rng.choice(len(x), len(x), p=weights / weights.sum()))
            missing = ~np.isin(labels, labels[drawn])  # a class that nobody drew keeps its samples
            drawn = np.union1d(drawn, np.flatnonzero(missing))
            x, labels = x[drawn], labels[drawn]
        classes = range(labels.max() + 1)
        self.by_class = [NearestNeighbors(algorithm="brute").fit(x[labels == c]) for c in classes]
        far = self._squared_distances(x)
        for c, neighbours in enumerate(self.by_class):
            mine = labels == c
            alone = mine.sum() == 1  # no other sample of the class to leave it for
            far[mine, c] = np.inf if alone else neighbours.kneighbors(x[mine], 2)[0][:, 1] ** 2
        kept = np.isfinite(far[np.arange(len(x)), labels])
        self.temperature = temperature(-far[kept], labels[kept]) if kept.any() else 1.0
        return self

    def _squared_distances(self, x: np.ndarray) -> np.ndarray:
        return np.stack([neighbours.kneighbors(x, 1)[0][:, 0] ** 2 for neighbours in self.by_class], axis=1)

    def log_probabilities(self, x: np.ndarray) -> np.ndarray:
        return log_softmax(-self._squared_distances(x) / self.temperature, axis=1)


class Logistic:
    """Multinomial logistic regression (scikit-learn, C = 1); its own probabilities."""

    def fit(self, x: np.ndarray, labels: np.ndarray, weights: np.ndarray | None, rng: np.random.Generator) -> Logistic:
        self.model = LogisticRegression(C=1.0, max_iter=1000).fit(x, labels, weights)
        return self

    def log_probabilities(self, x: np.ndarray) -> np.ndarray:
        values = self.model.decision_function(x)  # scikit-learn's own logarithm of a probability may be that of 0
        return log_softmax(_columns(values) / (2 if values.ndim == 1 else 1), axis=1)


class LinearSVM:
    """Linear support vector machine (libsvm through scikit-learn, one against one, C = 1).

    Probabilities: softmax over the decision values ÷ τ (temperature scaling, Guo et al. 2017, arXiv 1706.04599), τ by the
    likelihood of values that were predicted out of fold. With fewer than three samples of a class, by the fitted values.
    """

    def fit(self, x: np.ndarray, labels: np.ndarray, weights: np.ndarray | None, rng: np.random.Generator) -> LinearSVM:
        weights = None if weights is None else np.maximum(weights, LEAST_WEIGHT * weights.mean())
        # Without break_ties the prediction is a vote, which the largest decision value does not always win.
        self.model = SVC(kernel="linear", C=1.0, break_ties=np.unique(labels).size > 2, decision_function_shape="ovr")
        if np.bincount(labels).min() >= FOLDS:
            folds = StratifiedKFold(FOLDS, shuffle=True, random_state=int(rng.integers(2**31)))
            params = None if weights is None else {"sample_weight": weights}
            values = np.asarray(cross_val_predict(self.model, x, labels, cv=folds, method="decision_function", params=params))
            self.model.fit(x, labels, weights)
        else:
            values = self.model.fit(x, labels, weights).decision_function(x)
        self.temperature = temperature(_columns(values), labels, weights)
        return self

    def log_probabilities(self, x: np.ndarray) -> np.ndarray:
        return log_softmax(_columns(self.model.decision_function(x)) / self.temperature, axis=1)


def _columns(values: np.ndarray) -> np.ndarray:
    """N×K decision values; of two classes scikit-learn gives one signed column."""
    return np.stack([-values, values], axis=1) if values.ndim == 1 else values


def temperature(values: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> float:
    """τ > 0 that maximises the mean log-likelihood of ``labels`` under softmax(values / τ), N×K; from 1e-3 to 1e3 spreads."""
    spread = float(np.ptp(values, axis=1)[np.isfinite(np.ptp(values, axis=1))].mean()) or 1.0

    def loss(log_tau: float) -> float:
        right = log_softmax(values / (spread * np.exp(log_tau)), axis=1)[np.arange(len(labels)), labels]
        return -float(np.average(right, weights=weights))

    return spread * float(np.exp(fminbound(loss, np.log(1e-3), np.log(1e3))))


HEADS: dict[str, type[Head]] = {"nearest-neighbour": NearestNeighbour, "logistic": Logistic, "linear-svm": LinearSVM}
