"""A measure's value in words, as its registration says how it is written."""

from __future__ import annotations

from collections.abc import Mapping

from core.measures import Measure
from core.reports.text import auc_words, fixed, in_percent, interval, number, percent, points


def written(measure: Measure, value: float) -> str:
    """For example "0.87", "87.3 %", "+4.1", "0.0123"."""
    drawing = measure.drawing
    if drawing.form == "share":
        return percent(value, 1 if drawing.digits is None else drawing.digits)
    if drawing.form == "points":
        return points(value, 1 if drawing.digits is None else drawing.digits)
    digits = {"chance": 2, "p": 3}.get(drawing.form, drawing.digits)
    return number(value) if digits is None else fixed(value, digits)


def interval_of(measure: Measure, values: Mapping[str, float | None]) -> str:
    """For example "95 % 0.85 to 0.90", in the measure's unit; empty where it has no interval, or none is known."""
    band = measure.drawing.band
    if band is None or not band.around:
        return ""
    low, high = values.get(band.low), values.get(band.high)
    if low is None or high is None:
        return ""
    if measure.drawing.form == "chance":
        return f"95 % {auc_words(low, high)}"
    if measure.drawing.form == "share":
        return f"{interval(low, high, in_percent)} %"
    return interval(low, high, lambda end: written(measure, end))


def last_words(measure: Measure, values: Mapping[str, float]) -> dict[str, float]:
    """The companions by the last words of their keys: "p" for "mmd2_p"."""
    return {key.removeprefix(f"{measure.name}_"): values[key] for key in measure.companions}


def beside(measure: Measure, values: Mapping[str, float]) -> str:
    """What stands under a number of two populations: its interval, and what its registration adds."""
    more = measure.drawing.beside.format(**last_words(measure, values))
    return " · ".join(part for part in (interval_of(measure, values), more) if part)


def control_of(measure: Measure, control: Mapping[str, float] | None, name: str = "A/A") -> str:
    """The same between two sets of source samples, for example "A/A 0.52"; where the source has too few samples for two sets, that."""
    return "no A/A control" if control is None else f"{name} {written(measure, control[measure.name])}"
