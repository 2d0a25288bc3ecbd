"""Importance weights and the quadratic program behind one of them: against SciPy, known density ratios and optimality conditions."""

from __future__ import annotations

import numpy as np
import pytest
from method_tools import clouds, make, seen
from scipy.optimize import Bounds, LinearConstraint, minimize
from scipy.stats import norm, spearmanr

from core.errors import InputError
from core.methods.shallow.alignment import gaussian, median_distance
from core.methods.shallow.quadratic import bounded_quadratic
from core.methods.shallow.weighting import (
    WIDTHS,
    classifier_weights,
    kernel_mean_matching,
    kliep,
    kliep_bandwidth,
    kliep_likelihood,
)
from core.samples.drawing import effective_samples

WEIGHERS = {
    "kmm": lambda x, y: kernel_mean_matching(x, y, median_distance(x, y), 10.0, ridge=1.0),
    "kliep": lambda x, y: kliep(x, y, 0.5 * median_distance(x, y), 100, np.random.default_rng(0)),
    "classifier": lambda x, y: classifier_weights(x, y, 1.0, 1000.0),
}


def shifted(n: int, m: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """N(0, 1) and N(0.8, 1) in the first of two columns, and the true ratio at the source's samples."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, 2)), rng.normal(size=(m, 2)) + [0.8, 0]
    return x, y, norm.pdf(x[:, 0], 0.8) / norm.pdf(x[:, 0])


# The quadratic program


def program(n: int, seed: int, rank: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, rank or n))
    return root @ root.T / n, rng.normal(size=n)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("upper", "least", "most"), [(1.0, 1.0, 2.0), (0.3, 0.0, 100.0), (5.0, 11.9, 12.1), (1.0, 0.0, 0.5)])
def test_the_program_agrees_with_scipy(seed, upper, least, most):
    matrix, linear = program(20, seed, rank=None if seed < 3 else 5)

    def value(x: np.ndarray) -> float:
        return 0.5 * x @ matrix @ x - linear @ x

    expected = minimize(
        value,
        np.full(20, min(upper, (least + min(most, 20 * upper)) / 40)),
        jac=lambda x: matrix @ x - linear,
        bounds=Bounds(0, upper),
        constraints=LinearConstraint(np.ones((1, 20)), least, most),
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    found = bounded_quadratic(matrix, linear, upper, least, most)
    assert value(found) == pytest.approx(expected.fun, abs=1e-7)
    assert value(found) <= expected.fun + 1e-7
    if seed < 3:  # strictly convex: one solution
        np.testing.assert_allclose(found, expected.x, atol=1e-4)
    assert found.min() >= 0
    assert found.max() <= upper
    assert least - 1e-7 <= found.sum() <= most + 1e-7


def test_a_large_singular_program_is_optimal():
    """Kuhn-Tucker: the slope is one number where a weight is free, not above it at the upper bound, not below it at 0."""
    x, y, _ = shifted(600, 500)
    matrix, linear = gaussian(x, x, 1.0), gaussian(x, y, 1.0).mean(1) * 600
    assert np.linalg.matrix_rank(matrix) < 300
    found = bounded_quadratic(matrix, linear, 3.0, 590, 610)
    slope = matrix @ found - linear
    free = slope[(found > 1e-3) & (found < 3 - 1e-3)]
    assert np.ptp(free) < 1e-3 * np.abs(linear).max()
    assert slope[found > 3 - 1e-4].max(initial=-np.inf) < free.max() + 0.1
    assert slope[found < 1e-4].min() > free.min() - 0.1


def test_a_program_without_room_is_refused():
    with pytest.raises(ValueError, match="no room"):
        bounded_quadratic(np.eye(3), np.ones(3), 1.0, 4.0, 5.0)


# Weights


@pytest.mark.parametrize("name", WEIGHERS)
def test_weights_follow_the_true_ratio(name):
    x, y, ratio = shifted(400, 300)
    found = WEIGHERS[name](x, y)
    assert found.mean() == pytest.approx(1)
    assert found.min() >= 0
    assert spearmanr(found, ratio).statistic > 0.9
    assert abs(np.average(x[:, 0], weights=found) - y[:, 0].mean()) < 0.15
    assert abs(x[:, 0].mean() - y[:, 0].mean()) > 0.6


@pytest.mark.parametrize("name", WEIGHERS)
def test_without_a_shift_weights_are_about_one(name):
    x, y = clouds(400, 400, 2)
    x, y = np.concatenate([x[:200], y[:200]]), np.concatenate([x[200:], y[200:]])
    assert effective_samples(WEIGHERS[name](x, y)) > 0.6 * 400


def test_kernel_mean_matching_beats_true_weights_at_its_own_objective():
    x, y, ratio = shifted(200, 200)
    matrix, linear = gaussian(x, x, 1.0), gaussian(x, y, 1.0).mean(1) * 200

    def distance(w: np.ndarray) -> float:
        w = w / w.mean()
        return w @ matrix @ w / 200**2 - 2 * w @ linear / 200**2 + gaussian(y, y, 1.0).mean()

    found = distance(kernel_mean_matching(x, y, 1.0, 1000.0))
    assert 0 <= found < distance(ratio) < distance(np.ones(200))


def test_kernel_mean_matching_keeps_its_bound():
    x, y, _ = shifted(300, 300)
    weights = [kernel_mean_matching(x, y, 1.0, bound) for bound in (2.0, 5.0, 100.0)]
    counts = [effective_samples(w) for w in weights]
    assert effective_samples(kernel_mean_matching(x, y, 1.0, 100.0, ridge=1.0)) > 2 * counts[2]
    assert counts[0] > counts[1] > counts[2]
    assert weights[0].max() < 2.2  # after the mean was made 1


def test_kliep_reaches_the_maximum_of_its_likelihood():
    x, y, _ = shifted(80, 25)
    on_source, on_target = gaussian(x, y, 1.0), gaussian(y, y, 1.0)
    expected = minimize(
        lambda a: -np.log(on_target @ a).mean(),
        np.full(25, 1 / on_source.mean(0).sum()),
        jac=lambda a: -(on_target / (on_target @ a)[:, None]).mean(0),
        bounds=Bounds(0, np.inf),
        constraints=LinearConstraint(on_source.mean(0)[None], 1, 1),
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 1000},
    )
    found = kliep(x, y, 1.0, 25, np.random.default_rng(0), tolerance=1e-6)
    np.testing.assert_allclose(found, on_source @ expected.x, rtol=0.02, atol=0.01)


def test_kliep_of_domains_that_never_meet_gives_up():
    assert (kliep(np.zeros((5, 1)) + np.arange(5)[:, None], np.full((5, 1), 1e4), 1.0, 5, np.random.default_rng(0)) == 1).all()


def reference_likelihood(x: np.ndarray, y: np.ndarray, width: float, centres: int, seed: int, folds: int) -> float:
    """Sugiyama et al. 2007, figure 1 (b): each part of the target by weights that SLSQP fits on the others, with centres among these."""
    order = np.random.default_rng(seed).permutation(len(y))
    found = []
    for part in np.array_split(order, folds):
        others = order[~np.isin(order, part)]
        c = y[others[:centres]]
        on_source, on_target, left_out = gaussian(x, c, width), gaussian(y[others], c, width), gaussian(y[part], c, width)
        best = minimize(
            lambda a, k=on_target: -np.log(k @ a).mean(),
            np.full(len(c), 1 / on_source.mean(0).sum()),
            jac=lambda a, k=on_target: -(k / (k @ a)[:, None]).mean(0),
            bounds=Bounds(0, np.inf),
            constraints=LinearConstraint(on_source.mean(0)[None], 1, 1),
            method="SLSQP",
            options={"ftol": 1e-12, "maxiter": 1000},
        )
        found.append(np.log(left_out @ best.x).mean())
    return float(np.mean(found))


@pytest.mark.parametrize("width", [0.5, 1.0, 2.0])
def test_the_likelihood_of_samples_left_out_is_the_papers(width):
    x, y, _ = shifted(60, 40)
    found = kliep_likelihood(x, y, width, 12, np.random.default_rng(3), folds=4)
    assert found == pytest.approx(reference_likelihood(x, y, width, 12, 3, 4), abs=0.02)


def test_the_bandwidth_is_the_likeliest_and_follows_the_columns_units():
    x, y, ratio = shifted(400, 300)
    width = kliep_bandwidth(x, y, 100, np.random.default_rng(0))
    assert width / median_distance(x, y) in WIDTHS
    assert kliep_bandwidth(1000 * x, 1000 * y, 100, np.random.default_rng(0)) == pytest.approx(1000 * width)
    errors = []
    for factor in (0.25, 1, 4):
        w = kliep(x, y, factor * width, 100, np.random.default_rng(0))
        errors.append(np.square(w - ratio / ratio.mean()).mean())
    assert errors[1] == min(errors)


def test_bumps_do_not_shrink_to_single_samples_in_ten_columns():
    """Centres among the samples left out would make the narrowest bumps the likeliest."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(400, 10)), rng.normal(size=(300, 10)) + 0.8 * np.eye(10)[0]
    assert kliep_bandwidth(x, y, 100, rng) >= 0.3 * median_distance(x, y)


def test_kliep_chooses_its_bandwidth_unless_it_is_given_one(monkeypatch):
    asked = []
    monkeypatch.setattr("core.methods.shallow.weighting.kliep_bandwidth", lambda *args: asked.append(args) or 1.0)
    make("kliep").epoch(seen("kliep"), 0.0)
    assert len(asked) == 1
    make("kliep", bandwidth=0.5).epoch(seen("kliep"), 0.0)
    assert len(asked) == 1


def test_domains_that_never_meet_have_no_likeliest_bandwidth():
    x, y = np.arange(20.0)[:, None] / 1e6, 1e4 + np.arange(20.0)[:, None]
    assert kliep_bandwidth(x, y, 10, np.random.default_rng(0)) > 0


def test_classifier_weights_of_two_gaussians_are_their_ratio():
    x, y, ratio = shifted(4000, 2000)  # its logarithm is linear, as the classifier's
    found = classifier_weights(x, y, 100.0, 1000.0)
    np.testing.assert_allclose(np.log(found), np.log(ratio / ratio.mean()), atol=0.35)
    assert classifier_weights(x, y, 100.0, 1.5).max() < 2.5


@pytest.mark.parametrize("name", WEIGHERS)
def test_values_that_are_not_numbers_are_refused(name):
    x, y, _ = shifted(20, 20)
    x[3, 1] = np.nan
    with pytest.raises(InputError, match="not finite"):
        WEIGHERS[name](x, y)
