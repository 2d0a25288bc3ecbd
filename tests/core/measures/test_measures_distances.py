"""Distances and column tests against POT, SciPy, and formulas written out."""

import numpy as np
import ot
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import energy_distance as scipy_energy
from scipy.stats import false_discovery_control, ks_2samp

from core.errors import InputError
from core.measures.columns import column_tests
from core.measures.distances import coral_distance, directions, energy_distance, sliced_wasserstein


def sample(n: int, m: int, d: int = 5, shift: float = 0.4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), 1.3 * rng.normal(size=(m, d)) + shift


def test_sliced_wasserstein_agrees_with_pot_on_the_same_directions():
    x, y = sample(80, 80)
    expected = ot.sliced_wasserstein_distance(x, y, projections=directions(5, 200, 3), p=2)
    assert sliced_wasserstein(x, y, seed=3) == pytest.approx(expected, rel=1e-9)


def test_sliced_wasserstein_in_one_dimension_is_the_wasserstein_distance():
    x, y = sample(60, 60, d=1)
    assert sliced_wasserstein(x, y) == pytest.approx(np.sqrt(ot.emd2_1d(x[:, 0], y[:, 0])), rel=1e-9)
    # Never above the distance in all directions at once.
    x, y = sample(40, 40)
    assert sliced_wasserstein(x, y) < np.sqrt(ot.emd2([], [], cdist(x, y, "sqeuclidean")))


@pytest.mark.parametrize("offset", [0, 1000])
def test_energy_distance_agrees_with_all_pairs(offset):
    x, y = sample(50, 70)
    off = [cdist(a, a)[~np.eye(len(a), dtype=bool)].mean() for a in (x, y)]
    expected = 2 * cdist(x, y).mean() - off[0] - off[1]
    assert energy_distance(x + offset, y + offset) == pytest.approx(expected, abs=1e-9)


def test_energy_distance_in_one_dimension_agrees_with_scipy_for_many_samples():
    x, y = sample(1500, 1500, d=1, shift=1.0)
    # SciPy's is the root of the biased form, which includes the zero distance between a sample and itself.
    biased = 2 * cdist(x, y).mean() - cdist(x, x).mean() - cdist(y, y).mean()
    assert biased == pytest.approx(scipy_energy(x[:, 0], y[:, 0]) ** 2, rel=1e-6)
    assert energy_distance(x, y) == pytest.approx(biased, abs=2.5 * 2 / 1500)


def test_energy_distance_averages_to_zero_without_a_shift():
    values = []
    for i in range(300):
        rng = np.random.default_rng([4, i])
        values.append(energy_distance(rng.normal(size=(30, 3)), rng.normal(size=(30, 3))))
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(300)
    assert min(values) < 0


def test_coral_distance_is_the_papers_formula():
    x, y = sample(40, 60, d=3)
    covariances = [(a - a.mean(0)).T @ (a - a.mean(0)) / (len(a) - 1) for a in (x, y)]
    assert coral_distance(x, y) == pytest.approx(((covariances[0] - covariances[1]) ** 2).sum() / 36)
    assert coral_distance(x, x + 5) == pytest.approx(0, abs=1e-12)
    assert coral_distance(x[:, :1], y[:, :1]) == pytest.approx((x[:, 0].var(ddof=1) - y[:, 0].var(ddof=1)) ** 2 / 4)


@pytest.mark.parametrize(("n", "m"), [(120, 120), (90, 140)])
def test_column_tests_agree_with_scipy(n, m):
    x, y = sample(n, m, d=9, shift=0.1)
    x[:, 0], y[:, 0] = np.round(x[:, 0]), np.round(y[:, 0])  # many equal values
    x[:, 1] = y[:, 1] = 0.1 if n == m else x[0, 1]
    y[:, 2] += 1
    found = column_tests(x, y)
    expected = [ks_2samp(x[:, j], y[:, j], method="asymp") for j in range(9)]
    np.testing.assert_allclose(found.statistic, [e.statistic for e in expected], atol=1e-12)
    np.testing.assert_allclose(found.p, [e.pvalue for e in expected], atol=1e-12)
    np.testing.assert_allclose(found.q, false_discovery_control(found.p))
    assert found.q[2] < 0.05 < found.q[1]
    assert found.share == pytest.approx((found.q < 0.05).mean())


def test_columns_without_a_shift_are_rarely_named():
    shares = []
    for i in range(60):
        rng = np.random.default_rng([6, i])
        shares.append(column_tests(rng.normal(size=(80, 20)), rng.normal(size=(80, 20))).share > 0)
    assert np.mean(shares) <= 0.15  # 5 % in the long run


@pytest.mark.parametrize("measure", [sliced_wasserstein, energy_distance, coral_distance, column_tests])
def test_refuses_what_it_cannot_compare(measure):
    with pytest.raises(InputError):
        measure(np.zeros((5, 3)), np.zeros((5, 4)))
    with pytest.raises(InputError):
        measure(np.zeros(5), np.zeros(5))


def test_sliced_wasserstein_refuses_unequal_numbers():
    with pytest.raises(InputError):
        sliced_wasserstein(np.zeros((5, 3)), np.zeros((6, 3)))
