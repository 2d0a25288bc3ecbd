"""Contracts that others can use: the checks of one kind of entry, run in turn, each failure a sentence that says how to mend it.

Each room has its own in `check.py`: `core.methods.check.check_method` and its like, as scikit-learn has `check_estimator`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError

Subject = TypeVar("Subject")


def require(kept: object, breach: str) -> None:
    """Raise an `AssertionError` with the sentence ``breach``, unless ``kept`` is true; Python's ``-O`` does not switch it off."""
    if not kept:
        raise AssertionError(breach)


def run_checks(who: str, checks: Sequence[Callable[[Subject], None]], subject: Subject, exceptions: Mapping[str, str]) -> None:
    """Call every check with the subject.

    Parameters
    ----------
    who : str
        For messages, for example ``"method 'dan'"``.
    exceptions : mapping of str to str
        Names of checks that are known to fail, each with the reason. One that does not fail any more is reported too.

    Raises
    ------
    AssertionError
        At the first check that fails, with its name; what it raised is the cause.
    """
    names = {check.__name__ for check in checks}
    for name, reason in exceptions.items():
        require(name in names, f"{who}: there is no check {name!r} to except. Choose one of: {', '.join(sorted(names))}.")
        require(reason.strip(), f"{who}: say why {name!r} is excepted.")
    for check in checks:
        name = check.__name__
        try:
            check(subject)
        except Exception as error:
            if name not in exceptions:
                told = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
                raise AssertionError(f"{who} breaks its contract, {name}: {told}") from error
        else:
            require(name not in exceptions, f"{who} keeps {name!r}, which is excepted ({exceptions.get(name)}). Remove the exception.")


def require_text(**texts: str) -> None:
    """Each text is there, without blanks around it."""
    for name, text in texts.items():
        require(text and text == text.strip(), f"{name} is {text!r}. Write a text without blanks around it.")


def require_sentences(**texts: str) -> None:
    require_text(**texts)
    for name, text in texts.items():
        require(text.endswith("."), f"{name} is no sentence: {text!r}. Pages show it as one, so end it with a full stop.")


def require_params(params: type[BaseModel]) -> None:
    """A model of parameters has defaults that it accepts, a meaning for each field, bounds for each number, and no unknown fields."""
    try:
        filled = params()
    except ValidationError as error:
        raise AssertionError(f"{params.__name__} lacks defaults: {error}. Give each field one.") from error
    # Defaults are not validated when they are filled in.
    require(params.model_validate(filled.model_dump()) == filled, f"{params.__name__} does not come back from its own dictionary.")
    for name, about in params.model_fields.items():
        require(about.description, f"{params.__name__}.{name} has no meaning. Give Field(…, description=…) one sentence.")
        if about.annotation in (int, float):
            _require_bounds(params, name, about.metadata)
    _require_refusal(params, "no_such_setting", 1, 'an unknown field. Set model_config = ConfigDict(extra="forbid", frozen=True)')
    require(params.model_config.get("frozen"), f"{params.__name__} can be changed. Set model_config = ConfigDict(frozen=True).")


def _require_bounds(params: type[BaseModel], name: str, metadata: Sequence[object]) -> None:
    bounds = {kind: getattr(rule, kind) for rule in metadata for kind in ("ge", "gt", "le", "lt") if hasattr(rule, kind)}
    complete = bounds.keys() & {"ge", "gt"} and bounds.keys() & {"le", "lt"}
    require(complete, f"{params.__name__}.{name} has no full range. Give Field(…, ge=…, le=…): sliders and sweeps take it from there.")
    for value in bounds.values():
        beyond = value - 1 if value == min(bounds.values()) else value + 1
        _require_refusal(params, name, beyond, "which is out of range. Mend the bounds")


def _require_refusal(params: type[BaseModel], name: str, value: object, why: str) -> None:
    try:
        params.model_validate({name: value})
    except ValidationError:
        return
    raise AssertionError(f"{params.__name__} accepts {name}={value}, {why}.")
