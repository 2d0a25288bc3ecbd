"""Label shift: which class shares the target must have, read off a source classifier's predictions alone (BBSE)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.errors import InputError
from core.measures.accuracy import confusion
from core.measures.base import MEASURES, Drawing, Measure

DRAWS = 500
LARGEST_CONDITION = 20  # beyond it an error of 1 % in what is predicted becomes one of 20 % in what is estimated
FEWEST = 5  # held-out source samples of a class


@dataclass(frozen=True)
class LabelShift:
    """Class shares, float64, K.

    Attributes
    ----------
    source : ndarray
        Shares among the held-out source samples.
    estimated, low, high : ndarray or None
        Shares that the target must have if only they changed, with 95 % bootstrap intervals. They sum to 1 and may leave [0, 1].
    weights : ndarray or None
        ŵ = estimated ÷ source.
    condition : float
        Condition number of the matrix that was inverted; 1 is best.
    refusal : str or None
        Why there is no estimate, in plain words.
    contradicted : bool
        Some interval lies wholly below 0: no shares at all could bring about these predictions, so more than the shares has changed.
    """

    source: np.ndarray
    estimated: np.ndarray | None
    low: np.ndarray | None
    high: np.ndarray | None
    weights: np.ndarray | None
    condition: float
    refusal: str | None
    contradicted: bool = False


def label_shift(labels: np.ndarray, predictions: np.ndarray, target_predictions: np.ndarray, k: int, seed: int = 0) -> LabelShift:
    """Black-box shift estimation (Lipton, Wang & Smola 2018, arXiv 1802.03916).

    With C[i, j] the share of held-out source samples of class j that are predicted as i, and μ̂ the shares of the predictions on the
    target, ŵ = C⁻¹μ̂ is the ratio of target share to source share of each class, provided that p(x|y) is the same in both domains.
    The condition number is that of p(prediction | class), so that it tells how well the classifier separates and not how unequal
    the source's classes are. The intervals redraw both samples (percentiles of 500 draws).

    Parameters
    ----------
    labels, predictions : ndarray of int, n
        Of source samples that the classifier was not trained on.
    target_predictions : ndarray of int, m
    k : int
        Number of classes.
    seed : int
        Draws the bootstrap samples.
    """
    if not len(labels) or not len(target_predictions):
        raise InputError("predictions", "there are none.", "Evaluate at least one sample of each domain.")
    counts = confusion(labels, predictions, k).T  # row: predicted, column: true
    seen = np.bincount(np.asarray(target_predictions, np.int64), minlength=k)
    shares = counts.sum(0) / counts.sum()
    if counts.sum(0).min() < FEWEST:
        text = f"One class has fewer than {FEWEST} held-out source samples, so nothing can be said about how often it is mistaken."
        return LabelShift(shares, None, None, None, None, float("inf"), text)
    condition = float(np.linalg.cond(counts / counts.sum(0)))
    if not condition <= LARGEST_CONDITION:
        text = (
            f"The source classifier mistakes some classes for each other too often (condition number {min(condition, 1e6):,.0f}, "
            f"{LARGEST_CONDITION} would do): any answer would be noise. Features that tell the classes apart help."
        )
        return LabelShift(shares, None, None, None, None, condition, text)
    weights = _solve(counts[None], seen[None])[0]
    rng = np.random.default_rng([seed, 0xBB5E])
    source_draws = rng.multinomial(counts.sum(), counts.ravel() / counts.sum(), DRAWS).reshape(DRAWS, k, k)
    target_draws = rng.multinomial(seen.sum(), seen / seen.sum(), DRAWS)
    drawn = _solve(source_draws, target_draws) * (source_draws.sum(1) / counts.sum())
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return LabelShift(shares, weights * shares, low, high, weights, condition, None, bool((high < 0).any()))


def _solve(counts: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """ŵ of each of B draws: counts B×K×K, seen B×K. By the pseudo-inverse, since a draw may be singular."""
    c = counts / counts.sum((1, 2), keepdims=True)
    mu = seen / seen.sum(1, keepdims=True)
    return (np.linalg.pinv(c) @ mu[..., None])[..., 0]


def with_class_shares(labels: np.ndarray, shares: np.ndarray, most: int, seed: int = 0) -> np.ndarray:
    """Indices of as many samples as possible, ``most`` at most, whose classes have the given shares; each sample once, at random.

    Shares below 0 count as 0. The rarest class decides how many there can be.
    """
    wanted = np.maximum(shares, 0) / np.maximum(shares, 0).sum()
    rng = np.random.default_rng([seed, 0x5A3E])
    members = [rng.permutation(np.flatnonzero(labels == c)) for c in range(len(wanted))]
    total = min([most, *(len(m) / w for m, w in zip(members, wanted, strict=True) if w > 0)])
    return np.concatenate([m[: round(float(total * w))] for m, w in zip(members, wanted, strict=True)]).astype(int)


MEASURES.add(
    Measure(
        name="label_shift",
        title="Class shares in the target",
        meaning="The share of each class that the target must have for the source classifier to predict what it predicts there.",
        formula=r"\hat w = C^{-1}\hat\mu,\quad C_{ij} = P_\text{source}(\hat y = i, y = j),\quad \hat\mu_i = P_\text{target}(\hat y = i)",
        source="Lipton, Wang & Smola 2018, Detecting and Correcting for Label Shift with Black Box Predictors, arXiv 1802.03916",
        limits="Right only if samples of one class look the same in both domains. If their looks changed too, the classifier errs "
        "differently in the target and the shares are wrong; shares below 0 give this away.",
        finding_of="pair",
        range="0 to 1 each",
        drawing=Drawing("share", 1),
    )
)
MEASURES.add(
    Measure(
        name="condition",
        title="Condition number",
        meaning="How much the estimate of class shares blows up errors: 1 is a perfect classifier, 20 is where no answer is given.",
        formula=r"\kappa = \sigma_{\max}(M) / \sigma_{\min}(M),\quad M_{ij} = P_\text{source}(\hat y = i \mid y = j)",
        source="Lipton, Wang & Smola 2018, arXiv 1802.03916, section 4",
        limits="A low number makes the estimate precise, not right: it does not say whether the classes look the same in both domains.",
        finding_of="pair",
        range="1 upwards",
        better="lower",
        drawing=Drawing("number", 1),
    )
)
