"""A shift report in plain words, and as plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from core.domains.titles import domain_title
from core.experiment import Experiment
from core.measures.explained import Explained
from core.measures.mmd import PERMUTATIONS
from core.reports.measure_text import last_words
from core.reports.shift import Classifier, Explanation, Number, Samples, ShiftReport
from core.reports.shift_data import VIEWS
from core.reports.shift_limits import cannot_tell, warnings
from core.reports.text import auc_words, in_percent, number, percent, times_out_of_100

NAMED = 0.2  # share of the difference from which a property is named in the verdict


def verdict(samples: Samples, classifier: Classifier, explanation: Explanation) -> str:
    """One or two plain sentences for a reader who knows no statistics."""
    auc, both = classifier.auc, of_both(samples)
    right = times_out_of_100(max(auc.auc, 0.5))
    if not explanation.differ and auc.auc >= CLEARLY:
        return (
            "There is no evidence of a shift, nor that the two domains are alike: shown one sample of each, a classifier says which is "
            f"which {right} ({both}), and with so few that may be chance."
        )
    if not explanation.differ:
        return (
            "There is no evidence of a shift. Shown one sample of each domain, a classifier says which is which "
            f"{right} ({both}), where guessing gives 50."
        )
    if auc.low > 0.5:
        how = next(word for limit, word in STRENGTHS if auc.auc >= limit and auc.low >= limit - UNSURE)
        first = f"The two domains {how}: shown one sample of each, a classifier says which is which {right} ({both})."
        if classifier.control is not None:
            again = f"{samples.control_n} + {samples.control_n}"
            first += f" Between two sets of source samples it manages {in_percent(classifier.control.auc, 0)} ({again})."
    elif auc.high < CLEARLY:
        first = f"The two domains differ, but not along a straight line: the kernel test finds a shift, a linear classifier none ({both})."
    else:
        ends = auc_words(auc.low, auc.high)
        first = f"The two domains differ, but {both} cannot tell how much: a classifier's AUC may be anything from {ends}."
    return f"{first}{_named(samples.kind, explanation.properties)}"


def of_both(samples: Samples) -> str:
    """For example "400 + 400 samples"."""
    return f"{samples.measured} + {samples.measured} samples"


CLEARLY = 0.65
UNSURE = 0.15  # by which the interval may begin below the strength that is named
STRENGTHS = (
    (0.95, "look completely different"),
    (0.8, "are easy to tell apart"),
    (CLEARLY, "differ clearly"),
    (0.0, "differ slightly"),
)


def _named(kind: str, properties: Sequence[Explained]) -> str:
    """The property that explains most, if it explains much."""
    if not properties or properties[0].share_low < NAMED:
        return ""
    best = properties[0]
    what = f"The column {best.title} alone" if kind == "features" else f"{best.title} alone"
    counted = f"{best.source_n} + {best.target_n} samples"
    return f" {what} explains {percent(best.share, 0)} of the difference: {direction(best)} ({counted})."


def direction(e: Explained) -> str:
    """For example "the target is brighter (0.31 instead of 0.13)"; of what is no amount, or is missing, what can be said of it."""
    if e.summary == "known":
        return f"{percent(e.target, 0)} of the target have a value, and {percent(e.source, 0)} of the source; the others were filled in"
    if e.summary == "share":
        level = f" ({number(e.level)})" if e.level is not None and e.level.is_integer() else ""
        return f"{percent(e.target, 0)} of the target have the higher of its two values{level}, instead of {percent(e.source, 0)}"
    if e.constant:
        other = "source" if e.constant == "target" else "target"
        same, median = (e.target, e.source) if e.constant == "target" else (e.source, e.target)
        if same == median:
            filled = "as it is where values are missing and were filled in"
            return f"every sample of the {e.constant} has the {other}'s median ({number(same)}), {filled}"
        return f"it is {number(same)} in every sample of the {e.constant}; the {other} has the median {number(median)}"
    return _by_median(e)


def _by_median(e: Explained) -> str:
    numbers = f"{number(e.target)} instead of {number(e.source)}"
    if e.target == e.source:
        return f"the medians agree ({number(e.source)}), other values do not"
    if e.more == "higher":
        return f"the target is {'higher' if e.target > e.source else 'lower'} ({numbers})"
    if e.target > e.source:
        return f"the target is {e.more} ({numbers})"
    return f"the source is {e.more} ({number(e.source)} instead of {number(e.target)})"


def nothing_explained(samples: Samples, explanation: Explanation) -> str:
    """Why no property is shown."""
    if explanation.differ:
        return f"No single property tells the domains apart for certain ({of_both(samples)})."
    return f"There is no difference to explain. The two tests give no evidence of a shift ({of_both(samples)})."


def explained_by(explanation: Explanation) -> str:
    """What the most telling properties are like in both domains."""
    strong = [row for row in explanation.properties[:3] if row.share_low > 0]
    told = "; ".join(f"{row.title}: {direction(row)} ({row.source_n} + {row.target_n} samples)" for row in strong)
    return f"{f'{told}. ' if told else ''}{EXPLAINED_NOTE}"


EXPLAINED_NOTE = "Numbers are medians where nothing else is said. Shares overlap, so they do not add up."


def conditions(samples: Samples) -> str:
    """What was compared, with n, B and seed."""
    n, fewer = samples.measured, samples.control_n
    which = "samples, out of all, as nothing was trained on any" if samples.all_rows else "held-out samples"
    control = "two random sets of source samples, as many"
    if fewer != n:
        control = f"two random sets of source samples, only {fewer} + {fewer}, so distances are larger there by chance"
    if not fewer:
        control = f"none, as the source has only {samples.sizes[0]} samples"
    return (
        f"On {VIEWS[samples.view]}, {samples.columns:,} columns, each standardised. {n} + {n} {which}; A/A control: {control}. "
        f"B = {PERMUTATIONS} permutations, seed {samples.seed}." + " Blind: target labels were not used." * samples.blind
    )


def facts(experiment: Experiment, r: ShiftReport) -> dict[str, Any]:
    """The whole report as plain numbers and sentences; each number stands under its name in `core.measures.MEASURES`."""
    samples, classes = r.samples, r.classes
    shift, kind = classes.shift, classes.kind
    return {
        "source": domain_title(experiment.source.model_dump()),
        "target": domain_title(experiment.target.model_dump()),
        "view": samples.view,
        "backbone": None if samples.view == "raw" else experiment.backbone.name,
        "samples": samples.measured,
        "held_out": not samples.all_rows,
        "control_samples": samples.control_n,
        "columns": samples.columns,
        "rows": [account.facts() for account in samples.accounts],
        "permutations": PERMUTATIONS,
        "seed": samples.seed,
        "verdict": verdict(samples, r.classifier, r.explanation),
        "evidence_of_shift": r.explanation.differ,
        "cannot_tell": list(cannot_tell(samples, r.classifier, r.explanation, r.distances)),
        "giveaways": {"columns": [asdict(found) for found in r.explanation.giveaways], "warnings": list(warnings(r.explanation.giveaways))},
        **{found.measure.name: _fact(found) for found in r.numbers},
        "explained": [{name: value for name, value in asdict(e).items() if name != "more"} for e in r.explanation.properties],
        "label_shift": {
            "classes": list(samples.class_names),
            "source": _list(shift.source),
            "estimated": _list(shift.estimated),
            "low": _list(shift.low),
            "high": _list(shift.high),
            "true": _list(classes.truth),
            "refusal": shift.refusal,
            "contradicted": shift.contradicted,
            "trusted": classes.trusted,
            "remark": classes.remark,
        },
        "condition": {"value": shift.condition if np.isfinite(shift.condition) else None},
        "kind": {"value": kind.name, "headline": kind.headline, "evidence": list(kind.evidence), "needed": list(kind.needed)},
    }


def _fact(found: Number) -> dict[str, float | None]:
    """The value and its companions, then those of the control, if any: ``value``, ``low``, …, ``control``, ``control_low``, …"""
    measure = found.measure
    facts: dict[str, float | None] = {"value": found.values[measure.name], **last_words(measure, found.values), "control": None}
    if found.control is not None:
        beside = last_words(measure, found.control)
        facts |= {"control": found.control[measure.name], **{f"control_{k}": v for k, v in beside.items()}}
    return facts


def _list(values: np.ndarray | None) -> list[float] | None:
    return None if values is None else [float(v) for v in values]
