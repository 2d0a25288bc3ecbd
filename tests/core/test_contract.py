"""What all contracts share: which check failed and why is told, exceptions have reasons, and no exception outlives its reason."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, Field

from core.registry import Registry
from core.registry.contract import require, require_params, run_checks
from core.shifts import ShiftEntry


def kept(subject: str) -> None:
    require(subject, "never told")


def broken(subject: str) -> None:
    require(not subject, f"{subject} is wrong. Mend it.")


def raising(subject: str) -> None:
    raise IndexError("out of range")


def test_a_breach_names_the_entry_the_check_and_the_remedy():
    run_checks("Shift 'a'", [kept], "a", {})
    with pytest.raises(AssertionError, match=r"^Shift 'a' breaks its contract, broken: a is wrong. Mend it.$"):
        run_checks("Shift 'a'", [kept, broken], "a", {})
    with pytest.raises(AssertionError, match="raising: IndexError: out of range") as caught:
        run_checks("Shift 'a'", [raising], "a", {})
    assert isinstance(caught.value.__cause__, IndexError)


@pytest.mark.parametrize(
    ("exceptions", "message"),
    [
        ({"brokn": "because"}, "there is no check 'brokn' to except. Choose one of: broken, kept"),
        ({"broken": " "}, "say why 'broken' is excepted"),
        ({"broken": "because", "kept": "once it was"}, "keeps 'kept', which is excepted .once it was.. Remove"),
    ],
)
def test_exceptions_are_known_have_a_reason_and_are_needed(exceptions, message):
    run_checks("Shift 'a'", [kept, broken], "a", {"broken": "because"})
    with pytest.raises(AssertionError, match=message):
        run_checks("Shift 'a'", [kept, broken], "a", exceptions)


def params(config: dict | None = None, **fields) -> type[BaseModel]:
    """A model whose one field, n, is as given."""
    about = {"default": 3, "ge": 1, "le": 9, "description": "How many."} | fields
    space = {"__annotations__": {"n": int}, "n": Field(**about), "model_config": config or ConfigDict(extra="forbid", frozen=True)}
    return type("Params", (BaseModel,), space)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"description": None}, "n has no meaning"),
        ({"le": None}, "n has no full range"),
        ({"default": 0}, "greater than or equal to 1"),
        ({"default": ...}, "lacks defaults"),
        ({"config": ConfigDict(frozen=True)}, "no_such_setting=1, an unknown field"),
        ({"config": ConfigDict(extra="forbid")}, "can be changed"),
    ],
)
def test_params_have_defaults_ranges_and_meanings(wrong, message):
    require_params(params())
    with pytest.raises((AssertionError, ValueError), match=message):
        require_params(params(**wrong))


def test_a_registry_holds_an_entry_for_a_while():
    registry, entry = Registry("shift"), ShiftEntry("a", "A", "An entry.")
    with registry.holding(entry) as held:
        assert held is registry.get("a")
    assert "a" not in registry
    registry.add(entry)
    with registry.holding(entry):
        pass
    assert "a" in registry
    with pytest.raises(ValueError, match="already"), registry.holding(ShiftEntry("a", "Another", "An entry.")):
        pass
    assert registry.get("a") is entry
