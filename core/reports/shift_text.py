"""A shift report in plain words, and as plain numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.domains.titles import domain_title
from core.experiment import Experiment
from core.measures.explained import Explained
from core.measures.mmd import PERMUTATIONS
from core.reports.shift import ShiftReport
from core.reports.shift_data import VIEWS

NAMED = 0.2  # share of the difference from which a property is named in the verdict


def verdict(r: ShiftReport) -> str:
    """One or two plain sentences for a reader who knows no statistics."""
    right = f"{100 * max(r.auc.auc, 0.5):.0f} times out of 100"
    if not r.differ:
        return (
            "There is no evidence of a shift. Shown one sample of each domain, a classifier says which is which "
            f"{right}, where guessing gives 50."
        )
    if r.auc.low <= 0.5:
        first = "The two domains differ, but not along a straight line: the kernel test finds a shift, a linear classifier none."
    else:
        how = next(word for limit, word in STRENGTHS if r.auc.auc >= limit)
        first = (
            f"The two domains {how}: shown one sample of each, a classifier says which is which {right}. "
            f"Between two sets of source samples it manages {100 * r.auc_control.auc:.0f}."
        )
    return f"{first}{_named(r)}"


STRENGTHS = (
    (0.95, "look completely different"),
    (0.8, "are easy to tell apart"),
    (0.65, "differ clearly"),
    (0.0, "differ slightly"),
)


def _named(r: ShiftReport) -> str:
    """The property that explains most, if it explains much."""
    if not r.properties or r.properties[0].share_low < NAMED:
        return ""
    best = r.properties[0]
    what = f"{best.title} alone" if r.kind != "features" else f"The column {best.title} alone"
    return f" {what} explains {100 * best.share:.0f} % of the difference: {direction(best)}."


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


def auc_words(low: float, high: float) -> str:
    """For example "0.85 to 0.90"; "above 0.99" where "1.00 to 1.00" would claim to be sure."""
    return f"{low:.2f} to {high:.2f}" if low < 0.995 else "above 0.99"


def number(value: float) -> str:
    """Three significant digits, with a real minus sign."""
    return f"{value:.3g}".replace("-", "−")


def conditions(r: ShiftReport) -> str:
    """What was compared, with n, B and seed."""
    control = "as many" if r.control_n == r.measured else f"only {r.control_n} + {r.control_n}, so distances are larger there by chance"
    return (
        f"On {VIEWS[r.view]}, {r.columns:,} columns, each standardised. {r.measured} + {r.measured} held-out samples; A/A control: two "
        f"random sets of source samples, {control}. B = {PERMUTATIONS} permutations, seed {r.seed}."
        + " Blind: target labels were not used."
        * r.blind
    )


def facts(experiment: Experiment, r: ShiftReport) -> dict[str, Any]:
    """The whole report as plain numbers and sentences; each number stands under the name of its words in `core.measures.WORDS`."""
    low, high = np.quantile(r.mmd.null, [0.025, 0.975])
    shift = r.label_shift
    return {
        "source": domain_title(experiment.source.model_dump()),
        "target": domain_title(experiment.target.model_dump()),
        "view": r.view,
        "backbone": None if r.view == "raw" else experiment.backbone.name,
        "samples": r.measured,
        "control_samples": r.control_n,
        "columns": r.columns,
        "permutations": PERMUTATIONS,
        "seed": r.seed,
        "verdict": verdict(r),
        "evidence_of_shift": r.differ,
        "domain_auc": {"value": r.auc.auc, "low": r.auc.low, "high": r.auc.high, "control": r.auc_control.auc},
        "domain_p": {"value": r.ridge.p, "control": r.ridge_control.p, "classifier": "ridge regression", "auc": r.ridge.auc},
        "a_distance": {"value": r.auc.a_distance, "control": r.auc_control.a_distance},
        "mmd2": {
            "value": r.mmd.mmd2,
            "p": r.mmd.p,
            "null_low": float(low),
            "null_high": float(high),
            "control": r.mmd_control.mmd2,
            "control_p": r.mmd_control.p,
        },
        **{name: {"value": value, "control": control} for name, (value, control) in r.distances.items()},
        "columns_shifted": {"value": r.column_tests.share, "control": r.column_control.share, "tested": len(r.column_tests.q)},
        "explained": [{name: getattr(e, name) for name in Explained.__dataclass_fields__ if name != "more"} for e in r.properties],
        "label_shift": {
            "classes": list(r.class_names),
            "source": _list(shift.source),
            "estimated": _list(shift.estimated),
            "low": _list(shift.low),
            "high": _list(shift.high),
            "true": _list(r.truth),
            "refusal": shift.refusal,
            "contradicted": shift.contradicted,
        },
        "condition": {"value": shift.condition if np.isfinite(shift.condition) else None},
        "kind": {
            "value": r.kind_of_shift.name,
            "headline": r.kind_of_shift.headline,
            "evidence": list(r.kind_of_shift.evidence),
            "needed": list(r.kind_of_shift.needed),
        },
    }


def _list(values: np.ndarray | None) -> list[float] | None:
    return None if values is None else [float(v) for v in values]
