"""Make the finished runs that ship in ``assets/gallery``: ``python -m core.runs.gallery``.

They differ from what a user would launch only in their snapshot, which is smaller, so that launching the default
experiment really runs it.
"""

from __future__ import annotations

import shutil
import sys

from core import devices
from core.experiment import Experiment
from core.runs import maps, store
from core.runs.execute import execute, open_record
from core.runs.record import Record

METHODS = ("dan", "mcc", "dann", "deepcoral")
SNAPSHOT = 250
KEPT = 12  # snapshots that ship; the maps of a run this long need no more


def main() -> None:
    devices.limit_threads()
    records = []
    for name in METHODS:
        experiment = Experiment.parse({"method": {"name": name}, "snapshot": SNAPSHOT})
        record = store.writer(experiment.id)  # not `run_here`, which would find the shipped run and be content
        if not (record.exists and record.status()["state"] == "finished"):
            open_record(record, experiment)
            execute(experiment, record, "cpu", on_progress=lambda facts: print(f"\r{facts['fraction']:.0%} ", end="", file=sys.stderr))
        records.append(record)
        print(f"\r{name}: {record.phase('adapt')[-1]['measures']['target_accuracy']:.3f} on held-out target samples")
    shutil.rmtree(store.SHIPPED, ignore_errors=True)
    for record in records:
        maps.compute_umap(_copy(record))


def _copy(record: Record) -> Record:
    """The shipped copy, without its lock and without the snapshots between the ones that ship."""
    folder = store.SHIPPED / record.id
    shutil.copytree(record.folder, folder, ignore=shutil.ignore_patterns("lock", "checkpoint*", ".*"))
    numbers = record.snapshot_numbers()
    kept = {numbers[round(i * (len(numbers) - 1) / (KEPT - 1))] for i in range(KEPT)}
    for number in set(numbers) - kept:
        (folder / "snapshots" / f"{number:04d}.safetensors").unlink()
    return Record(folder)


if __name__ == "__main__":
    main()
