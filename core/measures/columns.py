"""Which columns differ: a Kolmogorov–Smirnov test for each, corrected for how many there are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import comb
from scipy.stats import false_discovery_control, kstwo

from core.errors import InputError
from core.measures.base import MEASURES, Drawing, Measure, Populations

LEVEL = 0.05


@dataclass(frozen=True)
class ColumnTests:
    """For each of D columns the largest gap between the two distribution functions, its p value and its q value (all float64, D).

    ``share`` is the share of columns with q < 0.05.
    """

    statistic: np.ndarray
    p: np.ndarray
    q: np.ndarray

    @property
    def share(self) -> float:
        return float((self.q < LEVEL).mean())


def column_tests(x: np.ndarray, y: np.ndarray) -> ColumnTests:
    """Two-sample Kolmogorov–Smirnov for each column, with q values by Benjamini & Hochberg (1995, JRSS B 57:289-300).

    D = max |F_x − F_y|; p is the tail of the one-sample statistic at nm/(n+m) rows, as in SciPy's ``ks_2samp(method="asymp")``.
    With many equal values (pixels that are mostly black) p is larger than it need be, never smaller.

    Parameters
    ----------
    x, y : ndarray
        n×D and m×D.
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or not len(x) or not len(y):
        raise InputError("samples", f"shapes {x.shape} and {y.shape} cannot be compared.", "Give rows with the same columns.")
    n, m = len(x), len(y)
    pooled = np.concatenate([x, y]).T
    order = np.argsort(pooled, axis=1, kind="stable")
    steps = np.where(order < n, 1 / n, -1 / m)
    gaps = np.abs(np.cumsum(steps, axis=1))
    values = np.take_along_axis(pooled, order, axis=1)
    # Between equal values there is no gap to look at: only the last of them is a place where both functions have stepped.
    last = np.ones_like(gaps, dtype=bool)
    last[:, :-1] = values[:, 1:] != values[:, :-1]
    statistic = np.where(last, gaps, 0).max(1)
    # Of all ways to deal n + m rows, two separate them wholly: no p value of so few rows can be smaller.
    p = np.clip(kstwo.sf(statistic, np.round(n * m / (n + m))), 2 / comb(n + m, n, exact=True), 1)
    return ColumnTests(statistic, p, false_discovery_control(p))


def columns_shifted(pair: Populations) -> dict[str, float]:
    found = column_tests(pair.source, pair.target)
    return {"columns_shifted": found.share, "columns_shifted_tested": len(found.q)}


MEASURES.add(
    Measure(
        name="columns_shifted",
        title="Columns that differ",
        meaning="The share of columns whose values alone are distributed differently, after correcting for how many columns were tested.",
        formula=r"D_j = \max_t \lvert F_j^\text{source}(t) - F_j^\text{target}(t)\rvert,\quad"
        r" q_{(i)} = \min_{k \ge i} \frac{D\, p_{(k)}}{k} < 0.05",
        source="Kolmogorov–Smirnov: Hodges 1958, Arkiv för Matematik 3:469; correction: Benjamini & Hochberg 1995, JRSS B 57:289",
        limits="It looks at one column at a time and misses a shift in how columns go together. Among the columns that it names, up to 5 % "
        "may be false alarms. With many samples even tiny differences count.",
        range="0 to 1",
        better="lower",
        companions=("columns_shifted_tested",),
        drawing=Drawing("share", 0, beside="of {tested:,}"),
        of_pair=columns_shifted,
    )
)
