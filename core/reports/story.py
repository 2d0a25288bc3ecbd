"""What a finished run is a story of: a title in everyday words, and its accuracy before and after, from what was measured."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from core.cache import Cache
from core.measures.accuracy import confusion
from core.reports.doubts import doubts
from core.reports.health import collapsed, nothing_aligned
from core.reports.text import percent, times_out_of_100
from core.reports.transfer import transfer_report
from core.reports.verdict import oracle_accuracy
from core.runs import snapshots
from core.runs.record import Record

Measures = dict[str, Any]

ALIKE = 0.75  # a domain AUC below it is nearer to guessing (0.5) than to certainty (1)
SWAPPED = 0.2  # of the target is right if the classes only had other names
UNFINISHED = "Not adapted yet"

_TITLES: Cache[str] = Cache("titles of stories", entries=256)


def title(record: Record) -> str:
    """What happened, in a few everyday words; without target labels only what can be seen of the domains."""
    return _TITLES.get((str(record.folder), record.blind), lambda: _title(record), record.version())


def _title(record: Record) -> str:
    adapt = record.phase("adapt")
    if len(adapt) < 2:
        return UNFINISHED
    start, end = adapt[0]["measures"], adapt[-1]["measures"]
    if nothing_aligned(adapt):
        return "Nothing was aligned here"
    if collapsed(adapt[0]["gauges"]["largest_class"], adapt[-1]["gauges"]["largest_class"]):
        return "Everything becomes one class"
    alike = end["domain_auc"] < min(ALIKE, start["domain_auc"])
    if end.get("target_accuracy") is None:
        return "The domains become alike" if alike else "The domains stay apart"
    if end["gain_low"] > 0:
        return _gained(record, end, alike)
    if _swapped(record):
        return "It tells clusters apart but not which is which"
    if end["gain_high"] < 0:
        return "The domains match, the answers get worse" if alike else "A method that makes it worse"
    return "The domains match, the answers get no better" if alike else "A method that makes no difference"


def _gained(record: Record, end: Measures, alike: bool) -> str:
    """Where target accuracy rose: how far, and at what price."""
    epochs = record.epochs()
    if doubts(epochs):
        return "A gain that is no merit of the method"
    if _too_confident(record):
        return "Better, but too confident"
    oracle, start = oracle_accuracy(epochs), end["source_only_target_accuracy"]
    if oracle is not None and end["gain"] < (oracle - start) / 2:
        return "It helps, but less than halfway"
    return "Alignment that works" if alike else "Right, though the domains stay apart"


def _too_confident(record: Record) -> bool:
    """Whether confidence runs farther ahead of accuracy than before, beyond both intervals."""
    report = transfer_report(record)
    if report is None or report.target is None:
        return False
    before, after = report.target
    return after.overconfidence > 0 and after.error_low > before.error_high


def _swapped(record: Record) -> bool:
    """Whether far more of the target would be right if the predicted classes had each other's names."""
    seen = snapshots.frames(record)
    if seen is None:
        return False
    known = (seen.domain == 1) & (seen.labels >= 0)
    counts = confusion(seen.labels[known], seen.predictions[-1][known], len(snapshots.class_names(record)))
    best = counts[linear_sum_assignment(counts, maximize=True)].sum()
    return bool(known.any()) and float(best - np.trace(counts)) > SWAPPED * known.sum()


def in_short(record: Record) -> str:
    """ "94.3 % right, up from 60.6 %": target accuracy now and before adaptation; how alike the domains are where that is not known."""
    adapt = record.phase("adapt")
    if not adapt:
        return "Still learning from the source"
    before, now = (epoch["measures"] for epoch in (adapt[0], adapt[-1]))
    if now.get("target_accuracy") is None:
        said, was = (times_out_of_100(m["domain_auc"]) for m in (now, before))
        return f"Source and target told apart {said}, before {was}"
    said, was = (percent(m["target_accuracy"]) for m in (now, before))
    if len(adapt) == 1:
        return f"{said} right before adaptation"
    if said == was:
        return f"{said} right, as before"
    return f"{said} right, {'up' if now['target_accuracy'] > before['target_accuracy'] else 'down'} from {was}"
