"""The shift tests beside alibi-detect's and evidently's own, on the same draws. Each library in an environment of its own.

    python tests/benchmarks/shift_others.py ours | alibi | evidently

prints what `shift_others.md` holds. alibi-detect and evidently are used with their defaults. 500 permutations of alibi-detect at 2,000
samples a side take minutes, so 25 are timed.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable

import numpy as np

ALARM_DRAWS, POWER_DRAWS = 40, 20
N, D = 500, 64
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


def shares(test: Test, shift: float, draws: int) -> dict[str, float]:
    found = [test(*draw(shift, i), i) for i in range(draws)]
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def main(which: str) -> None:
    warnings.simplefilter("ignore")
    test, mmd, name = {"ours": ours, "alibi": alibi, "evidently": evidently}[which]()
    print(name)
    if mmd is not None:
        for n, permutations in ((500, 500), (2000, 500 if which == "ours" else 25)):
            x, y = draw(0.15, 0, n)
            mmd(x[:50], y[:50], 5)
            started = time.process_time()
            mmd(x, y, permutations)
            seconds = time.process_time() - started
            print(f"MMD², {n} a side, {permutations} permutations: {seconds:.3f} s of CPU time", flush=True)
    print("power", shares(test, 0.15, POWER_DRAWS), flush=True)
    print("false alarms", shares(test, 0.0, ALARM_DRAWS), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
