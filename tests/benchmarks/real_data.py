"""Real data that ship or are fetched on demand, and an ImageNet network without a network: ``uv run python tests/benchmarks/real_data.py``.

Penguins with and without the depth of their bills, wages in dollars of the year and of 1978, sentences of film reviews and tweets, and
photographs (Office-Caltech, 96 pixels) read by the frozen EfficientNet-Lite0. Each beside logistic regression on the same samples: trained
on the source, scaled for each domain by itself, and trained on the target. What was run is kept in the JSON file ``--kept``, so that the
command can be called again. Writes ``results/real_data.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, str(Path(__file__).parents[2]))

from core import devices
from core.domains.pair import load_pair
from core.experiment import Experiment
from core.experiment.presets import SITUATIONS
from core.measures import measure_accuracy
from core.methods import METHODS
from core.training import train
from core.training.checkpoint import Reference
from core.training.data import Data
from core.training.linear import flat_rows

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SHIFTSCOPE_DATA", ROOT.parent / "shared" / "data"))
RESULT = Path(__file__).parent / "results" / "real_data.md"
NAMES = ("penguins", "penguins-no-depth", "wages", "wages-real", "rated-sentences", "photographs")
METHODS_RUN = ("dan", "mcc", "dann", "coral", "adabn", "kmm")
SEEDS = (0, 1, 2)
EACH = 20  # photographs of a class and domain
SIDE = 128  # pixels that the network reads: a third of the work of 224


def photographs(folder: Path) -> dict[str, Any]:
    """The first twenty of each class, amazon → webcam, read by the frozen network."""
    place = folder / "office.zip"
    with zipfile.ZipFile(DATA / "office_caltech10_images" / "office_caltech10_96px_jpeg.zip") as whole, zipfile.ZipFile(place, "w") as part:
        seen: dict[str, int] = {}
        for name in sorted(whole.namelist()):
            kind = name.rpartition("/")[0]
            if kind.split("/")[0] in ("amazon", "webcam") and not name.endswith("/") and seen.setdefault(kind, 0) < EACH:
                seen[kind] += 1
                part.writestr(name, whole.read(name))
    sides = {side: {"name": "file", "params": {"path": str(place), "domain": domain}} for side, domain in SIDES}
    network = {"name": "efficientnet-lite0", "params": {"side": SIDE, "bottleneck": 64}}
    return sides | {"backbone": network, "budget": {"source_epochs": 30, "epochs": 15, "batch_size": 32, "lr": 0.005}, "snapshot": 300}


SIDES = (("source", "amazon"), ("target", "webcam"))


def logistic(data: Data) -> dict[str, float]:
    """Accuracy on held-out target samples: trained on the source, with each domain scaled by itself, trained on the target."""
    kind = "features" if data.is_embedded else data.pair.source.kind
    size = data.experiment.budget.batch_size
    (x, y), (x_target, y_target) = (
        (flat_rows(side.inputs, None, size, kind), side.labels.cpu().numpy())
        for side in (data.source, data.target)
        if side.labels is not None
    )
    held, labels = flat_rows(data.target.held_out, None, size, kind), data.target.held_out_labels
    sparse = kind == "text"
    centred = not sparse  # shares of words stay sparse

    def model():
        return LogisticRegression(C=10.0 if sparse else 1.0, max_iter=500)

    def plain():
        return model() if sparse else make_pipeline(StandardScaler(), model())

    own, theirs = StandardScaler(with_mean=centred).fit(x), StandardScaler(with_mean=centred).fit(x_target)
    scaled = model().fit(own.transform(x), y)
    return {
        "logistic": float(plain().fit(x, y).score(held, labels)),
        "logistic, each scaled": float(scaled.score(theirs.transform(held), labels)),
        "logistic oracle": float(plain().fit(x_target, y_target).score(held, labels)),
        "commonest class": float(np.bincount(labels).max() / len(labels)),
    }


def runs(settings: dict[str, Any], seed: int, methods: tuple[str, ...]) -> dict[str, float]:
    """Target accuracies of the references and of every method, in the order of the table."""
    first = Experiment.parse(settings | {"seed": seed, "method": {"name": methods[0]}})
    pair = load_pair(*first.pair)
    found = logistic(Data.of(first, pair, "cpu").embedded())
    references: dict[str, Reference] = {}
    for name in methods:
        experiment = Experiment.parse(settings | {"seed": seed, "method": {"name": name}})
        last = {epoch.phase: epoch for epoch in train(experiment, references=references, pair=pair, measure=measure_accuracy)}
        for phase, title in (("source", "source-only"), ("oracle", "oracle"), ("continued", "source-only, continued")):
            if phase in last:
                found.setdefault(title, last[phase].measures["target_accuracy"])
        found[METHODS.get(name).info.title] = last["adapt"].measures["target_accuracy"]
    return found


def table(kept: dict[str, dict[str, float]]) -> list[str]:
    """A row for each data set, accuracies in percent: the mean, and the seeds in brackets."""
    columns = list(dict.fromkeys(column for found in kept.values() for column in found))
    lines = [f"| data | {' | '.join(columns)} |", "| --- " * (len(columns) + 1) + "|"]
    for name in NAMES:
        found = [kept[f"{name} {seed}"] for seed in SEEDS if f"{name} {seed}" in kept]
        if found:
            cells = [[100 * one[column] for one in found] for column in columns]
            shown = [f"{np.mean(cell):.0f} ({', '.join(f'{value:.0f}' for value in cell)})" for cell in cells]
            lines.append(f"| {name} | {' | '.join(shown)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", default=NAMES, choices=NAMES)
    parser.add_argument("--kept", type=Path, default=ROOT / "tmp" / "real_data.json")
    options = parser.parse_args()
    devices.limit_threads()
    options.kept.parent.mkdir(parents=True, exist_ok=True)
    kept: dict[str, dict[str, float]] = json.loads(options.kept.read_text()) if options.kept.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        for name in options.data:
            settings = photographs(Path(folder)) if name == "photographs" else SITUATIONS.get(name).settings
            for seed in SEEDS:
                if f"{name} {seed}" not in kept:
                    kept[f"{name} {seed}"] = runs(settings, seed, METHODS_RUN)
                    options.kept.write_text(json.dumps(kept, indent=1))
                    print(name, seed, kept[f"{name} {seed}"], flush=True)
    print("\n".join(table(kept)))
    head = RESULT.read_text().split("| data |")[0] if RESULT.exists() else "# Real data\n\n"
    tail = RESULT.read_text().rpartition("|\n")[2] if RESULT.exists() else ""
    RESULT.write_text(head + "\n".join(table(kept)) + "\n" + tail, "utf-8")


if __name__ == "__main__":
    main()
