"""How often estimated class shares are right, how often they carry a warning, and how often the warning is missing where they are wrong.

    OMP_NUM_THREADS=1 uv run python tests/benchmarks/share_trust.py [draws] [seconds]

prints the table that `share_trust.md` holds. Two classes in four columns, 2.5 standard deviations apart in each, in equal shares in the
source; the target's shares and the looks of its classes change. An estimate is *wrong* where it is off by more than 20 points. Every
draw has a seed of its own. The cells take turns, so after so many seconds of computing the table is whole, with the draws that there are.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from core.measures import Populations
from core.measures.classifier import domain_auc
from core.measures.scale import Scale
from core.reports.shift_classes import classes

WRONG = 0.2
SIZES = (30, 100, 400)
CELLS = (
    # share of the rare class, how far both classes move, how far only the common one moves towards the rare one
    ("shares alone, 50 → 50 %", 0.5, 0.0, 0.0),
    ("shares alone, 50 → 10 %", 0.1, 0.0, 0.0),
    ("shares alone, 50 → 0 %", 0.0, 0.0, 0.0),
    ("both move 0.5 sd", 0.1, 0.5, 0.0),
    ("both move 1.25 sd", 0.1, 1.25, 0.0),
    ("the common class moves 1 sd", 0.1, 0.0, 1.0),
    ("the common class moves 1.5 sd", 0.1, 0.0, 1.5),
    ("the common class takes the rare one's place", 0.1, 0.0, 2.5),
)


@dataclass
class Tally:
    draws: int = 0
    shown: int = 0
    held: int = 0
    warned: int = 0
    wrong: int = 0
    missed: int = 0


def side(rng: np.random.Generator, n: int, share: float, both: float, common: float) -> tuple[np.ndarray, np.ndarray]:
    labels = (rng.random(n) < share).astype(int)
    rows = rng.normal(size=(n, 4)) + 2.5 * labels[:, None] + both
    return (rows + common * (labels == 0)[:, None]).astype(np.float32), labels


def draw(n: int, cell: tuple, number: int, tally: Tally) -> None:
    tally.draws += 1
    rng = np.random.default_rng([n, number, CELLS.index(cell)])
    (training, known), (pool, labels) = side(rng, 2 * n, 0.5, 0, 0), side(rng, n, 0.5, 0, 0)
    target, truth = side(rng, n, *cell[1:])
    scale = Scale.of(pool, target)
    training, pool, target = map(scale.standardised, (training, pool, target))
    compared = Populations(pool, target, scale.bandwidth, number)
    few = n < 50
    material = SimpleNamespace(
        class_names=("a", "b"),
        measured=n,
        bandwidth=scale.bandwidth,
        experiment=SimpleNamespace(seed=number),
        compared=compared,
        pool=pool,
        pool_labels=labels,
        training=None if few else training,
        training_labels=known,
        target_labels=truth,
    )
    found = classes(material, domain_auc(pool, target, number), 0.002)  # pyright: ignore[reportArgumentType]
    if found.shift.estimated is None or found.shift.low is None or found.shift.high is None:
        return
    share = cell[1]
    tally.shown += 1
    tally.held += found.shift.low[1] <= share + 1e-9 and share <= found.shift.high[1] + 1e-9
    tally.warned += not found.trusted
    wrong = abs(found.shift.estimated[1] - share) > WRONG
    tally.wrong += wrong
    tally.missed += wrong and found.trusted


def main(draws: int, seconds: float) -> None:
    torch.set_num_threads(1)
    tallies = {(n, cell): Tally() for n, cell in product(SIZES, CELLS)}
    for number, (n, cell) in product(range(draws), tallies):
        if time.process_time() > seconds:
            break
        draw(n, cell, number, tallies[n, cell])
    heads = "draws", "estimates given", "interval holds", "warned", "wrong by > 20 points", "of these without a warning"
    print("| samples a side | what changes |", " | ".join(heads), "|")
    print("| --- " * (2 + len(heads)) + "|")
    for (n, cell), tally in tallies.items():
        shares = (f"{100 * count / max(tally.shown, 1):.0f} %" for count in (tally.held, tally.warned, tally.wrong))
        print(f"| {n} | {cell[0]} | {tally.draws} | {tally.shown} | {' | '.join(shares)} | {tally.missed} |")


if __name__ == "__main__":
    asked = [float(text) for text in sys.argv[1:]]
    main(int(asked[0]) if asked else 100, asked[1] if len(asked) > 1 else float("inf"))
