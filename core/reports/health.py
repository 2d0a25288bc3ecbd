"""Training health: what the gauges say when something looks wrong, in plain sentences. Uses no target labels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from core.measures.glossary import WORDS, Words

Epochs = list[dict[str, Any]]
WINDOW = 5  # epochs over which the discriminator's accuracy is averaged: one epoch of it jumps by a fifth
CHANCE, WINS = 0.6, 0.97  # below the first the discriminator is called at chance, above the second it has won
NOTHING = 1e-6  # gradient ratio below which nothing is pulled


@dataclass(frozen=True)
class Finding:
    """One gauge's state.

    Attributes
    ----------
    name, title : str
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
    title: str
    value: float | None
    shown: str
    level: Literal["good", "look", "bad"]
    sentence: str


def findings(adapt: Epochs, classes: int | None = None) -> list[Finding]:
    """What each gauge of a run's adaptation shows; empty before its first epoch.

    Parameters
    ----------
    adapt : list of dict
        The lines of adaptation, epoch 0 first.
    classes : int, optional
        K, if it is known.
    """
    trained = [epoch for epoch in adapt if epoch["number"] > 0]
    if not trained or adapt[0]["number"] != 0:
        return []
    before = adapt[0]["gauges"]
    checks = [
        _pull(trained),
        _discriminator(trained),
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
    if _task_alone(trained):
        return True
    if ratios:
        return max(ratios) < NOTHING
    # Methods whose updates take turns have no ratio; their alignment loss is exactly 0 when its weight is.
    losses = [epoch["losses"]["align"] for epoch in trained if "align" in epoch.get("losses", {})]
    return bool(losses) and not any(losses)


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


def _pull(trained: Epochs) -> Finding | None:
    ratios = _series(trained, "gradient_ratio")
    if nothing_aligned(trained):
        why = "this method has no alignment loss" if _task_alone(trained) else "the weight of the alignment is 0"
        return Finding(
            "gradient_ratio", "Gradient ratio", 0.0, "0", "bad", f"Nothing was aligned: {why}. Whatever changed comes from training on."
        )
    if not ratios:
        return None
    value, shown = ratios[-1], f"{ratios[-1]:.2g}"
    if not math.isfinite(value):
        return Finding("gradient_ratio", "Gradient ratio", value, shown, "bad", "The gradients are no numbers any more: training diverged.")
    middle = float(np.median(ratios))
    if middle < 0.01:
        text = f"The alignment hardly pulls: its gradient is {100 * middle:.2g} % of the task's. Raise the trade-off to see it act."
        return Finding("gradient_ratio", "Gradient ratio", value, shown, "look", text)
    if middle > 100:
        text = f"The alignment pulls {middle:.0f} times as hard as the task: the classes may be lost. Lower the trade-off."
        return Finding("gradient_ratio", "Gradient ratio", value, shown, "look", text)
    text = f"At the features the alignment pulls {value:.2g} times as hard as the task (median over the run {middle:.2g})."
    return Finding("gradient_ratio", "Gradient ratio", value, shown, "good", text)


def _discriminator(trained: Epochs) -> Finding | None:
    values = _series(trained, "discriminator_accuracy")
    if not values:
        return None
    recent, shown = float(np.mean(values[-WINDOW:])), f"{100 * values[-1]:.0f} %"
    name, title = "discriminator_accuracy", "Discriminator accuracy"
    measures = trained[-1]["measures"]
    auc, low = measures.get("domain_auc"), measures.get("domain_auc_low")
    since = at_chance_since(trained)
    if since is not None and auc is not None and low > 0.6:
        text = (
            f"The discriminator is at chance since epoch {since} ({100 * recent:.0f} % right over the last epochs, chance 50 %) while a "
            f"classifier still sees AUC {auc:.2f}: it has stopped learning, not converged."
        )
        return Finding(name, title, values[-1], shown, "bad", text)
    if since is not None:
        agrees = "" if auc is None else f", and the domain AUC of {auc:.2f} agrees: the domains are hard to tell apart"
        text = f"The discriminator is at chance since epoch {since}{agrees}."
        return Finding(name, title, values[-1], shown, "good", text)
    if recent > WINS:
        text = f"The discriminator wins: {100 * recent:.0f} % right over the last epochs. So sure, it teaches the features little."
        return Finding(name, title, values[-1], shown, "look", text)
    return Finding(
        name, title, values[-1], shown, "good", f"The discriminator is {100 * recent:.0f} % right over the last epochs; chance is 50 %."
    )


def _predictions(before: dict[str, float], trained: Epochs) -> Finding:
    start, value = before["largest_class"], trained[-1]["gauges"]["largest_class"]
    name, title, shown = "largest_class", "Most predicted class", f"{100 * value:.0f} %"
    if collapsed(start, value):
        first = next(e["number"] for e in trained if collapsed(start, e["gauges"]["largest_class"]))
        text = (
            f"Collapse: {100 * value:.1f} % of the target is predicted as one class, {100 * start:.1f} % before, since epoch {first}. "
            "Measures that reward sure predictions (entropy, SND) can look good now although the network no longer tells the classes apart."
        )
        return Finding(name, title, value, shown, "bad", text)
    text = f"The most predicted class has {100 * value:.1f} % of the target samples, {100 * start:.1f} % before: no collapse."
    return Finding(name, title, value, shown, "good", text)


def _entropy(trained: Epochs, classes: int | None) -> Finding:
    value = trained[-1]["gauges"]["entropy"]
    name, title, shown = "entropy", "Entropy of predictions", f"{value:.2f} nats"
    most = math.log(classes) if classes and classes > 1 else None
    if most and value > 0.9 * most:
        text = f"The predictions are nearly a guess: {value:.2f} of at most {most:.2f} nats."
        return Finding(name, title, value, shown, "look", text)
    text = f"Predictions on the target have {value:.2f} nats of entropy" + (f" of at most {most:.2f}." if most else ".")
    return Finding(name, title, value, shown, "good", text)


def _norm(before: dict[str, float], trained: Epochs) -> Finding:
    start, value = before["feature_norm"], trained[-1]["gauges"]["feature_norm"]
    name, title, shown = "feature_norm", "Feature norm", f"{value:.3g}"
    ratio = value / max(start, 1e-12)
    if ratio < 0.2:
        text = f"Target features shrank from {start:.3g} to {value:.3g}: a small distance between the domains may be due to that alone."
        return Finding(name, title, value, shown, "look", text)
    if ratio > 5:
        text = f"Target features grew from {start:.3g} to {value:.3g}: predictions become sure without becoming better."
        return Finding(name, title, value, shown, "look", text)
    return Finding(name, title, value, shown, "good", f"The mean norm of target features went from {start:.3g} to {value:.3g}.")


def _rank(before: dict[str, float], trained: Epochs) -> Finding:
    start, value = before["effective_rank"], trained[-1]["gauges"]["effective_rank"]
    name, title, shown = "effective_rank", "Effective rank", f"{value:.1f}"
    if value < 0.4 * start:
        text = f"Target features fell from about {start:.0f} directions to {value:.0f}: they are being flattened, which hides classes."
        return Finding(name, title, value, shown, "look", text)
    return Finding(name, title, value, shown, "good", f"Target features use about {value:.0f} directions, {start:.0f} before.")


for _words in (
    Words(
        "gradient_ratio",
        "Gradient ratio",
        "How hard the alignment pulls at the features, beside the task loss. 0: nothing is aligned. 1: both pull alike.",
        r"\frac{\lVert \partial L_\text{align}/\partial f\rVert}{\lVert \partial L_\text{task}/\partial f\rVert}",
        "Compare gradient balancing, Chen et al. 2018, arXiv 1711.02257.",
        "Of the last batch of an epoch. It rises by itself when the task loss becomes small.",
    ),
    Words(
        "discriminator_accuracy",
        "Discriminator accuracy",
        "How often the method's own discriminator tells source from target in training, both domains weighted alike. Chance is 50 %.",
        r"\tfrac12\big(P(\hat d = S \mid S) + P(\hat d = T \mid T)\big)",
        "Ganin et al. 2016, JMLR 17.",
        "At chance it has been fooled, or it has stopped learning: only an independent classifier (domain AUC) can tell which.",
    ),
    Words(
        "largest_class",
        "Most predicted class",
        "Share of target samples that are predicted as the most frequent class. Near 100 % the network has collapsed.",
        r"\max_k \frac1m\,|\{j: \hat y_j = k\}|",
        "The collapse alarm of Shiftscope, 2026.",
        "A target that truly has one dominant class looks the same.",
    ),
    Words(
        "feature_norm",
        "Feature norm",
        "Mean length of the target's feature vectors.",
        r"\frac1m\sum_j \lVert f_j\rVert_2",
        "Xu et al. 2019 (adaptive feature norm), arXiv 1811.07456.",
        "Only its change within a run means something.",
    ),
    Words(
        "effective_rank",
        "Effective rank",
        "About how many directions the target's features use.",
        r"\exp H\big(\sigma / \textstyle\sum\sigma\big)",
        "Roy & Vetterli 2007, EUSIPCO.",
        "With K classes that are perfectly separated it is about K − 1: lower than before is not bad in itself.",
    ),
    Words(
        "effective_samples",
        "Effective sample size",
        "How many equally weighted source samples would say as much as the re-weighted ones do.",
        r"\big(\textstyle\sum_i w_i\big)^2 \big/ \textstyle\sum_i w_i^2",
        "Kish 1965, Survey Sampling.",
        "A few large weights make it small: then a handful of source samples decide, and accuracy hangs on chance.",
    ),
    Words(
        "shot_accuracy",
        "Accuracy on the shots",
        "Share of the labelled target samples that are classified rightly while they are being learned.",
        r"\tfrac{1}{n}\textstyle\sum_i \mathbf{1}[\hat y_i = y_i]",
        "Training accuracy, as in every course since Vapnik 1998.",
        "They are trained on, so it says nothing of other target samples; it soon is 1.",
    ),
    Words(
        "labelled",
        "Target samples that teach",
        "Share of target samples of whose prediction the method is sure enough to learn from it.",
        r"\tfrac{1}{B}\textstyle\sum_i \mathbf{1}[\max_k q_{ik} \ge \tau]",
        "Sohn et al. 2020, arXiv 2001.07685.",
        "Sure is not right: a high share with low accuracy means that mistakes are being learned.",
    ),
    Words(
        "relabelled",
        "Labels that changed",
        "Share of the target's pseudo-labels that are others than an epoch before.",
        r"\tfrac{1}{n}\textstyle\sum_i \mathbf{1}[\tilde y_i \ne \tilde y_i^{\text{before}}]",
        "Liang et al. 2020, arXiv 2002.08546.",
        "Labels that have stopped to change may all be wrong: it says that learning has settled, not where.",
    ),
):
    WORDS.add(_words)
