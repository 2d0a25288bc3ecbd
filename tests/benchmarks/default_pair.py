"""The default pair, three seeds, every method: ``uv run python tests/benchmarks/default_pair.py [--device cpu]``.

Prints target accuracy on held-out samples before and after, and the seconds of each run on an empty home folder.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from core import devices
from core.experiment import Experiment
from core.runs.execute import run_here


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--methods", nargs="+", default=["source-only", "dan", "deepcoral", "dann", "mcc"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="float32")
    options = parser.parse_args()
    devices.warm_up()
    print(f"{devices.title(options.device)}\n\n| method | source-only | after | mean after | seconds |\n| --- | --- | --- | --- | --- |")
    for method in options.methods:
        before, after, seconds = [], [], []
        for seed in options.seeds:
            # A home of its own: reference networks must not be shared when a whole run is timed.
            with tempfile.TemporaryDirectory() as home:
                os.environ["SHIFTSCOPE_HOME"] = home
                record = run_here(
                    Experiment.parse({"method": {"name": method}, "seed": seed, "budget": {"precision": options.precision}}), options.device
                )
                last = record.phase("adapt")[-1]["measures"]
                before.append(last["source_only_target_accuracy"])
                after.append(last["target_accuracy"])
                seconds.append(record.status()["seconds"])
        cells = [" / ".join(f"{v:.3f}" for v in before), " / ".join(f"{v:.3f}" for v in after), f"{statistics.mean(after):.3f}"]
        print(f"| {method} | {' | '.join(cells)} | {' / '.join(f'{s:.0f}' for s in seconds)} |", flush=True)


if __name__ == "__main__":
    main()
