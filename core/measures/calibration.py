"""Calibration: does a network that says 90 % turn out right nine times in ten?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import rankdata

from core.errors import InputError
from core.measures.accuracy import wilson
from core.measures.base import MEASURES, Band, Drawing, Measure, Z

BINS = 15  # of the diagram at most, with about `PER_BIN` samples in each; of the binned ECE always, as its authors take 15
PER_BIN = 20
WAVES = np.arange(1, 8)  # half waves of the curve, over the rank of the confidence
RATIOS = np.array([0, 0.5, 2, 8, 32, 128, 512, 2048])[:, None]  # variance of a curve's first wave in units of the noise: these are tried
FOLDS, FEWER, ROUNDS = 10, 5, 5  # with fewer folds the signs are less sure: the lower end takes these, as an accusation must be
# What is seen is too large by about as much as what is not seen is too small; with 100 samples a half-and-half interval ends too early.
SEEN = 0.6
BOUND = 0.85  # where no error is shown, its place for the upper end: a bound must allow for what the curve did not find
_TILTS = 8 * np.linspace(-1, 1, 31) ** 3  # log-odds, dense around 0


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
    binned : float
        The ECE of Guo et al. (2017), as papers print it: over 15 bins of equal width, which noise alone makes larger than 0.
    error, error_low, error_high : float
        E|P(right | c) − c| itself, without bins, and without that bias as far as it can be taken off; its 95 % interval.
    overconfidence : float
        Mean confidence minus accuracy; above 0 the network is too sure.
    """

    n: int
    confidence: np.ndarray
    accuracy: np.ndarray
    low: np.ndarray
    high: np.ndarray
    counts: np.ndarray
    binned: float
    error: float
    error_low: float
    error_high: float
    overconfidence: float


def calibration(probabilities: np.ndarray, labels: np.ndarray, seed: int = 0) -> Calibration:
    """Reliability diagram, calibration error and binned ECE of the predicted class.

    What is to be known is the ℓ₁ calibration error E|P(right | c) − c| (Guo et al. 2017, arXiv 1706.04599, equation 2; Kumar et al. 2019,
    arXiv 1909.10155): how far the confidence c of a sample is from the share of right answers among all samples of that
    confidence, on average over the population. It knows of no bins.

    ``binned`` is what Guo et al. estimate it by and call ECE, Σ_b n_b/n · |accuracy_b − confidence_b| over 15 bins of equal width
    (equation 3). It is biased upwards, as chance never cancels inside |·| (Kumar et al. 2019), and a bootstrap of it is so twice. So
    ``error`` is *not* that sum. It uses instead that

        E|P(right | c) − c| = max over s of E[s(c) · (right − c)],  s(c) = ±1

    (a witness s, as in Błasiok et al. 2023, arXiv 2211.16886). For a given s this is the mean of n numbers, without bias and with a
    normal error. The best s is +1 where the network is not sure enough and −1 where it is too sure; a shrunken cosine series through
    right − c says where that is. A wrong s in a place costs twice the gap there, so it costs little where it is easily wrong.

    Estimating s from the same samples makes the mean too large; estimating it from other samples (cross-fitting) makes it too small. The
    estimate lies between the two. The lower end of the interval rests on the second alone, with fewer folds still, so that a calibrated
    network is not accused; its upper end rests on the estimate, and where the interval begins at 0 on a value nearer to the first: signs
    that could not be told from chance were also missed. Both ends turn a test around: of all p that tilt the fitted
    P(right | c) towards s by a constant in the log-odds, those whose mean is compatible with the observed one, by a normal quantile with
    its correction for skewness (Cornish & Fisher 1938), which matters where errors are few.

    Coverage in simulation: ``tests/benchmarks/coverage.md``. Where the error is close to 0 the interval begins at 0 and is to be read as a
    bound from above. An error that changes sign within a narrow range of confidences is not resolved and makes the value too small.

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
    interval, overconfidence = _error_interval(c, y, seed), float((c - y).mean())
    return Calibration(n, sums / counts, hits / counts, low, high, counts, binned_ece(c, y), *interval, overconfidence)


def binned_ece(confidence: np.ndarray, right: np.ndarray) -> float:
    """Σ_b n_b/n · |accuracy_b − confidence_b| over `BINS` bins ((b − 1)/15, b/15] (Guo et al. 2017, arXiv 1706.04599, equation 3)."""
    bins = np.clip(np.ceil(BINS * confidence).astype(int) - 1, 0, BINS - 1)
    return float(np.abs(np.bincount(bins, right - confidence)).sum() / len(confidence))


def _error_interval(c: np.ndarray, y: np.ndarray, seed: int) -> tuple[float, float, float]:
    """Estimate, low and high of E|P(right | c) − c|, from sorted confidences c and outcomes y."""
    n, gap = len(c), y - c
    rank = (rankdata(c) - 0.5) / n
    basis = np.concatenate([np.ones((n, 1)), np.sqrt(2) * np.cos(np.pi * np.outer(rank, WAVES))], axis=1)
    noise = max(float(np.square(gap).mean()), 1e-12)
    parts = basis * gap[:, None]
    curve = basis @ _coefficients(parts.sum(0)[None], np.array([n]), noise)[0]
    sign = np.where(curve >= 0, 1.0, -1.0)
    seen = float((sign * gap).mean())
    generators = np.random.default_rng([seed, 0xCA1]).spawn(ROUNDS)
    unseen, doubted = (np.mean([_cross_fitted(basis, parts, gap, noise, folds, rng) for rng in generators]) for folds in (FOLDS, FEWER))
    estimate = SEEN * seen + (1 - SEEN) * unseen
    errors, lower, upper = _tilted(c, np.clip(c + curve, 0.5 / n, 1 - 0.5 / n), sign)
    estimate = max(0.0, float(estimate))
    low = np.interp(doubted, upper, errors)
    highest = estimate if low > 0 else max(estimate, BOUND * seen + (1 - BOUND) * unseen)
    return estimate, float(np.clip(low, 0, estimate)), float(max(np.interp(highest, lower, errors), estimate))


def _cross_fitted(basis: np.ndarray, parts: np.ndarray, gap: np.ndarray, noise: float, folds: int, rng: np.random.Generator) -> float:
    """Mean of s(c)(right − c) with s from the samples of the other folds."""
    n = len(gap)
    fold = rng.permutation(n) % folds
    member = np.eye(folds)[fold]
    others = parts.sum(0) - member.T @ parts
    found = _coefficients(others, np.maximum(n - member.sum(0), 1), noise)
    return float(np.where((basis * found[fold]).sum(1) >= 0, gap, -gap).mean())


def _coefficients(sums: np.ndarray, n: np.ndarray, noise: float) -> np.ndarray:
    """Coefficients of the curve, F×(1 + waves), from F sums over n samples each.

    The constant stands as it is. Wave j is shrunk as if it came from N(0, ratio · noise/n / j²), averaged over the ratios by how well
    each explains the waves (empirical Bayes).
    """
    means = sums / n[:, None]
    prior = RATIOS / WAVES**2
    variance = (noise / n)[:, None, None] * (1 + prior)
    fit = -0.5 * (np.log(variance) + means[:, None, 1:] ** 2 / variance).sum(2)
    weights = np.exp(fit - fit.max(1, keepdims=True))
    weights /= weights.sum(1, keepdims=True)
    return np.concatenate([means[:, :1], means[:, 1:] * (weights @ (prior / (1 + prior)))], axis=1)


def _tilted(c: np.ndarray, fitted: np.ndarray, sign: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Under each tilt of the fitted P(right | c): E[s(right − c)], and the 2.5 % and 97.5 % quantiles of its mean over n samples."""
    n = len(c)
    p = expit(logit(fitted) + _TILTS[:, None] * sign)
    part = sign * (p - c)
    error = part.mean(1)
    spread, off = p * (1 - p), part - error[:, None]
    variance = np.maximum((spread + off**2).mean(1), 1e-12)
    third = (sign * spread * (1 - 2 * p) + 3 * spread * off + off**3).mean(1)
    deviation, skewness = np.sqrt(variance / n), third / variance**1.5 / np.sqrt(n)
    bend = skewness * (Z**2 - 1) / 6
    lower, upper = (np.maximum.accumulate(error + deviation * (z + bend)) for z in (-Z, Z))
    return error, lower, upper


MEASURES.add(
    Measure(
        "calibration_error",
        "Calibration error, without bins",
        "How far the network's confidence is from its accuracy, on average. 0: of the predictions with 90 % confidence, 90 % are right.",
        r"\begin{gathered}\mathbb{E}\,|P(\text{right}\mid c) - c| \\"
        r"= \max_{s(c)=\pm1} \mathbb{E}\,[s(c)\,(\text{right} - c)]\end{gathered}",
        "What is estimated: Guo et al. 2017, arXiv 1706.04599, equation 2. By cross-fitted signs in place of bins: "
        "Błasiok et al. 2023, arXiv 2211.16886. Why not by bins: Kumar et al. 2019, arXiv 1909.10155.",
        "It is not the ECE that papers print, a sum over 15 bins (Guo et al., equation 3) which chance makes too large; that one stands "
        "under the reliability diagram. An error that changes sign within a narrow range is missed. If the interval begins at 0, no error "
        "is shown; its upper end says how large one could still be. It is about the predicted class only. On the target it needs labels.",
        range="0 to 1",
        better="lower",
        label="calibration error",
        needs_target_labels=True,
        finding_of="run",
        companions=("calibration_error_low", "calibration_error_high"),
        drawing=Drawing("share", 1, band=Band("calibration_error_low", "calibration_error_high"), column="shown"),
    )
)
