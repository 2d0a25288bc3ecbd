"""Heads against scikit-learn, their probabilities against what they get right; and what the shallow methods share."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from method_tools import CLASSES, make, seen
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from core.errors import InputError
from core.methods import METHODS, Seen
from core.methods.shallow.base import Feature
from core.methods.shallow.heads import HEADS, temperature

SKLEARN = {
    "nearest-neighbour": KNeighborsClassifier(1),
    "logistic": LogisticRegression(max_iter=1000),
    "linear-svm": SVC(kernel="linear", break_ties=True),
}
SHALLOW = [m.info.name for m in METHODS if m.info.family == "shallow, on frozen features"]


def blobs(n: int, k: int, seed: int, spread: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % k
    return 2 * np.eye(k, 4)[labels] + spread * rng.normal(size=(n, 4)), labels


def fit(name: str, x: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None):
    return HEADS[name]().fit(x, labels, weights, np.random.default_rng(0))


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("k", [2, 4])
def test_the_largest_probability_is_scikit_learns_prediction(name, k):
    (x, labels), (new, _) = blobs(120, k, 0), blobs(200, k, 1)
    if k == 2:
        SKLEARN["linear-svm"].set_params(break_ties=False)
    found = fit(name, x, labels).log_probabilities(new)
    assert (found.argmax(1) == SKLEARN[name].fit(x, labels).predict(new)).all()
    SKLEARN["linear-svm"].set_params(break_ties=True)
    np.testing.assert_allclose(np.exp(found).sum(1), 1)


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("noise", [0.7, 2.0])
def test_a_head_is_as_sure_as_it_is_right(name, noise):
    (x, labels), (new, truth) = blobs(400, 3, 0, noise), blobs(4000, 3, 1, noise)
    p = np.exp(fit(name, x, labels).log_probabilities(new))
    assert p.max(1).mean() == pytest.approx((p.argmax(1) == truth).mean(), abs=0.06)


@pytest.mark.parametrize("name", HEADS)
def test_weights_decide_who_counts(name):
    """Two populations with opposite labels: the one that has the weight is learned."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2))
    labels = (x[:, 0] > 0).astype(int)
    first = np.arange(400) < 200
    labels[~first] = 1 - labels[~first]
    new = rng.normal(size=(500, 2))
    for kept, right in ((first, new[:, 0] > 0), (~first, new[:, 0] <= 0)):
        found = fit(name, x, labels, np.where(kept, 2.0, 1e-9)).log_probabilities(new).argmax(1)
        assert (found == right).mean() > 0.9


@pytest.mark.parametrize("name", HEADS)
def test_a_class_of_one_sample_or_of_no_weight_is_kept(name):
    x, labels = blobs(60, 3, 0)
    one = np.r_[np.flatnonzero(labels != 2), 2]
    assert np.isfinite(fit(name, x[one], labels[one]).log_probabilities(x)).all()
    assert fit(name, x, labels, (labels != 1).astype(float)).log_probabilities(x).shape == (60, 3)


def test_temperature_maximises_the_likelihood():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(4000, 3))
    p = np.exp(values / 0.4)
    labels = (rng.random(4000)[:, None] > np.cumsum(p / p.sum(1, keepdims=True), 1)).sum(1)
    assert temperature(values, labels) == pytest.approx(0.4, rel=0.1)
    assert temperature(10 * values, labels) == pytest.approx(4, rel=0.1)


# What the methods share


@pytest.mark.parametrize("name", SHALLOW)
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("layer", ["bottleneck", "backbone"])
def test_every_method_has_every_head_on_every_layer(name, head, layer):
    method, whole = make(name, head=head, layer=layer), seen(name)
    width = {"bottleneck": 8, "backbone": 16}[layer]
    wide = max(width, 20) if name in ("tca", "jda") else width  # a kernel method finds more directions than there are features
    before = method.infer(whole.target, "target")
    z = method.frozen(whole.source)
    z = (method.frozen(whole.target) - z.mean(0)) / np.where(z.std(0) > 1e-9, z.std(0), 1)
    np.testing.assert_allclose(before[0][:, :width], z, atol=1e-5)
    gauges = method.epoch(whole, 0.0)
    features, logits = method.infer(whole.target, "target")
    assert features.shape == before[0].shape == (48, wide)
    assert logits.shape == (48, CLASSES)
    torch.testing.assert_close(logits.logsumexp(1), torch.zeros(48), atol=1e-5, rtol=0)
    # Even where the source alone is carried over, the target is now scaled by itself.
    assert torch.equal(features, before[0]) != issubclass(METHODS.get(name), Feature)
    assert ("effective_samples" in gauges) == (METHODS.get(name).info.transfers == "instances")


@pytest.mark.parametrize("name", SHALLOW)
def test_frozen_features_stay_as_they_are(name):
    method = make(name)
    weights = {key: value.clone() for key, value in method.state_dict().items()}
    method.train()
    method.epoch(seen(name), 0.0)
    method.infer(seen(name).target, "target")
    assert all(torch.equal(weights[key], value) for key, value in method.state_dict().items())


@pytest.mark.parametrize("name", SHALLOW)
def test_a_seed_decides_everything(name):
    results = []
    for seed, noise in ((0, 1), (0, 2)):
        torch.manual_seed(noise)
        np.random.seed(noise)  # noqa: NPY002
        method = make(name, seed, samples=30)
        method.epoch(seen(name), 0.0)
        results.append(method.infer(seen(name).target, "target"))
    for a, b in zip(*results, strict=True):
        assert torch.equal(a, b)


def test_a_class_without_source_samples_is_refused():
    whole = seen("coral")
    with pytest.raises(InputError, match="class 1"):
        make("coral").begin(
            Seen(whole.source, torch.where(whole.labels == 1, 0, whole.labels), whole.target, whole.shots, whole.shot_labels)
        )


@pytest.mark.parametrize("name", ["coral", "kmm"])
def test_features_that_are_not_numbers_are_refused(name):
    method, whole = make(name), seen(name)
    with torch.no_grad():
        method.network.bottleneck[0].weight[0, 0] = float("nan")
    for attempt in (lambda: method.begin(whole), lambda: method.infer(whole.target, "target")):
        with pytest.raises(InputError, match="not finite"):
            attempt()
