"""The one error that is meant for the user's eyes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pydantic import ValidationError


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


LISTED = 20


def unknown(where: str, name: object, known: Iterable[str]) -> InputError:
    """An `InputError` for a name that is not among ``known``, with the closest one suggested and at most `LISTED` of the others."""
    known = list(known)
    choice = ", ".join(known[:LISTED]) + (f", … ({len(known)} in all)" if len(known) > LISTED else "")
    shown = repr(name if len(str(name)) <= 60 else str(name)[:60] + "…")
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return InputError(where, f"there is no {shown}.", f"{hint}Choose one of: {choice}.")


def as_input_error(error: ValidationError) -> InputError:
    """The first complaint of a Pydantic error in the house's words: field, value, what is allowed."""
    first = error.errors()[0]
    # The last part of a union's place is the type that was tried, which says nothing to a user.
    where = ".".join(str(part) for part in first["loc"] if part not in ("int", "float", "bool", "str"))
    if first["type"] == "json_invalid":
        return InputError("experiment", "this is not valid JSON.", f"{first['msg']}.")
    cause = (first.get("ctx") or {}).get("error")
    if isinstance(cause, InputError):
        about_a_file = any(sign in cause.where for sign in "/\\")
        return InputError(cause.where if about_a_file or not where else where, cause.what, cause.remedy)
    if cause is not None:
        return InputError(where or "experiment", str(cause), "Correct it and try again.")
    if first["type"] == "extra_forbidden":
        return InputError(where, "there is no such setting.", "Remove it or correct its name.")
    value = repr(first.get("input"))
    shown = value if len(value) <= 60 else value[:60] + "…"
    return InputError(where or "experiment", f"{shown} cannot be used.", f"{first['msg']}.")
