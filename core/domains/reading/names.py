"""Names from a file, fit to be shown: different ones stay different, however long or odd they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from core.domains.reading.base import clean


def distinct(names: Sequence[str], limit: int = 80, nameless: str = "unnamed") -> list[str]:
    """Each of the names as `clean` shows it, no two of them alike: a number follows where two would be.

    A name that needs no cleaning keeps its form, whatever becomes of the others.
    """
    shown: list[str | None] = [None] * len(names)
    taken: set[str] = set()
    for i, name in enumerate(names):
        if name and name not in taken and clean(name, limit) == name:
            shown[i] = name
            taken.add(name)
    often: Counter[str] = Counter()
    for i, name in enumerate(names):
        if shown[i] is None:
            shown[i] = _free(clean(name, limit) or nameless, limit, taken, often)
            taken.add(str(shown[i]))
    return [str(name) for name in shown]


def _free(plain: str, limit: int, taken: set[str], often: Counter[str]) -> str:
    """The name itself, or the first of its numbered forms that nobody has."""
    while True:
        often[plain] += 1
        number = f" ({often[plain]})" if often[plain] > 1 else ""
        found = clean(plain, limit - len(number)) + number
        if found not in taken:
            return found
