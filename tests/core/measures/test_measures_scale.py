"""The one scale of runs and reports: what is standardised, what is not, and the kernel's width."""

from itertools import combinations

import numpy as np
import pytest

from core.measures.scale import Scale


def test_bandwidth_is_the_mean_squared_distance_of_standardised_rows():
    rng = np.random.default_rng(0)
    x, y = rng.normal(5, 3, (25, 8)), rng.normal(size=(40, 8))
    scale = Scale.of(x, y)
    rows = np.concatenate([scale.standardised(x), scale.standardised(y)])
    np.testing.assert_allclose(rows.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(rows.std(0), 1)
    assert scale.bandwidth == pytest.approx(np.mean([((a - b) ** 2).sum() for a, b in combinations(rows, 2)]))
    assert scale.varies.all()


def test_a_column_that_wakes_up_later_counts_in_the_unit_of_the_others():
    rng = np.random.default_rng(1)
    x, y = rng.normal(0, [3, 4, 0], (2, 50, 3)).astype(np.float32)
    x[:, 2] = y[:, 2] = 0.1
    scale = Scale.of(x, y)
    assert scale.varies.tolist() == [True, True, False]
    np.testing.assert_allclose(scale.standardised(x)[:, 2], 0, atol=1e-9)
    assert scale.deviation[2] == pytest.approx(np.sqrt(np.square(scale.deviation[:2]).mean()))
    assert scale.bandwidth == pytest.approx(4 * 100 / 99)


def test_where_nothing_varies_any_width_will_do():
    scale = Scale.of(np.full((5, 2), 7.0), np.full((4, 2), 7.0))
    assert scale.bandwidth == 1
    np.testing.assert_array_equal(scale.standardised(np.full((1, 2), 7.0)), 0)
