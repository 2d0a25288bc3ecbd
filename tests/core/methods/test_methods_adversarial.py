"""Discriminators: their losses against references in float64, and what the reversed gradient does."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from method_tools import CLASSES, WIDTH, agrees, batch, gradients, make, numeric_gradient, softmax
from torch import Tensor

from core.methods import Method, conditional
from core.methods.adversarial import domain_loss, reverse_gradient, spectral_penalty
from core.methods.base import ramp
from core.methods.conditional import entropy_weights, multilinear, random_multilinear
from core.methods.disagreement import margin_disparity

REVERSED = ["dann", "bsp", "cdan", "cdan-e"]


@pytest.mark.parametrize(("n", "m"), [(5, 5), (3, 7)])
def test_domain_loss_agrees_with_a_reference(n, m):
    d = 2 * np.random.default_rng(1).normal(size=n + m)
    source = np.arange(n + m) < n

    def reference(values):
        p = 1 / (1 + np.exp(-values))
        return -np.mean(np.where(source, np.log(p), np.log(1 - p)))

    a = torch.tensor(d, requires_grad=True)
    loss, accuracy = domain_loss(a, n)
    assert loss.item() == pytest.approx(reference(d), rel=1e-12)
    np.testing.assert_allclose(gradients(loss, a)[0], numeric_gradient(reference, d), atol=1e-8)
    assert torch.autograd.gradcheck(lambda x: domain_loss(x, n)[0], (a,))
    assert accuracy.item() == pytest.approx((np.mean(d[:n] > 0) + np.mean(d[n:] <= 0)) / 2)
    assert not accuracy.requires_grad


def test_discriminator_accuracy_is_balanced_and_its_loss_starts_at_chance():
    assert domain_loss(torch.ones(10), 9)[1].item() == 0.5  # calling everything source is no skill
    assert domain_loss(torch.tensor([1.0, 1.0, -1.0]), 2)[1].item() == 1
    assert domain_loss(torch.zeros(10), 5)[0].item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("scale", [0.0, 0.3, 2.0])
def test_reversal_is_the_identity_with_a_scaled_negative_gradient(scale):
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    y = reverse_gradient(x, scale)
    assert torch.equal(y, x)
    (found,) = torch.autograd.grad(y.pow(3).sum(), x)
    torch.testing.assert_close(found, -scale * 3 * x**2)


def test_weights_say_how_much_a_sample_counts():
    d, w = np.random.default_rng(1).normal(size=8), np.random.default_rng(2).uniform(0.5, 1.5, 8)

    def reference(values):
        p = 1 / (1 + np.exp(-values))
        return -np.mean(w * np.where(np.arange(8) < 3, np.log(p), np.log(1 - p)))

    agrees(lambda x: domain_loss(x, 3, torch.tensor(w))[0], reference, d)
    assert domain_loss(torch.tensor(d), 3, torch.ones(8))[0] == domain_loss(torch.tensor(d), 3)[0]


def test_spectral_penalty_agrees_with_a_reference():
    f = np.random.default_rng(0).normal(size=(6, 4))
    agrees(spectral_penalty, lambda x: float(np.linalg.eigvalsh(x.T @ x)[-1]), f)


def test_the_multilinear_map_is_every_product():
    f, p = np.random.default_rng(0).normal(size=(5, 4)), softmax(np.random.default_rng(1).normal(size=(5, 3)))
    found = multilinear(torch.tensor(f), torch.tensor(p)).numpy()
    np.testing.assert_allclose(found, [np.outer(b, a).ravel() for a, b in zip(f, p, strict=True)])


def test_the_random_map_keeps_inner_products_on_average():
    generator = torch.Generator().manual_seed(0)
    f, p = torch.randn(5, 4, generator=generator), torch.randn(5, 3, generator=generator).softmax(1)
    maps = (torch.randn(width, 200_000, generator=generator) for width in (4, 3))
    found, exact = random_multilinear(f, p, *maps), multilinear(f, p)
    torch.testing.assert_close(found @ found.T, exact @ exact.T, atol=0.05, rtol=0.03)


def test_entropy_weights_agree_with_a_reference():
    z = 2 * np.random.default_rng(0).normal(size=(7, 4))
    p = softmax(z)
    w = 1 + np.exp((p * np.log(p)).sum(1))
    logits = torch.tensor(z, requires_grad=True)
    found = entropy_weights(logits)
    np.testing.assert_allclose(found.numpy(), w / w.mean())
    assert not found.requires_grad


def reference_disparity(z: np.ndarray, rival: np.ndarray, n: int, margin: float) -> float:
    """Zhang et al. 2019, equations 27 to 30, sample by sample."""
    y, p = z.argmax(1), softmax(rival)
    agree = np.mean([-np.log(p[i, y[i]]) for i in range(n)])
    disagree = np.mean([-np.log(1 - p[i, y[i]]) for i in range(n, len(z))])
    return float(margin * agree + disagree)


@pytest.mark.parametrize(("n", "m", "margin"), [(5, 5, 4.0), (3, 6, 2.0)])
def test_margin_disparity_agrees_with_a_reference(n, m, margin):
    z, rival = (2 * np.random.default_rng(seed).normal(size=(n + m, 4)) for seed in (0, 1))
    agrees(lambda r: margin_disparity(torch.tensor(z), r, n, margin), lambda r: reference_disparity(z, r, n, margin), rival)


def test_margin_disparity_is_finite_for_a_rival_that_is_sure():
    rival = torch.tensor([[100.0, 0, 0], [100.0, 0, 0]], requires_grad=True)
    loss = margin_disparity(torch.tensor([[1.0, 0, 0], [1.0, 0, 0]]), rival, 1, 4.0)
    assert loss.item() == pytest.approx(100 - math.log(2), rel=1e-3)
    assert torch.autograd.grad(loss, rival)[0].isfinite().all()


# What the steps do


def dann_gradient(method: Method, features: Tensor, n: int, scale: float) -> Tensor:
    features = features.clone().requires_grad_()
    loss, _ = domain_loss(method.discriminator(reverse_gradient(features, scale)), n)
    return torch.autograd.grad(loss, features)[0]


def test_swapping_the_domain_labels_flips_the_reversed_gradient():
    method = make("dann").double()
    features = torch.randn(20, WIDTH, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    swap = torch.arange(20).roll(10)  # the source's rows now stand where the target's are expected
    normal = dann_gradient(method, features, 10, 1.0)
    swapped = dann_gradient(method, features[swap], 10, 1.0)[swap]
    assert F.cosine_similarity(normal, swapped).numpy() == pytest.approx(-1, abs=1e-9)


@pytest.mark.parametrize(("trade_off", "progress"), [(1.0, 0.1), (0.5, 1.0), (3.0, 0.5), (1.0, 0.0)])
def test_dann_reverses_by_its_ramped_trade_off(trade_off, progress):
    method = make("dann", trade_off=trade_off)
    step = method.step(batch(), progress)
    (found,) = torch.autograd.grad(step.losses["domain"], step.features)
    plain = -dann_gradient(method, step.features.detach(), 16, 1.0)
    torch.testing.assert_close(found, -trade_off * ramp(progress) * plain, rtol=1e-4, atol=1e-9)
    assert plain.norm() > 1e-4


def test_dann_trains_the_discriminator_and_fools_it():
    method = make("dann")
    step = method.step(batch(), 0.5)
    weights = list(method.discriminator.parameters())
    by_weights = torch.autograd.grad(step.losses["domain"], weights, retain_graph=True)
    (by_features,) = torch.autograd.grad(step.losses["domain"], step.features)

    def loss(features):
        return domain_loss(method.discriminator(features), 16)[0].item()

    with torch.no_grad():
        now = loss(step.features)
        assert loss(step.features - 0.1 * by_features / by_features.norm()) > now  # a descent step on features helps confusion
        for weight, gradient in zip(weights, by_weights, strict=True):
            weight -= 0.01 * gradient
        assert loss(step.features) < now
    assert 0 <= step.gauges["discriminator_accuracy"] <= 1


def domain_gradient(method: Method, features: Tensor, logits: Tensor, n: int) -> Tensor:
    """By the features, without reversal."""
    features = features.clone().requires_grad_()
    loss, _ = domain_loss(method.discriminator(method.seen(features, logits)), n)
    return torch.autograd.grad(loss, features)[0]


@pytest.mark.parametrize("name", ["cdan", "cdan-e"])
@pytest.mark.parametrize("largest", [4096, 4])
def test_a_conditional_discriminator_is_fooled_and_knows_the_domain_label(name, largest, monkeypatch):
    monkeypatch.setattr(conditional, "LARGEST_PRODUCT", largest)
    method = make(name).double()
    generator = torch.Generator().manual_seed(0)
    features, logits = (torch.randn(20, w, generator=generator, dtype=torch.float64) for w in (WIDTH, CLASSES))
    swap = torch.arange(20).roll(10)
    normal, swapped = domain_gradient(method, features, logits, 10), domain_gradient(method, features[swap], logits[swap], 10)[swap]
    assert F.cosine_similarity(normal, swapped).numpy() == pytest.approx(-1, abs=1e-9)
    changed = domain_gradient(method, features, logits.roll(1, dims=1), 10)
    assert F.cosine_similarity(normal.flatten(), changed.flatten(), dim=0) < 0.99  # predictions are part of what it sees


@pytest.mark.parametrize("name", ["cdan", "cdan-e"])
def test_predictions_are_a_condition_and_get_no_gradient(name):
    method = make(name)
    step = method.step(batch(), 0.5)
    by_head = torch.autograd.grad(step.losses["domain"], list(method.network.head.parameters()), allow_unused=True)
    assert by_head == (None, None)


def test_cdan_e_weighs_each_domain_by_its_entropy():
    method, b = make("cdan-e"), batch(n=6, m=10)
    features, logits = method.forward_both(b)
    weights = method.weights(logits, b)
    assert [part.mean().item() for part in b.split(weights)] == pytest.approx([1, 1])  # no domain counts more than the other
    found = method.step(b, 0.5).losses["domain"]
    expected = domain_loss(method.discriminator(method.seen(features, logits)), 6, weights)[0]
    torch.testing.assert_close(found, expected)
    assert found != make("cdan").step(b, 0.5).losses["domain"]


@pytest.mark.parametrize("name", REVERSED)
def test_nothing_is_reversed_at_the_start(name):
    step = make(name, **({"penalty": 0} if name == "bsp" else {})).step(batch(), 0.0)
    others = sum(loss for key, loss in step.losses.items() if key != "task")
    assert torch.autograd.grad(others, step.features)[0].abs().max() == 0


def test_bsp_is_dann_with_a_penalty_on_each_domain():
    dann, bsp, b = make("dann"), make("bsp", penalty=0.01), batch(n=6, m=9)
    plain, braked = dann.step(b, 0.5), bsp.step(b, 0.5)
    assert [plain.losses[key] for key in ("task", "domain")] == [braked.losses[key] for key in ("task", "domain")]
    largest = [np.linalg.svd(part.detach().numpy())[1][0] ** 2 for part in b.split(braked.features)]
    assert braked.losses["spectral"].item() == pytest.approx(0.01 * sum(largest), rel=1e-4)


@pytest.mark.parametrize(("trade_off", "progress"), [(0.1, 0.3), (1.0, 1.0)])
def test_mdd_reverses_its_rivals_gradient(trade_off, progress):
    method = make("mdd", trade_off=trade_off)
    step = method.step(batch(), progress)
    (found,) = torch.autograd.grad(step.losses["disparity"], step.features)
    features = step.features.detach().requires_grad_()
    plain = margin_disparity(method.network.head(features), method.adversary(features), 16, 4.0)
    torch.testing.assert_close(found, -trade_off * ramp(progress) * torch.autograd.grad(plain, features)[0], rtol=1e-4, atol=1e-8)
