"""``python -m core run | resume | show | project``: a run, from its question to its numbers."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from tqdm import tqdm

from core import devices
from core.cli.assemble import assemble
from core.domains.account import Account
from core.domains.pair import load_pair
from core.experiment import Experiment
from core.reports import scaling
from core.reports.text import duration
from core.reports.verdict import answer, verdict
from core.runs import store
from core.runs.execute import run_here
from core.runs.record import Record


def run(options: argparse.Namespace) -> int:
    """Run what is asked, or show it if it has been run."""
    return _execute(Experiment.parse(assemble(options)), options)


def resume(options: argparse.Namespace) -> int:
    """Complete a run that was interrupted or cancelled."""
    return _execute(Experiment.parse(store.find(options.run).experiment()), options)


def show(options: argparse.Namespace) -> int:
    """Print the numbers of a stored run."""
    return _print(store.find(options.run), (), options.json)


def project(options: argparse.Namespace) -> int:
    """Compute a run's UMAP map."""
    from core.maps import run_map  # it loads what draws maps, which no other command needs

    run_map.compute_umap(store.find(options.run))
    return 0


def _execute(experiment: Experiment, options: argparse.Namespace) -> int:
    devices.limit_threads()
    device = devices.choose(options.device)
    with tqdm(total=100, unit="%", file=sys.stderr, bar_format="{desc} {bar} {percentage:3.0f} % {elapsed}") as bar:

        def on_progress(facts: dict[str, Any]) -> None:
            left = "" if facts["remaining"] is None else f", {duration(facts['remaining'])} left"
            bar.set_description_str(f"{facts['phase']} epoch {facts['epoch']}/{facts['of']}{left}", refresh=False)
            bar.n = 100 * facts["fraction"]
            bar.refresh()

        record = run_here(experiment, device, on_progress)
        bar.n = 100
    return _print(record, _accounts(experiment), options.json)


def _accounts(experiment: Experiment) -> tuple[Account, ...]:
    """What became of the rows of own data; other domains are not loaded for it."""
    if not {"file", "own"} & {spec.name for spec in (experiment.source, experiment.target)}:
        return ()
    return load_pair(*experiment.pair).accounts


def _print(record: Record, accounts: tuple[Account, ...], as_json: bool) -> int:
    facts: dict[str, Any] = answer(record)
    if accounts:
        facts["rows"] = [account.facts() for account in accounts]
    if as_json:
        print(json.dumps(facts, indent=2))
    else:
        method = facts["experiment"]["method"]["name"]
        print(f"run {facts['run_id']}: {facts['state']}, {facts['device']}, {facts['seconds'] or 0:.1f} s")
        print(verdict(method, record.epochs()))
        if steps := scaling.parts(record):
            print(*scaling.told(steps))
        lines = {name: facts[name] for name in ("oracle_target_accuracy", "joint_target_accuracy") if facts[name] is not None}
        for name, value in ((facts["final"] or {}) | lines).items():
            print(f"  {name:28} {value if value is None or isinstance(value, int) else format(value, '.4f')}")
        for account in accounts:
            print("\n".join(account.lines))
    return 0
