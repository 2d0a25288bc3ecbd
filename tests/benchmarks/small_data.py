"""Small data: is the source network trained, and is a gain claimed without a shift? ``uv run python tests/benchmarks/small_data.py``.

Ten small tables, texts and sounds, three seeds: the network beside logistic regression on the same samples, on held-out source and on the
target. Then pairs without a shift: two random halves of one set of 40 to 400 rows, and how often a run claims a gain. Writes
``results/small_data.md``.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

sys.path.insert(0, str(Path(__file__).parents[2]))

from core import devices
from core.experiment import Experiment
from core.measures import measure_accuracy
from core.measures.accuracy import wilson
from core.training import train

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SHIFTSCOPE_DATA", ROOT.parent / "shared" / "data"))
RESULT = Path(__file__).parent / "results" / "small_data.md"
AA_METHODS = ("mcc", "dann", "dan", "deepcoral", "pseudo-label")
MLP, WORDS, SOUND = ({"name": name} for name in ("mlp", "word-net", "sound-cnn"))


def of_file(path: Path, population: str, **options: str) -> dict[str, Any]:
    return {"name": "file", "params": {"path": str(path), "domain": population, "options": options}}


def shipped(name: str) -> dict[str, Any]:
    return {"name": name}


def surf(folder: Path, name: str) -> dict[str, Any]:
    """Counts of visual words, each row divided by its sum, as the protocol of the data's README has it."""
    found = scipy.io.loadmat(DATA / f"office_caltech10_surf/{name}_SURF_L10.mat")
    keys = {key.lower(): key for key in found}
    rows = found[keys["fts"]].astype(np.float32)
    np.savez(folder / f"{name}.npz", X=rows / rows.sum(1, keepdims=True) * 100, y=found[keys["labels"]].ravel().astype(np.int64))
    return {"name": "file", "params": {"path": str(folder / f"{name}.npz")}}


def tables(folder: Path) -> dict[str, dict[str, Any]]:
    penguins, wages = DATA / "tables/penguins_sex.csv", DATA / "tables/wages.csv"
    return {
        "wine, little → much proline": {"source": shipped("wine-little-proline"), "target": shipped("wine-much-proline"), "backbone": MLP},
        "tumours, smooth → indented": {"source": shipped("tumours-smooth"), "target": shipped("tumours-indented"), "backbone": MLP},
        "penguins, Adelie → Gentoo": {
            "source": of_file(penguins, "Adelie", label="sex", domain="species"),
            "target": of_file(penguins, "Gentoo", label="sex", domain="species"),
            "backbone": MLP,
        },
        "wages, 1978 → 1985": {
            "source": of_file(wages, "1978", label="pay", domain="year"),
            "target": of_file(wages, "1985", label="pay", domain="year"),
            "backbone": MLP,
        },
        "SURF, dslr → webcam": {"source": surf(folder, "dslr"), "target": surf(folder, "webcam"), "backbone": MLP},
        "SURF, webcam → dslr": {"source": surf(folder, "webcam"), "target": surf(folder, "dslr"), "backbone": MLP},
        "opinions, reviews → chat": {"source": shipped("opinions-reviews"), "target": shipped("opinions-chat"), "backbone": WORDS},
        "opinions, chat → reviews": {"source": shipped("opinions-chat"), "target": shipped("opinions-reviews"), "backbone": WORDS},
        "vowels, men → women": {"source": shipped("vowels-men"), "target": shipped("vowels-women"), "backbone": SOUND},
        "vowels, women → men": {"source": shipped("vowels-women"), "target": shipped("vowels-men"), "backbone": SOUND},
    }


def trained_enough(folder: Path, seeds: tuple[int, ...]) -> list[str]:
    lines = [
        "| pair | network, source | logistic, source | lead of the logistic one | network, target | logistic, target | updates |",
        "| --- " * 7 + "|",
    ]
    held = 0
    pairs = tables(folder)
    for name, settings in pairs.items():
        cells: list[tuple[float, ...]] = []
        for seed in seeds:
            epochs = []
            for epoch in train(Experiment.parse(settings | {"seed": seed, "method": {"name": "source-only"}})):
                epochs.append(epoch)
                if epoch.phase == "linear":
                    break
            network, linear = epochs[-2], epochs[-1].measures
            updates = network.number * 20
            lead = linear["linear_lead"], linear["linear_lead_low"], linear["linear_lead_high"]
            both = network.measures["source_accuracy"], linear["source_accuracy"]
            cells.append((*both, *lead, network.measures["target_accuracy"], linear["target_accuracy"], updates))
        mean = np.mean(np.array(cells, float), axis=0)
        held += all(cell[3] <= 0 for cell in cells)
        leads = " / ".join(f"{100 * c[2]:+.1f} [{100 * c[3]:+.0f}, {100 * c[4]:+.0f}]" for c in cells)
        numbers = [f"{100 * mean[i]:.1f}" for i in (0, 1)], [f"{100 * mean[i]:.1f}" for i in (5, 6)]
        lines.append(f"| {name} | {' | '.join(numbers[0])} | {leads} | {' | '.join(numbers[1])} | {mean[7]:.0f} |")
        print(lines[-1], flush=True)
    return [*lines, "", f"Within sampling error of logistic regression, or above, in all seeds: {held} of {len(pairs)} pairs."]


def without_shift(folder: Path, draws: int) -> list[str]:
    """Two halves of one population, three classes in 6 columns; the shares of runs whose interval of the gain lies above and below 0."""
    above = below = 0
    for draw in range(draws):
        rng = np.random.default_rng(draw)
        n = int(rng.integers(40, 401))
        centres = rng.normal(size=(3, 6)) * 1.2
        for side in ("source", "target"):
            y = rng.integers(0, 3, n)
            np.savez(folder / f"{side}.npz", X=(centres[y] + rng.normal(size=(n, 6))).astype(np.float32), y=y)
        sides = {side: {"name": "file", "params": {"path": str(folder / f"{side}.npz")}} for side in ("source", "target")}
        method = AA_METHODS[draw % len(AA_METHODS)]
        asked = Experiment.parse(sides | {"backbone": MLP, "method": {"name": method}, "seed": draw, "budget": {"epochs": 10}})
        *_, last = train(asked, measure=measure_accuracy)
        above, below = above + (last.measures["gain_low"] > 0), below + (last.measures["gain_high"] < 0)
        print(draw, n, method, {k: round(v, 3) for k, v in last.measures.items() if "gain" in k}, flush=True)
    low, high = wilson(above, draws)
    said = (
        f"{draws} pairs without a shift, 40 to 400 rows a domain, {', '.join(AA_METHODS)} in turn, 10 epochs: a gain was claimed in {above}"
        f" ({100 * above / draws:.1f} %, 95 % interval {100 * low:.1f} to {100 * high:.1f}; nominal 2.5), a loss in {below}."
    )
    return [said]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--draws", type=int, default=100)
    options = parser.parse_args()
    devices.limit_threads()
    with tempfile.TemporaryDirectory() as folder:
        lines = ["# Small data", "", "`uv run python tests/benchmarks/small_data.py`, default budget, seeds 0, 1, 2.", ""]
        if options.seeds:
            lines += trained_enough(Path(folder), tuple(options.seeds))
        if options.draws:
            lines += ["", *without_shift(Path(folder), options.draws)]
    RESULT.write_text("\n".join(lines) + "\n", "utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
