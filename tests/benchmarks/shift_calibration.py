"""How often the shift tests raise a false alarm, how often they find a shift, and how often intervals hold the truth.

    OMP_NUM_THREADS=1 uv run python tests/benchmarks/shift_calibration.py [alarms] [chance] [drawn] [power] [coverage]

prints the tables that `shift_calibration.md` holds. All of it takes about a quarter of an hour of one core; `tests/core` holds small
versions. Every draw has a seed of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

sys.path.insert(0, str(Path(__file__).parents[2]))

from core.domains import stratified_order
from core.measures.classifier import domain_auc
from core.measures.label_shift import label_shift
from core.measures.mmd import mmd_test
from core.measures.ridge import ridge_test
from core.measures.scale import Scale
from core.reports.shift_kind import EVIDENCE

DRAWS, N, FEW = 1000, 100, 30
ODD_DRAWS, AUC_DRAWS = 300, 150
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


def few(rng: np.random.Generator, width: int = 6) -> Pair:
    return rng.normal(size=(FEW, width)), rng.normal(size=(FEW, width))


def few_and_wide(rng: np.random.Generator) -> Pair:
    return few(rng, 64)


def wide(rng: np.random.Generator) -> Pair:
    return rng.normal(size=(N, 500)), rng.normal(size=(N, 500))


def categories(rng: np.random.Generator, shares: tuple[np.ndarray | None, np.ndarray | None] = (None, None)) -> Pair:
    x, y = (np.eye(12)[rng.choice(12, N, p=p)] for p in shares)
    return x, y


def yes_or_no(rng: np.random.Generator, shares: tuple[float, float] = (0.5, 0.5), width: int = 3) -> Pair:
    x, y = ((rng.random((N, width)) < p).astype(float) for p in shares)
    return x, y


def twelve_rows(rng: np.random.Generator) -> Pair:
    rows = rng.normal(size=(12, 6))
    return rows[rng.integers(12, size=N)], rows[rng.integers(12, size=N)]


def one_of_sixty(rng: np.random.Generator) -> Pair:
    rows = rng.normal(size=(60, 20))
    return rows[rng.integers(60, size=N)], rows[rng.integers(60, size=N)]


def twice(rng: np.random.Generator) -> Pair:
    return np.repeat(rng.normal(size=(N // 2, 20)), 2, axis=0), rng.normal(size=(N, 20))


def the_same(rng: np.random.Generator) -> Pair:
    x = rng.normal(size=(N, 20))
    return x, rng.permutation(x)


CENTRES = 2 * np.random.default_rng(1).normal(size=(4, 6))


def drawn(rng: np.random.Generator, split_by_class: bool, order_by_class: tuple[bool, bool]) -> Pair:
    """133 of a held-out third of two populations of four classes, 1,500 samples each, drawn by class or as they fall."""
    sides = []
    for by_class in order_by_class:
        labels, seed = rng.integers(4, size=1500), int(rng.integers(1 << 30))
        rows = CENTRES[labels] + rng.normal(size=(1500, 6))
        held_out = stratified_order(labels if split_by_class else None, 1500, seed)[:500]
        order = stratified_order(labels[held_out] if by_class else None, len(held_out), seed)
        sides.append(rows[held_out[order[:133]]])
    return sides[0], sides[1]


def p_values(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[float, float]:
    """Of MMD² and of the domain classifier, prepared as the shift report does."""
    scale = Scale.of(x, y)
    return mmd_test(scale.standardised(x), scale.standardised(y), scale.bandwidth, seed=seed).p, ridge_test(x, y, seed=seed).p


def percent(hits: np.ndarray) -> str:
    share = hits.mean()
    return f"{100 * share:.1f} % ± {100 * np.sqrt(share * (1 - share) / len(hits)):.1f}"


def alarms(make: Callable[[np.random.Generator], Pair], draws: int, number: int) -> list[str]:
    found = np.array([p_values(*make(np.random.default_rng([number, i])), seed=i) for i in range(draws)])
    return [percent(found[:, 0] <= 0.05), percent(found[:, 1] <= 0.05), percent(found.min(1) <= EVIDENCE)]


def chance(make: Callable[[np.random.Generator], Pair], number: int) -> list[str]:
    """Of the domain classifier without a shift: mean AUC, how often its interval holds 0.5, and the mean proxy A-distance."""
    found = [domain_auc(*make(np.random.default_rng([number, i])), seed=i) for i in range(AUC_DRAWS)]
    aucs = np.array([f.auc for f in found])
    holds = percent(np.array([f.low <= 0.5 <= f.high for f in found]))
    return [f"{aucs.mean():.3f} ± {aucs.std() / np.sqrt(len(aucs)):.3f}", holds, f"{np.mean([f.a_distance for f in found]):.2f}"]


def best_auc(shares: tuple[np.ndarray, np.ndarray]) -> float:
    """What the likelihood ratio of two distributions over categories reaches."""
    p, q = shares
    ratio = q / p
    return float((p[:, None] * q * ((ratio > ratio[:, None]) + 0.5 * (ratio == ratio[:, None]))).sum())


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
    (30, 6, 0.0, 24),
    (30, 6, 0.4, 25),
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


# Made by no one source of rows alone: odd data on which copies, few rows or many columns could deceive a test.
ODD = (
    ("30 rows a side, 6 columns", few, 30),
    ("30 rows a side, 64 columns", few_and_wide, 31),
    ("100 rows a side, 500 columns", wide, 32),
    ("12 categories, one column each", categories, 33),
    ("three columns of yes and no", yes_or_no, 34),
    ("rows out of 12 different ones, 6 columns", twelve_rows, 35),
    ("rows out of 60 different ones, 20 columns", one_of_sixty, 36),
)
COPIED = (("each source row twice, 20 columns", twice, 37), ("the same rows on both sides, 20 columns", the_same, 38))


def table_of_chance() -> None:
    print(f"\nOdd data without a shift, {ODD_DRAWS} draws ({AUC_DRAWS} for the AUC):\n")
    print("| data | MMD² | domain classifier | verdict | mean AUC | its interval holds 0.5 | proxy A-distance |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, make, number in ODD + COPIED:
        print(f"| {name} | {' | '.join(alarms(make, ODD_DRAWS, number) + chance(make, number))} |", flush=True)


def table_of_drawn() -> None:
    print(f"\nFalse alarms by how the samples are drawn, four classes, 133 samples a side, {ODD_DRAWS} draws:\n")
    print("| held out | of these are taken | MMD² | domain classifier | verdict |\n| --- | --- | --- | --- | --- |")
    ways = {(True, True): "by class on both sides", (True, False): "by class in the source alone", (False, False): "as they fall"}
    for split, says in ((True, "a third, by class"), (False, "a third, as it falls")):
        for number, (order, how) in enumerate(ways.items()):
            found = alarms(lambda rng, s=split, o=order: drawn(rng, s, o), ODD_DRAWS, 40 + number)
            print(f"| {says} | {how} | {' | '.join(found)} |", flush=True)


def table_of_categories() -> None:
    print(f"\nCategories that did shift, {POWER_DRAWS} draws, {N} samples a side:\n")
    print("| data | mean AUC | best possible | MMD² | domain classifier |\n| --- | --- | --- | --- | --- |")
    rising = np.arange(1, 13) / 78
    cells = (
        ("one column, yes in 30 and 70 %", (0.3, 0.7), lambda rng: yes_or_no(rng, (0.3, 0.7), 1)),
        ("12 categories, from 1 to 12 and from 12 to 1 in 78", rising, lambda rng: categories(rng, (rising, rising[::-1]))),
    )
    for number, (name, shares, make) in enumerate(cells):
        p, q = (shares, shares[::-1]) if isinstance(shares, np.ndarray) else (np.array([1 - s, s]) for s in shares)
        mean = np.mean([domain_auc(*make(np.random.default_rng([50 + number, i])), seed=i).auc for i in range(POWER_DRAWS)])
        found = alarms(make, POWER_DRAWS, 50 + number)[:2]
        print(f"| {name} | {mean:.3f} | {best_auc((p, q)):.3f} | {' | '.join(found)} |", flush=True)


def table_of_power() -> None:
    print(f"\nPower in {POWER_DRAWS} draws, mean shift 0.15 sd in each of 64 columns, 500 samples a side:\n")
    print("| MMD² | domain classifier | verdict |\n| --- | --- | --- |")
    print(f"| {' | '.join(alarms(shifted, POWER_DRAWS, 7))} |", flush=True)
    table_of_categories()


def table_of_coverage() -> None:
    print(f"\nCoverage of 95 % intervals in {COVERAGE_DRAWS:,} draws:\n")
    print("| interval | setting | covers the truth |\n| --- | --- | --- |")
    for n, right, number in ((300, 0.7, 20), (1000, 0.9, 21)):
        print(f"| class shares (BBSE) | {n} a side, {100 * right:.0f} % certain | {share_coverage(n, right, number)} |", flush=True)
    for cell in AUC_CELLS:
        truth, share = auc_coverage(*cell)
        tails = " Student t columns" if len(cell) > 4 else " columns"
        print(f"| domain AUC | {cell[0]} a side, {cell[1]}{tails}, truth {truth:.3f} | {share} |", flush=True)


TABLES = {
    "alarms": table_of_alarms,
    "chance": table_of_chance,
    "drawn": table_of_drawn,
    "power": table_of_power,
    "coverage": table_of_coverage,
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in sys.argv[1:] or TABLES:
        TABLES[name]()
