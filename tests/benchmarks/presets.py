"""Every method in every small situation, three seeds: ``uv run python tests/benchmarks/presets.py``.

Writes ``results/presets.md``: the mean gain in target accuracy, in points, over what the same run was before adaptation. From it the
card of each method takes where it shines and where it fails, and a test holds the two together.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from statistics import mean

sys.path.insert(0, str(Path(__file__).parents[2]))

from core import devices
from core.errors import InputError
from core.experiment import Experiment
from core.experiment.presets import SITUATIONS, posed
from core.methods import METHODS
from core.training import train

RESULTS = Path(__file__).parent / "results" / "presets.md"
MADE = [situation.name for situation in SITUATIONS if not situation.real]  # real data have a table of their own: real_data.py


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", nargs="+", default=[m.info.name for m in METHODS if m.info.adapts])
    parser.add_argument("--situations", nargs="+", default=MADE)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument(
        "--kept", default="/tmp/shiftscope-presets.json", help="where gains are kept, so that the command can be called again"
    )
    options = parser.parse_args()
    devices.limit_threads()
    kept = Path(options.kept)
    gains: dict[str, float | None] = json.loads(kept.read_text()) if kept.exists() else {}
    references: dict = {}
    for seed in options.seeds:
        for situation in options.situations:
            for name in options.methods:
                experiment = asked(name, situation, seed)
                if experiment is not None and (key := of(experiment, situation)) not in gains:
                    started = time.process_time()
                    try:
                        *_, last = train(experiment, references=references)
                        gains[key] = 100 * last.measures["gain"]
                    except InputError as error:
                        gains[key] = None
                        print(f"{name} on {situation}: {error}")
                    print(f"{name} {situation} {seed}: {gains[key]} in {time.process_time() - started:.1f} s", flush=True)
                    kept.write_text(json.dumps(gains))
    write(gains, options.seeds)


def write(gains: dict[str, float | None], seeds: list[int]) -> None:
    """All that was ever measured; a cell is empty where nothing was, and – where a method cannot read such data."""
    lines = [
        "# Every method in every small situation",
        "",
        (
            "`uv run python tests/benchmarks/presets.py`: mean gain in held-out target accuracy, in points, over the seeds "
            f"{', '.join(map(str, seeds))};"
        ),
        (
            "all methods at their defaults, 3 shots where a method lives on some. –: cannot read such data; empty: not run. "
            f"torch {version('torch')}."
        ),
        "",
        f"| method | {' | '.join(MADE)} |",
        f"| --- {'| --- ' * len(MADE)}|",
    ]
    for method in (m.info.name for m in METHODS if m.info.adapts):
        cells = [cell([gain(gains, method, situation, seed) for seed in seeds]) for situation in MADE]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    RESULTS.write_text("\n".join(lines) + "\n")


def asked(method: str, situation: str, seed: int) -> Experiment | None:
    """None where the method cannot read such data."""
    try:
        return posed(SITUATIONS.get(situation), method, seed)
    except InputError:
        return None


def of(experiment: Experiment, situation: str) -> str:
    """The name under which a gain is kept."""
    return f"{experiment.method.name} {situation} {experiment.id}"


def gain(gains: dict[str, float | None], method: str, situation: str, seed: int) -> float | None | str:
    experiment = asked(method, situation, seed)
    return None if experiment is None else gains.get(of(experiment, situation), "")


def cell(found: list[float | None | str]) -> str:
    return "–" if None in found else "" if "" in found else f"{mean(found):+.1f}"


if __name__ == "__main__":
    main()
