"""Covariances and higher moments against references in float64."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from method_tools import agrees, clouds, gradients, numeric_gradient

from core.methods.moments import central_moment_discrepancy, coral, moment_tensor_distance


def reference_coral(x: np.ndarray, y: np.ndarray) -> float:
    """Sun and Saenko 2016, equations 1 to 3: C = (DᵀD − (1ᵀD)ᵀ(1ᵀD)/n) / (n − 1)."""

    def covariance(d):
        total = d.sum(0, keepdims=True)
        return (d.T @ d - total.T @ total / len(d)) / (len(d) - 1)

    return float(((covariance(x) - covariance(y)) ** 2).sum() / (4 * x.shape[1] ** 2))


@pytest.mark.parametrize(("m", "n"), [(6, 6), (4, 9)])
def test_coral_agrees_with_a_reference(m, n):
    x, y = clouds(m, n)
    a, b = (torch.tensor(z, requires_grad=True) for z in (x, y))
    loss = coral(a, b)
    assert loss.item() == pytest.approx(reference_coral(x, y), rel=1e-12)
    found = gradients(loss, a, b)
    np.testing.assert_allclose(found[0], numeric_gradient(lambda z: reference_coral(z, y), x), atol=1e-8)
    np.testing.assert_allclose(found[1], numeric_gradient(lambda z: reference_coral(x, z), y), atol=1e-8)
    assert torch.autograd.gradcheck(coral, (a, b))


def test_coral_sees_covariances_and_not_means():
    x, y = (torch.tensor(z) for z in clouds(20, 30))
    assert coral(x + 100, y - 3).item() == pytest.approx(coral(x, y).item(), rel=1e-9)
    assert coral(x, x + 5).item() == pytest.approx(0, abs=1e-20)
    assert coral(x, 2 * x).item() == pytest.approx(9 * np.square(np.cov(x.numpy(), rowvar=False)).sum() / (4 * 4**2))


def reference_cmd(x: np.ndarray, y: np.ndarray, moments: int) -> float:
    """Zellinger et al. 2017, equation 10, coordinate by coordinate."""

    def length(v):
        return math.sqrt(sum(float(a) ** 2 for a in v))

    total = length(x.mean(0) - y.mean(0))
    for k in range(2, moments + 1):
        total += length([np.mean((x[:, d] - x[:, d].mean()) ** k) - np.mean((y[:, d] - y[:, d].mean()) ** k) for d in range(x.shape[1])])
    return total


@pytest.mark.parametrize(("m", "n", "moments"), [(6, 6, 5), (4, 9, 3), (5, 5, 1)])
def test_central_moments_agree_with_a_reference(m, n, moments):
    x, y = (1 / (1 + np.exp(-z)) for z in clouds(m, n))
    agrees(lambda a, b: central_moment_discrepancy(a, b, moments), lambda a, b: reference_cmd(a, b, moments), x, y)


def test_central_moments_see_skewness_only_from_the_third_on():
    x = torch.tensor([[0.2], [0.2], [0.8]], dtype=torch.float64)
    y = 1 - x + (x.mean() - (1 - x).mean())  # mirrored, with the same mean and variance
    assert central_moment_discrepancy(x, y, 2).item() == pytest.approx(0, abs=1e-12)
    assert central_moment_discrepancy(x, y, 3).item() == pytest.approx(2 * abs(float(((x - x.mean()) ** 3).mean())))


def test_central_moments_of_equal_clouds_have_a_finite_gradient():
    x = torch.rand(6, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    loss = central_moment_discrepancy(x, x.detach(), 5)
    assert loss.item() == 0
    assert torch.autograd.grad(loss, x)[0].isfinite().all()


def test_what_chance_leaves_of_the_discrepancy_falls_with_the_root_of_the_batch():
    """Why λ is smaller than the authors' here: their batches are larger, and the discrepancy of equal domains never vanishes."""
    generator = torch.Generator().manual_seed(0)

    def left(n: int) -> tuple[float, float]:
        x, y = (torch.rand(n, 32, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(2))
        loss = central_moment_discrepancy(x, y, 5)
        (pull,) = torch.autograd.grad(loss, x)
        return loss.item(), float(pull.sum(0).norm())

    small, large = (np.mean([left(n) for _ in range(20)], axis=0) for n in (64, 300))
    assert small[0] / large[0] == pytest.approx(math.sqrt(300 / 64), rel=0.1)
    assert small[1] == pytest.approx(large[1], rel=0.1)  # it pulls at the mean of a batch as hard, however little is left


def reference_homm(x: np.ndarray, y: np.ndarray, order: int) -> float:
    """Chen et al. 2020: every entry of both moment tensors."""

    def entry(z, index):
        return np.mean([math.prod(row[i] for i in index) for row in z])

    d = x.shape[1]
    return sum((entry(x, i) - entry(y, i)) ** 2 for i in itertools.product(range(d), repeat=order)) / d**order


@pytest.mark.parametrize(("m", "n", "order"), [(5, 5, 3), (3, 6, 2), (4, 4, 1), (4, 3, 4)])
def test_moment_tensors_agree_with_a_reference(m, n, order):
    x, y = clouds(m, n, d=3)
    agrees(lambda a, b: moment_tensor_distance(a, b, order), lambda a, b: reference_homm(a, b, order), x, y)
