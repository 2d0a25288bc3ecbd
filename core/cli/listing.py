"""``python -m core list``: what there is to choose from."""

from __future__ import annotations

import argparse
import json
from typing import Any

import core.reports  # noqa: F401  (some of what has a meaning is a finding of a report)
from core.backbones import BACKBONES
from core.domains import DOMAINS
from core.measures import MEASURES
from core.methods import METHODS
from core.shifts import SHIFTS

REGISTRIES = {"domains": DOMAINS, "shifts": SHIFTS, "backbones": BACKBONES, "methods": METHODS, "measures": MEASURES}


def command(options: argparse.Namespace) -> int:
    """Print the entries of one registry, a line each, or their plain facts as JSON."""
    entries = [_describe(options.kind, entry) for entry in REGISTRIES[options.kind]]
    if options.json:
        print(json.dumps(entries, indent=2))
        return 0
    width = max(len(entry["name"]) for entry in entries)
    for entry in entries:
        print(f"{entry['name']:{width}}  {entry.get('summary') or entry['meaning']}")
    return 0


def _describe(kind: str, entry: Any) -> dict[str, Any]:
    """The plain facts of a registry's entry, with its parameters as JSON schema where it has any."""
    facts = vars(entry.info) if kind == "methods" else vars(entry)
    plain = {name: value for name, value in facts.items() if isinstance(value, str | int | float | bool | tuple) or value is None}
    if kind == "shifts":
        plain |= {"image": entry.image is not None, "features": entry.features is not None, "kinds": entry.kinds}
    if kind == "measures":
        plain |= {"of": entry.of}
    params = getattr(entry, "Params", None) or getattr(entry, "params", None)
    return plain | ({"params": params.model_json_schema().get("properties", {})} if params else {})
