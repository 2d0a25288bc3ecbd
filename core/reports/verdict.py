"""What a run came to: the numbers of its last and its chosen epochs, and one verdict in plain words."""

from __future__ import annotations

from typing import Any

from core.reports.doubts import Doubt, doubts, last_of
from core.reports.health import collapsed, nothing_aligned, stood_still
from core.reports.text import auc_value, fixed, interval, p_value, percent, points, times_out_of_100
from core.runs.progress import PHASES
from core.runs.record import Record

Epochs = list[dict[str, Any]]


def answer(record: Record) -> dict[str, Any]:
    """What the command line prints for a run.

    ``final`` holds the measures of the last epoch. ``best`` holds those of the epoch that one would choose *without*
    target labels (highest InfoMax); ``oracle_choice`` those of the epoch with the highest target accuracy, which
    nobody could choose in earnest. All three carry their ``epoch``.

    ``source`` is the network that adaptation starts from; ``source_only``, ``linear`` and ``oracle`` are what the method is judged by.
    Each is as its training ended, or None. ``doubts`` say why a gain may be no merit of the method, and what to do.
    """
    status, adapt, epochs = record.status(), record.phase("adapt"), record.epochs()
    before = adapt[0] if adapt and adapt[0]["number"] == 0 else None
    return {
        "run_id": record.id,
        "state": status["state"],
        "device": status.get("device"),
        "seconds": status.get("seconds"),
        "updates": status.get("updates"),
        "final": _measures(adapt[-1]) if adapt else None,
        "best": best | {"chosen_by": "infomax"} if (best := _best(adapt, "infomax")) else None,
        "oracle_choice": _best(adapt, "target_accuracy"),
        "source": _plain(last_of("source", epochs)),
        "source_only": _plain(last_of("continued", epochs) or before),
        "linear": _plain(last_of("linear", epochs)),
        "oracle": _plain(last_of("oracle", epochs)),
        "oracle_target_accuracy": oracle_accuracy(epochs),
        "joint_target_accuracy": joint_accuracy(epochs),
        "doubts": [f"{doubt.fact} {doubt.remedy}" for doubt in doubts(epochs)],
        "error": status.get("error"),
        "experiment": record.experiment(),
    }


def _measures(epoch: dict[str, Any]) -> dict[str, Any]:
    return {"epoch": epoch["number"]} | epoch["measures"]


def _plain(line: dict[str, Any] | None) -> dict[str, Any] | None:
    """What a reference came to; none of it compares it with the method."""
    if line is None:
        return None
    return {name: value for name, value in _measures(line).items() if not name.startswith(("gain", "source_only"))}


def _best(adapt: Epochs, measure: str) -> dict[str, Any] | None:
    known = [epoch for epoch in adapt if epoch["measures"].get(measure) is not None]
    return _measures(max(known, key=lambda epoch: epoch["measures"][measure])) if known else None


def oracle_accuracy(epochs: Epochs) -> float | None:
    """Target accuracy of the network trained on the target's labels; None until it is known."""
    return _reached("oracle", epochs)


def joint_accuracy(epochs: Epochs) -> float | None:
    """Target accuracy of the network trained on the labels of both domains; None until it is known, and where nobody asked for it."""
    return _reached("joint", epochs)


def linear_accuracy(epochs: Epochs) -> float | None:
    """Target accuracy of the logistic regression on what the network reads; None until it is known, and in runs stored without it."""
    return _reached("linear", epochs)


def _reached(phase: str, epochs: Epochs) -> float | None:
    line = last_of(phase, epochs)
    return None if line is None else line["measures"].get("target_accuracy")


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


def verdict(method: str, epochs: Epochs, blind: bool = False, phase: str | None = None) -> str:
    """What the run showed so far: a line in everyday words, and below it the numbers that it rests on.

    The method is not praised where its references give reason for doubt (`core.reports.doubts`); the first line is the doubt then.
    Negative transfer is announced only if the whole 95 % interval of the change lies below zero, and "no evidence either way" is said
    where it spans zero. With ``blind`` the target's labels are not missing but hidden. ``phase`` is the one that is going on, if known.
    """
    adapt = [epoch for epoch in epochs if epoch["phase"] == "adapt"]
    if not adapt:
        return _waiting(epochs, phase)
    m = adapt[-1]["measures"]
    if m.get("target_accuracy") is None:
        change = f"MMD² is {fixed(m['mmd2'], 3)}, from {fixed(adapt[0]['measures']['mmd2'], 3)} before."
        why = "Blind: everything that needs target labels is hidden." if blind else "The target has no labels, so accuracy is unknown."
        return _lines(why, change, *_said(doubts(epochs)), *_circumstances(adapt), _domains(m, adapt[0]["measures"]))
    if len(adapt) == 1:
        said = f"Before adaptation, {percent(m['target_accuracy'])} of the held-out target samples are classified rightly."
        return _lines(said, _domains(m), *_said(doubts(epochs)))
    trained_on = any(epoch["phase"] == "continued" for epoch in epochs)
    found, idle = doubts(epochs), nothing_aligned(adapt)
    who = "Training on" if idle else method
    first = _doubtful(who, found[0], idle) if m["gain_low"] > 0 and found else _outcome(who, m, trained_on, idle)
    idle_or_not, *more = _circumstances(adapt)
    baseline = "source-only, trained for as long" if trained_on else "the network before adaptation"
    numbers = (
        f"Target accuracy {percent(m['target_accuracy'])}, {baseline}, {percent(m['source_only_target_accuracy'])}: a change of "
        f"{points(m['gain'])} points ({interval(m['gain_low'], m['gain_high'], points, 'interval')})."
    )
    return _lines(f"{idle_or_not} {first}".strip(), *_said(found), numbers, *more, _domains(m, adapt[0]["measures"]))


def _lines(first: str, *more: str) -> str:
    return f"{first}\n{' '.join(part for part in more if part)}"


_JUDGED = "The network has learned from the source. Now what the method will be judged by is computed"
WAITING = {
    "queued": "This run waits for its turn.",
    "features": "The frozen network is reading all samples once.",
    "source": "The network is learning from the source.",
    "adapt": "Adaptation is about to begin.",
} | {phase: f"{_JUDGED}: {PHASES[phase]}." for phase in ("linear", "oracle", "joint", "continued")}


def _waiting(epochs: Epochs, phase: str | None) -> str:
    """What is going on before adaptation: the phase that is given, or the one that the last line belongs to."""
    now = phase or (epochs[-1]["phase"] if epochs else "source")
    return f"{WAITING[now]} Nothing can be said about adaptation yet."


def _outcome(who: str, m: dict[str, Any], trained_on: bool, idle: bool) -> str:
    """Whether target accuracy changed, in everyday words."""
    other = "source-only, trained for as long" if trained_on else "the network before it"
    if m["gain_low"] > 0:
        return f"{who} raised target accuracy: it is right more often than {other}."
    if m["gain_high"] < 0:
        return f"{'' if idle else 'Negative transfer: '}{who} lowered target accuracy: it is wrong more often than {other}."
    if m["gain"] == 0:
        return f"{who} left target accuracy as it is with {other}: no evidence either way."
    return f"{who} changed target accuracy by no more than chance, compared with {other}: no evidence either way."


def _doubtful(who: str, doubt: Doubt, idle: bool) -> str:
    return f"This gain is no merit of {'training on' if idle else who} yet: {doubt.clause}."


def _said(found: list[Doubt]) -> list[str]:
    """Each doubt with its numbers, then what to do; what helps against several is said once."""
    return [*(doubt.fact for doubt in found), *dict.fromkeys(doubt.remedy for doubt in found)]


def _circumstances(adapt: Epochs) -> list[str]:
    """What needs no target labels to be said: whether anything was aligned (said first), a collapse, no shift to begin with."""
    if len(adapt) == 1:
        return [""]
    fixed_features = "Nothing was trained or aligned here but the last layer: the features cannot move."
    nothing = fixed_features if stood_still(adapt) else "Nothing was aligned."
    said = [nothing if nothing_aligned(adapt) else ""]
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
