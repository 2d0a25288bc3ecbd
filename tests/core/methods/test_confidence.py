"""Thresholds that follow the network's confidence: the papers' formulas, and what a method then learns from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from method_tools import CLASSES, batch, double, learn, make, seen, softmax, updates

from core.methods.confidence import class_thresholds, relative_threshold

CONFIDENT = ("pseudo-label", "fixmatch", "mean-teacher", "tri-training")


def test_a_relative_threshold_is_a_share_of_the_confidence_on_the_source():
    highest = softmax(np.random.default_rng(0).normal(size=(20, 5))).max(1)
    assert relative_threshold(0.9, torch.tensor(highest)).item() == pytest.approx(0.9 * highest.mean(), rel=1e-12)


def reference_thresholds(tau: float, learned: list[int], classes: int) -> list[float]:
    """Zhang et al. 2021, equations 5, 7, 11 and 12, one class after the other."""
    sigma = [learned.count(k) for k in range(classes)]
    unused = len(learned) - sum(sigma)
    beta = [s / max(max(sigma), unused) for s in sigma]
    return [b / (2 - b) * tau for b in beta]


@settings(deadline=None, max_examples=50, derandomize=True)
@given(learned=st.lists(st.integers(-1, 3), min_size=1, max_size=40), tau=st.floats(0, 0.99))
def test_thresholds_of_classes_agree_with_the_paper(learned, tau):
    found = class_thresholds(tau, torch.tensor(learned), 4)
    np.testing.assert_allclose(found.numpy(), reference_thresholds(tau, learned, 4), rtol=1e-5)
    assert (found <= tau + 1e-6).all()


def test_a_class_that_is_learned_best_has_the_whole_threshold():
    assert class_thresholds(0.9, torch.full((7,), -1), 3).tolist() == [0, 0, 0]  # nothing is sure yet: all is learned
    found = class_thresholds(0.9, torch.tensor([0, 0, 0, 0, 1, 1, -1]), 3)
    assert found.tolist() == pytest.approx([0.9, 0.9 * 0.5 / 1.5, 0])


def unsure(name: str, **params):
    """A method whose network is sure of nothing: logits near 0."""
    method = make(name, threshold=0.9, **params)
    with torch.no_grad():
        for head in [method.network.head, *getattr(method, "labellers", [])]:
            for p in head.parameters():
                p.mul_(0.05)
        if name == "mean-teacher":
            method.teacher.load_state_dict(method.network.state_dict())
    if name == "tri-training":
        method.labellers[1].load_state_dict(method.labellers[0].state_dict())
    return method


def share_labelled(method) -> float:
    if method.name == "tri-training":
        return method.epoch(seen("tri-training"), 0.9)["labelled"]
    (step,) = updates(method, batch())
    return float(step.gauges["labelled"])


@pytest.mark.parametrize("name", CONFIDENT)
def test_where_the_fixed_threshold_never_fires_a_relative_one_and_one_of_each_class_do(name):
    linear = {"hidden": 0} if name == "tri-training" else {}
    assert share_labelled(unsure(name, confidence="fixed", **linear)) == 0
    assert share_labelled(unsure(name, confidence="relative", **linear)) > 0.5
    assert share_labelled(unsure(name, confidence="per-class", **linear)) == 1


def test_pseudo_labels_count_from_a_share_of_the_batch_s_confidence_on_the_source():
    method, b = make("pseudo-label", threshold=0.9, confidence="relative").double(), double(batch(n=12, m=20))
    step = method.step(b, 1.0)
    logits = method.network.head(step.features).detach()
    p, q = softmax(logits[:12].numpy()), softmax(logits[12:].numpy())
    sure = q.max(1) >= 0.9 * p.max(1).mean()
    assert 0 < sure.mean() < 1
    expected = (torch.tensor(sure) * F.cross_entropy(logits[12:], logits[12:].argmax(1), reduction="none")).mean()
    assert step.gauges["labelled"].item() == pytest.approx(sure.mean())
    torch.testing.assert_close(step.losses["pseudo"].detach(), expected, rtol=1e-3, atol=0)  # the ramp ends at 0.9999


def test_a_class_s_threshold_rises_once_target_samples_are_surely_held_for_it():
    method, b = make("pseudo-label", threshold=0.4, confidence="per-class"), batch(m=16)
    guesses = torch.zeros(16, CLASSES)
    guesses[:8, 0], guesses[8:10, 1] = 3.0, 3.0  # sure of eight and of two; the other six are unsure
    first = method.enough(guesses, guesses, b.index)
    assert first.tolist() == [0] * 16
    assert sorted(method.learned[b.index].tolist()) == [-1] * 6 + [0] * 8 + [1] * 2
    method.learned[method.learned < 0] = 2  # and the rest of the target for the third class
    after = method.enough(guesses, guesses, b.index)
    expected = reference_thresholds(0.4, [0] * 8 + [1] * 2 + [2] * 38, CLASSES)
    assert after.tolist() == pytest.approx([expected[0]] * 8 + [expected[1]] * 2 + [expected[0]] * 6)


def test_what_was_surely_held_stays_until_it_is_surely_something_else():
    method, b = make("pseudo-label", threshold=0.5, confidence="per-class"), batch(m=4)
    for logits in ([5.0, 0, 0], [0, 0.1, 0], [0, 0, 5.0]):
        method.enough(torch.tensor([logits] * 4), torch.zeros(1, CLASSES), b.index)
        held = set(method.learned[b.index].tolist())
        assert held == {2 if logits[2] else 0}
    assert (method.learned >= 0).sum() == 4


def test_fixmatch_counts_the_confidence_of_weak_views_of_the_source():
    method = make("fixmatch", threshold=0.9, confidence="relative")
    step = method.step(batch(), 0.5)
    source, guesses, _ = method.network.head(step.features).detach().split(16)
    p = softmax(source.double().numpy())
    q = softmax((guesses + torch.log(method.shares / method.guessed)).double().numpy())
    assert step.gauges["labelled"].item() == pytest.approx((q.max(1) >= 0.9 * p.max(1).mean()).mean())


def test_tri_training_s_relative_threshold_is_of_the_labellers_on_the_source():
    method, whole = learn(make("tri-training", threshold=0.99, confidence="relative"), 20), seen("tri-training")
    method.labellers[1].load_state_dict(method.labellers[0].state_dict())
    found = method.epoch(whole, 0.9)["labelled"]
    method.eval()
    with torch.no_grad():
        source, target = ([head(method.network(x)[0]).softmax(1) for head in method.labellers] for x in (whole.source, whole.target))
    least = 0.99 * torch.maximum(*(p.amax(1) for p in source)).mean()
    agreed = target[0].argmax(1) == target[1].argmax(1)
    assert found == pytest.approx((agreed & (torch.maximum(*(p.amax(1) for p in target)) >= least)).float().mean().item())
    assert 0 < found < 1


def test_the_threshold_looks_at_the_rows_of_the_batch():
    method, b = make("pseudo-label", threshold=0.0, confidence="per-class"), batch(m=8)
    updates(method, b)
    assert (method.learned >= 0).nonzero().flatten().tolist() == sorted(b.index.tolist())
    updates(method, replace(b, index=(b.index + 1) % 48))
    assert (method.learned >= 0).sum() > 8
