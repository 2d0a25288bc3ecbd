"""Samples in proportion to their classes, and what weights leave of a number of samples."""

from __future__ import annotations

import numpy as np
import pytest

from core.samples.drawing import effective_samples, proportional_order

LABELS = np.repeat([0, 1, 2], [70, 29, 1])


@pytest.mark.parametrize("count", [20, 33, 100])
@pytest.mark.parametrize("all_first", [False, True])
def test_a_first_part_holds_the_classes_in_proportion(count, all_first):
    order = proportional_order(LABELS, np.random.default_rng(0), all_first=all_first)
    assert sorted(order.tolist()) == list(range(100))
    assert np.bincount(LABELS[order[:count]], minlength=3)[0] == pytest.approx(0.7 * count, abs=1.5)


def test_no_class_is_lost_where_all_come_first():
    kept = {
        flag: [set(LABELS[proportional_order(LABELS, np.random.default_rng(i), all_first=flag)[:3]]) for i in range(20)]
        for flag in (False, True)
    }
    assert all(one == {0, 1, 2} for one in kept[True])
    assert sum(one == {0, 1, 2} for one in kept[False]) < 5


def test_every_sample_of_a_class_has_the_same_chance():
    firsts = [proportional_order(np.repeat([0, 1], [4, 20]), np.random.default_rng(i), all_first=True)[:2] for i in range(2000)]
    shares = np.bincount(np.concatenate(firsts), minlength=24) / 2000
    np.testing.assert_allclose(shares[:4], 0.25, atol=0.04)
    np.testing.assert_allclose(shares[4:], 0.05, atol=0.02)


def test_effective_samples():
    assert effective_samples(np.ones(7)) == pytest.approx(7)
    assert effective_samples(np.array([1.0, 0, 0])) == pytest.approx(1)
    assert effective_samples(np.array([3.0, 1])) == pytest.approx(1.6)
