"""Label-free validators against SciPy, scikit-learn, torch and direct formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy, multivariate_normal
from sklearn.metrics import log_loss

from core.errors import InputError
from core.measures import gauges, measure_all
from core.measures.base import Evaluation
from core.measures.scale import Scale
from core.measures.validators import (
    chosen,
    cross_entropy,
    density_ratio,
    dev,
    iwcv,
    mutual_information,
    nuclear_norm,
    soft_neighbourhood_density,
)


@pytest.fixture
def p() -> np.ndarray:
    return softmax(3 * np.random.default_rng(0).normal(size=(60, 5)), axis=1)


def test_entropy_and_infomax_agree_with_scipy(p):
    assert gauges.entropy(p).mean() == pytest.approx(entropy(p, axis=1).mean())
    assert mutual_information(p) == pytest.approx(entropy(p.mean(0)) - entropy(p, axis=1).mean())


def test_bnm_agrees_with_torch_and_is_1_for_sure_and_even_predictions(p):
    assert nuclear_norm(p) == pytest.approx(float(torch.linalg.matrix_norm(torch.from_numpy(p), "nuc")) / np.sqrt(60 * 5))
    assert nuclear_norm(np.repeat(np.eye(5), 12, axis=0)) == pytest.approx(1)
    assert nuclear_norm(np.eye(5)[np.zeros(60, int)]) == pytest.approx(1 / np.sqrt(5))


def test_snd_agrees_with_the_formula_written_out(p):
    unit = p / np.linalg.norm(p, axis=1, keepdims=True)
    total = 0.0
    for i in range(len(p)):
        others = [float(unit[i] @ unit[j]) / 0.05 for j in range(len(p)) if j != i]
        total += entropy(softmax(others))
    assert soft_neighbourhood_density(p) == pytest.approx(total / len(p))


def test_snd_is_finite_for_certain_predictions_and_refuses_one_sample():
    assert soft_neighbourhood_density(np.eye(2)[[0, 0, 1, 1, 1]]) == pytest.approx(np.log([1, 1, 2, 2, 2]).mean(), abs=1e-6)
    with pytest.raises(InputError):
        soft_neighbourhood_density(np.eye(2)[:1])


def test_the_loss_is_scikit_learns(p):
    labels = np.random.default_rng(1).integers(0, 5, 60)
    assert cross_entropy(p, labels).mean() == pytest.approx(log_loss(labels, p, labels=range(5)))


def test_density_ratio_of_two_gaussians():
    """N(0, 1) and N(μ, 1) have the ratio exp(μx − μ²/2), whose logarithm is linear: what logistic regression can learn."""
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(3000, 2)), rng.normal(size=(3000, 2)) + [0.8, 0]
    truth = multivariate_normal([0.8, 0]).pdf(x) / multivariate_normal([0, 0]).pdf(x)
    weights = density_ratio(x, y)
    assert weights.mean() == pytest.approx(1, abs=0.1)
    assert np.abs(np.log(weights) - np.log(truth)).mean() < 0.12


def test_density_ratio_counts_unequal_sizes():
    rng = np.random.default_rng(3)
    weights = density_ratio(rng.normal(size=(2000, 3)), rng.normal(size=(500, 3)))
    assert weights.mean() == pytest.approx(1, abs=0.05)


def test_iwcv_and_dev_estimate_the_targets_loss_and_dev_varies_less():
    """A loss that grows with x, under a shift of x: the target's true mean loss is known."""
    plain, corrected = [], []
    for seed in range(200):
        x = np.random.default_rng(seed).normal(size=400)
        weights, losses = np.exp(0.7 * x - 0.7**2 / 2), (x > 0.5).astype(float)
        plain.append(iwcv(losses, weights))
        corrected.append(dev(losses, weights))
    truth = 1 - multivariate_normal(0.7, 1).cdf(0.5)
    assert np.mean(plain) == pytest.approx(truth, abs=0.01)
    assert np.mean(corrected) == pytest.approx(truth, abs=0.02)
    assert np.std(corrected) < 0.6 * np.std(plain)


def test_dev_by_hand():
    losses, weights = np.array([0.0, 1.0, 2.0]), np.array([0.5, 1.5, 1.6])
    weighted = losses * weights
    eta = -np.cov(weighted, weights, ddof=1)[0, 1] / np.var(weights, ddof=1)
    assert dev(losses, weights) == pytest.approx(weighted.mean() + eta * weights.mean() - eta)
    assert dev(losses, np.ones(3)) == pytest.approx(1)


def test_the_best_epoch_and_the_earliest_of_equals():
    assert chosen({0: 1.0, 1: 3.0, 2: 3.0}, "higher") == 1
    assert chosen({0: 1.0, 1: 3.0, 2: float("nan"), 3: None}, "lower") == 0
    assert chosen({}, "higher") is None
    assert chosen({0: None}, "lower") is None


def test_no_validator_changes_when_the_target_labels_do():
    rng = np.random.default_rng(4)
    features = rng.normal(size=(2, 40, 6)).astype(np.float32)
    given = {
        "source_probabilities": softmax(rng.normal(size=(50, 3)), axis=1).astype(np.float32),
        "target_probabilities": softmax(rng.normal(size=(50, 3)), axis=1).astype(np.float32),
        "source_labels": rng.integers(0, 3, 50),
        "source_features": features[0],
        "target_features": features[1],
        "scale": Scale.of(*features),
        "seed": 0,
    }
    labelled, other, unlabelled = (
        measure_all(Evaluation(target_labels=labels, **given)) for labels in (rng.integers(0, 3, 50), np.zeros(50, int), None)
    )
    for name in ("source_accuracy", "infomax", "snd", "bnm"):  # entropy is a gauge; DEV and IWCV take no target labels at all
        assert labelled[name] == other[name] == unlabelled[name]
        assert np.isfinite(labelled[name])
