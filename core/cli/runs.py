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
from core.experiment.settings import method_title
from core.reports import scaling
from core.reports.text import duration, planned
from core.reports.verdict import answer, verdict
from core.runs import store
from core.runs.execute import run_here
from core.runs.progress import PHASES
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
            most = "at most " if facts["at_most"] else ""
            now = f"{PHASES[facts['phase']]}, epoch {facts['epoch']} of {most}{facts['of']}{left}"
            if facts.get("step") == "features":
                now = f"{PHASES['features']}, {facts['samples'][0]:,} of {facts['samples'][1]:,} samples"
            bar.set_description_str(now, refresh=False)
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
        print(f"run {facts['run_id']}: {facts['state']}, {facts['device']}, {facts['seconds'] or 0:.1f} s")
        for line in (*planned(facts["updates"] or {}), ""):
            print(line)
        print(verdict(method_title(facts["experiment"]), record.epochs()))
        if steps := scaling.parts(record):
            print(*scaling.told(steps))
        for name, value in ((facts["final"] or {}) | _lines(facts)).items():
            print(f"  {name:28} {value if value is None or isinstance(value, int) else format(value, '.4f')}")
        for account in accounts:
            print("\n".join(account.lines))
    return 0


def _lines(facts: dict[str, Any]) -> dict[str, float]:
    """What a run's references reached on the target, as far as it is known."""
    reached = {
        "linear_target_accuracy": (facts["linear"] or {}).get("target_accuracy"),
        "oracle_target_accuracy": facts["oracle_target_accuracy"],
        "joint_target_accuracy": facts["joint_target_accuracy"],
    }
    return {name: value for name, value in reached.items() if value is not None}
