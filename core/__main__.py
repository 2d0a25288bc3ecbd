"""The command line: ``python -m core list | run | measure | resume | show | project``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from core.errors import InputError

LISTS = ("domains", "shifts", "backbones", "methods", "measures")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, or 2 for a request that cannot be met, with one line on stderr."""
    options = _parser().parse_args(arguments)
    try:
        code = options.command(options)
        sys.stdout.flush()  # here, where a reader that has gone is expected
        return code
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted. Every finished epoch is kept; `python -m core resume RUN` goes on.", file=sys.stderr)
        return 130
    except (MemoryError, RuntimeError) as error:  # out of memory, above all; the run's record holds the details
        print(f"error: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m core", description="Shiftscope without the browser.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    listing = commands.add_parser("list", help="what there is to choose from")
    listing.add_argument("kind", choices=LISTS)
    listing.add_argument("--json", action="store_true", help="an array of objects with a name")
    listing.set_defaults(command=_list)

    run = commands.add_parser("run", help="run an experiment, or show it if it has been run")
    run.add_argument("experiment", nargs="?", type=Path, metavar="EXPERIMENT.json", help="options below change what it says")
    run.add_argument("--backbone")
    run.add_argument("--method")
    run.add_argument("--epochs", type=int, help="epochs of adaptation")
    run.add_argument("--shots", type=int, help="labelled target samples per class, for methods with few target labels")
    run.set_defaults(command=_run)

    measure = commands.add_parser("measure", help="how far apart two domains are, in what, and whether that is more than chance")
    measure.add_argument("--backbone", help="compare its features: source-trained ones where a run has stored them; raw inputs without")
    measure.add_argument("--html", type=Path, metavar="FILE", help="write the report as one self-contained page")
    measure.set_defaults(command=_measure, experiment=None, method=None, epochs=None, shots=None)
    for command in (run, measure):
        for side in ("source", "target"):
            command.add_argument(f"--{side}", metavar="DOMAIN", help="a name from `list domains`, or a path: FILE, FOLDER or FILE/DOMAIN")
            command.add_argument(
                f"--{side}-shift", action="append", metavar="SHIFT:SEVERITY", help="for example rotation:0.5; may be repeated"
            )
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

    resume = commands.add_parser("resume", help="complete a run that was interrupted or cancelled")
    resume.set_defaults(command=_resume)
    show = commands.add_parser("show", help="the numbers of a stored run")
    show.set_defaults(command=_show)
    project = commands.add_parser("project", help="compute a run's 2-D UMAP map (the app does this in the background)")
    project.set_defaults(command=_project)
    for command in (resume, show, project):
        command.add_argument("run", metavar="RUN", help="its id, or the first digits of it")
    for command in (run, resume):
        command.add_argument("--device", help="cuda, mps or cpu; the best one by default")
    for command in (run, measure, resume, show):
        command.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


def _list(options: argparse.Namespace) -> int:
    entries = [_describe(options.kind, entry) for entry in _registry(options.kind)]
    if options.json:
        print(json.dumps(entries, indent=2))
        return 0
    width = max(len(entry["name"]) for entry in entries)
    for entry in entries:
        print(f"{entry['name']:{width}}  {entry.get('summary') or entry['meaning']}")
    return 0


def _registry(kind: str):
    if kind == "domains":
        from core.domains import DOMAINS as registry
    elif kind == "shifts":
        from core.shifts import SHIFTS as registry
    elif kind == "backbones":
        from core.backbones import BACKBONES as registry
    elif kind == "methods":
        from core.methods import METHODS as registry
    else:
        import core.reports  # noqa: F401  (some of what has a meaning is a finding of a report)
        from core.measures import MEASURES as registry
    return registry


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


def _run(options: argparse.Namespace) -> int:
    from core.experiment import Experiment

    return _execute(Experiment.parse(_assemble(options)), options)


def _measure(options: argparse.Namespace) -> int:
    from core import devices
    from core.cli import measure

    devices.limit_threads()
    return measure.command(_assemble(options), options.backbone, options.json, options.html)


def _resume(options: argparse.Namespace) -> int:
    from core.experiment import Experiment
    from core.runs import store

    return _execute(Experiment.parse(store.find(options.run).experiment()), options)


def _show(options: argparse.Namespace) -> int:
    from core.runs import store

    return _print(store.find(options.run), options.json)


def _project(options: argparse.Namespace) -> int:
    from core.maps import run_map
    from core.runs import store

    run_map.compute_umap(store.find(options.run))
    return 0


def _assemble(options: argparse.Namespace) -> dict[str, Any]:
    """The experiment's dictionary: the file's, changed by the options."""
    data: dict[str, Any] = {}
    if options.experiment:
        try:
            data = json.loads(options.experiment.read_text())
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(str(options.experiment), f"it cannot be read ({error}).", "Give a file as `show --json` prints it.") from error
        if isinstance(data, dict):
            data = data.get("experiment", data)  # the whole answer of `run --json` serves too
        if not isinstance(data, dict):
            raise InputError(str(options.experiment), "it holds no experiment.", "Give a file as `show --json` prints it.")
    data |= _domains(options)
    for side in ("source", "target"):
        if shifts := getattr(options, f"{side}_shift"):
            default = {"source": "printed-digits", "target": "handwritten-digits"}[side]
            _part(data, side, {"name": default})["shifts"] = [_shift(text, f"--{side}-shift") for text in shifts]
    for part in ("backbone", "method"):
        if name := getattr(options, part):
            data[part] = {"name": name}
    if options.epochs is not None:
        _part(data, "budget", {})["epochs"] = options.epochs
    for name in ("seed", "shots"):
        if (value := getattr(options, name)) is not None:
            data[name] = value
    for text in options.set:
        _set(data, text)
    return data


def _domains(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """The domains that the options name; two files are read together, so that both get the same columns and classes."""
    names = {side: name for side in ("source", "target") if (name := getattr(options, side))}
    files = {side: _file(name) for side, name in names.items() if os.sep in name or Path(name).suffix}
    choices = dict(_pair(text, "--option") for text in options.option)
    if choices and not files:
        raise InputError("--option", "neither the source nor the target is a file.", "Leave it out, or give the path of your own data.")
    paths = [params["path"] for params in files.values()]
    for params, other in zip(files.values(), reversed(paths), strict=True):
        params |= ({"options": choices} if choices else {}) | ({"beside": other} if other != params["path"] else {})
    return {side: {"name": "file", "params": files[side]} if side in files else {"name": name} for side, name in names.items()}


def _file(name: str) -> dict[str, Any]:
    """``photos.zip/amazon`` is the domain amazon of that file."""
    place = Path(name).absolute()
    if not place.exists() and place.parent.is_file():
        return {"path": str(place.parent), "domain": place.name}
    return {"path": str(place)}


def _part(data: dict[str, Any], name: str, default: dict[str, Any]) -> dict[str, Any]:
    """A field of ``data`` that has fields of its own, made from ``default`` where it is missing."""
    part = data.setdefault(name, default)
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
    from core.experiment import Budget, Experiment

    path, value = _pair(text, "--set")
    keys = path.split(".")
    if len(keys) == 1 and path not in Experiment.model_fields:
        keys = ["budget", path] if path in Budget.model_fields else ["method", "params", path]
    defaults = {"source": {"name": "printed-digits"}, "target": {"name": "handwritten-digits"}}
    at = data
    for depth, key in enumerate(keys[:-1]):
        at = _part(at, key, defaults.get(key, {}) if depth == 0 else {})
    at[keys[-1]] = value


def _pair(text: str, where: str) -> tuple[str, Any]:
    """Name and value of ``NAME=VALUE``; a value that is no JSON is text."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        example = {"--set": "trade_off=1", "--option": "label=quality"}[where]
        raise InputError(where, f"{text!r} has no value.", f"Write it as NAME=VALUE, for example {example}.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _execute(experiment, options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from core import devices
    from core.runs.execute import run_here

    devices.limit_threads()
    device = devices.choose(options.device)
    with tqdm(total=100, unit="%", file=sys.stderr, bar_format="{desc} {bar} {percentage:3.0f} % {elapsed}") as bar:

        def on_progress(facts: dict[str, Any]) -> None:
            left = "" if facts["remaining"] is None else f", {facts['remaining']:.0f} s left"
            bar.set_description_str(f"{facts['phase']} epoch {facts['epoch']}/{facts['of']}{left}", refresh=False)
            bar.n = 100 * facts["fraction"]
            bar.refresh()

        record = run_here(experiment, device, on_progress)
        bar.n = 100
    return _print(record, options.json)


def _print(record, as_json: bool) -> int:
    from core.reports.verdict import answer, verdict

    facts = answer(record)
    if as_json:
        print(json.dumps(facts, indent=2))
    else:
        method = facts["experiment"]["method"]["name"]
        print(f"run {facts['run_id']}: {facts['state']}, {facts['device']}, {facts['seconds'] or 0:.1f} s")
        print(verdict(method, record.epochs()))
        lines = {name: facts[name] for name in ("oracle_target_accuracy", "joint_target_accuracy") if facts[name] is not None}
        for name, value in ((facts["final"] or {}) | lines).items():
            print(f"  {name:28} {value if value is None or isinstance(value, int) else format(value, '.4f')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
