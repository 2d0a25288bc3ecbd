"""Numbers said one way, wherever they are said."""

from __future__ import annotations


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
