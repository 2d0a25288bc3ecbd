"""The settings of an experiment, as it was stored, in the forms in which they are compared and read."""

from __future__ import annotations

from typing import Any

from core.domains.titles import shift_titles
from core.methods import METHODS


def method_title(experiment: dict[str, Any]) -> str:
    """As the catalogue writes it; a method that is no longer there keeps its name."""
    name = experiment["method"]["name"]
    return METHODS.get(name).info.title if name in METHODS else name.capitalize()


def effective(experiment: dict[str, Any]) -> dict[str, Any]:
    """An experiment's settings without those that had no effect: closed forms have their own stages, whatever the budget says."""
    name = experiment["method"]["name"]
    if name not in METHODS or not METHODS.get(name).info.instant:
        return experiment
    return experiment | {"budget": {key: value for key, value in experiment["budget"].items() if key != "epochs"}}


def question(experiment: dict[str, Any]) -> dict[str, Any]:
    """The settings that decide a result but for luck: without the seed, how many samples are kept, and the joint line."""
    return {name: value for name, value in effective(experiment).items() if name not in ("seed", "snapshot", "joint")}


def flat(settings: dict[str, Any], path: str = "") -> dict[str, str]:
    """Every setting by its dotted path, as text."""
    found: dict[str, str] = {}
    for key, value in settings.items():
        found |= flat(value, f"{path}{key}.") if isinstance(value, dict) else {path + key: _short(value)}
    return found


def differences(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    """What differs between two experiments, as "method.name: dan → mcc"."""
    before, after = flat(a), flat(b)
    return [
        f"{key}: {before.get(key, '–')} → {after.get(key, '–')}"
        for key in dict.fromkeys((*before, *after))
        if before.get(key) != after.get(key)
    ]


def _short(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(shift_titles(value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
