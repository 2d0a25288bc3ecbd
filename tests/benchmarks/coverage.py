"""How often 95 % intervals hold the truth: ``uv run python tests/benchmarks/coverage.py [--draws 1000] [--write]``.

The accuracy gain (paired bootstrap), the calibration error (parametric bootstrap) and the gain over seeds (Student's t), in simulations
whose truth is known. ``--write`` puts the table into ``coverage.md``; the suite runs a small part.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy.special import expit, logit

sys.path.insert(0, str(Path(__file__).parents[2]))

from core.measures.accuracy import gain_interval
from core.measures.calibration import binary_calibration
from core.transfer_report import seeds_gain

CONFIDENCES: dict[str, Callable] = {
    "spread": lambda rng, n: 0.1 + 0.9 * rng.beta(2, 1.2, n),
    "mostly sure": lambda rng, n: 0.1 + 0.9 * rng.beta(8, 0.6, n),
}
TRUTHS: dict[str, Callable] = {  # log-odds of being right, from the log-odds that the network claims
    "calibrated": lambda odds: odds,
    "a little too sure": lambda odds: odds - 0.4,
    "far too sure": lambda odds: 0.5 * odds - 0.3,
    "not sure enough": lambda odds: odds + 0.6,
    "both": lambda odds: 0.4 * odds + 0.3,
    "temperature 1/0.85": lambda odds: 0.85 * odds,
    "wrong in one range": lambda odds: odds - 1.5 * np.exp(-2 * (odds - 2) ** 2),
}
CHANGES = ((0.05, 0.05), (0.05, 0.15), (0.02, 0.4), (0.2, 0.02), (0.03, 0.03), (0.01, 0.03), (0.0, 0.02))  # shares broken and fixed


def true_error(confidence: str, truth: str) -> float:
    """E|P(right | c) − c| over 400,000 draws."""
    c = CONFIDENCES[confidence](np.random.default_rng(9), 400_000)
    return 0.0 if truth == "calibrated" else float(np.abs(expit(TRUTHS[truth](logit(c))) - c).mean())


def ece_coverage(confidence: str, truth: str, n: int, draws: int) -> tuple[float, float, float]:
    """Share of intervals that hold the truth, mean estimate, mean plain ECE."""
    error, hits, estimates, plain = true_error(confidence, truth), 0, [], []
    for seed in range(draws):
        rng = np.random.default_rng([seed, n])
        c = CONFIDENCES[confidence](rng, n)
        found = binary_calibration(c, rng.random(n) < expit(TRUTHS[truth](logit(c))), seed)
        hits += found.ece_low <= error <= found.ece_high
        estimates.append(found.ece)
        plain.append(found.plain)
    return hits / draws, float(np.mean(estimates)), float(np.mean(plain))


def gain_coverage(broken: float, fixed: float, n: int, draws: int) -> float:
    hits = 0
    for seed in range(draws):
        change = np.random.default_rng([seed, n]).choice([-1, 0, 1], size=n, p=[broken, 1 - broken - fixed, fixed])
        gain = gain_interval(change == -1, change == 1, seed)
        hits += gain.low <= fixed - broken <= gain.high
    return hits / draws


def seeds_coverage(runs: int, draws: int) -> float:
    """Gains of ``runs`` seeds around a true mean of 10 points, sd 4."""
    rng = np.random.default_rng(runs)
    found = [seeds_gain(rng.normal(0.1, 0.04, runs).tolist()) for _ in range(draws)]
    return sum(gain.low <= 0.1 <= gain.high for gain in found) / draws


def table(draws: int) -> Iterator[str]:
    yield f"# How often 95 % intervals hold the truth\n\n{draws} draws each, by `tests/benchmarks/coverage.py`; the simulation's error is"
    yield f"± {196 * (0.95 * 0.05 / draws) ** 0.5:.1f} points.\n\n## Accuracy gain, paired bootstrap of 2,000 draws\n"
    yield "| broken | fixed | n = 100 | n = 250 | n = 600 | n = 2,000 |\n| --- | --- | --- | --- | --- | --- |"
    for broken, fixed in CHANGES:
        cells = " | ".join(f"{100 * gain_coverage(broken, fixed, n, draws):.1f} %" for n in (100, 250, 600, 2000))
        yield f"| {100 * broken:g} % | {100 * fixed:g} % | {cells} |"
    yield "\nWith fewer than about five changed samples (the last rows at n = 100) a draw without any gives an interval of length 0.\n"
    yield "## Gain over seeds, Student's t\n\n| runs | coverage |\n| --- | --- |"
    for runs in (2, 3, 5, 10):
        yield f"| {runs} | {100 * seeds_coverage(runs, draws):.1f} % |"
    yield "\n## Calibration error\n"
    yield "The truth is E|P(right given c) − c| of the population. At a truth of exactly 0 the upper end cannot miss, so 98 % are to be"
    yield "expected there.\n"
    yield "| confidences | network is | n | truth | mean estimate | mean plain ECE | coverage |\n" + "| --- " * 7 + "|"
    for confidence in CONFIDENCES:
        for truth in TRUTHS:
            for n in (100, 600, 2000):
                share, estimate, plain = ece_coverage(confidence, truth, n, draws)
                numbers = f"{true_error(confidence, truth):.3f} | {estimate:.3f} | {plain:.3f} | {100 * share:.1f} %"
                yield f"| {confidence} | {truth} | {n:,} | {numbers} |"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    lines = []
    for line in table(options.draws):
        print(line, flush=True)
        lines.append(line)
    if options.write:
        Path(__file__).with_suffix(".md").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
