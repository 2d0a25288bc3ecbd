"""SHOT, NRC, AdaBN and TENT: what they compute against references, what they change, and what they leave alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from method_tools import CLASSES, agrees, batch, double, learn, make, seen, softmax, updates
from scipy.spatial.distance import cdist

from core.methods import source_free
from core.methods.confusion import information_loss, prediction_entropy
from core.methods.source_free import centroid_labels, effective_classes, neighbour_losses

SOURCE_FREE = ("shot", "nrc", "adabn", "tent")


@pytest.mark.parametrize("name", SOURCE_FREE)
def test_batches_hold_no_source_and_none_is_needed(name):
    b = batch(name=name)
    assert len(b.source) == len(b.labels) == len(seen(name).source) == 0
    if name != "adabn":
        assert len(updates(make(name), b)) == 1


# SHOT


def clusters(seed: int = 0, n: int = 60, d: int = 5, k: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features in directions of their class, predictions that are often wrong, and the classes."""
    rng = np.random.default_rng(seed)
    y = rng.integers(k, size=n)
    logits = 1.5 * np.eye(k)[y] + 1.2 * rng.normal(size=(n, k))
    return 3 * np.eye(d)[y] + 0.8 * rng.normal(size=(n, d)), softmax(logits), y


def reference_labels(features: np.ndarray, p: np.ndarray) -> np.ndarray:
    f = np.hstack([features, np.ones((len(features), 1))])
    f /= np.linalg.norm(f, axis=1, keepdims=True)
    used = np.flatnonzero(np.bincount(p.argmax(1), minlength=p.shape[1]))
    centroids = (p.T @ f) / p.sum(0)[:, None]
    labels = used[cdist(f, centroids[used], "cosine").argmin(1)]
    means = np.stack([f[labels == k].mean(0) if (labels == k).any() else np.full(f.shape[1], 1e9) for k in used])
    present = [(labels == k).any() for k in used]
    distance = np.where(present, cdist(f, means, "cosine"), np.inf)
    return used[distance.argmin(1)]


@pytest.mark.parametrize("seed", range(4))
def test_labels_agree_with_weighted_k_means(seed):
    features, p, y = clusters(seed)
    labels = centroid_labels(torch.tensor(features), torch.tensor(p)).numpy()
    np.testing.assert_array_equal(labels, reference_labels(features, p))
    assert (labels == y).mean() > (p.argmax(1) == y).mean() + 0.1  # groups correct predictions


def test_a_class_that_is_never_predicted_gets_no_label():
    features, p, _ = clusters()
    p[:, 2] = 1e-6
    labels = centroid_labels(torch.tensor(features), torch.tensor(p)).numpy()
    assert 2 not in labels
    np.testing.assert_array_equal(labels, reference_labels(features, p))


def test_shot_minimises_its_three_terms_with_a_frozen_head():
    method, b = make("shot", pseudo=0.7).double(), double(batch(name="shot"))
    method.given.copy_(torch.arange(48) % CLASSES)
    step = method.step(b, 0.5)
    logits = method.network.head(step.features)
    torch.testing.assert_close(step.losses["information"], information_loss(logits))
    torch.testing.assert_close(step.losses["pseudo"], 0.7 * F.cross_entropy(logits, b.index % CLASSES))
    start = {key: value.clone() for key, value in make("shot").network.state_dict().items()}
    learned = learn(make("shot")).network
    assert torch.equal(learned.head.weight, start["head.weight"])
    assert torch.equal(learned.head.bias, start["head.bias"])
    assert not torch.equal(learned.bottleneck[0].weight, start["bottleneck.0.weight"])


def test_shot_labels_the_whole_target_in_evaluation_mode():
    method, whole = make("shot"), seen("shot")
    method.train()
    statistics = method.network.bottleneck[1].running_mean.clone()
    gauges = method.epoch(whole, 0.5)
    assert gauges == {"relabelled": 0}  # nothing has been learned since `make` labelled them
    assert method.network.training
    assert torch.equal(method.network.bottleneck[1].running_mean, statistics)
    method.given.copy_((method.given + 1) % CLASSES)
    assert method.epoch(whole, 0.5) == {"relabelled": 1}
    method.begin(whole)
    assert method.epoch(whole, 0.0) == {}  # at first there is nothing to compare with


# NRC


def reference_neighbours(p, f, index, bank, scores, near, far, r) -> dict[str, float]:
    """Sample by sample, with cosines from SciPy."""

    def nearest(row: int, count: int) -> list[int]:
        distance = cdist(bank[row : row + 1], bank, "cosine")[0]
        return [j for j in np.argsort(distance) if j != row][:count]

    terms = dict.fromkeys(("neighbours", "expanded", "itself"), 0.0)
    for row, i in zip(p, index, strict=True):
        for k in nearest(i, near):
            theirs = nearest(k, far)
            terms["neighbours"] -= (1 if i in theirs else r) * scores[k] @ row
            terms["expanded"] -= sum(r * scores[m] @ row for m in theirs)
        terms["itself"] -= scores[i] @ row
    mean = p.mean(0)
    return {key: value / len(p) for key, value in terms.items()} | {"diversity": float(mean @ np.log(mean))}


@pytest.mark.parametrize("term", ["neighbours", "expanded", "itself", "diversity"])
def test_neighbour_terms_agree_with_a_reference(term):
    rng = np.random.default_rng(0)
    bank = rng.normal(size=(30, 4))
    bank /= np.linalg.norm(bank, axis=1, keepdims=True)
    scores, index = softmax(rng.normal(size=(30, 3))), rng.permutation(30)[:7]
    fixed = (torch.tensor(x) for x in (bank[index], index, bank, scores))
    features, rows, memory, held = fixed
    agrees(
        lambda z: neighbour_losses(z.softmax(1), features, rows, memory, held, 4, 3, 0.1)[term],
        lambda z: reference_neighbours(softmax(z), bank[index], index, bank, scores, 4, 3, 0.1)[term],
        rng.normal(size=(7, 3)),
    )


def test_nrc_remembers_the_batch_before_it_looks_for_neighbours():
    method, b = make("nrc").double(), double(batch(name="nrc"))
    before = method.bank.clone(), method.scores.clone()
    step = method.step(b, 0.5)
    p = method.network.head(step.features).softmax(1)
    others = torch.ones(48, dtype=torch.bool)
    others[b.index] = False
    for bank, was, now in zip((method.bank, method.scores), before, (F.normalize(step.features), p), strict=True):
        torch.testing.assert_close(bank[b.index], now.detach())
        assert torch.equal(bank[others], was[others])
        assert not bank.requires_grad
    expected = neighbour_losses(p, F.normalize(step.features).detach(), b.index, method.bank, method.scores, 3, 2, 0.1)
    for key, value in expected.items():
        torch.testing.assert_close(step.losses[key], value)


def test_nrc_starts_from_what_the_source_network_sees():
    method, whole = make("nrc"), seen("nrc")
    method.eval()
    with torch.no_grad():
        features, logits = method.network(whole.target)
    torch.testing.assert_close(method.bank, F.normalize(features))
    torch.testing.assert_close(method.scores, logits.softmax(1))


def test_few_samples_have_few_neighbours():
    method = make("nrc", neighbours=20, expanded=20)
    whole = replace(seen("nrc"), target=seen("nrc").target[:5])
    method.begin(whole)
    b = replace(batch(name="nrc"), target=whole.target, index=torch.arange(5))
    assert all(loss.isfinite() for loss in method.step(b, 0.5).losses.values())


# AdaBN


def test_adabn_has_the_targets_statistics(monkeypatch):
    monkeypatch.setattr(source_free, "CHUNK", 16)
    method, whole = make("adabn").double(), seen("adabn")
    whole = replace(whole, target=whole.target.double())
    learned = [p.clone() for p in method.parameters()]
    method.train()
    method.epoch(whole, 0.0)
    norm = method.network.bottleneck[1]
    with torch.no_grad():  # the layer before the only batch norm of this network has no statistics of its own
        inputs = method.network.bottleneck[0](method.network.body(whole.target)).numpy()
    parts = [inputs[i::3] for i in range(3)]
    np.testing.assert_allclose(norm.running_mean.numpy(), inputs.mean(0))
    np.testing.assert_allclose(norm.running_var.numpy(), np.mean([part.var(0, ddof=1) for part in parts], axis=0))
    assert norm.momentum == 0.1
    assert method.network.training
    assert all(torch.equal(a, b) for a, b in zip(learned, method.parameters(), strict=True))


def test_adabn_leaves_the_source_its_own_statistics():
    method, whole = make("adabn").eval(), seen("source-only")
    with torch.no_grad():
        before = method.infer(whole.source, "source")[1]
        method.epoch(seen("adabn"), 0.0)
        method.eval()
        assert torch.equal(method.infer(whole.source, "source")[1], before)
        assert not torch.allclose(method.infer(whole.source, "target")[1], before)


# TENT


def test_tent_trains_scales_and_offsets_of_batch_norm_alone():
    start, learned = (dict(m.network.named_parameters()) for m in (make("tent"), learn(make("tent"))))
    changed = {key for key in start if not torch.equal(start[key], learned[key])}
    assert changed == {"bottleneck.1.weight", "bottleneck.1.bias"}
    b = double(batch(name="tent"))
    (step,) = updates(make("tent").double(), b)
    torch.testing.assert_close(step.losses["entropy"], prediction_entropy(make("tent").double().train().network(b.target)[1]))


def test_effective_classes_count_what_is_predicted():
    assert effective_classes(300 * torch.eye(4)).item() == pytest.approx(4)
    assert effective_classes(300 * torch.eye(4)[[0, 0, 1, 1]]).item() == pytest.approx(2)
    assert effective_classes(300 * torch.eye(4)[[2, 2]]).item() == pytest.approx(1)
    p = softmax(np.random.default_rng(0).normal(size=(6, 3))).mean(0)
    z = torch.tensor(np.random.default_rng(0).normal(size=(6, 3)))
    assert effective_classes(z).item() == pytest.approx(np.exp(-p @ np.log(p)))


def test_tent_does_not_learn_from_a_batch_that_has_collapsed():
    method, b = make("tent"), batch(name="tent")
    assert len(updates(method, b)) == 1
    with torch.no_grad():
        method.network.head.bias.copy_(torch.tensor([50.0, 0, 0]))
    assert updates(method, b) == []
    unguarded = make("tent", guard=0)
    with torch.no_grad():
        unguarded.network.head.bias.copy_(torch.tensor([50.0, 0, 0]))
    assert len(updates(unguarded, b)) == 1


@pytest.mark.slow
def test_the_guard_keeps_tent_from_collapse():
    """Entropy is smallest when all are called the same: without the guard, long training ends there."""

    def classes_left(guard: float) -> float:
        method = make("tent", guard=guard)
        optimizer = torch.optim.Adam(method.parameters(), lr=0.1)
        for i in range(300):
            for step in method.steps(batch(i, name="tent"), 0.5):
                optimizer.zero_grad()
                sum(step.losses.values()).backward(inputs=step.trains)
                optimizer.step()
        with torch.no_grad():
            return effective_classes(method.network(seen("tent").target)[1]).item()

    assert classes_left(0) < 1.1
    assert classes_left(0.7) > 1.8
