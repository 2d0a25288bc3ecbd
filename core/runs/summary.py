"""What a run came to: the numbers of its last and its chosen epochs, and one verdict in plain words."""

from __future__ import annotations

from typing import Any

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


def gap_closed(source_only: float | None, reached: float | None, oracle: float | None) -> float | None:
    """(reached − source-only) ÷ (oracle − source-only); None where there is no gap of at least one point to close."""
    if None in (source_only, reached, oracle) or oracle - source_only < 0.01:
        return None
    return (reached - source_only) / (oracle - source_only)


def verdict(method: str, epochs: Epochs) -> str:
    """One or two plain sentences on what the run showed so far; says "no evidence" where the interval spans zero."""
    adapt = [epoch for epoch in epochs if epoch["phase"] == "adapt"]
    if not adapt:
        return "The source model is still being trained. Nothing can be said about adaptation yet."
    m = adapt[-1]["measures"]
    if m.get("target_accuracy") is None:
        change = f"MMD² is {m['mmd2']:.3f}, from {adapt[0]['measures']['mmd2']:.3f} before."
        return f"The target has no labels, so accuracy is unknown. {change} {_domains(m)}"
    if len(adapt) == 1:
        return f"Before adaptation, {percent(m['target_accuracy'])} of the held-out target samples are classified rightly. {_domains(m)}"
    interval = f"95 % interval of the change {points(m['gain_low'])} to {points(m['gain_high'])} points"
    from_to = f"from {percent(m['source_only_target_accuracy'])} to {percent(m['target_accuracy'])} ({interval})"
    if m["gain_low"] > 0:
        first = f"{method} raised target accuracy {from_to}."
    elif m["gain_high"] < 0:
        first = f"Negative transfer: {method} lowered target accuracy {from_to}."
    else:
        first = f"{method} changed target accuracy {from_to}: no evidence either way."
    before, after = (epoch["gauges"]["largest_class"] for epoch in (adapt[0], adapt[-1]))
    collapse = f" {percent(after)} of the target is now predicted as one class." if after > max(0.5, 1.6 * before) else ""
    return f"{first}{collapse} {_domains(m)}"


def _domains(m: dict[str, Any]) -> str:
    auc = m["domain_auc"]
    if m["domain_auc_low"] > 0.5:
        return f"A classifier can still tell the domains apart: AUC {auc:.2f}."
    return f"A classifier can no longer tell the domains apart: AUC {auc:.2f}, its interval reaches 0.50."


def percent(value: float) -> str:
    """0.873 → "87.3 %"."""
    return f"{100 * value:.1f} %"


def points(value: float) -> str:
    """A difference of two accuracies in percentage points with its sign: 0.41 → "+41.0"."""
    return f"{100 * value:+.1f}".replace("-", "−")


def p_value(p: float, permutations: int = 499) -> str:
    """ "p = 0.002, the smallest possible with B = 499", never 0."""
    smallest = 1 / (1 + permutations)
    if p <= smallest * 1.0001:
        return f"p = {smallest:.3f}, the smallest possible with B = {permutations}"
    return f"p = {p:.3f}, B = {permutations}"
