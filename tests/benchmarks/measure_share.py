"""Which part of a run's time its measures take: MMD² with its null, domain AUC, intervals, label-free measures and gauges of each epoch.

    OMP_NUM_THREADS=1 python tests/benchmarks/measure_share.py [--epochs 30]

Whole runs as the command line does them, record and snapshots included, in a home folder of their own. Seconds are those of the clock and
those of the processor (all threads). The forward passes over held-out samples, which accuracy needs anyhow, are listed by themselves.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch

from core.experiment import Experiment
from core.measures import MEASURES
from core.runs.execute import run_here
from core.training import loop
from core.training.evaluation import Evaluator

RUNS = {
    "default: DAN, small CNN, 16×16": {},
    "DANN, small CNN, 16×16": {"method": {"name": "dann"}},
    "source-only, small CNN, 16×16": {"method": {"name": "source-only"}},
    "DAN, LeNet, MNIST → USPS, 28×28": {"source": {"name": "mnist"}, "target": {"name": "usps"}, "backbone": {"name": "lenet"}},
}


class Watch:
    """Adds up how long the watched functions take, by the clock and by the processor."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = {}

    def watched(self, name: str, work: Callable) -> Callable:
        def timed(*args, **kwargs):
            wall, processor = time.perf_counter(), time.process_time()
            try:
                return work(*args, **kwargs)
            finally:
                spent = self.spent.setdefault(name, [0.0, 0.0])
                spent[0] += time.perf_counter() - wall
                spent[1] += time.process_time() - processor

        return timed


@contextmanager
def watching() -> Iterator[Watch]:
    """Every run in this context is watched."""
    watch = Watch()
    places = [(Evaluator, "measure", "measures"), (Evaluator, "evaluate", "forward passes")]
    places += [(loop, name, "gauges") for name in ("prediction_gauges", "feature_gauges")]
    kept = [(owner, name, getattr(owner, name)) for owner, name, _ in places]
    computed = {entry.name: entry.of_run for entry in MEASURES if entry.of_run is not None}
    for owner, name, title in places:
        setattr(owner, name, watch.watched(title, getattr(owner, name)))
    for name, compute in computed.items():
        object.__setattr__(MEASURES.get(name), "of_run", watch.watched(f"of it {name}", compute))
    try:
        yield watch
    finally:
        for owner, name, work in kept:
            setattr(owner, name, work)
        for name, compute in computed.items():
            object.__setattr__(MEASURES.get(name), "of_run", compute)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--heavy-epochs", type=int, default=3, help="Of the run on MNIST, whose epochs take long.")
    parser.add_argument("--only", default="", help="Part of the titles of the runs.")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print("| run | epochs | part | clock (s) | share | processor (s) | share |\n| --- | ---: | --- | ---: | ---: | ---: | ---: |")
    for title, given in ((title, given) for title, given in RUNS.items() if asked.only in title):
        epochs = asked.heavy_epochs if "LeNet" in title else asked.epochs
        budget = {"epochs": epochs} | ({"source_epochs": 1} if "LeNet" in title else {})
        with tempfile.TemporaryDirectory() as home, watching() as watch:
            os.environ["SHIFTSCOPE_HOME"] = home
            wall, processor = time.perf_counter(), time.process_time()
            run_here(Experiment.parse(given | {"budget": budget}), "cpu")
            whole = time.perf_counter() - wall, time.process_time() - processor
        spent = watch.spent
        parts = {"measures and gauges": [sum(spent[name][i] for name in ("measures", "gauges")) for i in (0, 1)]} | spent
        for name, (clock, work) in sorted(parts.items(), key=lambda part: -part[1][0]):
            if clock < 0.003 * whole[0]:
                continue
            shares = f"{clock:.2f} | {100 * clock / whole[0]:.1f} % | {work:.2f} | {100 * work / whole[1]:.1f} %"
            print(f"| {title} | {epochs} | {name} | {shares} |", flush=True)
        print(f"| {title} | {epochs} | **whole run** | {whole[0]:.2f} | | {whole[1]:.2f} | |", flush=True)


if __name__ == "__main__":
    main()
