"""From options to the dictionary of an experiment."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.experiment import Budget, Experiment

DEFAULTS = {side: {"name": Experiment.model_fields[side].default.name} for side in ("source", "target")}
EXAMPLES = {"--set": "trade_off=1", "--option": "label=quality"}


def assemble(options: argparse.Namespace) -> dict[str, Any]:
    """The experiment's dictionary: the file's, changed by the options."""
    data = _stored(options.experiment) if options.experiment else {}
    data |= _domains(options)
    for side in DEFAULTS:
        if shifts := getattr(options, f"{side}_shift"):
            _part(data, side)["shifts"] = [_shift(text, f"--{side}-shift") for text in shifts]
    for part in ("backbone", "method"):
        if name := getattr(options, part):
            data[part] = {"name": name}
    if options.epochs is not None:
        _part(data, "budget")["epochs"] = options.epochs
    for name in ("seed", "shots"):
        if (value := getattr(options, name)) is not None:
            data[name] = value
    for text in options.set:
        _set(data, text)
    return data


def _stored(file: Path) -> dict[str, Any]:
    """What a file says: an experiment, or a whole answer of the command line that holds one."""
    try:
        data = json.loads(file.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(str(file), f"it cannot be read ({error}).", "Give a file as `show --json` prints it.") from error
    if isinstance(data, dict):
        data = data.get("experiment", data)
    if not isinstance(data, dict):
        raise InputError(str(file), "it holds no experiment.", "Give a file as `show --json` prints it.")
    return data


def _domains(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """The domains that the options name; two files are read together, so that both get the same columns and classes."""
    names = {side: name for side in DEFAULTS if (name := getattr(options, side))}
    files = {side: _file(name) for side, name in names.items() if os.sep in name or Path(name).suffix}
    choices = dict(_pair(text, "--option") for text in options.option)
    if choices and not files:
        raise InputError("--option", "neither the source nor the target is a file.", "Leave it out, or give the path of your own data.")
    paths = [params["path"] for params in files.values()]
    for params, other in zip(files.values(), reversed(paths), strict=True):
        params |= ({"options": choices} if choices else {}) | ({"beside": other, "lead": paths[0]} if other != params["path"] else {})
    return {side: {"name": "file", "params": files[side]} if side in files else {"name": name} for side, name in names.items()}


def _file(name: str) -> dict[str, Any]:
    """``photos.zip/amazon`` is the domain amazon of that file."""
    place = Path(name).absolute()
    if not place.exists() and place.parent.is_file():
        return {"path": str(place.parent), "domain": place.name}
    return {"path": str(place)}


def _part(data: dict[str, Any], name: str) -> dict[str, Any]:
    """A field of ``data`` that has fields of its own; where it is missing it is made, a domain with its default name."""
    part = data.setdefault(name, dict(DEFAULTS.get(name, {})))
    if not isinstance(part, dict):
        raise InputError(name, f"{json.dumps(part)[:60]} has no fields.", "Give an object with the field's parts.")
    return part


def _shift(text: str, where: str) -> dict[str, Any]:
    name, colon, severity = text.partition(":")
    try:
        return {"name": name, "severity": float(severity) if colon else 0.5}
    except ValueError:
        raise InputError(where, f"{severity!r} is not a number.", "Write it as NAME:SEVERITY, for example rotation:0.5.") from None


def _set(data: dict[str, Any], text: str) -> None:
    """Set one field by its dotted path; a bare name may be a field of the experiment, the budget or the method."""
    path, value = _pair(text, "--set")
    keys = path.split(".")
    if len(keys) == 1 and path not in Experiment.model_fields:
        keys = ["budget", path] if path in Budget.model_fields else ["method", "params", path]
    at = data
    for key in keys[:-1]:
        at = _part(at, key)
    at[keys[-1]] = value


def _pair(text: str, where: str) -> tuple[str, Any]:
    """Name and value of ``NAME=VALUE``; a value that is no JSON is text."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError(where, f"{text!r} has no value.", f"Write it as NAME=VALUE, for example {EXAMPLES[where]}.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
