"""What a run came to: the numbers of its last and its chosen epochs, and one verdict in plain words."""

from __future__ import annotations

from typing import Any

from core.reports.health import collapsed, nothing_aligned
from core.reports.text import auc_value, fixed, interval, p_value, percent, points, times_out_of_100
from core.runs.record import Record

Epochs = list[dict[str, Any]]


def answer(record: Record) -> dict[str, Any]:
    """What the command line prints for a run.

    ``final`` holds the measures of the last epoch. ``best`` holds those of the epoch that one would choose *without*
    target labels (highest InfoMax); ``oracle_choice`` those of the epoch with the highest target accuracy, which
    nobody could choose in earnest. All three carry their ``epoch``.
    """
    status, adapt = record.status(), record.phase("adapt")
    return {
        "run_id": record.id,
        "state": status["state"],
        "device": status.get("device"),
        "seconds": status.get("seconds"),
        "final": _measures(adapt[-1]) if adapt else None,
        "best": best | {"chosen_by": "infomax"} if (best := _best(adapt, "infomax")) else None,
        "oracle_choice": _best(adapt, "target_accuracy"),
        "oracle_target_accuracy": oracle_accuracy(record.epochs()),
        "joint_target_accuracy": joint_accuracy(record.epochs()),
        "error": status.get("error"),
        "experiment": record.experiment(),
    }


def _measures(epoch: dict[str, Any]) -> dict[str, Any]:
    return {"epoch": epoch["number"]} | epoch["measures"]


def _best(adapt: Epochs, measure: str) -> dict[str, Any] | None:
    known = [epoch for epoch in adapt if epoch["measures"].get(measure) is not None]
    return _measures(max(known, key=lambda epoch: epoch["measures"][measure])) if known else None


def oracle_accuracy(epochs: Epochs) -> float | None:
    """Target accuracy of the network trained on the target's labels; None until it is known."""
    return _last_of("oracle", epochs)


def joint_accuracy(epochs: Epochs) -> float | None:
    """Target accuracy of the network trained on the labels of both domains; None until it is known, and where nobody asked for it."""
    return _last_of("joint", epochs)


def _last_of(phase: str, epochs: Epochs) -> float | None:
    values = [epoch["measures"]["target_accuracy"] for epoch in epochs if epoch["phase"] == phase and epoch["number"] == epoch["total"]]
    return values[-1] if values else None


def separate(intervals: dict[str, tuple[float, float]]) -> str | None:
    """The name whose whole interval (low, high) lies above all others; None where there is none, or only one interval."""
    if len(intervals) < 2:
        return None
    top = max(intervals, key=lambda name: intervals[name][0])
    return top if all(intervals[top][0] > high for name, (_, high) in intervals.items() if name != top) else None


def no_shift_before(before: dict[str, Any]) -> bool:
    """Whether neither test saw a shift before adaptation: MMD² with p > 0.05, and a domain AUC whose interval reaches 0.5."""
    p = before.get("mmd2_p")
    return p is not None and p > 0.05 and before["domain_auc_low"] <= 0.5


def verdict(method: str, epochs: Epochs, blind: bool = False) -> str:
    """A few plain sentences on what the run showed so far.

    Negative transfer is announced only if the whole 95 % interval of the change lies below zero, and "no evidence either way" is said
    where it spans zero. With ``blind`` the target's labels are not missing but hidden.
    """
    adapt = [epoch for epoch in epochs if epoch["phase"] == "adapt"]
    if not adapt:
        return "The source model is still being trained. Nothing can be said about adaptation yet."
    m = adapt[-1]["measures"]
    if m.get("target_accuracy") is None:
        change = f"MMD² is {fixed(m['mmd2'], 3)}, from {fixed(adapt[0]['measures']['mmd2'], 3)} before."
        why = "Blind: everything that needs target labels is hidden." if blind else "The target has no labels, so accuracy is unknown."
        return " ".join(part for part in (why, change, *_circumstances(adapt), _domains(m, adapt[0]["measures"])) if part)
    if len(adapt) == 1:
        return f"Before adaptation, {percent(m['target_accuracy'])} of the held-out target samples are classified rightly. {_domains(m)}"
    idle = nothing_aligned(adapt)
    who = "Training on" if idle else method
    change = interval(m["gain_low"], m["gain_high"], points, "interval of the change") + " points"
    from_to = f"from {percent(m['source_only_target_accuracy'])} to {percent(m['target_accuracy'])} ({change})"
    if m["gain_low"] > 0:
        first = f"{who} raised target accuracy {from_to}."
    elif m["gain_high"] < 0:
        first = f"{'' if idle else 'Negative transfer: '}{who} lowered target accuracy {from_to}. The network was better before."
    else:
        first = f"{who} changed target accuracy {from_to}. That may be chance: no evidence either way."
        if m["gain"] == 0:
            first = f"{who} left target accuracy at {percent(m['target_accuracy'])} ({change}): no evidence either way."
    idle_or_not, *more = _circumstances(adapt)
    return " ".join([idle_or_not, first, *more, _domains(m, adapt[0]["measures"])]).strip()


def _circumstances(adapt: Epochs) -> list[str]:
    """What needs no target labels to be said: whether anything was aligned (said first), a collapse, no shift to begin with."""
    if len(adapt) == 1:
        return [""]
    said = ["Nothing was aligned." if nothing_aligned(adapt) else ""]
    before, after = (epoch["gauges"]["largest_class"] for epoch in (adapt[0], adapt[-1]))
    if collapsed(before, after):
        said.append(f"Collapse: {percent(after)} of the target is now predicted as one class, {percent(before)} before.")
    start = adapt[0]["measures"]
    if no_shift_before(start):
        said.append(
            "There was no evidence of a shift to begin with: before adaptation the domains differed no more than two samples of one domain "
            f"do by chance ({p_value(start['mmd2_p'])})."
        )
    return said


def _domains(m: dict[str, Any], before: dict[str, Any] | None = None) -> str:
    if m["domain_auc_low"] > 0.5:
        return f"A classifier can still tell the domains apart: {_right(m['domain_auc'])}."
    can = "cannot" if before is None or before["domain_auc_low"] <= 0.5 else "can no longer"
    return f"A classifier {can} tell the domains apart: {_right(m['domain_auc'])}, which may be chance."


def _right(auc: float) -> str:
    return f"right {times_out_of_100(auc)}, guessing 50 (AUC {auc_value(auc)})"
