"""Columns that give the answer away by themselves: that tell the class of every sample, or its domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Literal

import numpy as np
from scipy.special import gammaln

from core.measures.base import MEASURES, Measure

How = Literal["gaps", "equal", "values", "marks", "ranges"]
CHANCE = 0.01  # that any column of noise is named


@dataclass(frozen=True)
class Giveaway:
    """A column that tells the class ("label") or the population ("domain") of all ``n`` samples without an error.

    ``how`` it does: "gaps": some of them have values, the others none; "equal": each class has its own single value; "values": each of
    its values belongs to one of them alone; "marks": it is the same throughout each of them, and so marks some; "ranges": each of them
    has a range of values to itself.
    """

    title: str
    of: Literal["label", "domain"]
    how: How
    n: int


def giveaways(titles: Sequence[str], values: np.ndarray, groups: np.ndarray, of: Literal["label", "domain"]) -> list[Giveaway]:
    """The columns from which one could read off the group of every sample.

    That a column of noise does so has at most the chance of `CHANCE` over all columns: with few samples nothing is named.

    Parameters
    ----------
    titles : sequence of str, D
    values : ndarray
        N×D; what is missing is NaN, which counts as a value.
    groups : ndarray of int, N
        The class or domain of each sample.
    of : {"label", "domain"}
    """
    found: list[Giveaway] = []
    if len(np.unique(groups)) < 2:
        return found
    of_group = np.unique(groups, return_inverse=True)[1]
    for title, column in zip(titles, values.T, strict=True):
        gaps = _ways(np.isnan(column), of_group)
        ways: dict[How, float] = {"gaps": max(gaps.values())} if gaps else _ways(column, of_group)
        sure: list[How] = [how for how, chance in ways.items() if len(titles) * chance <= CHANCE]
        if sure:
            found.append(Giveaway(title, of, sure[0], len(groups)))
    return found


def _ways(column: np.ndarray, groups: np.ndarray) -> dict[How, float]:
    """How a column tells the groups, with a bound on the chance that it does under random labels.

    Of the N!/∏nᵢ! ways to label the samples, at most Kⱽ give each of V values to one of K groups, at most Vᴷ ∏cᵥ!/∏nᵢ! each group to
    one value (cᵥ samples have value v), and K! a range to each group.
    """
    codes = np.unique(column, return_inverse=True, equal_nan=True)[1].reshape(-1)
    table = np.zeros((codes.max() + 1, groups.max() + 1), int)
    np.add.at(table, (codes, groups), 1)
    v, k = table.shape
    if v < 2:
        return {}
    all_labellings = gammaln(len(codes) + 1) - gammaln(table.sum(0) + 1).sum()
    by_value, by_group = ((table > 0).sum(axis).max() == 1 for axis in (1, 0))
    ways: dict[How, float] = {}
    if by_value:
        ways["equal" if by_group else "values"] = exp(min(0, v * log(k) - all_labellings))
    elif by_group:
        ways["marks"] = exp(min(0, k * log(v) + gammaln(table.sum(1) + 1).sum() - gammaln(len(codes) + 1)))
    if by_value and np.count_nonzero(np.diff(table.argmax(1))) == k - 1:
        ways["ranges"] = exp(min(0, gammaln(k + 1) - all_labellings))
    return ways


MEASURES.add(
    Measure(
        name="giveaways",
        title="Columns that give it away",
        meaning="Columns from which alone one could read off the class, or the domain, of every sample that was looked at.",
        formula=r"P(\text{as pure by chance}) \le \frac{K^{V} \prod_i n_i!}{N!}",
        source="Counting of labellings, as in Fisher's exact test; this program's own. The danger: Kaufman et al. 2012, ACM TKDD 6:15, on "
        "leakage",
        limits="It looks at one column at a time and at perfect ones only: two columns that give it away together, or one with a single "
        "error, are not named. Whether a column is known when the model is used, only you can tell.",
        finding_of="pair",
    )
)
