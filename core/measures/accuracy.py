"""Accuracy on held-out samples, with intervals, per class, and the gain of one model over another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.optimize import brentq
from sklearn.metrics import confusion_matrix, recall_score

from core.errors import InputError
from core.measures.base import MEASURES, Band, Drawing, Evaluation, Measure, Z


@dataclass(frozen=True)
class Gain:
    """Accuracy after minus accuracy before, in [-1, 1], with its 95 % interval."""

    mean: float
    low: float
    high: float


def wilson(correct: float, n: float) -> tuple[float, float]:
    """95 % score interval of a share ``correct / n`` (Wilson 1927, JASA 22).

    With p = correct/n and z = 1.96: (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n). It stays inside [0, 1]
    and does not collapse at 0 or 1, unlike p ± z √(p(1−p)/n). Of weighted samples, both are counted in effect.

    Raises
    ------
    InputError
        If ``n`` is 0 or ``correct`` is not in 0..n.
    """
    if n < 1 or not 0 <= correct <= n:
        raise InputError("accuracy", f"{correct} correct out of {n} samples is not a share.", "Evaluate at least one sample.")
    p, z2 = correct / n, Z * Z
    centre = p + z2 / (2 * n)
    half = Z * sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    # Rounding alone could leave 1e-17 instead of the exact ends.
    low = 0.0 if correct == 0 else (centre - half) / (1 + z2 / n)
    high = 1.0 if correct == n else (centre + half) / (1 + z2 / n)
    return low, high


def difference_interval(first: tuple[float, float, float], second: tuple[float, float, float]) -> tuple[float, float]:
    """95 % interval of a difference of two shares, each given with its Wilson interval (Newcombe 1998, Statistics in Medicine 17, no. 10).

    The shares count as independent; on the same samples, where both mostly err together, it is rather too wide.
    """
    (a, a_low, a_high), (b, b_low, b_high) = first, second
    return a - b - sqrt((a - a_low) ** 2 + (b_high - b) ** 2), a - b + sqrt((a_high - a) ** 2 + (b - b_low) ** 2)


def confusion(labels: np.ndarray, predictions: np.ndarray, k: int) -> np.ndarray:
    """Counts int64, k×k: row = true class, column = predicted class. Both inputs are integers in ``range(k)``, shape N."""
    for where, values in (("labels", labels), ("predictions", predictions)):
        if values.size and (values.min() < 0 or values.max() >= k):  # scikit-learn leaves such samples out and says nothing
            raise InputError(
                where, f"they lie in {values.min()}..{values.max()}, but there are {k} classes.", f"Number the classes from 0 to {k - 1}."
            )
    return confusion_matrix(labels, predictions, labels=np.arange(k))


def per_class(labels: np.ndarray, predictions: np.ndarray, k: int) -> np.ndarray:
    """Accuracy within each true class, float64, shape k; nan for a class without samples."""
    # Its types are guessed from the defaults, which are texts.
    shares = recall_score(labels, predictions, labels=np.arange(k), average=None, zero_division=np.nan)  # pyright: ignore[reportArgumentType]
    return np.asarray(shares)


def gain_interval(before_correct: np.ndarray, after_correct: np.ndarray) -> Gain:
    """Score interval of an accuracy difference on the *same* held-out samples (Tango 1998, Statistics in Medicine 17).

    Of N samples b became wrong and c right. An interval's ends are the differences δ at which the score test of δ is just not rejected:

        |c − b − Nδ| = 1.96 √(N (2q̂ + δ(1 − δ)))

    where q̂ is the most likely share of samples that become wrong, given δ. It is Wilson's interval for pairs. The percentiles of a paired
    bootstrap, which lie beside it where many samples changed, hold the truth too rarely where few did, and have length 0 where none did.

    Parameters
    ----------
    before_correct, after_correct : ndarray of bool, shape N
        Whether each model is right on sample i.
    """
    before, after = np.asarray(before_correct, bool), np.asarray(after_correct, bool)
    if before.shape != after.shape or before.ndim != 1 or before.size == 0:
        raise InputError(
            "gain",
            f"the two models were judged on {before.shape} and {after.shape} samples.",
            "Evaluate both models on the same held-out samples, at least one.",
        )
    n = before.size
    b, c = int((before & ~after).sum()), int((after & ~before).sum())

    def excess(delta: float) -> float:
        """By how much the squared score is too large: negative inside of the interval."""
        linear = (2 * n - c + b) * delta - b - c
        q = (sqrt(max(linear * linear + 8 * n * b * delta * (1 - delta), 0.0)) - linear) / (4 * n)
        return (c - b - n * delta) ** 2 - Z * Z * n * max(2 * q + delta * (1 - delta), 0.0)

    mean, beside = (c - b) / n, 1e-9  # at the mean itself both sides are 0 if no sample changed, or all did
    return Gain(mean, root(excess, -1.0, max(mean - beside, -1.0)), root(excess, min(mean + beside, 1.0), 1.0))


def root(excess: Callable[[float], float], low: float, high: float) -> float:
    """Where ``excess`` is 0 between two ends at which it has other signs (Brent 1973)."""
    return float(brentq(excess, low, high))  # pyright: ignore[reportArgumentType]  (a pair only with full_output)


def _predictions(probabilities: np.ndarray, where: str) -> np.ndarray:
    """Most probable class of each row. argmax of a row with NaN would silently be the NaN's column."""
    if not np.isfinite(probabilities).all():
        broken = int((~np.isfinite(probabilities)).any(axis=1).sum())
        raise InputError(
            where,
            f"{broken} of {len(probabilities)} samples have a probability that is not a number.",
            "The training diverged. Lower the learning rate or the trade-off and run again.",
        )
    return probabilities.argmax(axis=1)


def source_accuracy(evaluation: Evaluation) -> dict[str, float]:
    predicted = _predictions(evaluation.source_probabilities, "source_probabilities")
    return {"source_accuracy": float((predicted == evaluation.source_labels).mean())}


MEASURES.add(
    Measure(
        "source_accuracy",
        "Source validation",
        "Accuracy on held-out source samples. It asks whether the classifier still works where labels are known.",
        r"\frac{1}{n}\sum_i [\hat y_i = y_i],\; x_i \sim S",
        "The usual validation; as a baseline of selection in Gulrajani & Lopez-Paz 2021, arXiv 2007.01434.",
        "It says nothing of the target: it can stay at 100 % while target accuracy falls.",
        range="0 to 1",
        better="higher",
        label="source accuracy",
        drawing=Drawing("share", 1, picture="accuracy", column="blind"),
        validates=True,
        of_run=source_accuracy,
    )
)


def target_accuracy(evaluation: Evaluation) -> dict[str, float | None]:
    keys = ("target_accuracy", "target_accuracy_low", "target_accuracy_high")
    predicted = _predictions(evaluation.target_probabilities, "target_probabilities")
    labels = evaluation.target_labels
    if labels is None:
        return dict.fromkeys(keys)
    correct = int((predicted == labels).sum())
    return dict(zip(keys, (correct / len(labels), *wilson(correct, len(labels))), strict=True))


MEASURES.add(
    Measure(
        "target_accuracy",
        "Target accuracy",
        "Share of held-out target samples that are classified rightly.",
        r"\frac1m\sum_j [\hat y_j = y_j],\; x_j \sim T",
        "Interval: Wilson 1927, JASA 22.",
        "It needs target labels, so it is evaluation only. A mean over classes that hides the rare ones: see the worst class.",
        range="0 to 1",
        better="higher",
        label="target accuracy",
        needs_target_labels=True,
        companions=("target_accuracy_low", "target_accuracy_high"),
        drawing=Drawing("share", 1, band=Band("target_accuracy_low", "target_accuracy_high"), picture="accuracy", column="shown"),
        of_run=target_accuracy,
    )
)


MEASURES.add(
    Measure(
        "source_only_target_accuracy",
        "Source-only",
        "Target accuracy of the same network trained on the source alone, for as many updates as the method had: what there is without "
        "adaptation. Methods that do not see the source, and closed forms, have the network that they start from.",
        r"\frac1m\sum_j [\hat y^\text{source-only}_j = y_j],\; x_j \sim T",
        "The baseline of the field, for example Ganin et al. 2016, JMLR 17.",
        "It needs target labels, so it is evaluation only. Another seed trains another network, with another accuracy on the target.",
        range="0 to 1",
        better="higher",
        label="source-only",
        needs_target_labels=True,
        drawing=Drawing("share", 1, picture="accuracy", column="shown"),
        kept="measures",
    )
)


MEASURES.add(
    Measure(
        "gain",
        "Gain over source-only",
        "Accuracy of the method minus accuracy of source-only, trained for as long, on the same held-out samples. Methods that do not see "
        "the source, and closed forms, are compared with the network that they start from.",
        r"\frac1m\sum_j \big([\hat y_j = y_j] - [\hat y^\text{source-only}_j = y_j]\big)",
        "Score interval for pairs: Tango 1998, Statistics in Medicine 17. Negative transfer: the whole 95 % interval lies below 0.",
        "The interval is about these two networks: another seed trains others, so look at several. With fewer than about five samples that "
        "changed it is rather too wide.",
        range="−1 to 1",
        better="higher",
        label="gain",
        needs_target_labels=True,
        companions=("gain_low", "gain_high"),
        drawing=Drawing("points", 1, band=Band("gain_low", "gain_high"), column="shown"),
        kept="measures",
    )
)


MEASURES.add(
    Measure(
        "gain_over_seeds",
        "Gain over seeds",
        "Mean gain of runs that differ in nothing but the seed: what to expect of the method, not of one network.",
        r"\bar g \pm t_{0.975}(R-1)\, s/\sqrt R",
        "Student 1908, Biometrika 6.",
        "Two or three seeds give a wide interval. The runs share the data set.",
        range="−1 to 1",
        better="higher",
        needs_target_labels=True,
        finding_of="run",
        drawing=Drawing("points", 1),
    )
)


MEASURES.add(
    Measure(
        "oracle_target_accuracy",
        "Oracle",
        "Target accuracy of a network of the same kind that was trained on the target's labels: about what one could hope for.",
        r"\frac1m\sum_j [\hat y^\text{oracle}_j = y_j],\; x_j \sim T",
        "Usual in the field, for example Tzeng et al. 2017, arXiv 1702.05464.",
        "It is one network, not the best possible: a method may come out above it. Nobody has it in earnest.",
        range="0 to 1",
        better="higher",
        label="oracle",
        needs_target_labels=True,
        finding_of="run",
        drawing=Drawing("share", 1, column="shown"),
    )
)


def gap_closed(source_only: float | None, reached: float | None, oracle: float | None) -> float | None:
    """(reached − source-only) ÷ (oracle − source-only); None where there is no gap of at least one point to close."""
    if source_only is None or reached is None or oracle is None or oracle - source_only < 0.01:
        return None
    return (reached - source_only) / (oracle - source_only)


MEASURES.add(
    Measure(
        "gap_closed",
        "Gap closed",
        "Which part of the way from source-only to the oracle the method went. 100 %: as good as training on target labels.",
        r"\frac{a_\text{method} - a_\text{source-only}}{a_\text{oracle} - a_\text{source-only}}",
        "Usual in the field, for example Tzeng et al. 2017, arXiv 1702.05464.",
        "Not given where the gap is below one point; rough where it is small. The oracle is one network, not the best possible.",
        range="below 0 (it became wider) to 1 and above",
        better="higher",
        label="gap closed",
        needs_target_labels=True,
        finding_of="run",
        drawing=Drawing("share", 1, column="shown"),
    )
)


def worst_class(evaluation: Evaluation) -> dict[str, float | None]:
    labels = evaluation.target_labels
    if labels is None:
        return {"target_worst_class": None}
    predicted = _predictions(evaluation.target_probabilities, "target_probabilities")
    return {"target_worst_class": float(np.nanmin(per_class(labels, predicted, evaluation.target_probabilities.shape[1])))}


MEASURES.add(
    Measure(
        "target_worst_class",
        "Worst class",
        "The lowest accuracy among the classes that are present in the target.",
        r"\min_k \frac{|\{j: \hat y_j = y_j = k\}|}{|\{j: y_j = k\}|}",
        "Worst-group accuracy: Sagawa et al. 2020, arXiv 1911.08731.",
        "The lowest of many is low by chance alone where classes are small.",
        range="0 to 1",
        better="higher",
        label="worst class",
        needs_target_labels=True,
        drawing=Drawing("share", 1, column="shown"),
        of_run=worst_class,
    )
)


MEASURES.add(
    Measure(
        "class_change",
        "Accuracy per class",
        "Accuracy on each true class before and after: whom adaptation helped and whom it hurt.",
        r"p = P\big(\mathrm{Bin}(f + b, \tfrac12) \text{ at least as far from } \tfrac{f+b}{2} \text{ as } f\big)",
        "McNemar 1947 on the fixed (f) and broken (b) samples; Benjamini & Hochberg 1995 over the classes; intervals: Wilson 1927.",
        "A class is called helped or hurt only if q < 0.05. Small classes can change much without reaching that.",
        needs_target_labels=True,
        finding_of="run",
    )
)


MEASURES.add(
    Measure(
        "confusion",
        "Confusion",
        "How often each true class is predicted as each class. The diagonal is right.",
        r"P(\hat y = B \mid y = A)",
        "Pearson 1904; the name since Townsend 1971.",
        "It needs target labels, so it is evaluation only.",
        needs_target_labels=True,
        finding_of="run",
    )
)
