"""Label shift: which class shares the target must have, read off a source classifier's predictions alone (BBSE)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.errors import InputError
from core.measures.accuracy import confusion
from core.measures.base import MEASURES, Drawing, Measure

DRAWS = 1000
LARGEST_CONDITION = 20  # beyond it an error of 1 % in what is predicted becomes one of 20 % in what is estimated
FEWEST = 5  # held-out source samples of a class
CERTAIN = 0.95  # of the draws must have a smaller condition number than that


@dataclass(frozen=True)
class LabelShift:
    """Class shares, float64, K.

    Attributes
    ----------
    source : ndarray
        Shares among the source samples whose predictions were counted.
    estimated, low, high : ndarray or None
        Shares that the target must have if only they changed, with 95 % intervals. They lie in [0, 1], and the estimates sum to 1.
    weights : ndarray or None
        ŵ = estimated ÷ source.
    condition : float
        Condition number of the matrix that was inverted; 1 is best.
    refusal : str or None
        Why there is no estimate, in plain words.
    contradicted : bool
        No shares at all could bring about these predictions, so more than the shares has changed. There is no estimate then.
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
    the source's classes are.

    Noise can put a share a little below 0 or above 1: the estimate is then the nearest point at which all are shares. The
    intervals are percentiles of 1,000 draws of both samples' proportions from their posteriors under the prior of Perks (1947, J.
    Institute of Actuaries 73:285-334), 1/K of a sample in each cell: a bootstrap would be sure of what five samples happen to agree in.
    Where the draws leave [0, 1] the intervals are cut; the truth lies in there.

    Parameters
    ----------
    labels, predictions : ndarray of int, n
        Of source samples that the classifier was not trained on.
    target_predictions : ndarray of int, m
    k : int
        Number of classes.
    seed : int
        Of the draws.
    """
    if not len(labels) or not len(target_predictions):
        raise InputError("predictions", "there are none.", "Evaluate at least one sample of each domain.")
    if k < 2:
        return LabelShift(np.ones(k), None, None, None, None, float("inf"), "There is only one class.")
    counts = confusion(labels, predictions, k).T  # row: predicted, column: true
    seen = np.bincount(np.asarray(target_predictions, np.int64), minlength=k)
    of_class = counts.sum(0)
    shares = of_class / counts.sum()

    def refused(why: str, condition: float = float("inf"), contradicted: bool = False) -> LabelShift:
        return LabelShift(shares, None, None, None, None, condition, why, contradicted)

    if of_class.min() < FEWEST:
        return refused(
            f"One class has {_so_many(int(of_class.min()))} to count errors on, and {FEWEST} are needed, "
            "so nothing can be said about how often it is mistaken."
        )
    condition = float(np.linalg.cond(counts / of_class))
    drawn, conditions = _draws(counts, seen, seed)
    worst = float(np.quantile(conditions, CERTAIN))
    if not max(condition, worst) <= LARGEST_CONDITION:
        counted = f"{counts.sum():,} source samples"
        could = f" in {counted}" if condition > LARGEST_CONDITION else f"; with {counted} it may be {min(worst, 1e6):,.0f}"
        return refused(
            f"The source classifier mistakes some classes for each other too often (condition number {min(condition, 1e6):,.0f}{could}, "
            f"{LARGEST_CONDITION} would do): any answer would be noise. Features that tell the classes apart help, and so do more samples.",
            condition,
        )
    raw = np.linalg.solve(counts / of_class, seen / seen.sum())
    # Each of K shares may lie below 0 by chance, hence the stricter level.
    if (np.quantile(drawn, 1 - 0.025 / k, axis=0) < 0).any():
        return refused(
            f"No class shares at all could bring about the predictions on the {seen.sum():,} target samples: some would have to lie "
            "below 0 %. So the looks of the classes have changed, and not only their shares.",
            condition,
            contradicted=True,
        )
    estimated = _nearest_shares(raw)
    low, high = np.clip(np.quantile(drawn, [0.025, 0.975], axis=0), 0, 1)
    low, high = np.minimum(low, estimated), np.maximum(high, estimated)
    return LabelShift(shares, estimated, low, high, estimated / shares, condition, None)


def _so_many(n: int) -> str:
    return "no source sample" if n == 0 else "1 source sample" if n == 1 else f"{n} source samples"


def _draws(counts: np.ndarray, seen: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What the target's shares and the condition number may be, `DRAWS`×K and `DRAWS`. By the pseudo-inverse, as a draw may be singular."""
    k = len(seen)
    rng = np.random.default_rng([seed, 0xBB5E])
    rows = np.stack([rng.dirichlet(column + 1 / k, DRAWS) for column in counts.T], axis=2)  # draw × predicted × true
    mu = rng.dirichlet(seen + 1 / k, DRAWS)
    return (np.linalg.pinv(rows) @ mu[..., None])[..., 0], np.linalg.cond(rows)


def _nearest_shares(values: np.ndarray) -> np.ndarray:
    """The nearest point at which all are at least 0 and sum to 1 (Duchi et al. 2008, ICML, figure 1)."""
    falling = np.sort(values)[::-1]
    above = (np.cumsum(falling) - 1) / np.arange(1, len(values) + 1)
    return np.maximum(values - above[np.flatnonzero(falling > above)[-1]], 0)


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
        "differently in the target and the shares are wrong. Where shares would have to lie below 0 % none are given; where domains "
        "differ although the shares are made equal, they are not to be trusted.",
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
