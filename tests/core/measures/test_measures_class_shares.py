"""Class shares of a target before a run: found where they alone differ, and not claimed where more does."""

from __future__ import annotations

import numpy as np
import pytest

from core.measures.class_shares import shares_before


def tables(seed: int, priors: tuple[float, float], n: int = 300, moved: float = 0.0, columns: int = 10) -> tuple[np.ndarray, ...]:
    """Two classes 1.6 deviations apart in so many columns; the target's columns may be moved, each by a way of its own."""
    rng = np.random.default_rng(seed)
    apart = rng.normal(size=columns)
    apart *= 1.6 / np.linalg.norm(apart)
    labels = [(rng.random(n) < prior).astype(int) for prior in priors]
    source, target = (rng.normal(size=(n, columns)) + np.outer(one, apart) for one in labels)
    return source, labels[0], target + moved * rng.normal(size=columns), labels[1]


@pytest.mark.parametrize("prior", [0.6, 0.75, 0.93])
def test_other_shares_are_found(prior):
    found = [shares_before(*tables(seed, (0.36, prior))[:3], 2, seed) for seed in range(10)]
    truths = [tables(seed, (0.36, prior))[3].mean() for seed in range(10)]
    assert np.mean([f.differing == (0, 1) for f in found]) >= (0.5 if prior == 0.6 else 1)
    assert np.mean([f.estimated[1] for f in found]) == pytest.approx(np.mean(truths), abs=0.05)
    assert sum(f.alone for f in found if f.differing) >= 0.8 * sum(map(bool, [f.differing for f in found]))


@pytest.mark.parametrize("n", [60, 300])
def test_equal_shares_are_hardly_ever_called_different(n):
    found = [shares_before(*tables(seed, (0.45, 0.45), n)[:3], 2, seed) for seed in range(40)]
    assert sum(bool(f.differing) for f in found) <= 2


def test_moved_columns_are_not_taken_for_other_shares():
    found = [shares_before(*tables(seed, (0.36, 0.36), moved=0.7)[:3], 2, seed) for seed in range(10)]
    assert any(f.differing for f in found)  # the classifier alone is deceived
    assert not any(f.alone for f in found)


def test_many_columns_and_three_classes():
    rng = np.random.default_rng(0)
    centres = 6 * rng.normal(size=(3, 400)) / 20
    labels, others = rng.choice(3, 400, p=[0.4, 0.3, 0.3]), rng.choice(3, 400, p=[0.1, 0.3, 0.6])
    x, y = (centres[one] + rng.normal(size=(400, 400)) for one in (labels, others))
    found = shares_before(x, labels, y, 3)
    assert set(found.differing) == {0, 2}
    assert found.estimated == pytest.approx([0.1, 0.3, 0.6], abs=0.1)


def test_a_rare_class_or_a_useless_classifier_gives_no_estimate():
    x, labels, y, _ = tables(0, (0.36, 0.93))
    rare = np.where(np.arange(len(labels)) < 2, 2, labels)
    assert shares_before(x, rare, y, 3).estimated is None
    noise = np.random.default_rng(1).integers(0, 2, len(labels))
    assert shares_before(x, noise, y, 2).differing == ()
    np.testing.assert_allclose(shares_before(x, labels, y, 2).source, np.bincount(labels) / len(labels))


def test_constant_columns_do_no_harm():
    x, labels, y, _ = tables(0, (0.36, 0.93))
    padded = [np.column_stack([rows, np.full(len(rows), 7.0)]) for rows in (x, y)]
    assert shares_before(padded[0], labels, padded[1], 2).differing == (0, 1)
