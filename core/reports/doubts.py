"""Why a gain may be no merit of the method: what a run's references say of the networks that it is judged by, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.measures.accuracy import difference_interval
from core.reports.text import interval, percent, points
from core.training.loop import settled

Epochs = list[dict[str, Any]]
Share = tuple[float, float, float]  # with its 95 % interval
MOST = 1000  # source epochs that a budget may ask for
SLOWER = "Lower the learning rate, or give the source more samples."


@dataclass(frozen=True)
class Doubt:
    """One reason not to praise the method.

    Attributes
    ----------
    clause : str
        In everyday words; it completes "This gain is no merit of DAN yet: …".
    fact : str
        The same as a sentence, with its numbers.
    remedy : str
        What to change before the run is repeated.
    """

    clause: str
    fact: str
    remedy: str


def doubts(epochs: Epochs) -> list[Doubt]:
    """All reasons that the lines of a run give, the gravest first; none for runs that were stored without these references.

    Those about the source's network are left out where a method in closed form brings a classifier of its own that is better.
    """
    found = [] if _own_head(epochs) else [_guesses(epochs), _unsettled(epochs), _undertrained(epochs)]
    return [doubt for doubt in (*found, _below(epochs)) if doubt is not None]


def last_of(phase: str, epochs: Epochs) -> dict[str, Any] | None:
    """The line with which a phase ended; None until then."""
    lines = [epoch for epoch in epochs if epoch["phase"] == phase]
    return lines[-1] if lines and lines[-1]["number"] == lines[-1]["total"] else None


def unsettled(phase: str, epochs: Epochs) -> bool:
    """Whether training on labels ended at its budget's bound while samples held back from it still gained."""
    lines = [epoch for epoch in epochs if epoch["phase"] == phase]
    known = bool(lines) and all("held_back" in epoch.get("losses", {}) for epoch in lines)
    return known and last_of(phase, epochs) is not None and not settled(lines)


def _own_head(epochs: Epochs) -> bool:
    adapt, source = [epoch for epoch in epochs if epoch["phase"] == "adapt"], last_of("source", epochs)
    if not adapt or source is None or len(adapt) < 2 or any(epoch.get("losses") for epoch in adapt):
        return False
    return adapt[0]["measures"]["source_accuracy"] > source["measures"]["source_accuracy"]


def _linear(epochs: Epochs) -> dict[str, Any]:
    line = last_of("linear", epochs)
    return {} if line is None else line["measures"]


def _guesses(epochs: Epochs) -> Doubt | None:
    measures = _linear(epochs)
    if measures.get("guessing_lead") is None or measures["guessing_lead_low"] > 0:
        return None
    ends = interval(measures["guessing_lead_low"], measures["guessing_lead_high"], points, "interval")
    fact = "On its own source the network is not clearly better than always naming the commonest class"
    return Doubt(
        "on its own source the network is hardly better than guessing",
        f"{fact}: {points(measures['guessing_lead'])} points ({ends}).",
        "Give the source more labelled samples, choose another backbone, or change the learning rate.",
    )


def _unsettled(epochs: Epochs) -> Doubt | None:
    line = last_of("source", epochs)
    if line is None or not unsettled("source", epochs):
        return None
    bound = line["number"]
    return Doubt(
        "the source network had not finished learning, and whatever trains it on looks good",
        f"After {bound} epochs, all that it was given, the source network was still getting better on samples held back from it.",
        _longer(bound),
    )


def _longer(bound: int) -> str:
    return f"Raise Source epochs from {bound} to {min(2 * bound, MOST)}." if bound < MOST else "Raise the learning rate."


def _undertrained(epochs: Epochs) -> Doubt | None:
    measures, longer = _linear(epochs), _unsettled(epochs)
    if measures.get("linear_lead") is None or measures["linear_lead_low"] <= 0:
        return None
    return Doubt(
        "a plain linear classifier beats the source network on the network's own source",
        undertrained(measures),
        longer.remedy if longer else SLOWER,
    )


def undertrained(measures: dict[str, Any]) -> str:
    """The sentence on a source network that a linear classifier beats, from the measures of the linear reference."""
    ends = interval(measures["linear_lead_low"], measures["linear_lead_high"], points, "interval")
    return (
        "The source network is undertrained: on held-out source samples a logistic regression is "
        f"{points(measures['linear_lead'])} points better ({ends})."
    )


def _below(epochs: Epochs) -> Doubt | None:
    """Whether the oracle lies below the method by more than chance."""
    adapt, line = [epoch for epoch in epochs if epoch["phase"] == "adapt"], last_of("oracle", epochs)
    oracle, method = _share(line), _share(adapt[-1] if len(adapt) > 1 else None)
    if line is None or oracle is None or method is None:
        return None
    low, high = difference_interval(method, oracle)
    if low <= 0:
        return None
    ends = interval(low, high, points, "interval")
    return Doubt(
        "it came out above a network trained on the target's own labels, so the networks that it is judged by had not learned enough",
        f"The oracle, trained on target labels, reaches {percent(oracle[0])}: the method is {points(method[0] - oracle[0])} points above "
        f"it ({ends}).",
        _longer(line["number"]) if unsettled("oracle", epochs) else "Lower the learning rate, or give the target more samples.",
    )


def _share(line: dict[str, Any] | None) -> Share | None:
    measures = {} if line is None else line["measures"]
    if measures.get("target_accuracy_low") is None:
        return None
    return measures["target_accuracy"], measures["target_accuracy_low"], measures["target_accuracy_high"]
