"""The shift tests beside alibi-detect's and evidently's own, on the same draws. Each library in an environment of its own.

    OMP_NUM_THREADS=1 python tests/benchmarks/shift_others.py ours | alibi | evidently [times | alarms]

prints what `shift_others.md` holds. alibi-detect and evidently are used with their defaults. 500 permutations of alibi-detect at 10,000
samples a side would take hours, so two small numbers of them are timed there: the cost of one more permutation is their difference.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

DRAWS = 100
N, D, PERMUTATIONS = 500, 64, 500
SIZES = {  # samples a side: permutations and repetitions to time
    "ours": {500: (PERMUTATIONS, 9), 2000: (PERMUTATIONS, 7), 10_000: (PERMUTATIONS, 3)},
    "alibi": {500: (PERMUTATIONS, 3), 2000: (PERMUTATIONS, 1)},
}
FEW = {2000: (10, 30), 10_000: (2, 6)}  # permutations of alibi-detect from which its time at 500 is extrapolated
Test = Callable[[np.ndarray, np.ndarray, int], dict[str, bool]]


def draw(shift: float, i: int, n: int = N) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([int(100 * shift), i, n])
    return rng.normal(size=(n, D)).astype(np.float32), (rng.normal(size=(n, D)) + shift).astype(np.float32)


def ours() -> tuple[Test, Callable[[np.ndarray, np.ndarray, int], None], str]:
    import torch

    from core.measures.mmd import mmd_test
    from core.measures.ridge import ridge_test

    torch.set_num_threads(1)

    def test(x, y, seed):
        pooled = np.concatenate([x, y])
        bandwidth = float(2 * pooled.var(0, ddof=1).sum())
        p = {"MMD²": mmd_test(x, y, bandwidth, seed=seed).p, "domain classifier": ridge_test(x, y, seed=seed).p}
        return {name: value <= 0.05 for name, value in p.items()} | {"verdict": min(p.values()) <= 0.025}

    return test, lambda x, y, b: mmd_test(x, y, 2.0 * D, b), "this program"


def alibi():
    import alibi_detect
    import torch
    from alibi_detect.cd import ClassifierDrift, KSDrift, MMDDrift
    from sklearn.linear_model import LogisticRegression

    torch.set_num_threads(1)

    def test(x, y, seed):
        np.random.seed(seed)  # noqa: NPY002  (alibi-detect draws from the global generators)
        torch.manual_seed(seed)
        classifier = ClassifierDrift(x, LogisticRegression(max_iter=1000), backend="sklearn", n_folds=5, preds_type="probs", seed=seed)
        tests = {"MMDDrift": MMDDrift(x, backend="pytorch"), "KSDrift": KSDrift(x), "ClassifierDrift": classifier}
        return {name: bool(found.predict(y)["data"]["is_drift"]) for name, found in tests.items()}

    return test, lambda x, y, b: MMDDrift(x, backend="pytorch", n_permutations=b).predict(y), f"alibi-detect {alibi_detect.__version__}"


def evidently():
    import evidently
    import pandas
    from evidently import Report
    from evidently.presets import DataDriftPreset

    def test(x, y, seed):
        names = [f"x{j}" for j in range(D)]
        found = Report([DataDriftPreset()]).run(pandas.DataFrame(y, columns=names), pandas.DataFrame(x, columns=names)).dict()
        counted = found["metrics"][0]["value"]
        return {"dataset drift (half of the columns)": counted["share"] >= 0.5, "any column": counted["count"] > 0}

    return test, None, f"evidently {evidently.__version__}"


def shares(test: Test, shift: float) -> dict[str, float]:
    found = [test(*draw(shift, i), i) for i in range(DRAWS)]
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def seconds(work: Callable[[], object], repetitions: int) -> float:
    """Median wall time."""
    times = []
    for _ in range(repetitions):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return float(np.median(times))


def floor() -> Callable[[int], float]:
    """Seconds below which no exact test of n samples a side can get: the two products over half the pairs, and an exp for each of them.

    The peak of the matrix product and the time of an exp (in the cache) are measured here, the best of many.
    """
    import torch

    a, b, small = torch.randn(2048, 2048), torch.randn(2048, 2048), -torch.rand(256, 512)
    out, power = torch.empty_like(a), torch.empty_like(small)
    products = [seconds(lambda: torch.mm(a, b, out=out), 1) for _ in range(20)]
    exps = [seconds(lambda: torch.exp(small, out=power), 1) for _ in range(200)]
    rate, one = 2 * 2048**3 / min(products), min(exps) / small.numel()
    print(f"matrix product {rate / 1e9:.0f} GFlop/s, exp {one * 1e9:.2f} ns")
    return lambda n: (2 * n) ** 2 / 2 * (2 * (D + PERMUTATIONS) / rate + one)


def times(which: str, mmd: Callable[[np.ndarray, np.ndarray, int], None]) -> None:
    least = floor() if which == "ours" else None
    mmd(*draw(0.15, 0, 50), 5)
    for n, (permutations, repetitions) in SIZES[which].items():
        x, y = draw(0.15, 0, n)
        found = seconds(partial(mmd, x, y, permutations), repetitions)
        compared = f", {found / least(n):.2f} times the floor of {least(n):.4f} s" if least else ""
        print(f"MMD², {n} a side, {permutations} permutations: {found:.3f} s{compared}", flush=True)
    for n, (few, more) in FEW.items() if which == "alibi" else ():
        x, y = draw(0.15, 0, n)
        first, second = (seconds(partial(mmd, x, y, b), 1) for b in (few, more))
        each = (second - first) / (more - few)
        print(f"MMD², {n} a side: {few} permutations {first:.2f} s, {more} {second:.2f} s, so {each:.3f} s each", flush=True)
        print(f"  and extrapolated to {PERMUTATIONS}: {first + (PERMUTATIONS - few) * each:.0f} s", flush=True)


def main(which: str, parts: list[str]) -> None:
    warnings.simplefilter("ignore")
    test, mmd, name = {"ours": ours, "alibi": alibi, "evidently": evidently}[which]()
    print(name)
    if "times" in parts and mmd is not None:
        times(which, mmd)
    if "alarms" in parts:
        print(f"{DRAWS} draws each\npower", shares(test, 0.15), flush=True)
        print("false alarms", shares(test, 0.0), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] or ["times", "alarms"])
