"""Calibration: the reliability diagram by hand, and how often the interval of the error holds the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import binomtest

from core.errors import InputError
from core.measures.base import MEASURES
from core.measures.calibration import BINS, binary_calibration, calibration


def draw(n: int, seed: int, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Confidences, and outcomes whose log-odds lie ``shift`` below the claimed ones."""
    rng = np.random.default_rng(seed)
    c = 0.1 + 0.9 * rng.beta(2, 1.2, n)
    return c, rng.random(n) < expit(logit(c) - shift)


def test_the_diagrams_bins_are_of_equal_mass():
    c, right = draw(617, 0, 0.5)
    found = binary_calibration(c, right)
    assert found.counts.max() - found.counts.min() <= 1
    assert len(found.counts) == BINS
    edges = np.sort(c)[np.cumsum(found.counts)[:-1]]
    which = np.searchsorted(edges, c, side="right")
    for b in range(BINS):
        inside = which == b
        assert found.accuracy[b] == pytest.approx(right[inside].mean())
        assert found.confidence[b] == pytest.approx(c[inside].mean())
        ends = binomtest(int(right[inside].sum()), int(inside.sum())).proportion_ci(method="wilson")
        assert (found.low[b], found.high[b]) == pytest.approx((ends.low, ends.high))
    assert found.overconfidence == pytest.approx(c.mean() - right.mean())


def test_the_binned_ece_is_the_papers_and_the_error_is_not():
    """Guo et al. 2017, equation 3: 15 bins ((m − 1)/15, m/15] of equal width, whatever they hold; torchmetrics and others print this."""
    for seed, shift in ((0, 0.0), (1, 0.5), (2, 1.5)):
        c, right = draw(617, seed, shift)
        expected = 0.0
        for m in range(1, 16):
            inside = ((m - 1) / 15 < c) & (c <= m / 15)
            if inside.any():
                expected += inside.mean() * abs(right[inside].mean() - c[inside].mean())
        found = binary_calibration(c, right)
        assert found.binned == pytest.approx(expected, abs=1e-12)
        if not shift:  # by chance alone: bins cannot cancel it
            assert found.error < 0.7 * found.binned


def test_the_measure_says_that_it_is_not_the_binned_ece():
    measure = MEASURES.get("calibration_error")
    assert "ECE" not in measure.title + measure.label
    assert "It is not the ECE that papers print" in measure.limits
    assert "equation 2" in measure.source


def test_probabilities_are_read_by_their_predicted_class():
    p = np.array([[0.7, 0.3], [0.4, 0.6], [0.9, 0.1]] * 10)
    labels = np.array([0, 0, 0] * 10)
    found = calibration(p, labels)
    assert found.n == 30
    assert found.overconfidence == pytest.approx((0.7 + 0.6 + 0.9) / 3 - 2 / 3)


def test_the_order_of_the_samples_does_not_matter_and_the_seed_repeats():
    c, right = draw(300, 1, 0.4)
    order = np.random.default_rng(0).permutation(300)
    first, second = binary_calibration(c, right, 3), binary_calibration(c[order], right[order], 3)
    assert (first.error, first.error_low, first.error_high) == pytest.approx((second.error, second.error_low, second.error_high))


def test_a_calibrated_network_is_not_accused_although_its_binned_ece_is_far_from_zero():
    lows = [binary_calibration(*draw(300, seed)).error_low for seed in range(100)]
    binned = [binary_calibration(*draw(300, seed)).binned for seed in range(100)]
    assert np.mean(binned) > 0.05
    assert np.mean(np.array(lows) == 0) >= 0.9


@pytest.mark.parametrize("shift", [0.0, 0.4, 1.0, -0.6])
@pytest.mark.slow
def test_the_interval_holds_the_truth(shift):
    """A small version of tests/benchmarks/coverage.py; with 200 draws 95 % ± 3 % is what chance allows (twice its deviation)."""
    c, _ = draw(400_000, 99)
    truth = float(np.abs(expit(logit(c) - shift) - c).mean()) if shift else 0.0
    found = [binary_calibration(*draw(400, seed, shift), seed) for seed in range(200)]
    assert np.mean([f.error_low <= truth <= f.error_high for f in found]) >= 0.91
    assert np.mean([f.error_high - f.error_low for f in found]) < 0.14  # and not by being wide
    if shift:
        assert np.mean([f.error for f in found]) == pytest.approx(truth, abs=0.012)


def test_an_error_of_one_sign_is_a_plain_mean():
    """Where the network is far too sure everywhere, nothing is left to estimate but the mean of c − right and its normal interval."""
    rng = np.random.default_rng(3)
    c = rng.uniform(0.7, 0.9, 4000)
    right = rng.random(4000) < c - 0.3
    found, gap = binary_calibration(c, right), c - right
    half = 1.96 * gap.std() / np.sqrt(4000)
    assert found.error == pytest.approx(gap.mean())
    assert (found.error_low, found.error_high) == pytest.approx((gap.mean() - half, gap.mean() + half), abs=0.02 * half)


def test_errors_that_cancel_on_average_are_seen():
    rng = np.random.default_rng(4)
    c = rng.uniform(0.3, 0.9, 2000)
    found = binary_calibration(c, rng.random(2000) < 0.6)
    assert abs(found.overconfidence) < 0.03
    assert found.error_low < 0.15 < found.error_high  # E|0.6 − c| = 0.15
    assert found.error_low > 0.1


def test_few_errors_leave_a_skew_interval():
    """Of 100 predictions that claim 90 %, 97 are right: an exact binomial interval of the share is skew, and so must this one be."""
    found = binary_calibration(np.full(100, 0.9), np.arange(100) >= 3)
    exact = binomtest(97, 100).proportion_ci()
    assert found.error == pytest.approx(0.07)
    assert found.error_low == pytest.approx(max(0, exact.low - 0.9), abs=0.015)
    assert found.error_high == pytest.approx(exact.high - 0.9, abs=0.01)
    assert found.error - found.error_low > 1.3 * (found.error_high - found.error)


@pytest.mark.parametrize("right", [True, False])
def test_all_right_or_all_wrong(right):
    found = binary_calibration(np.full(80, 0.6), np.full(80, right))
    assert found.binned == pytest.approx(0.4 if right else 0.6)
    assert found.error_low - 1e-9 <= found.error <= found.error_high
    assert found.error == pytest.approx(found.binned, abs=0.08)


def test_few_samples_make_one_bin():
    assert len(binary_calibration(np.array([0.5, 0.9, 0.8]), np.array([True, False, True])).counts) == 1


def test_certain_predictions():
    found = binary_calibration(np.ones(200), np.arange(200) % 10 > 0)
    assert found.binned == pytest.approx(0.1)
    assert 0.05 < found.error_low <= found.error <= found.error_high < 0.17


@pytest.mark.parametrize(("shape", "labels"), [((0, 3), 0), ((4, 3), 3), ((4,), 4)])
def test_what_does_not_fit_is_refused(shape, labels):
    with pytest.raises(InputError):
        calibration(np.full(shape, 1 / 3), np.zeros(labels, int))
