"""Every method that trains, on four pairs of different kind, with its defaults: ``uv run python tests/benchmarks/every_method.py``.

``--pairs choosing`` names four other pairs: on these defaults are chosen, with ``--params '{"norm": "separate"}'`` for what is tried.
What was run is kept in the JSON file ``--kept``, so that the command can be called again. The baseline is source-only that was trained on
for as many epochs; intervals are of the pooled held-out samples of three seeds.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from core import devices
from core.domains.pair import load_pair
from core.errors import InputError
from core.experiment import Experiment
from core.experiment.presets import SHOTS, SITUATIONS
from core.measures import measure_accuracy
from core.measures.accuracy import gain_interval
from core.methods import METHODS
from core.training import train
from core.training.data import Samples

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).parent / "results" / "every_method.md"
SMALL = {"name": "small-cnn", "params": {"width": 8}}
SOUND = {"name": "sound-cnn", "params": {"width": 8}}
SEEDS = (0, 1, 2)


def _pair(source: str, target: str, backbone: dict[str, Any], epochs: int, **params: Any) -> dict[str, Any]:
    sides = {side: {"name": name, "params": params} for side, name in (("source", source), ("target", target))}
    return sides | {"backbone": backbone, "budget": {"epochs": epochs}}


REPORTED = {
    "mnist → usps": _pair("mnist", "usps", SMALL, 10, n_train=1000, n_test=600),
    "vowels, women → children": _pair("vowels-women", "vowels-children", SOUND, 10),
    "turned moons": SITUATIONS.get("turned-moons").settings,
    "opinions, reviews → chat": _pair("opinions-reviews", "opinions-chat", {"name": "word-net"}, 10),
}
CHOOSING = {
    "usps → mnist": _pair("usps", "mnist", SMALL, 7, n_train=600, n_test=600),
    "vowels, men → women": _pair("vowels-men", "vowels-women", SOUND, 7),
    "moved blobs": SITUATIONS.get("moved-blobs").settings,
    "opinions, chat → reviews": _pair("opinions-chat", "opinions-reviews", {"name": "word-net"}, 7),
}
PAIRS = {"reported": REPORTED, "choosing": CHOOSING}
Kept = dict[str, dict[str, Any]]


def trained() -> list[str]:
    """The methods of the table: those that adapt in steps."""
    return [m.info.name for m in METHODS if m.info.adapts and not m.info.instant]


def asked(settings: dict[str, Any], method: str, params: dict[str, Any], seed: int) -> Experiment | None:
    """None where the method cannot read such data, or has no such parameter."""
    known = {name: value for name, value in params.items() if name in METHODS.get(method).Params.model_fields}
    if params and not known and method != "source-only":
        return None
    shots = SHOTS if METHODS.get(method).info.setting == "semi-supervised" else 0
    try:
        return Experiment.parse(settings | {"method": {"name": method, "params": known}, "seed": seed, "shots": shots})
    except InputError:
        return None


def measured(experiment: Experiment, references: dict) -> dict[str, Any]:
    """Which of the held-out target samples that a snapshot holds are right at the last epoch, as text of 0 and 1."""
    started = time.process_time()
    pair = load_pair(*experiment.pair)
    *_, last = train(experiment, references=references, measure=measure_accuracy, pair=pair)
    labels = Samples.of(experiment, pair).labels.numpy()
    right = (last.snapshot.probabilities.argmax(1) == labels)[len(labels) // 2 :]
    return {"right": "".join(str(int(r)) for r in right), "seconds": round(time.process_time() - started, 1)}


def run(options: argparse.Namespace, kept: Kept) -> None:
    params = json.loads(options.params)
    pairs = {name: settings for name, settings in PAIRS[options.pairs].items() if not options.only or options.only in name}
    for pair, settings in pairs.items():
        for seed in options.seeds:
            references: dict = {}
            for method in ["source-only", *options.methods]:
                key = f"{pair}|{method}|{seed}|{options.params if method != 'source-only' else '{}'}"
                experiment = asked(settings, method, params, seed)
                if key in kept or experiment is None:
                    continue
                try:
                    kept[key] = measured(experiment, references)
                except InputError as error:
                    kept[key] = {"error": str(error)}
                print(key, kept[key].get("seconds"), flush=True)
                Path(options.kept).write_text(json.dumps(kept), "utf-8")


def right(entry: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(entry["right"].encode(), np.uint8) == ord("1")


def gain(kept: Kept, pair: str, method: str, params: str = "{}"):
    """Over continued source-only on the same samples of all seeds; None where a seed is missing."""
    found = [(kept.get(f"{pair}|source-only|{s}|{{}}"), kept.get(f"{pair}|{method}|{s}|{params}")) for s in SEEDS]
    if any(a is None or b is None or "error" in a or "error" in b for a, b in found):
        return None
    before, after = (np.concatenate([right(e[i]) for e in found]) for i in (0, 1))
    return gain_interval(before, after)


def accuracies(kept: Kept, pair: str, method: str, params: str = "{}") -> list[float]:
    entries = [kept.get(f"{pair}|{method}|{s}|{params}") for s in SEEDS]
    return [100 * float(right(e).mean()) for e in entries if e and "right" in e]


def show(kept: Kept, pairs: dict[str, Any], methods: list[str], params: list[str]) -> list[str]:
    """A line for each method and each set of parameters: accuracy of the seeds, and the gain over continued source-only."""
    lines = [f"| method | parameters | {' | '.join(pairs)} |", "| --- " * (2 + len(pairs)) + "|"]
    for method in ["source-only", *methods]:
        for given in params if method != "source-only" else ["{}"]:
            cells = []
            for pair in pairs:
                found, g = accuracies(kept, pair, method, given), gain(kept, pair, method, given)
                text = " / ".join(f"{a:.0f}" for a in found)
                cells.append(
                    text + (f" ({100 * g.mean:+.1f} [{100 * g.low:+.0f}, {100 * g.high:+.0f}])" if g and method != "source-only" else "")
                )
            if any(cells):
                lines.append(f"| {method} | {given} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    os.environ.setdefault("SHIFTSCOPE_DATA", str(ROOT.parent / "shared" / "data"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", choices=PAIRS, default="reported")
    parser.add_argument("--only", default="", help="only pairs with this in their name")
    parser.add_argument("--methods", nargs="+", default=trained())
    parser.add_argument("--params", default="{}")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--kept", default="/tmp/shiftscope-every-method.json")
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    devices.limit_threads()
    kept: Kept = json.loads(Path(options.kept).read_text("utf-8")) if Path(options.kept).exists() else {}
    if not options.show:
        run(options, kept)
    tried = sorted({key.rsplit("|", 1)[1] for key in kept}) or ["{}"]
    print("\n".join(show(kept, PAIRS[options.pairs], options.methods, tried)))


if __name__ == "__main__":
    main()
