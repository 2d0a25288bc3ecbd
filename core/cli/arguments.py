"""What can be asked on the command line. It loads nothing, so that ``--help`` answers at once."""

from __future__ import annotations

import argparse
from pathlib import Path

LISTS = ("domains", "shifts", "backbones", "methods", "measures")


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; the one that is asked for stands in ``command``."""
    parser = argparse.ArgumentParser(prog="python -m core", description="Shiftscope without the browser.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    listing = commands.add_parser("list", help="what there is to choose from")
    listing.add_argument("kind", choices=LISTS)
    listing.add_argument("--json", action="store_true", help="an array of objects with a name")

    run = commands.add_parser("run", help="run an experiment, or show it if it has been run")
    run.add_argument("experiment", nargs="?", type=Path, metavar="EXPERIMENT.json", help="options below change what it says")
    run.add_argument("--backbone")
    run.add_argument("--method")
    run.add_argument("--epochs", type=int, help="epochs of adaptation")
    run.add_argument("--shots", type=int, help="labelled target samples per class, for methods with few target labels")

    measure = commands.add_parser("measure", help="how far apart two domains are, in what, and whether that is more than chance")
    measure.add_argument("--backbone", help="compare its features: source-trained ones where a run has stored them; raw inputs without")
    measure.add_argument("--html", type=Path, metavar="FILE", help="write the report as one self-contained page")
    measure.set_defaults(experiment=None, method=None, epochs=None, shots=None)
    for command in (run, measure):
        _question(command)

    resume = commands.add_parser("resume", help="complete a run that was interrupted or cancelled")
    show = commands.add_parser("show", help="the numbers of a stored run")
    project = commands.add_parser("project", help="compute a run's 2-D UMAP map (the app does this in the background)")
    for command in (resume, show, project):
        command.add_argument("run", metavar="RUN", help="its id, or the first digits of it")
    for command in (run, resume):
        command.add_argument("--device", help="cuda, mps or cpu; the best one by default")
    for command in (run, measure, resume, show):
        command.add_argument("--json", action="store_true", help="one JSON object on stdout")
    commands.add_parser("gallery", help="make the finished runs that ship with Shiftscope anew (some minutes; for who works on it)")
    return parser


def _question(command: argparse.ArgumentParser) -> None:
    """Options that say which domains, and what else is asked of them."""
    for side in ("source", "target"):
        command.add_argument(f"--{side}", metavar="DOMAIN", help="a name from `list domains`, or a path: FILE, FOLDER or FILE/DOMAIN")
        command.add_argument(f"--{side}-shift", action="append", metavar="SHIFT:SEVERITY", help="for example rotation:0.5; may be repeated")
    command.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="how files are read: label=quality, cut=6, side=64; the message about a wrong name lists all",
    )
    command.add_argument("--seed", type=int)
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="trade_off=1, lr=0.001, snapshot=300, or any field by its path: source.params.n=500",
    )
