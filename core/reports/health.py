"""Training health: what the gauges say when something looks wrong, in plain sentences. Uses no target labels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from core.measures import MEASURES
from core.reports.doubts import undertrained
from core.reports.text import auc_value, fixed, interval, percent, points

Epochs = list[dict[str, Any]]
WINDOW = 5  # epochs over which the discriminator's accuracy is averaged: one epoch of it jumps by a fifth
CHANCE, WINS = 0.6, 0.97  # below the first the discriminator is called at chance, above the second it has won
NOTHING = 1e-6  # gradient ratio below which nothing is pulled
NONE, ALL = 0.01, 0.99  # shares of target samples that teach below and above which the method's threshold sorts nothing


@dataclass(frozen=True)
class Finding:
    """One gauge's state.

    Attributes
    ----------
    name : str
        The gauge, as in the run's lines.
    value : float or None
        At the last epoch.
    shown : str
        The value in the words of a tile.
    level : str
        "good", "look" (unusual) or "bad" (the run cannot be trusted to do what its method promises).
    sentence : str
    """

    name: str
    value: float | None
    shown: str
    level: Literal["good", "look", "bad"]
    sentence: str

    @property
    def title(self) -> str:
        return MEASURES.get(self.name).title


def findings(adapt: Epochs, classes: int | None = None, linear: dict[str, Any] | None = None) -> list[Finding]:
    """What each gauge of a run's adaptation shows, and whether its source network was trained; empty before its first epoch.

    Parameters
    ----------
    adapt : list of dict
        The lines of adaptation, epoch 0 first.
    classes : int, optional
        K, if it is known.
    linear : dict, optional
        The line of the linear reference.
    """
    trained = [epoch for epoch in adapt if epoch["number"] > 0]
    if not trained or adapt[0]["number"] != 0:
        return []
    before = adapt[0]["gauges"]
    checks = [
        _trained(linear),
        _pull(trained, stood_still(adapt)),
        _discriminator(trained),
        _labelled(trained),
        _predictions(before, trained),
        _entropy(trained, classes),
        _norm(before, trained),
        _rank(before, trained),
    ]
    return [finding for finding in checks if finding is not None]


def nothing_aligned(adapt: Epochs) -> bool:
    """Whether no gradient of any alignment loss ever reached the features: λ = 0, or a method without such a loss."""
    trained = [epoch for epoch in adapt if epoch["number"] > 0]
    ratios = _series(trained, "gradient_ratio")
    if _task_alone(trained) or stood_still(adapt):
        return True
    if ratios:
        return max(ratios) < NOTHING
    # Methods whose updates take turns have no ratio; their alignment loss is exactly 0 when its weight is.
    losses = [epoch["losses"]["align"] for epoch in trained if "align" in epoch.get("losses", {})]
    return bool(losses) and not any(losses)


def stood_still(adapt: Epochs) -> bool:
    """Whether there was an alignment loss, and no feature moved: the backbone is the inputs themselves, or has nothing to train."""
    if len(adapt) < 2 or not any("align" in epoch.get("losses", {}) for epoch in adapt):
        return False
    before, *later = (((epoch["measures"].get("mmd2"), epoch["gauges"].get("feature_norm"))) for epoch in adapt)
    return None not in before and all(now == before for now in later)


def _task_alone(trained: Epochs) -> bool:
    return bool(trained) and all(epoch.get("losses", {}).keys() == {"task"} for epoch in trained)


def collapsed(before: float, after: float) -> bool:
    """Whether the most predicted class took over: more than half of the samples, and far more than before."""
    return after > max(0.5, min(1.6 * before, before + 0.3))


def at_chance_since(trained: Epochs) -> int | None:
    """The first epoch of the last stretch in which the discriminator's accuracy, averaged over `WINDOW` epochs, is at chance."""
    known = [(epoch["number"], epoch["gauges"].get("discriminator_accuracy")) for epoch in trained]
    known = [(number, value) for number, value in known if value is not None]
    since = None
    for i in range(len(known) - 1, -1, -1):
        recent = [value for _, value in known[max(0, i - WINDOW + 1) : i + 1]]
        if np.mean(recent) > CHANCE:
            break
        since = known[i][0]
    return since


def _series(trained: Epochs, name: str) -> list[float]:
    return [epoch["gauges"][name] for epoch in trained if epoch["gauges"].get(name) is not None]


def _pull(trained: Epochs, still: bool) -> Finding | None:
    ratios = _series(trained, "gradient_ratio")
    if nothing_aligned(trained):
        why = "this method has no alignment loss" if _task_alone(trained) else "the weight of the alignment is 0"
        why = "the features are the inputs themselves, which nothing can move" if still else why
        return Finding("gradient_ratio", 0.0, "0", "bad", f"Nothing was aligned: {why}. Whatever changed comes from training on.")
    if not ratios:
        return None
    value, shown = ratios[-1], f"{ratios[-1]:.2g}"
    if not math.isfinite(value):
        return Finding("gradient_ratio", value, shown, "bad", "The gradients are no numbers any more: training diverged.")
    middle = float(np.median(ratios))
    if middle < 0.01:
        text = f"The alignment hardly pulls: its gradient is {100 * middle:.2g} % of the task's. Raise the trade-off to see it act."
        return Finding("gradient_ratio", value, shown, "look", text)
    if middle > 100:
        text = f"The alignment pulls {middle:.0f} times as hard as the task: the classes may be lost. Lower the trade-off."
        return Finding("gradient_ratio", value, shown, "look", text)
    text = f"At the features the alignment pulls {value:.2g} times as hard as the task (median over the run {middle:.2g})."
    return Finding("gradient_ratio", value, shown, "good", text)


def _discriminator(trained: Epochs) -> Finding | None:
    values = _series(trained, "discriminator_accuracy")
    if not values:
        return None
    recent, shown = float(np.mean(values[-WINDOW:])), percent(values[-1], 0)
    name = "discriminator_accuracy"
    measures = trained[-1]["measures"]
    auc, low = measures.get("domain_auc"), measures.get("domain_auc_low")
    since = at_chance_since(trained)
    if since is not None and auc is not None and low > 0.6:
        text = (
            f"The discriminator is at chance since epoch {since} ({percent(recent, 0)} right over the last epochs, chance 50 %) while a "
            f"classifier still sees AUC {auc_value(auc)}: it has stopped learning, not converged."
        )
        return Finding(name, values[-1], shown, "bad", text)
    if since is not None:
        agrees = "" if auc is None else f", and the domain AUC of {auc_value(auc)} agrees: the domains are hard to tell apart"
        text = f"The discriminator is at chance since epoch {since}{agrees}."
        return Finding(name, values[-1], shown, "good", text)
    if recent > WINS:
        text = f"The discriminator wins: {percent(recent, 0)} right over the last epochs. So sure, it teaches the features little."
        return Finding(name, values[-1], shown, "look", text)
    return Finding(
        name, values[-1], shown, "good", f"The discriminator is {percent(recent, 0)} right over the last epochs; chance is 50 %."
    )


def _trained(linear: dict[str, Any] | None) -> Finding | None:
    """Whether the source network is as good on its own source as a classifier that needs no network."""
    measures = {} if linear is None else linear["measures"]
    if measures.get("linear_lead") is None:
        return None
    value, low, high = (measures[f"linear_lead{end}"] for end in ("", "_low", "_high"))
    shown, ends = points(value), interval(low, high, points, "interval")
    if low > 0:
        return Finding("linear_lead", value, shown, "bad", f"{undertrained(measures)} Raise Source epochs, or lower the learning rate.")
    better = "better than" if high < 0 else "as good as"
    text = (
        f"On held-out source samples the source network is {better} a logistic regression (lead of the regression: {shown} points, {ends})."
    )
    return Finding("linear_lead", value, shown, "good", text)


def _labelled(trained: Epochs) -> Finding | None:
    """Whether the threshold of a method that gives labels to the target sorts anything."""
    values = _series(trained, "labelled")
    if not values:
        return None
    shown = percent(values[-1])
    if max(values) < NONE:
        text = (
            f"No pseudo-label was ever given: in no epoch was the method sure enough of more than {percent(max(values))} of the target "
            "samples. So the source alone taught. Lower the threshold."
        )
        return Finding("labelled", values[-1], shown, "bad", text)
    if min(values) > ALL:
        text = (
            "Every target sample was given a label from the first epoch on, so the threshold sorts out no doubtful one, and mistakes are "
            "learned as well. Raise the threshold."
        )
        return Finding("labelled", values[-1], shown, "look", text)
    text = f"The method was sure enough of {shown} of the target samples to learn from them; in the first epoch, of {percent(values[0])}."
    return Finding("labelled", values[-1], shown, "good", text)


def _predictions(before: dict[str, float], trained: Epochs) -> Finding:
    start, value = before["largest_class"], trained[-1]["gauges"]["largest_class"]
    name, shown = "largest_class", percent(value, 0)
    if collapsed(start, value):
        first = next(e["number"] for e in trained if collapsed(start, e["gauges"]["largest_class"]))
        text = (
            f"Collapse: {percent(value)} of the target is predicted as one class, {percent(start)} before, since epoch {first}. "
            "Measures that reward sure predictions (entropy, SND) can look good now although the network no longer tells the classes apart."
        )
        return Finding(name, value, shown, "bad", text)
    text = f"The most predicted class has {percent(value)} of the target samples, {percent(start)} before: no collapse."
    return Finding(name, value, shown, "good", text)


def _entropy(trained: Epochs, classes: int | None) -> Finding:
    value = trained[-1]["gauges"]["entropy"]
    name, shown = "entropy", f"{fixed(value, 2)} nats"
    most = math.log(classes) if classes and classes > 1 else None
    if most and value > 0.9 * most:
        text = f"The predictions are nearly a guess: {fixed(value, 2)} of at most {fixed(most, 2)} nats."
        return Finding(name, value, shown, "look", text)
    text = f"Predictions on the target have {fixed(value, 2)} nats of entropy" + (f" of at most {fixed(most, 2)}." if most else ".")
    return Finding(name, value, shown, "good", text)


def _norm(before: dict[str, float], trained: Epochs) -> Finding:
    start, value = before["feature_norm"], trained[-1]["gauges"]["feature_norm"]
    name, shown = "feature_norm", f"{value:.3g}"
    ratio = value / max(start, 1e-12)
    if ratio < 0.2:
        text = f"Target features shrank from {start:.3g} to {value:.3g}: a small distance between the domains may be due to that alone."
        return Finding(name, value, shown, "look", text)
    if ratio > 5:
        text = f"Target features grew from {start:.3g} to {value:.3g}: predictions become sure without becoming better."
        return Finding(name, value, shown, "look", text)
    return Finding(name, value, shown, "good", f"The mean norm of target features went from {start:.3g} to {value:.3g}.")


def _rank(before: dict[str, float], trained: Epochs) -> Finding:
    start, value = before["effective_rank"], trained[-1]["gauges"]["effective_rank"]
    name, shown = "effective_rank", f"{value:.1f}"
    if value < 0.4 * start:
        text = f"Target features fell from about {start:.0f} directions to {value:.0f}: they are being flattened, which hides classes."
        return Finding(name, value, shown, "look", text)
    return Finding(name, value, shown, "good", f"Target features use about {value:.0f} directions, {start:.0f} before.")
