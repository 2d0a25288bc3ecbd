"""``python -m core gallery``: make the finished runs that ship in ``assets/gallery``.

They differ from what a user would launch only in their snapshot, which is smaller, so that launching the default
experiment really runs it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from tempfile import TemporaryDirectory

from core import devices
from core.experiment import Experiment
from core.maps import run_map
from core.reports.text import percent
from core.runs import store
from core.runs.execute import execute, open_record
from core.runs.record import Record

METHODS = ("dan", "mcc", "dann", "deepcoral")
SNAPSHOT = 250
KEPT = 12  # snapshots that ship; the maps of a run this long need no more


def command(_: argparse.Namespace) -> int:
    """In a home of its own: what lies in the user's may come from an earlier version."""
    devices.limit_threads()
    with TemporaryDirectory() as folder:
        os.environ["SHIFTSCOPE_HOME"] = folder
        records = [_run(name) for name in METHODS]
        shutil.rmtree(store.SHIPPED, ignore_errors=True)
        for record in records:
            run_map.compute_umap(_copy(record))
    return 0


def _run(method: str) -> Record:
    experiment = Experiment.parse({"method": {"name": method}, "snapshot": SNAPSHOT})
    record = store.writer(experiment.id)  # not `run_here`, which would find the shipped run and be content
    open_record(record, experiment)
    execute(experiment, record, "cpu", on_progress=lambda facts: print(f"\r{percent(facts['fraction'], 0)} ", end="", file=sys.stderr))
    reached = record.phase("adapt")[-1]["measures"]["target_accuracy"]
    print(f"\r{method}: {percent(reached)} on held-out target samples")
    return record


def _copy(record: Record) -> Record:
    """The shipped copy, without its lock and without the snapshots between the ones that ship."""
    folder = store.SHIPPED / record.id
    shutil.copytree(record.folder, folder, ignore=shutil.ignore_patterns("lock", "checkpoint*", ".*"))
    numbers = record.snapshot_numbers()
    kept = {numbers[round(i * (len(numbers) - 1) / (KEPT - 1))] for i in range(KEPT)}
    for number in set(numbers) - kept:
        (folder / "snapshots" / f"{number:04d}.safetensors").unlink()
    return Record(folder)
