"""Seconds of the whole shift report of the default pair on one core, stage by stage, each time in a fresh process.

    OMP_NUM_THREADS=1 python tests/benchmarks/report_time.py [--runs 5] [--against FOLDER]

Nothing is loaded or drawn before the clock starts but the program itself, as for the first visitor of a server. ``--against`` names
another checkout: its processes take turns with this one's, so that both see the same machine, and the ratio is printed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
CHILD = """
import json, time
import torch
torch.set_num_threads(1)
from core.experiment import Experiment
from core.reports.shift import STAGES, shift_stages
stages, found = shift_stages(Experiment()), {}
for name in (stage.doing for stage in STAGES):
    started = time.perf_counter()
    next(stages)
    found[name] = time.perf_counter() - started
print(json.dumps(found))
"""


def once(folder: Path) -> dict[str, float]:
    """Stage → seconds, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", CHILD], cwd=folder, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--against", type=Path)
    asked = parser.parse_args()
    folders = {"here": ROOT} | ({"against": asked.against} if asked.against else {})
    times: dict[str, list[dict[str, float]]] = {name: [] for name in folders}
    for _ in range(asked.runs):
        for name, folder in folders.items():
            times[name].append(once(folder))
    medians = {name: {stage: float(np.median([run[stage] for run in runs])) for stage in runs[0]} for name, runs in times.items()}
    totals = {name: np.array([sum(run.values()) for run in runs]) for name, runs in times.items()}
    print(f"| stage | {' | '.join(f'{name} (s)' for name in folders)} |")
    print(f"| --- |{' ---: |' * len(folders)}")
    for stage in medians["here"]:
        print(f"| {stage} | {' | '.join(f'{medians[name].get(stage, np.nan):.3f}' for name in folders)} |")
    print(f"| whole, median of {asked.runs} | {' | '.join(f'{np.median(totals[name]):.2f}' for name in folders)} |")
    print(f"| slowest | {' | '.join(f'{totals[name].max():.2f}' for name in folders)} |")
    if asked.against:
        print(f"\nhere ÷ against: {np.median(totals['here'] / totals['against']):.2f} (median of {asked.runs} pairs)")


if __name__ == "__main__":
    main()
