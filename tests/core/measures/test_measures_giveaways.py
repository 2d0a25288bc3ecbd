"""Columns that give the class or the domain away: found where they are, and not where chance could have made them."""

import numpy as np
import pytest

from core.measures.giveaways import giveaways


def names(values: np.ndarray, groups: np.ndarray, of="label") -> list[tuple[str, str]]:
    return [(found.title, found.how) for found in giveaways([f"x{j}" for j in range(values.shape[1])], values, groups, of)]


def test_a_copy_of_the_label_a_mark_a_code_and_a_range_are_named():
    rng = np.random.default_rng(0)
    classes = rng.integers(3, size=60)
    values = np.column_stack(
        [
            10.0 - classes,  # each class its own value
            classes == 1,  # marks one class
            10 * classes + rng.integers(3, size=60),  # a code within each class
            5 * classes + rng.random(60),  # a range for each class
            rng.normal(size=60) + classes,  # only tells something of it
            rng.integers(2, size=60),
        ]
    )
    assert names(values, classes) == [("x0", "equal"), ("x1", "marks"), ("x2", "values"), ("x3", "ranges")]


def test_a_column_that_is_missing_in_one_domain_gives_it_away():
    values = np.random.default_rng(1).normal(size=(40, 2))
    values[20:, 1] = np.nan
    assert names(values, np.repeat([0, 1], 20), "domain") == [("x1", "gaps")]


@pytest.mark.parametrize("n", [5, 12, 60])
def test_noise_is_named_in_at_most_one_of_a_hundred_tables(n):
    named = 0
    for seed in range(200):
        rng = np.random.default_rng([n, seed])
        values = np.column_stack([rng.normal(size=(n, 4)), rng.integers(2, size=(n, 4))])
        named += bool(names(values, rng.integers(2, size=n)))
    assert named <= 6


def test_one_class_and_constant_columns_give_nothing_away():
    assert names(np.ones((30, 2)), np.arange(30) % 2) == []
    assert names(np.random.default_rng(2).normal(size=(30, 2)), np.zeros(30, int)) == []
