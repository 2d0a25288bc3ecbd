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
from core.reports.measure_text import beside, control_of, written
from core.reports.shift import Number, ShiftReport, shift_report
from core.reports.shift_data import VIEWS, View
from core.reports.shift_text import EXPLAINED_NOTE, conditions, direction, facts
from core.reports.text import in_percent, percent
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
    print(json.dumps(found, indent=2) if options.json else as_text(found, report))
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


def as_text(found: dict[str, Any], report: ShiftReport) -> str:
    """The report as lines of text."""
    lines = [f"{found['source']} → {found['target']} ({VIEWS[report.samples.view]})", "", found["verdict"], ""]
    lines += map(_line, report.numbers)
    if properties := report.explanation.properties:
        lines += ["", MEASURES.get("explained").title.replace("x %", "this much") + ", each alone:"]
        lines += [f"  {e.title:30} {percent(e.share, 0):>10}   {direction(e)} ({e.source_n} + {e.target_n})" for e in properties[:8]]
        lines += [f"  {EXPLAINED_NOTE}"]
    kind = found["kind"]
    lines += [
        "",
        kind["headline"],
        *(f"  - {text}" for text in kind["evidence"]),
        *(f"  - To know more: {text}" for text in kind["needed"]),
    ]
    lines += ["", *_class_shares(found["label_shift"])]
    for head, sentences in (
        ("Columns that give it away:", found["giveaways"]["warnings"]),
        ("What this cannot tell:", found["cannot_tell"]),
    ):
        lines += ["", head, *(f"  - {text}" for text in sentences)] if sentences else []
    accounts = [line for account in report.samples.accounts for line in ("", *account.lines)]
    return "\n".join([*lines, *accounts, "", conditions(report.samples)])


def _class_shares(shift: dict[str, Any]) -> list[str]:
    """A line for each class, with the interval, where there is an estimate; always what it rests on."""
    if shift["estimated"] is None:
        return [shift["remark"]]
    lines = ["Class shares (source, estimated in the target with its 95 % interval, true):"]
    true = shift["true"] or [None] * len(shift["classes"])
    columns = (shift[name] for name in ("source", "estimated", "low", "high"))
    for name, source, estimated, low, high, known in zip(shift["classes"], *columns, true, strict=True):
        between = f"({in_percent(low)} to {percent(high)})"
        lines.append(f"  {name:30} {percent(source):>9} {percent(estimated):>9} {between:20} {'?' if known is None else percent(known):>9}")
    return [*lines, f"  {shift['remark']}"]


def _line(number: Number) -> str:
    measure, name = number.measure, number.measure.name
    value, control = written(measure, number.values[name]), control_of(measure, number.control)
    return f"  {measure.title:30} {value:>9}   {control:14}   {beside(measure, number.values)}".rstrip()
