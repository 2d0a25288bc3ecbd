"""MNIST ↔ USPS with LeNet, three seeds: ``uv run python tests/benchmarks/deep_digits.py``.

Needs MNIST and USPS (``SHIFTSCOPE_DATA``, or ../shared/data). What was found is kept in ``--kept``, so that the command can be stopped
and called again; the table in ``results/deep_digits.md`` is written anew after every run.

USPS is split as in the papers that are compared with (CoGAN, ADDA, CyCADA, CDAN, SHOT): all 9,298 images are shuffled, 80 % train.
The official test part is harder than the training part, and numbers from it are not theirs. SHOT is trained as its authors train it on
digits: labels of the source smoothed by 0.1, USPS shifted by up to 4 pixels and turned by up to 10°, pseudo-labels weighted by 0.1.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from statistics import mean, stdev

import torch
from torchvision.transforms import v2

sys.path.insert(0, str(Path(__file__).parents[2]))
from core import devices
from core.domains import Domain, Pair
from core.domains.pair import load_pair
from core.experiment import Experiment
from core.training import Reference, train

METHODS = ["shot", "cdan-e", "dann", "dan", "deepcoral", "mcc", "mcd"]
WANTED = {"shot": 96, "cdan-e": 93, "mcd": 93, "dann": 88}
DOMAINS = {
    "mnist": {"name": "mnist", "params": {"n_train": 60_000, "n_test": 10_000}},
    "usps": {"name": "usps", "params": {"n_train": 7291, "n_test": 2007}},
}
PAIRS = [("mnist", "usps"), ("usps", "mnist")]
COPIES = 4  # of USPS, each moved and turned at random
RESULTS = Path(__file__).parent / "results" / "deep_digits.md"


def asked(method: str, source: str, target: str, seed: int, options: argparse.Namespace) -> Experiment:
    budget = {"source_epochs": 3 if source == "mnist" else 15, "epochs": options.epochs, "lr": 1e-3, "precision": options.precision}
    if method == "shot":
        budget |= {"label_smoothing": 0.1, "source_epochs": 3 if source == "mnist" else 15 // COPIES + 1}
        if target == "usps":  # it sees the target alone: an epoch is an eighth as long
            budget["epochs"] = 8 * options.epochs
    spec = {"source": DOMAINS[source], "target": DOMAINS[target], "backbone": {"name": "lenet", "params": {"bottleneck": 256}}}
    params = {"pseudo": 0.1} if method == "shot" else {}
    return Experiment.parse(spec | {"method": {"name": method, "params": params}, "budget": budget, "seed": seed, "snapshot": 500})


def shuffled(d: Domain, seed: int) -> Domain:
    """USPS with another split: 80 % of all its images to train on."""
    order = torch.randperm(len(d.inputs), generator=torch.Generator().manual_seed(seed))
    many = round(0.8 * len(order))
    return replace(d, train=order[:many].sort().values, test=order[many:].sort().values)


def moved(d: Domain, seed: int) -> Domain:
    """USPS with its training images replaced by copies that are moved and turned at random."""
    torch.manual_seed(seed)
    draw = v2.Compose([v2.RandomCrop(28, padding=4), v2.RandomRotation(10)])
    copies = torch.stack([draw(image) for _ in range(COPIES) for image in d.inputs[d.train]])
    inputs, labels = torch.cat([copies, d.inputs[d.test]]), torch.cat([d.labels[d.train].repeat(COPIES), d.labels[d.test]])
    return replace(d, inputs=inputs, labels=labels, train=torch.arange(len(copies)), test=torch.arange(len(copies), len(inputs)))


def data(experiment: Experiment) -> Pair:
    pair, seed = load_pair(*experiment.pair), experiment.seed
    if experiment.target.name == "usps":
        return replace(pair, target=shuffled(pair.target, seed))
    source = shuffled(pair.source, seed)
    return replace(pair, source=moved(source, seed) if experiment.method.name == "shot" else source)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--device")
    parser.add_argument("--epochs", type=int, default=2, help="of adaptation, each as many batches as the larger set fills")
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--kept", default="/tmp/shiftscope-deep-digits.json")
    options = parser.parse_args()
    os.environ.setdefault("SHIFTSCOPE_DATA", str(Path(__file__).parents[3] / "shared" / "data"))
    devices.warm_up()
    device, kept = devices.choose(options.device), Path(options.kept)
    found: dict[str, dict] = json.loads(kept.read_text()) if kept.exists() else {}
    for seed in options.seeds:
        for source, target in PAIRS:
            references: dict[str, Reference] = {}
            for method in options.methods:
                experiment = asked(method, source, target, seed, options)
                if experiment.id in found:
                    continue
                references[experiment.reference_id("oracle")] = Reference({}, [])  # not asked for here, and as long as all the rest
                started = time.process_time()
                run = [epoch for epoch in train(experiment, device, references, pair=data(experiment)) if epoch.phase == "adapt"]
                last = run[-1].measures
                found[experiment.id] = {
                    "pair": f"{source} → {target}",
                    "method": method,
                    "before": 100 * last["source_only_target_accuracy"],
                    "after": 100 * last["target_accuracy"],
                    "seconds": sum(epoch.seconds for epoch in run),
                }
                print(found[experiment.id], f"{time.process_time() - started:.0f} s in all", flush=True)
                kept.write_text(json.dumps(found))
                write(found, options, devices.title(device))


def write(found: dict[str, dict], options: argparse.Namespace, device: str) -> None:
    lines = [
        "# MNIST ↔ USPS",
        "",
        f"`uv run python tests/benchmarks/deep_digits.py`: LeNet at 28×28 (256 features), {options.precision}, Adam 1e-3,",
        "inverse schedule, batches of 64 + 64. Methods at their defaults, but for SHOT's weight of pseudo-labels: 0.1, as its authors",
        "have it on digits. All 60,000 training images of MNIST, a random 80 % of USPS's 9,298 (the split of the papers compared with).",
        "Source training 3 epochs on MNIST or 15 on USPS; adaptation",
        f"{options.epochs} epochs of 937 batches. Target accuracy in percent at the last epoch on held-out samples (USPS: 1,860;",
        "MNIST: 5,000 of 10,000); nothing was chosen by target labels. SHOT's source network is trained as its authors do: smoothed",
        "labels, and USPS moved and turned at random, so that its source-only is another. Seconds: adaptation alone, wall time on a",
        f"machine that did other work. {device}, torch {version('torch')}, torchvision {version('torchvision')}.",
        "",
        "| pair | method | source-only | after | per seed | wanted | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for pair, method in sorted({(row["pair"], row["method"]) for row in found.values()}):
        rows = [row for row in found.values() if (row["pair"], row["method"]) == (pair, method)]
        before, after, seconds = ([row[name] for row in rows] for name in ("before", "after", "seconds"))
        wanted = WANTED.get(method) if (method, pair) != ("dann", "usps → mnist") else None
        each, goal = " / ".join(f"{value:.1f}" for value in after), f"≥ {wanted}" if wanted else ""
        lines.append(f"| {pair} | {method} | {spread(before)} | {spread(after)} | {each} | {goal} | {mean(seconds):.0f} |")
    RESULTS.write_text("\n".join(lines) + "\n")


def spread(values: list[float]) -> str:
    return f"{mean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")


if __name__ == "__main__":
    main()
