"""What of a change is due to scaling each domain by itself, with which most shallow methods begin, and what to the method's own work."""

from __future__ import annotations

from dataclasses import dataclass

from core.measures.accuracy import Gain, gain_interval
from core.methods import METHODS
from core.reports.text import interval, percent, points
from core.runs import snapshots
from core.runs.record import Record

SCALED, ADAPTED = 1, 2  # epochs of such a run: each domain scaled by itself with the head as it was, then the method


@dataclass(frozen=True)
class Parts:
    """The two steps of a run on the n held-out target samples that were kept.

    Attributes
    ----------
    n : int
    accuracy : tuple of float or None
        By the source's scaling, by each domain's own with the same head, and by the method; None without target labels.
    scaling, method : Gain or None
        What each step added, with 95 % intervals for pairs.
    changed : tuple of float
        Share of the samples whose predicted class each step changed; needs no labels.
    """

    n: int
    accuracy: tuple[float, float, float] | None
    scaling: Gain | None
    method: Gain | None
    changed: tuple[float, float]


def parts(record: Record) -> Parts | None:
    """The steps of a finished run; None for methods without a scaling of their own, and before their last epoch."""
    name = record.experiment()["method"]["name"]
    if name not in METHODS or not METHODS.get(name).info.instant:  # first, as nothing is read of the others' runs then
        return None
    kept, samples = snapshots.readable(record), record.samples()
    if [number for number, _ in kept] != [0, SCALED, ADAPTED] or samples is None:
        return None
    labels = samples["labels"][len(samples["labels"]) // 2 :]
    before, scaled, adapted = (snapshots.predictions(str(record.folder), *marked)[0][len(labels) :] for marked in kept)
    changed = float((scaled != before).mean()), float((adapted != scaled).mean())
    known = labels >= 0
    if not known.any():
        return Parts(len(labels), None, None, None, changed)
    right = [(predicted == labels)[known] for predicted in (before, scaled, adapted)]
    accuracy = (float(right[0].mean()), float(right[1].mean()), float(right[2].mean()))
    return Parts(int(known.sum()), accuracy, gain_interval(right[0], right[1]), gain_interval(right[1], right[2]), changed)


def told(found: Parts) -> list[str]:
    """The steps in sentences."""
    if found.accuracy is None or found.scaling is None or found.method is None:
        first, second = (percent(share) for share in found.changed)
        text = (
            f"Scaling each domain by itself changed the predicted class of {first} of the target samples, and the method's own work that "
            f"of {second}. Which of the two helped cannot be known without target labels."
        )
        return [text]
    before, scaled, adapted = map(percent, found.accuracy)
    first = (
        f"Scaling each domain by its own mean and deviation, before the method did anything, took target accuracy from {before} to "
        f"{scaled} ({_ends(found.scaling)}). The method itself took it from there to {adapted} "
        f"({_ends(found.method)}): {_judged(found.method)}."
    )
    said = [f"{first} On the {found.n:,} held-out target samples that were kept."]
    if found.scaling.high < 0:
        said.append(
            "It is the scaling that hurt. A domain's mean holds its class shares, and where they differ, scaling each domain by itself "
            "takes them away: set the method's scaling to the source's."
        )
    return said


def _ends(gain: Gain) -> str:
    return f"{points(gain.mean)} points, {interval(gain.low, gain.high, points, 'interval')}"


def _judged(gain: Gain) -> str:
    if gain.low > 0:
        return "it adds to what scaling does"
    return "it takes away from what scaling does" if gain.high < 0 else "no evidence that it adds anything to scaling alone"
