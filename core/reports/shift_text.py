"""A shift report in plain words, and as plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.domains.titles import domain_title
from core.experiment import Experiment
from core.measures.explained import Explained
from core.measures.mmd import PERMUTATIONS
from core.reports.measure_text import last_words
from core.reports.shift import Classifier, Explanation, Number, Samples, ShiftReport
from core.reports.shift_data import VIEWS
from core.reports.text import in_percent, number, percent, times_out_of_100

NAMED = 0.2  # share of the difference from which a property is named in the verdict


def verdict(samples: Samples, classifier: Classifier, explanation: Explanation) -> str:
    """One or two plain sentences for a reader who knows no statistics."""
    auc = classifier.auc
    right = times_out_of_100(max(auc.auc, 0.5))
    if not explanation.differ:
        return (
            "There is no evidence of a shift. Shown one sample of each domain, a classifier says which is which "
            f"{right}, where guessing gives 50."
        )
    if auc.low <= 0.5:
        first = "The two domains differ, but not along a straight line: the kernel test finds a shift, a linear classifier none."
    else:
        how = next(word for limit, word in STRENGTHS if auc.auc >= limit)
        first = (
            f"The two domains {how}: shown one sample of each, a classifier says which is which {right}. "
            f"Between two sets of source samples it manages {in_percent(classifier.control.auc, 0)}."
        )
    return f"{first}{_named(samples.kind, explanation.properties)}"


STRENGTHS = (
    (0.95, "look completely different"),
    (0.8, "are easy to tell apart"),
    (0.65, "differ clearly"),
    (0.0, "differ slightly"),
)


def _named(kind: str, properties: Sequence[Explained]) -> str:
    """The property that explains most, if it explains much."""
    if not properties or properties[0].share_low < NAMED:
        return ""
    best = properties[0]
    what = f"The column {best.title} alone" if kind == "features" else f"{best.title} alone"
    return f" {what} explains {percent(best.share, 0)} of the difference: {direction(best)}."


def direction(e: Explained) -> str:
    """For example "the target is brighter (0.31 instead of 0.13)"."""
    numbers = f"{number(e.target)} instead of {number(e.source)}"
    if e.target == e.source:
        return f"the medians agree ({number(e.source)}), the spread does not"
    if e.more == "higher":
        return f"the target is {'higher' if e.target > e.source else 'lower'} ({numbers})"
    if e.target > e.source:
        return f"the target is {e.more} ({numbers})"
    return f"the source is {e.more} ({number(e.source)} instead of {number(e.target)})"


def conditions(samples: Samples) -> str:
    """What was compared, with n, B and seed."""
    n, fewer = samples.measured, samples.control_n
    control = "as many" if fewer == n else f"only {fewer} + {fewer}, so distances are larger there by chance"
    return (
        f"On {VIEWS[samples.view]}, {samples.columns:,} columns, each standardised. {n} + {n} held-out samples; A/A control: two "
        f"random sets of source samples, {control}. B = {PERMUTATIONS} permutations, seed {samples.seed}."
        + " Blind: target labels were not used."
        * samples.blind
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
        "control_samples": samples.control_n,
        "columns": samples.columns,
        "rows": [account.facts() for account in samples.accounts],
        "permutations": PERMUTATIONS,
        "seed": samples.seed,
        "verdict": verdict(samples, r.classifier, r.explanation),
        "evidence_of_shift": r.explanation.differ,
        **{found.measure.name: _fact(found) for found in r.numbers},
        "explained": [
            {name: getattr(e, name) for name in Explained.__dataclass_fields__ if name != "more"} for e in r.explanation.properties
        ],
        "label_shift": {
            "classes": list(samples.class_names),
            "source": _list(shift.source),
            "estimated": _list(shift.estimated),
            "low": _list(shift.low),
            "high": _list(shift.high),
            "true": _list(classes.truth),
            "refusal": shift.refusal,
            "contradicted": shift.contradicted,
        },
        "condition": {"value": shift.condition if np.isfinite(shift.condition) else None},
        "kind": {"value": kind.name, "headline": kind.headline, "evidence": list(kind.evidence), "needed": list(kind.needed)},
    }


def _fact(found: Number) -> dict[str, float]:
    """The value and its companions, then those of the control: ``value``, ``low``, …, ``control``, ``control_low``, …"""
    measure = found.measure
    value, control = found.values[measure.name], found.control[measure.name]
    beside = last_words(measure, found.control)
    return {"value": value, **last_words(measure, found.values), "control": control, **{f"control_{k}": v for k, v in beside.items()}}


def _list(values: np.ndarray | None) -> list[float] | None:
    return None if values is None else [float(v) for v in values]
