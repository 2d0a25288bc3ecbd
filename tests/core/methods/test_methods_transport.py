"""Optimal transport against POT and against a search over all pairings."""

from __future__ import annotations

import itertools

import numpy as np
import ot
import pytest
import torch
from method_tools import agrees, batch, clouds, double, gradients, make, softmax

from core.methods.transport import joint_transport_loss, sliced_wasserstein2, transport_plan


def test_the_plan_is_the_cheapest_pairing():
    cost = np.random.default_rng(0).uniform(size=(5, 5))
    plan = transport_plan(torch.tensor(cost)).numpy()
    best = min(sum(cost[i, j] for i, j in enumerate(order)) for order in itertools.permutations(range(5))) / 5
    assert (plan * cost).sum() == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize(("m", "n"), [(6, 6), (4, 7)])
def test_the_plan_carries_all_mass_and_has_no_gradient(m, n):
    cost = torch.rand(m, n, generator=torch.Generator().manual_seed(0), requires_grad=True)
    plan = transport_plan(cost)
    assert plan.dtype == torch.float32
    assert not plan.requires_grad
    torch.testing.assert_close(plan.sum(0), torch.full((n,), 1 / n))
    torch.testing.assert_close(plan.sum(1), torch.full((m,), 1 / m))


def joint_cost(x: np.ndarray, y: np.ndarray, labels: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Damodaran et al. 2018, equation 6, pair by pair, with weights 0.7 and 0.4."""
    p = softmax(z)
    return np.array(
        [[0.7 * ((a - b) ** 2).sum() - 0.4 * np.log(q[c]) for b, q in zip(y, p, strict=True)] for a, c in zip(x, labels, strict=True)]
    )


@pytest.mark.parametrize(("m", "n"), [(6, 6), (4, 7)])
def test_joint_transport_agrees_with_pot(m, n):
    x, y = clouds(m, n)
    rng = np.random.default_rng(0)
    z, labels = rng.normal(size=(n, 3)), rng.integers(0, 3, m)
    plan = ot.emd(np.full(m, 1 / m), np.full(n, 1 / n), joint_cost(x, y, labels, z))
    classes = torch.tensor(labels)
    # The plan is held constant, and it does not change under a step of finite differences.
    agrees(
        lambda a, b, c: joint_transport_loss(a, b, classes, c, 0.7, 0.4)[0],
        lambda a, b, c: float((plan * joint_cost(a, b, labels, c)).sum()),
        x,
        y,
        z,
    )
    np.testing.assert_allclose(joint_transport_loss(*(torch.tensor(v) for v in (x, y)), classes, torch.tensor(z), 0.7, 0.4)[1], plan)


def test_joint_transport_pairs_by_label_where_features_say_nothing():
    x, labels = torch.zeros(4, 2), torch.tensor([0, 0, 1, 1])
    logits = 5 * torch.eye(2)[torch.tensor([1, 0, 1, 0])]
    _, plan = joint_transport_loss(x, x, labels, logits, 1.0, 1.0)
    carried = torch.eye(2)[labels].T @ plan
    torch.testing.assert_close(carried.argmax(0), logits.argmax(1))


def directions(d: int, count: int, seed: int = 0) -> np.ndarray:
    v = np.random.default_rng(seed).normal(size=(d, count))
    return v / np.linalg.norm(v, axis=0)


@pytest.mark.parametrize(("m", "n"), [(6, 6), (4, 7), (9, 3), (4, 8)])
def test_sliced_wasserstein_agrees_with_pot(m, n):
    x, y = clouds(m, n)
    lines = directions(4, 20)
    agrees(
        lambda a, b: sliced_wasserstein2(a, b, torch.tensor(lines)),
        lambda a, b: float(ot.sliced_wasserstein_distance(a, b, projections=lines, p=2)) ** 2,
        x,
        y,
    )


def test_sliced_wasserstein_of_a_moved_cloud_is_its_way_along_the_lines():
    x = torch.tensor(clouds(30, 2)[0])
    lines, way = torch.tensor(directions(4, 500)), torch.tensor([3.0, 0, 0, 0], dtype=torch.float64)
    assert sliced_wasserstein2(x, x + way, lines).item() == pytest.approx(float((way @ lines).square().mean()))
    assert sliced_wasserstein2(x, x.flip(0), lines).item() == pytest.approx(0, abs=1e-20)
    (gradient,) = gradients(sliced_wasserstein2(x.requires_grad_(), (x + way).detach(), lines), x)
    assert gradient.mean(0)[0] < 0  # descending, x moves towards the moved cloud


def test_each_step_draws_new_lines_of_length_one():
    method, b = make("swd").double(), double(batch())
    first, second = (method.step(b, 0.5).losses["align"].item() for _ in range(2))
    assert first != second
    assert first == pytest.approx(second, rel=0.5)
