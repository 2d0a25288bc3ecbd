"""Numbers said one way, wherever they are said: in sentences, on tiles, in tables and on the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core.measures.mmd import PERMUTATIONS

SMALLEST_P = 1 / (1 + PERMUTATIONS)  # that a permutation test can give


def percent(value: float, digits: int = 1) -> str:
    """0.873 → "87.3 %"."""
    return f"{in_percent(value, digits)} %"


def in_percent(value: float, digits: int = 1) -> str:
    """The same where the unit stands elsewhere: 0.873 → "87.3"."""
    return fixed(100 * value, digits)


def points(value: float, digits: int = 1) -> str:
    """A difference of two shares in percentage points with its sign: 0.41 → "+41.0"."""
    return _minus(f"{100 * value:+.{digits}f}")


def number(value: float) -> str:
    """Three significant digits: 0.012345 → "0.0123"."""
    return _minus(f"{value:.3g}")


def fixed(value: float, digits: int) -> str:
    """So many digits after the point."""
    return _minus(f"{value:.{digits}f}")


def _minus(text: str) -> str:
    """With a real minus sign."""
    return text.replace("-", "−")


def interval(low: float, high: float, said: Callable[[float], str], of: str = "") -> str:
    """A 95 % interval, its ends as ``said`` has it: "95 % +20.0 to +40.0"; ``of`` says what it is, as in "95 % interval +20.0 to +40.0"."""
    return f"95 % {f'{of} ' if of else ''}{said(low)} to {said(high)}"


def auc_value(value: float) -> str:
    """0.8714 → "0.87"."""
    return fixed(value, 2)


def auc_words(low: float, high: float) -> str:
    """For example "0.85 to 0.90"; "above 0.99" where "1.00 to 1.00" would claim to be sure."""
    return f"{auc_value(low)} to {auc_value(high)}" if low < 0.995 else "above 0.99"


def times_out_of_100(value: float) -> str:
    """What an AUC means to a reader who has never met one: "87 times out of 100"."""
    return f"{in_percent(value, 0)} times out of 100"


def p_value(p: float) -> str:
    """ "p = 0.031, B = 499"; "p = 0.002, the smallest possible with B = 499", never 0."""
    if _smallest(p):
        return f"p = {fixed(SMALLEST_P, 3)}, the smallest possible with B = {PERMUTATIONS}"
    return f"p = {fixed(p, 3)}, B = {PERMUTATIONS}"


def short_p(p: float) -> str:
    """The same where there is little room: "p = 0.031"; "p = 0.002 (smallest)"."""
    return f"p = {fixed(SMALLEST_P, 3)} (smallest)" if _smallest(p) else f"p = {fixed(p, 3)}"


def _smallest(p: float) -> bool:
    return p <= SMALLEST_P * 1.0001  # a stored one may be off in its last digit


def n_of_m(n: int, m: int) -> str:
    """ "3 of 10", "none of 10"; large numbers in groups of three digits."""
    return f"{f'{n:,}' if n else 'none'} of {m:,}"


def updates(epochs: int, each: int) -> str:
    """ "30 epochs × 23 updates = 690 updates"."""
    return f"{epochs:,} epoch{'' if epochs == 1 else 's'} × {each:,} updates = {epochs * each:,} updates"


def planned(phases: Mapping[Any, Sequence[int]]) -> list[str]:
    """A budget in words, from the epochs and the updates of each of source training (which may end earlier) and of adaptation."""
    said = []
    if "source" in phases:
        epochs, each = phases["source"]
        said.append(f"Source training: at most {updates(epochs, each)}; it ends where samples held back from it no longer gain")
    if "adapt" in phases:
        epochs, each = phases["adapt"]
        also = ", and as many for source-only, which the gain is over" if "continued" in phases else ""
        said.append(f"Adaptation: {updates(epochs, each)}{also}")
    return said


def duration(seconds: float) -> str:
    """ "34 s", "12 min", "1.5 h"."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
