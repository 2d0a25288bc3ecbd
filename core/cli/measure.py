"""``python -m core measure``: the shift report without the browser."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from core import devices
from core.backbones import fitting_backbone
from core.cli.assemble import assemble
from core.domains import DOMAINS, kind_of
from core.errors import InputError
from core.experiment import Experiment
from core.measures import MEASURES
from core.reports.measure_text import beside, written
from core.reports.shift import Number, ShiftReport, shift_report
from core.reports.shift_data import VIEWS, View
from core.reports.shift_text import conditions, direction, facts
from core.reports.text import percent
from core.runs.store import ReferenceStore


def command(options: argparse.Namespace) -> int:
    """Print the report of the domains that are asked for, or its JSON; write its page where ``--html`` says so. Returns the exit code.

    With a backbone its features are compared: those of the source-trained network where a run has stored one, else of pretrained
    weights where its parameters ask for them, else of an untrained network. The report says which.
    """
    devices.limit_threads()
    asked, backbone, html = assemble(options), options.backbone, options.html
    if html is not None and not html.parent.is_dir():
        raise InputError("--html", f"there is no folder {html.parent}.", "Create it, or name another file.")
    if backbone is None:
        asked = asked | {"backbone": asked.get("backbone") or {"name": _any_backbone(asked)}}
    experiment = Experiment.parse(asked)
    view, weights = view_of(experiment, backbone)
    report = shift_report(experiment, view, weights)
    found = facts(experiment, report)
    if html is not None:
        from core.figures.shift_page import page

        try:
            html.write_text(page(found, report), "utf-8")
        except OSError as error:
            raise InputError("--html", f"{html} cannot be written ({error.strerror}).", "Name another file.") from error
        print(f"Written: {html}", file=sys.stderr)
    print(json.dumps(found, indent=2) if options.json else _text(found, report))
    return 0


def _any_backbone(asked: dict[str, Any]) -> str:
    """One that fits the source; raw inputs are compared, so nothing depends on it."""
    source = asked.get("source", {})
    name = source.get("name", "printed-digits")
    kind = kind_of(name, source.get("params", {})) if name in DOMAINS else None
    return "mlp" if kind is None else fitting_backbone(kind)


def view_of(experiment: Experiment, backbone: str | None) -> tuple[View, Any]:
    """What the two populations are compared on, and the weights of the network that sees them."""
    if backbone is None:
        return "raw", None
    reference = ReferenceStore().get(experiment.reference_id("source"))
    if reference is not None:
        return "trained", reference.model
    return ("pretrained" if experiment.backbone.params.get("weights", "none") != "none" else "fresh"), None


def _text(found: dict[str, Any], report: ShiftReport) -> str:
    """The report as lines of text."""
    lines = [f"{found['source']} → {found['target']} ({VIEWS[report.samples.view]})", "", found["verdict"], ""]
    lines += map(_line, report.numbers)
    if properties := report.explanation.properties:
        lines += ["", MEASURES.get("explained").title.replace("x %", "this much") + ", each alone:"]
        lines += [f"  {e.title:30} {percent(e.share, 0):>10}   {direction(e)}" for e in properties[:8]]
    kind, shift = found["kind"], found["label_shift"]
    lines += [
        "",
        kind["headline"],
        *(f"  - {text}" for text in kind["evidence"]),
        *(f"  - To know more: {text}" for text in kind["needed"]),
    ]
    if shift["estimated"] is not None and not shift["contradicted"]:
        lines += ["", "Class shares (source, estimated in the target, true):"]
        true = shift["true"] or [None] * len(shift["classes"])
        for name, *values in zip(shift["classes"], shift["source"], shift["estimated"], true, strict=True):
            lines.append(f"  {name:30} " + " ".join(f"{'?' if v is None else percent(v):>9}" for v in values))
    accounts = [line for account in report.samples.accounts for line in ("", *account.lines)]
    return "\n".join([*lines, *accounts, "", conditions(report.samples)])


def _line(number: Number) -> str:
    measure, name = number.measure, number.measure.name
    value, control = (written(measure, values[name]) for values in (number.values, number.control))
    return f"  {measure.title:30} {value:>9}   A/A {control:>9}   {beside(measure, number.values)}".rstrip()
