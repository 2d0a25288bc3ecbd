"""The settings of an experiment, as it was stored, in the forms in which they are compared and read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from core.backbones import BACKBONES
from core.domains.titles import domain_name, domain_title, shift_title
from core.methods import METHODS
from core.registry import Registry

# What a field is called where its name alone does not say it. All others are their names in words.
FIELDS = {
    "shots": "Labelled target samples per class",
    "joint": "Joint line",
    "lr": "Learning rate",
    "rate": "Learning rate of adaptation, as a multiple",
    "norm": "Batch norm between the domains",
    "least_updates": "Updates an epoch, at least",
    "n": "Samples",
    "n_train": "Training samples",
    "n_test": "Held-out samples",
    "snapshot": "Samples kept for maps",
    "epochs": "Epochs of adaptation",
    "trade_off": "Trade-off",
    "inner_lr": "Inner learning rate",
    "freeze": "Frozen layers",
    "side": "Pixels a side",
}
ORDINALS = ("", "second ", "third ", "fourth ")


def field_title(name: str) -> str:
    """What a reader calls a field of an experiment or of a part's parameters: "Weight decay"."""
    return FIELDS.get(name) or name.replace("_", " ").capitalize()


def part_title(registry: Registry, name: str) -> str:
    """As the pages write it; a part that is no longer there keeps its name."""
    return registry.get(name).title if name in registry else name.capitalize()


def method_title(experiment: Mapping[str, Any]) -> str:
    """As the catalogue writes it; a method that is no longer there keeps its name."""
    name = experiment["method"]["name"]
    return METHODS.get(name).info.title if name in METHODS else name.capitalize()


def backbone_title(experiment: Mapping[str, Any]) -> str:
    return part_title(BACKBONES, experiment["backbone"]["name"])


def pair_title(experiment: Mapping[str, Any]) -> str:
    """ "Printed digits → Handwritten digits, rotation 0.5"."""
    return " → ".join(domain_title(experiment[side]) for side in ("source", "target"))


def run_title(experiment: Mapping[str, Any]) -> str:
    """ "DAN · Printed digits → Handwritten digits · seed 0"; other runs may have the same."""
    return f"{method_title(experiment)} · {pair_title(experiment)} · seed {experiment.get('seed', 0)}"


def slug(title: str) -> str:
    """A title as the name of a file: "dan-printed-digits-handwritten-digits-seed-0"."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:80] or "run"


def effective(experiment: dict[str, Any]) -> dict[str, Any]:
    """An experiment's settings without those that had no effect: closed forms have their own stages, whatever the budget says."""
    name = experiment["method"]["name"]
    if name not in METHODS or not METHODS.get(name).info.instant:
        return experiment
    return experiment | {"budget": {key: value for key, value in experiment["budget"].items() if key != "epochs"}}


def question(experiment: dict[str, Any]) -> dict[str, Any]:
    """The settings that decide a result but for luck: without the seed, how many samples are kept, and the joint line."""
    return {name: value for name, value in effective(experiment).items() if name not in ("seed", "snapshot", "joint")}


def decisive(experiment: dict[str, Any]) -> dict[str, Any]:
    """The settings that decide a result: all but how many samples are kept for its maps."""
    return {name: value for name, value in effective(experiment).items() if name != "snapshot"}


def titled(experiment: Mapping[str, Any]) -> dict[str, str]:
    """Every setting by what a reader calls it, with its value in words; of what is missing there is nothing."""
    found: dict[str, str] = {}
    for side in ("source", "target"):
        if side in experiment:
            found |= _side(side, experiment[side])
    if "backbone" in experiment:
        params = experiment["backbone"]["params"]
        found |= {"Backbone": backbone_title(experiment)} | {f"Backbone: {field_title(n).lower()}": _value(v) for n, v in params.items()}
    if "method" in experiment:
        params = experiment["method"]["params"]
        found |= {"Method": method_title(experiment)} | {f"Method: {field_title(n).lower()}": _value(v) for n, v in params.items()}
    found |= {field_title(name): _value(value) for name, value in experiment.get("budget", {}).items()}
    parts = ("source", "target", "backbone", "method", "budget")
    return found | {field_title(name): _value(value) for name, value in experiment.items() if name not in parts}


def _side(side: str, spec: Mapping[str, Any]) -> dict[str, str]:
    found = {side.capitalize(): domain_name(spec["name"], spec["params"])}
    hidden = ("digest", "path", "options", "beside") if spec["name"] in ("own", "file") else ()
    found |= {f"{side.capitalize()}: {field_title(n).lower()}": _value(v) for n, v in spec["params"].items() if n not in hidden}
    for ordinal, shift in zip(ORDINALS, spec["shifts"], strict=False):
        found[f"{ordinal.capitalize()}{'shift' if ordinal else 'Shift'} of the {side}"] = shift_title(shift["name"])
        found[f"Severity of the {side}'s {ordinal}shift"] = _value(shift["severity"])
    return found


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What differs between two experiments: the setting, its value in the first and in the second, "none" where one has no such."""
    before, after = titled(a), titled(b)
    names = dict.fromkeys((*before, *after))
    return [(name, before.get(name, "none"), after.get(name, "none")) for name in names if before.get(name) != after.get(name)]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
