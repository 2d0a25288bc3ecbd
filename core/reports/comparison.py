"""Finished runs against each other: like with like, seeds taken together, and a winner only where the difference is beyond chance."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from core.experiment.settings import effective, field_title, method_title, question, titled
from core.measures.accuracy import gain_interval
from core.reports.doubts import doubts
from core.reports.text import interval, percent, points
from core.reports.transfer import seeds_gain
from core.runs import snapshots
from core.runs.record import Record

SAME = ("source", "target", "backbone")  # only runs that agree in these are ranked against each other
TRAINED = ("budget", "shots", "start")  # where these differ, the ranking says so first


@dataclass(frozen=True)
class Entry:
    """Runs that differ in nothing but the seed: one method with its settings. ``runs`` are by seed."""

    name: str
    runs: dict[int, Record]

    @cached_property
    def accuracies(self) -> dict[int, float]:
        """Seed → target accuracy at the last epoch."""
        return {seed: _last(run)["target_accuracy"] for seed, run in self.runs.items()}

    @property
    def mean(self) -> float:
        return float(np.mean(list(self.accuracies.values())))

    @property
    def shown(self) -> str:
        """ "86.8 %", or "92.4 %, mean of 3 seeds"."""
        return percent(self.mean) + (f", mean of {len(self.runs)} seeds" if len(self.runs) > 1 else "")


@dataclass(frozen=True)
class Group:
    """Everything that answered one question: the same source and target with their shifts, and the same backbone.

    ``entries`` have the highest mean accuracy first, if the target is ``labelled``.
    """

    experiment: dict[str, Any]
    entries: tuple[Entry, ...]
    labelled: bool

    @property
    def runs(self) -> list[Record]:
        return [run for entry in self.entries for run in entry.runs.values()]

    @cached_property
    def gaps(self) -> list[tuple[Entry, Difference]]:
        """Every entry but the best, with how far that lies above it."""
        best, *others = self.entries
        return [(other, difference(best, other)) for other in others]


@dataclass(frozen=True)
class Difference:
    """Mean accuracy of one entry minus another's, with its 95 % interval where there is one, and on what that rests.

    ``resolved`` is whether the first is better beyond chance.
    """

    mean: float
    low: float | None
    high: float | None
    resolved: bool
    rests_on: str


def groups(records: list[Record]) -> list[Group]:
    """The runs by what they were asked, in the order of each group's first run."""
    return [_group(members) for members in _alike(records, lambda experiment: [experiment[name] for name in SAME])]


def _alike(records: list[Record], asked: Callable[[dict[str, Any]], Any]) -> list[list[Record]]:
    """The records, those together whose experiments have the same ``asked``; in the order of the first of each."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(json.dumps(asked(record.experiment()), sort_keys=True), []).append(record)
    return list(found.values())


def _group(members: list[Record]) -> Group:
    by_question = _alike(members, question)
    names = _names([question(runs[0].experiment()) for runs in by_question])
    entries = [Entry(name, {run.experiment()["seed"]: run for run in runs}) for name, runs in zip(names, by_question, strict=True)]
    labelled = all(_last(record)["target_accuracy"] is not None for record in members)
    return Group(members[0].experiment(), tuple(sorted(entries, key=lambda e: -e.mean) if labelled else entries), labelled)


def _names(questions: list[dict[str, Any]]) -> list[str]:
    """The method's title; where several have the same, with the settings in which they differ."""
    titles = [method_title(asked) for asked in questions]
    names = []
    for asked, name in zip(questions, titles, strict=True):
        rivals = [titled(other) for other, same in zip(questions, titles, strict=True) if same == name]
        mine = titled(asked)
        differs = [title for title in mine if len({rival.get(title) for rival in rivals}) > 1 and title != field_title("shots")]
        settings = [f"{title.rpartition(': ')[2].lower()} {mine[title]}" for title in differs]
        if asked.get("shots"):
            settings.append(f"{asked['shots']} target labels per class")
        names.append(f"{name} ({', '.join(settings)})" if settings else name)
    return names


def difference(first: Entry, second: Entry) -> Difference:
    """How far the first lies above the second, whether that is beyond chance, and, where it is not the difference of the accuracies
    that are shown, why.

    With several common seeds, Student's interval of the differences seed by seed. With one, the score interval for pairs
    (`core.measures.accuracy.gain_interval`) on the held-out target samples that both runs kept: they are the same samples, since source,
    target and seed are the same. With none, only whether the runs' own intervals are apart.
    """
    common = sorted(first.runs.keys() & second.runs.keys())
    if len(common) > 1:
        gain = seeds_gain([first.accuracies[seed] - second.accuracies[seed] for seed in common])
        return Difference(gain.mean, gain.low, gain.high, gain.low > 0, f"over {len(common)} seeds")
    if common:
        right = _right_on_the_same(first.runs[common[0]], second.runs[common[0]])
        if right is not None:
            gain = gain_interval(right[1], right[0])
            rests_on, shown = f"on the same {len(right[0]):,} held-out samples", first.mean - second.mean
            if points(shown) != points(gain.mean):
                rests_on += f" that both kept; over all held-out samples {points(shown)}"
            return Difference(gain.mean, gain.low, gain.high, gain.low > 0, rests_on)
    apart = min(_ends(first, "low")) > max(_ends(second, "high"))
    return Difference(first.mean - second.mean, None, None, apart, "by their own 95 % intervals, as they share no samples")


def _ends(entry: Entry, end: str) -> list[float]:
    return [_last(run)[f"target_accuracy_{end}"] for run in entry.runs.values()]


def _right_on_the_same(first: Record, second: Record) -> tuple[np.ndarray, np.ndarray] | None:
    """Whether each run is right at its end, on the labelled target samples that both kept; None where these are not the same ones."""
    one, other = _target(first), _target(second)
    if one is None or other is None:
        return None
    (labels, predicted, looks), (others, also_predicted, other_looks) = one, other
    m = min(len(labels), len(others))
    if not np.array_equal(labels[:m], others[:m]) or not np.array_equal(looks[:m], other_looks[:m]) or not (labels[:m] >= 0).any():
        return None
    known = labels[:m] >= 0
    return (predicted[:m] == labels[:m])[known], (also_predicted[:m] == labels[:m])[known]


def _target(run: Record) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Labels, last predictions and looks of the kept target samples; None where the last epoch was not kept."""
    samples, marks = run.samples(), snapshots.readable(run)
    if samples is None or not marks or marks[-1][0] != run.phase("adapt")[-1]["number"]:
        return None
    n = len(samples["labels"]) // 2
    looks = samples.get("pictures", samples.get("rows"))
    looks = np.zeros((2 * n, 0)) if looks is None else looks
    return samples["labels"][n:], snapshots.predictions(str(run.folder), *marks[-1])[0][n:], looks[n:]


def winner(group: Group) -> Entry | None:
    """The entry that is better than every other beyond chance."""
    if not group.labelled or len(group.entries) < 2:
        return None
    return group.entries[0] if all(gap.resolved for _, gap in group.gaps) else None


def unlike(group: Group) -> str | None:
    """That the entries were not trained alike, and in what: budget, labelled target samples, start. None where they were."""
    asked = [effective(next(iter(entry.runs.values())).experiment()) for entry in group.entries]
    settings = [titled({name: one[name] for name in TRAINED if name in one}) for one in asked]
    differs = []
    for name in dict.fromkeys(name for one in settings for name in one):
        values = [(entry.name, one[name]) for entry, one in zip(group.entries, settings, strict=True) if name in one]
        if len({value for _, value in values}) > 1:
            differs.append(f"{name.lower()}: {', '.join(f'{entry} {value}' for entry, value in values)}")
    return f"Not like with like ({'; '.join(differs)}): what follows may be due to that." if differs else None


def told(group: Group) -> list[str]:
    """Who is best on this question, in plain sentences; first that they were not trained alike, and that it is not resolved."""
    if not group.labelled:
        return ["The target has no labels, so these cannot be ranked."]
    warning = unlike(group)
    return [warning, *_ranked(group)] if warning else _ranked(group)


def _ranked(group: Group) -> list[str]:
    best = group.entries[0]
    if not group.gaps:
        return [f"{best.name} reached {best.shown}.", "There is no other method or setting on this data and backbone to rank it against."]
    open_ones = [(other, gap) for other, gap in group.gaps if not gap.resolved]
    if open_ones:
        said = [
            "There is no clear best.",
            f"{best.name} has the highest target accuracy ({best.shown}), but its lead may be chance over "
            + "; ".join(f"{other.name}, {other.shown}{_interval(gap)}" for other, gap in open_ones)
            + ": not resolved.",
        ]
    else:
        other, gap = group.gaps[0]
        said = [f"{best.name} has the highest target accuracy: {best.shown}.", f"The next is {other.name}, {other.shown}{_interval(gap)}."]
    if all(len(entry.runs) == 1 for entry in group.entries):
        said.append("One seed each: another seed may give another order.")
    return [*said, *_doubted(best)]


def _doubted(best: Entry) -> list[str]:
    """Why the lead of an entry may rest on networks that had not learned enough, and what to do; each said once for all seeds."""
    found = [doubt for run in best.runs.values() for doubt in doubts(run.epochs())]
    return [f"But {doubt.clause}. {doubt.remedy}" for doubt in {doubt.clause: doubt for doubt in found}.values()]


def _interval(gap: Difference) -> str:
    if gap.low is None or gap.high is None:
        return f" ({'apart' if gap.resolved else 'not apart'} {gap.rests_on})"
    return f" (difference {points(gap.mean)} points, {interval(gap.low, gap.high, points, 'interval')}, {gap.rests_on})"


def _last(record: Record) -> dict[str, Any]:
    return record.phase("adapt")[-1]["measures"]
