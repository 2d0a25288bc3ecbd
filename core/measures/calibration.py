"""Calibration: does a network that says 90 % turn out right nine times in ten?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from core.errors import InputError
from core.measures.accuracy import wilson
from core.measures.words import WORDS, Words

BINS = 15  # at most, and about `PER_BIN` samples in each
PER_BIN = 20
KNOTS = 7
LOOSE = 10.0
# The direction d is estimated, so an interval that takes it for known is a little short: its 2.5 % tails cover 94 % in simulation.
_TAIL = 0.02
DRAWS = 1000
_EDGE = 1e-6  # confidences are kept this far from 0 and 1 where their log-odds are taken
_STEPS = np.linspace(0, 1, 25) ** 2


@dataclass(frozen=True)
class Calibration:
    """Reliability of n predictions in B bins of equal mass, by rising confidence.

    Attributes
    ----------
    n : int
    confidence, accuracy, low, high : ndarray
        float64, B: mean confidence of a bin, share of right predictions in it, and that share's 95 % Wilson interval.
    counts : ndarray
        int64, B.
    plain : float
        The expected calibration error as it is usually printed, which noise alone makes larger than 0.
    ece, ece_low, ece_high : float
        Without that bias: the error whose plain value would be the observed one at the median, and its 95 % interval.
    overconfidence : float
        Mean confidence minus accuracy; above 0 the network is too sure.
    """

    n: int
    confidence: np.ndarray
    accuracy: np.ndarray
    low: np.ndarray
    high: np.ndarray
    counts: np.ndarray
    plain: float
    ece: float
    ece_low: float
    ece_high: float
    overconfidence: float


def calibration(probabilities: np.ndarray, labels: np.ndarray, seed: int = 0) -> Calibration:
    """Reliability diagram and expected calibration error of the predicted class (Guo et al. 2017, arXiv 1706.04599).

    ECE = Σ_b n_b/n · |accuracy_b − confidence_b| over bins of equal mass (Nguyen & O'Connor 2015, arXiv 1508.05154). This plug-in value is
    biased upwards, as chance never cancels inside |·| (Kumar et al. 2019, arXiv 1909.10155), and a resampling bootstrap of it inherits
    the bias twice. So the interval turns a test around by a parametric bootstrap: suppose that the chance to be right at
    confidence c is

        p_t(c) = σ(logit c + t · d(c)),

    with d the logistic recalibration of these samples (Platt 1999, here bent at a few knots; t = 0 is perfect calibration, t = 1 the
    fit). Its true error is E|p_t − c|. All t belong to the interval under which the observed ECE is not among the smallest or largest;
    the estimate is the t under which it is the median. Coverage in simulation: ``tests/benchmarks/coverage.md``; it falls below
    90 % where the network is right at most confidences and wrong in one narrow range of them.

    Parameters
    ----------
    probabilities : ndarray
        N×K softmax outputs.
    labels : ndarray of int, N
    seed : int
        Source of the bootstrap's draws.

    Raises
    ------
    InputError
        There is no sample, or the shapes do not fit.
    """
    if probabilities.ndim != 2 or len(probabilities) != len(labels) or len(labels) == 0:
        raise InputError(
            "calibration", f"{probabilities.shape} probabilities and {len(labels)} labels do not fit.", "Give one label for each row."
        )
    p = probabilities.astype(np.float64)
    return binary_calibration(p.max(1), p.argmax(1) == labels, seed)


def binary_calibration(confidence: np.ndarray, right: np.ndarray, seed: int = 0) -> Calibration:
    """`calibration` from N confidences in [0, 1] and whether each prediction was right."""
    order = np.argsort(confidence, kind="stable")
    c, y = np.asarray(confidence, np.float64)[order], np.asarray(right, np.float64)[order]
    n = len(c)
    parts = np.array_split(np.arange(n), max(1, min(BINS, n // PER_BIN)))
    starts, counts = np.array([part[0] for part in parts]), np.array([len(part) for part in parts])
    sums, hits = np.add.reduceat(c, starts), np.add.reduceat(y, starts)
    low, high = np.array([wilson(int(hit), int(count)) for hit, count in zip(hits, counts, strict=True)]).T
    plain = float(np.abs(hits - sums).sum() / n)
    return Calibration(
        n, sums / counts, hits / counts, low, high, counts, plain, *_ece_interval(c, y, starts, plain, seed), float((c - y).mean())
    )


def _ece_interval(c: np.ndarray, y: np.ndarray, starts: np.ndarray, observed: float, seed: int) -> tuple[float, float, float]:
    """Estimate, low and high of the true error, from sorted confidences c and outcomes y."""
    odds = logit(np.clip(c, _EDGE, 1 - _EDGE))
    direction = _recalibration(odds, y)
    noise = np.random.default_rng([seed, 0xCA1]).standard_normal((DRAWS, len(starts)))
    largest = 1.0
    for _ in range(12):  # until even an unluckily small ECE would be larger than the observed one
        if _simulate(c, odds, direction, largest, starts, noise)[1][0] > observed:
            break
        largest *= 2
    errors, quantiles = zip(*(_simulate(c, odds, direction, t, starts, noise) for t in largest * _STEPS), strict=True)
    errors, quantiles = np.array(errors), np.maximum.accumulate(np.array(quantiles), axis=0)
    # The error at which the observed value is this quantile; nothing lies below 0.
    high, estimate, low = (float(np.interp(observed, quantiles[:, i], errors, left=0.0)) for i in range(3))
    return estimate, low, high


def _recalibration(odds: np.ndarray, y: np.ndarray) -> np.ndarray:
    """d(c): the shift of the log-odds that calibrates, by a ridge logistic regression on the odds and on hats between quantiles.

    At least a whisper, so that the family has a direction.
    """
    if y.min() == y.max():
        return np.full_like(odds, 1.0 if y[0] else -1.0)
    knots = np.unique(np.quantile(odds, np.linspace(0, 1, KNOTS)))
    hats = [np.interp(odds, knots, row) for row in np.eye(len(knots))[1:-1]]
    basis = np.stack([LOOSE * odds, *hats], axis=1)  # scaled up: the straight line is hardly penalised
    shift = LogisticRegression(C=1.0, solver="newton-cholesky").fit(basis, y).decision_function(basis) - odds
    return shift if np.abs(shift).mean() > 1e-3 else np.full_like(odds, -0.1)


def _simulate(
    c: np.ndarray, odds: np.ndarray, direction: np.ndarray, t: float, starts: np.ndarray, noise: np.ndarray
) -> tuple[float, np.ndarray]:
    """The true error under t, and the lower, middle and upper quantile of the plug-in ECE under it.

    A bin's Σ(right − c)/n over resampled samples is normal with mean m_b and covariance (diag(v) − m mᵀ)/n, v_b = Σ E(right − c)²/n.
    """
    n = len(c)
    p = c if t == 0 else expit(odds + t * direction)
    gap = p - c
    mean = np.add.reduceat(gap, starts) / n
    second = np.add.reduceat(p * (1 - p) + gap**2, starts) / n
    covariance = (np.diag(second) - np.outer(mean, mean)) / n
    root = np.linalg.cholesky(covariance + 1e-15 * np.eye(len(starts)))
    simulated = np.abs(mean + noise @ root.T).sum(1)
    return float(np.abs(gap).mean()), np.quantile(simulated, [_TAIL, 0.5, 1 - _TAIL])


WORDS.add(
    Words(
        "ece",
        "Expected calibration error (ECE)",
        "How far the network's confidence is from its accuracy, on average. 0: of the predictions with 90 % confidence, 90 % are right.",
        r"\sum_b \tfrac{n_b}{n}\,|\mathrm{acc}_b - \mathrm{conf}_b| \;\to\; \mathbb{E}\,|P(\text{right}\mid c) - c|",
        "Guo et al. 2017, arXiv 1706.04599; bins of equal mass: Nguyen & O'Connor 2015, arXiv 1508.05154; bias: Kumar et al. 2019, "
        "arXiv 1909.10155.",
        "The plain sum over bins is too large by chance alone; that part is taken off, and the interval is a parametric bootstrap's. It is "
        "about the predicted class only. On the target it needs labels, so it is evaluation only.",
    )
)
