"""Losses on predictions and norms against references in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from method_tools import agrees, gradients, numeric_gradient, softmax

from core.methods.confusion import information_loss, minimum_class_confusion, norm_step_loss, nuclear_loss, prediction_entropy


def reference_confusion_weights(z: np.ndarray, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Jin et al. 2020, equations 2, 4 and 5: probabilities N×K and weights N."""
    p = np.exp(z / temperature)
    p /= p.sum(1, keepdims=True)
    w = 1 + np.exp((p * np.log(p)).sum(1))
    return p, len(z) * w / w.sum()


def reference_confusion(z: np.ndarray, temperature: float, w: np.ndarray) -> float:
    """Equations 3 and 6 to 8, entry by entry, with the weights given."""
    p, _ = reference_confusion_weights(z, temperature)
    k = p.shape[1]
    c = np.array([[sum(w[i] * p[i, a] * p[i, b] for i in range(len(z))) for b in range(k)] for a in range(k)])
    return sum(c[a, b] / c[a].sum() for a in range(k) for b in range(k) if a != b) / k


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_confusion_agrees_with_a_reference(temperature):
    z = 2 * np.random.default_rng(0).normal(size=(9, 4))
    a = torch.tensor(z, requires_grad=True)
    loss = minimum_class_confusion(a, temperature)
    _, w = reference_confusion_weights(z, temperature)
    # The authors' 1e-5 inside the logarithm, which the paper has not, is the difference.
    assert loss.item() == pytest.approx(reference_confusion(z, temperature, w), abs=1e-5)
    expected = numeric_gradient(lambda moved: reference_confusion(moved, temperature, w), z)
    np.testing.assert_allclose(gradients(loss, a)[0], expected, atol=1e-5)
    through_weights = numeric_gradient(
        lambda moved: reference_confusion(moved, temperature, reference_confusion_weights(moved, temperature)[1]), z
    )
    assert np.abs(expected - through_weights).max() > 1e-4  # so the agreement above shows that the weights are held constant


def test_confusion_is_zero_for_sure_and_largest_for_undecided_predictions():
    sure = 50 * torch.eye(4).repeat(3, 1)
    assert minimum_class_confusion(sure, 2.5).item() == pytest.approx(0, abs=1e-4)
    assert minimum_class_confusion(torch.zeros(12, 4), 2.5).item() == pytest.approx(3 / 4)


def test_confusion_stays_finite_when_a_class_is_never_predicted():
    z = torch.zeros(8, 4)
    z[:, 0] = 300
    z.requires_grad_()
    loss = minimum_class_confusion(z, 2.5)
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert torch.autograd.grad(loss, z)[0].isfinite().all()


LOGITS = 2 * np.random.default_rng(0).normal(size=(9, 4))


def reference_entropy(p: np.ndarray) -> float:
    return float(-sum(q * math.log(q) for row in p for q in row) / len(p))


def test_entropy_agrees_with_a_reference():
    agrees(prediction_entropy, lambda z: reference_entropy(softmax(z)), LOGITS)
    assert prediction_entropy(torch.zeros(5, 4)).item() == pytest.approx(math.log(4))
    assert prediction_entropy(300 * torch.eye(4)).item() == 0


def test_information_agrees_with_a_reference():
    agrees(information_loss, lambda z: reference_entropy(softmax(z)) - reference_entropy(softmax(z).mean(0, keepdims=True)), LOGITS)


def test_information_is_best_for_sure_and_even_predictions():
    sure = 300 * torch.eye(4)
    assert information_loss(sure).item() == pytest.approx(-math.log(4))
    assert information_loss(sure[[0, 0, 0, 0]]).item() == pytest.approx(0, abs=1e-6)  # sure, but collapsed
    assert information_loss(torch.zeros(8, 4)).item() == pytest.approx(0, abs=1e-6)
    collapsed = sure[[0, 0, 0, 0]].requires_grad_()
    assert torch.autograd.grad(information_loss(collapsed), collapsed)[0].isfinite().all()


def test_nuclear_norm_agrees_with_a_reference():
    agrees(nuclear_loss, lambda z: -float(np.sqrt(np.linalg.eigvalsh(softmax(z).T @ softmax(z))).sum()) / len(z), LOGITS)


def test_nuclear_norm_is_largest_for_sure_and_diverse_predictions():
    sure = 300 * torch.eye(4)
    assert nuclear_loss(sure.repeat(2, 1)).item() == pytest.approx(-math.sqrt(4 * 2 * 4) / 8)  # Cui et al.: at most √(BK)/B
    assert nuclear_loss(sure[[0, 0, 0, 0]]).item() == pytest.approx(-math.sqrt(4) / 4)
    collapsed = sure[[0, 0, 0, 0]].requires_grad_()
    assert torch.autograd.grad(nuclear_loss(collapsed), collapsed)[0].isfinite().all()


@pytest.mark.parametrize("step", [1.0, 0.3])
def test_norm_step_agrees_with_a_reference(step):
    f = np.random.default_rng(1).normal(size=(7, 5))
    held = np.linalg.norm(f, axis=1) + step
    agrees(lambda x: norm_step_loss(x, step), lambda x: float(((np.linalg.norm(x, axis=1) - held) ** 2).mean()), f)
    x = torch.tensor(f, requires_grad=True)
    (gradient,) = torch.autograd.grad(norm_step_loss(x, step), x)
    torch.testing.assert_close(gradient.detach(), -2 * step / 7 * x.detach() / x.detach().norm(dim=1, keepdim=True))  # every norm grows


def test_norm_step_of_dead_features_has_a_finite_gradient():
    x = torch.zeros(3, 4, requires_grad=True)
    assert torch.autograd.grad(norm_step_loss(x, 1.0), x)[0].isfinite().all()
