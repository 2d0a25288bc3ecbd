"""The one error that is meant for the user's eyes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something the user gave cannot be used.

    Parameters
    ----------
    where : str
        The field, file or control, for example ``"source.shift.severity"``.
    what : str
        What is wrong with it, with the value.
    remedy : str
        What to do next, one plain sentence.
    """

    def __init__(self, where: str, what: str, remedy: str):
        self.where, self.what, self.remedy = where, what, remedy
        super().__init__(f"{where}: {what} {remedy}")


LISTED = 24


def unknown(where: str, name: object, known: Iterable[str]) -> InputError:
    """An `InputError` for a name that is not among ``known``, with the closest one suggested and at most `LISTED` of the others."""
    known = list(known)
    choice = ", ".join(known[:LISTED]) + (f", … ({len(known)} in all)" if len(known) > LISTED else "")
    shown = repr(name if len(str(name)) <= 60 else str(name)[:60] + "…")
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return InputError(where, f"there is no {shown}.", f"{hint}Choose one of: {choice}.")
