"""MNIST ↔ USPS on the full training sets, three seeds: ``uv run python tests/benchmarks/deep_digits.py``.

Needs MNIST and USPS (``SHIFTSCOPE_DATA``, or ../shared/data). Runs are kept in ``--home`` and found again, so that the command can
be stopped and called once more. The table in ``results/deep_digits.md`` is written anew after every run.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib.metadata import version
from pathlib import Path
from statistics import mean, stdev

sys.path.insert(0, str(Path(__file__).parents[2]))

METHODS = ["shot", "cdan-e", "mcd", "dann", "dan", "deepcoral", "mcc"]
WANTED = {"shot": 96, "cdan-e": 93, "mcd": 93, "dann": 88}
DOMAINS = {
    "mnist": {"name": "mnist", "params": {"n_train": 60_000, "n_test": 10_000}},
    "usps": {"name": "usps", "params": {"n_train": 7291, "n_test": 2007}},
}
PAIRS = [("mnist", "usps"), ("usps", "mnist")]
RESULTS = Path(__file__).parent / "results" / "deep_digits.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--device")
    parser.add_argument("--epochs", type=int, default=3, help="of adaptation, each as many batches as the larger set fills")
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--home", default="/tmp/shiftscope-deep-digits")
    options = parser.parse_args()
    os.environ["SHIFTSCOPE_HOME"] = options.home
    os.environ.setdefault("SHIFTSCOPE_DATA", str(Path(__file__).parents[3] / "shared" / "data"))

    from core import devices
    from core.experiment import Experiment
    from core.runs.execute import run_here

    devices.warm_up()
    device, found = devices.choose(options.device), {}
    for seed in options.seeds:
        for method in options.methods:
            for source, target in PAIRS:
                budget = {"source_epochs": 3 if source == "mnist" else 15, "epochs": options.epochs, "lr": 1e-3}
                if method == "shot" and target == "usps":  # which sees the target alone: an epoch is an eighth as long
                    budget["epochs"] = 8 * options.epochs
                experiment = Experiment.parse(
                    {
                        "source": DOMAINS[source],
                        "target": DOMAINS[target],
                        "backbone": {"name": "lenet", "params": {"bottleneck": 256}},
                        "method": {"name": method},
                        "budget": budget | {"precision": options.precision},
                        "seed": seed,
                        "snapshot": 500,
                    }
                )
                record = run_here(experiment, device)
                last = record.phase("adapt")[-1]["measures"]
                row = (100 * last["source_only_target_accuracy"], 100 * last["target_accuracy"], record.status()["seconds"])
                found.setdefault((method, source, target), {})[seed] = row
                print(f"{method} {source} to {target}, seed {seed}: {row[0]:.1f} before, {row[1]:.1f} after, {row[2]:.0f} s", flush=True)
                write(found, options, devices.title(device))


def write(found: dict, options: argparse.Namespace, device: str) -> None:
    lines = [
        "# MNIST ↔ USPS, full training sets",
        "",
        f"`uv run python tests/benchmarks/deep_digits.py`: LeNet at 28×28 (256 features), {options.precision}, Adam 1e-3,",
        "inverse schedule, batches of 64 + 64, methods at their defaults. Source training 3 epochs on MNIST or 15 on USPS; adaptation",
        f"{options.epochs} epochs of 937 batches. Target accuracy in percent at the last epoch on held-out samples (USPS: all 2,007;",
        "MNIST: 5,000 of 10,000, drawn by the seed); no choice by target labels anywhere. Seconds include the references where they",
        f"were not there yet. {device}, torch {version('torch')}, torchvision {version('torchvision')}.",
        "",
        "| pair | method | source-only | after | per seed | wanted | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (method, source, target), seeds in sorted(found.items(), key=lambda item: (item[0][1], item[0][0])):
        before, after, seconds = zip(*seeds.values(), strict=True)
        wanted = WANTED.get(method, "") if (method, source) != ("dann", "usps") else ""
        each = " / ".join(f"{value:.1f}" for value in after)
        cells = [
            f"{source} → {target}",
            method,
            spread(before),
            spread(after),
            each,
            f"≥ {wanted}" if wanted else "",
            f"{mean(seconds):.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    RESULTS.write_text("\n".join(lines) + "\n")


def spread(values: tuple[float, ...]) -> str:
    return f"{mean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")


if __name__ == "__main__":
    main()
