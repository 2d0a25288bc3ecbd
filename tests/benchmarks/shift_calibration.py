"""How often the shift tests raise a false alarm, how often they find a shift, and how often intervals hold the truth.

    OMP_NUM_THREADS=1 uv run python tests/benchmarks/shift_calibration.py [alarms] [power] [coverage]

prints the tables that `shift_calibration.md` holds. All of it takes about two minutes of one core; `tests/core` holds small versions.
Every draw has a seed of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

sys.path.insert(0, str(Path(__file__).parents[2]))

from core.measures.classifier import domain_auc
from core.measures.label_shift import label_shift
from core.measures.mmd import mmd_test
from core.measures.ridge import ridge_test, standardised
from core.reports.shift_kind import EVIDENCE

DRAWS, N = 1000, 100
POWER_DRAWS = 100
COVERAGE_DRAWS = 1000
Pair = tuple[np.ndarray, np.ndarray]


def normal(rng: np.random.Generator) -> Pair:
    return rng.normal(size=(N, 64)), rng.normal(size=(N, 64))


def heavy(rng: np.random.Generator) -> Pair:
    return rng.standard_t(2.5, size=(N, 64)), rng.standard_t(2.5, size=(N, 64))


IMAGES = load_digits().data


def images(rng: np.random.Generator) -> Pair:
    chosen = rng.permutation(len(IMAGES))[: 2 * N]
    return IMAGES[chosen[:N]], IMAGES[chosen[N:]]


def p_values(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[float, float]:
    """Of MMD² and of the domain classifier, prepared as the shift report does."""
    rows = standardised(x, y).astype(np.float32)
    bandwidth = float(2 * rows.var(0, ddof=1, dtype=np.float64).sum())
    return mmd_test(rows[: len(x)], rows[len(x) :], bandwidth, seed=seed).p, ridge_test(x, y, seed=seed).p


def percent(hits: np.ndarray) -> str:
    share = hits.mean()
    return f"{100 * share:.1f} % ± {100 * np.sqrt(share * (1 - share) / len(hits)):.1f}"


def alarms(make: Callable[[np.random.Generator], Pair], draws: int, number: int) -> list[str]:
    found = np.array([p_values(*make(np.random.default_rng([number, i])), seed=i) for i in range(draws)])
    return [percent(found[:, 0] <= 0.05), percent(found[:, 1] <= 0.05), percent(found.min(1) <= EVIDENCE)]


def shifted(rng: np.random.Generator) -> Pair:
    return rng.normal(size=(500, 64)), rng.normal(size=(500, 64)) + 0.15


def auc_coverage(n: int, width: int, shift: float, number: int, tails: float | None = None) -> tuple[float, str]:
    """The truth is the mean over all draws: what a classifier of this many samples reaches on average. ``tails``: of Student's t."""
    results = []
    for i in range(COVERAGE_DRAWS):
        rng = np.random.default_rng([number, i])
        x, y = (rng.standard_t(tails, size=(n, width)) if tails else rng.normal(size=(n, width)) for _ in range(2))
        results.append(domain_auc(x, y + shift, seed=i))
    truth = 0.5 if shift == 0 else float(np.mean([r.auc for r in results]))
    return truth, percent(np.array([r.low <= truth <= r.high for r in results]))


def share_coverage(n: int, right: float, number: int) -> str:
    truth, hits = np.array([0.1, 0.3, 0.6]), []
    for i in range(COVERAGE_DRAWS):
        rng = np.random.default_rng([number, i])
        labels, there = rng.integers(3, size=n), rng.choice(3, size=n, p=truth)
        predicted, seen = (np.where(rng.random(n) < right, y, rng.integers(3, size=n)) for y in (labels, there))
        found = label_shift(labels, predicted, seen, 3, seed=i)
        hits.append((found.low <= truth) & (truth <= found.high))
    return percent(np.array(hits).ravel())


# Samples a side, columns, shift of each column, number of the seeds. The interval was chosen with the shifts of the first five.
AUC_CELLS = (
    (60, 6, 0.0, 10),
    (200, 6, 0.0, 11),
    (60, 6, 0.2, 12),
    (200, 6, 0.2, 13),
    (200, 6, 0.6, 14),
    (80, 10, 0.25, 15),
    (150, 3, 0.4, 16),
    (150, 32, 0.15, 17),
    (250, 12, 0.12, 18),
    (150, 10, 0.4, 19, 3.0),
)
KINDS = (
    ("normal, D = 64", normal, 0),
    ("Student t 2.5, D = 64", heavy, 1),
    ("digits 8×8", images, 2),
    ("digits 8×8, a second block of seeds", images, 102),
    ("digits 8×8, a third block of seeds", images, 202),
)


def table_of_alarms() -> None:
    print(f"False alarms in {DRAWS:,} draws without a shift, {N} samples a side (5 % wanted):\n")
    print("| data | MMD² | domain classifier | verdict (either at 2.5 %) |\n| --- | --- | --- | --- |")
    for name, make, number in KINDS:
        print(f"| {name} | {' | '.join(alarms(make, DRAWS, number))} |", flush=True)


def table_of_power() -> None:
    print(f"\nPower in {POWER_DRAWS} draws, mean shift 0.15 sd in each of 64 columns, 500 samples a side:\n")
    print("| MMD² | domain classifier | verdict |\n| --- | --- | --- |")
    print(f"| {' | '.join(alarms(shifted, POWER_DRAWS, 7))} |", flush=True)


def table_of_coverage() -> None:
    print(f"\nCoverage of 95 % intervals in {COVERAGE_DRAWS:,} draws:\n")
    print("| interval | setting | covers the truth |\n| --- | --- | --- |")
    for n, right, number in ((300, 0.7, 20), (1000, 0.9, 21)):
        print(f"| class shares (BBSE) | {n} a side, {100 * right:.0f} % certain | {share_coverage(n, right, number)} |", flush=True)
    for cell in AUC_CELLS:
        truth, share = auc_coverage(*cell)
        tails = " Student t columns" if len(cell) > 4 else " columns"
        print(f"| domain AUC | {cell[0]} a side, {cell[1]}{tails}, truth {truth:.3f} | {share} |", flush=True)


TABLES = {"alarms": table_of_alarms, "power": table_of_power, "coverage": table_of_coverage}

if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in sys.argv[1:] or TABLES:
        TABLES[name]()
