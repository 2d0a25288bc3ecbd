"""MMD² against float64 references, its permutation test against brute force, and its calibration."""

from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.stats import binom, chisquare
from sklearn.datasets import load_digits

from core.errors import InputError
from core.measures import mmd
from core.measures.base import MEASURES, Evaluation
from core.measures.mmd import mmd2, mmd2_of_run, mmd_test, random_halves
from core.measures.scale import Scale


def reference_kernel(rows: np.ndarray, bandwidth: float) -> np.ndarray:
    rows = rows.astype(np.float64)
    squared = np.array([((rows - row) ** 2).sum(axis=1) for row in rows])
    return np.mean([np.exp(-squared / (bandwidth * c)) for c in (0.25, 0.5, 1, 2, 4)], axis=0)


def reference_mmd2(kernel: np.ndarray, in_x: np.ndarray) -> float:
    xx, yy, xy = kernel[np.ix_(in_x, in_x)], kernel[np.ix_(~in_x, ~in_x)], kernel[np.ix_(in_x, ~in_x)]
    n, m = len(xx), len(yy)
    return (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1)) - 2 * xy.mean()


def sample(n: int, m: int, d: int = 8, shift: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)).astype(np.float32), (rng.normal(size=(m, d)) + shift).astype(np.float32)


@pytest.mark.parametrize("bandwidth", [0.5, 3.0, 16.0, 200.0])
@pytest.mark.parametrize(("n", "m", "offset"), [(30, 30, 0), (50, 23, 0), (700, 500, 0), (40, 60, 1000)])
def test_agrees_with_a_float64_reference(bandwidth, n, m, offset):
    x, y = sample(n, m, shift=0.5)
    x, y = x + np.float32(offset), y + np.float32(offset)
    expected = reference_mmd2(reference_kernel(np.concatenate([x, y]), bandwidth), np.arange(n + m) < n)
    assert mmd2(x, y, bandwidth) == pytest.approx(expected, abs=2e-7)
    assert mmd2(torch.from_numpy(y), torch.from_numpy(x), bandwidth) == pytest.approx(expected, abs=2e-7)


@pytest.mark.parametrize(("shift", "d"), [(0.15, 64), (0.5, 64), (0.5, 8)])
@pytest.mark.parametrize("offset", [0, 10, 1000])
def test_observed_value_is_within_a_millionth_of_float64(shift, d, offset):
    x, y = sample(400, 300, d=d, shift=shift, seed=11)
    x, y = x + np.float32(offset), y + np.float32(offset)
    expected = reference_mmd2(reference_kernel(np.concatenate([x, y]), 2.0 * d), np.arange(700) < 400)
    assert mmd2(x, y, 2.0 * d) == pytest.approx(expected, rel=1e-6)


def test_tile_size_and_row_order_do_not_matter(monkeypatch):
    x, y = sample(90, 70, shift=0.3)
    whole = mmd_test(x, y, 10.0, permutations=30)
    rng = np.random.default_rng(5)
    assert mmd2(rng.permutation(x), rng.permutation(y), 10.0) == pytest.approx(whole.mmd2, abs=1e-7)
    monkeypatch.setattr(mmd, "_TILE", 32)
    tiled = mmd_test(x, y, 10.0, permutations=30)
    np.testing.assert_allclose(tiled.null, whole.null, atol=1e-7)
    assert tiled.mmd2 == pytest.approx(whole.mmd2, abs=1e-7)


@pytest.mark.parametrize(("n", "m"), [(20, 20), (12, 31)])
def test_null_agrees_with_a_loop_over_relabellings(n, m):
    x, y = sample(n, m, shift=0.4)
    test = mmd_test(x, y, 12.0, permutations=130, seed=3)
    kernel = reference_kernel(np.concatenate([x, y]), 12.0)
    labellings = mmd.random_labellings(n + m, n, 130, 3).numpy().T.astype(bool)
    assert (labellings.sum(axis=1) == n).all()
    assert len(np.unique(labellings, axis=0)) > 125
    expected = np.array([reference_mmd2(kernel, in_x) for in_x in labellings])
    np.testing.assert_allclose(np.r_[test.mmd2, test.null], expected, atol=2e-7)
    assert test.p == (1 + (expected[1:] >= expected[0]).sum()) / 131


def test_relabellings_are_uniform():
    x, y = sample(3, 3, seed=2)
    kernel = reference_kernel(np.concatenate([x, y]), 8.0)
    exact = [reference_mmd2(kernel, np.isin(np.arange(6), chosen)) for chosen in combinations(range(6), 3)]
    null = mmd_test(x, y, 8.0, permutations=4000).null
    shares = [np.isclose(null, value, atol=1e-6).mean() for value in np.unique(np.round(exact, 9))]
    assert len(shares) == 10  # 20 splits, and a split and its mirror image have one value
    np.testing.assert_allclose(shares, 0.1, atol=0.02)


DIGITS = load_digits().data / 16


def handwritten(i: int) -> tuple[np.ndarray, np.ndarray]:
    rows = DIGITS[np.random.default_rng([9, i]).permutation(len(DIGITS))[:80]]
    return rows[:40], rows[40:]


@pytest.mark.parametrize(
    ("draw", "bandwidth"), [(lambda i: sample(40, 40, seed=[7, i]), 16.0), (handwritten, 9.0)], ids=["normal", "handwritten digits"]
)
@pytest.mark.slow
def test_p_is_uniform_without_a_shift(draw, bandwidth):
    """A small version of tests/benchmarks/shift_calibration.py: five percent false alarms, and no p value more often than another."""
    draws = 300
    p = np.array([mmd_test(*draw(i), bandwidth, permutations=99, seed=i).p for i in range(draws)])
    low, high = binom.ppf([0.005, 0.995], draws, 0.05)
    assert low <= (p <= 0.05).sum() <= high
    assert chisquare(np.histogram(p, np.linspace(0.005, 1.005, 11))[0]).pvalue > 0.005


def test_relabellings_have_their_size_also_where_random_keys_coincide(monkeypatch):
    class Coarse:
        """A generator whose keys are one of four numbers."""

        def __init__(self, seed):
            self.rng = np.random.Generator(np.random.PCG64(1))

        def random(self, shape, dtype):
            return self.rng.integers(0, 4, shape).astype(dtype)

    monkeypatch.setattr(mmd.np.random, "default_rng", Coarse)
    columns = mmd.random_labellings(31, 12, 200, 0).numpy()
    assert set(np.unique(columns)) == {0, 1}
    assert (columns.sum(0) == 12).all()


@pytest.mark.slow
def test_averages_to_zero_without_a_shift_where_the_biased_estimate_does_not():
    values = np.array([mmd2(*sample(30, 30, seed=[8, i]), 16.0) for i in range(400)])
    kernel = reference_kernel(sample(30, 30)[0], 16.0)
    bias = 2 * (1 - (kernel.sum() - 30) / (30 * 29)) / 30
    assert abs(values.mean()) < bias / 20
    assert abs(values.mean()) < 4 * values.std() / 20


def test_a_shift_has_the_smallest_possible_p():
    test = mmd_test(*sample(100, 80, shift=1.0), 16.0)
    assert test.p == 1 / 500
    assert test.mmd2 > test.null.max()


def test_identical_samples_are_no_shift():
    x, _ = sample(60, 2)
    test = mmd_test(x, x, 16.0)
    assert test.mmd2 <= 0
    assert test.p > 0.5


def test_constant_features_are_no_shift():
    x = np.full((50, 16), 0.1, dtype=np.float32)
    scale = Scale.of(x, x)
    test = mmd_test(scale.standardised(x), scale.standardised(x[:30]), scale.bandwidth)
    assert test.mmd2 == pytest.approx(0, abs=1e-7)
    assert test.p == 1.0


def test_control_halves_are_disjoint_and_alike():
    x = np.arange(41, dtype=np.float32)[:, None]
    first, second = random_halves(x, 0)
    assert len(first) == len(second) == 20
    assert len(np.unique(np.concatenate([first, second]))) == 40
    features = sample(201, 2)[0]
    scale = Scale.of(features, features)
    assert mmd_test(*map(scale.standardised, random_halves(features, 0)), scale.bandwidth).p > 0.05


def test_threads_agree_and_global_generators_are_untouched():
    x, y = sample(100, 100, shift=0.1)
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    alone = [mmd_test(x, y, 16.0, seed=seed).null for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: mmd_test(x, y, 16.0, seed=seed).null, range(8)))
    np.testing.assert_array_equal(alone, together)
    assert not np.array_equal(alone[0], alone[1])
    assert torch.equal(torch_state, torch.get_rng_state())
    np.testing.assert_array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize(
    ("x", "y", "where"),
    [
        (np.zeros((1, 3)), np.zeros((5, 3)), "source_features"),
        (np.zeros((5, 3)), np.zeros((0, 3)), "target_features"),
        (np.zeros((5, 3)), np.full((5, 3), np.inf), "target_features"),
        (np.full((5, 3), np.nan), np.zeros((5, 3)), "source_features"),
        (np.zeros((5, 3)), np.zeros((5, 4)), "target_features"),
    ],
)
def test_refuses_what_it_cannot_compare(x, y, where):
    with pytest.raises(InputError) as error:
        mmd2(x, y, 1.0)
    assert error.value.where == where


@pytest.mark.parametrize("bandwidth", [0.0, -1.0, float("nan")])
def test_refuses_a_bandwidth_that_is_not_positive(bandwidth):
    with pytest.raises(InputError):
        mmd2(*sample(5, 5), bandwidth)


def of_run(x: np.ndarray, y: np.ndarray, scale: Scale | None = None) -> dict:
    return mmd2_of_run(Evaluation(None, None, None, None, x, y, scale or Scale.of(x, y), seed=1))


def test_measure_does_not_depend_on_units_and_offsets_of_columns():
    x, y = sample(80, 80, d=16, shift=0.5)
    units, offsets = np.float32(10.0) ** np.arange(-4, 4).repeat(2), np.arange(16, dtype=np.float32)
    values = of_run(x, y)
    assert set(values) == {"mmd2", "mmd2_p", "mmd2_null_low", "mmd2_null_high"}
    assert values["mmd2_null_low"] < 0 < values["mmd2_null_high"] < values["mmd2"]
    assert values["mmd2_p"] == 1 / 500
    assert of_run(x * units + offsets * units, y * units + offsets * units)["mmd2"] == pytest.approx(values["mmd2"], abs=1e-4)


def test_a_change_of_scale_is_a_shift():
    """Rows divided by their own length hid it: p was 0.41 here, and 1.0 for the two means below."""
    x, y = sample(200, 200, d=64, seed=4)
    assert of_run(x, 3 * y)["mmd2_p"] == 1 / 500
    assert of_run(x, y)["mmd2_p"] > 0.05


def test_two_means_of_one_column_are_a_shift():
    rng = np.random.default_rng(0)
    values = of_run(rng.normal(1, 0.1, (100, 1)), rng.normal(3, 0.1, (100, 1)))
    assert values["mmd2"] > 0.5
    assert values["mmd2_p"] == 1 / 500


@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_features_that_shrink_or_burst_lower_it_as_its_limits_say(factor):
    """The scale of a run is fixed before adaptation; that a small value may be due to this alone is for the reader to know."""
    x, y = sample(100, 100, d=16, shift=0.5)
    assert abs(of_run(factor * x, factor * y, Scale.of(x, y))["mmd2"]) < of_run(x, y)["mmd2"] / 10
    assert "shrink" in MEASURES.get("mmd2").limits
    assert "grow" in MEASURES.get("mmd2").limits
