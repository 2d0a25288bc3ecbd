"""Pseudo-labels, FixMatch, mean teacher and tri-training: losses against references, and who teaches whom."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from method_tools import CLASSES, agrees, batch, double, gradients, make, seen, softmax, updates

from core.methods.augment import strong, weak
from core.methods.base import ramp
from core.methods.self_training import class_balance_loss, consistency_loss, pseudo_label_loss
from core.methods.tri_training import agreed_labels

P, Q = (3 * np.random.default_rng(seed).normal(size=(12, 4)) for seed in (0, 1))
TAU = 0.8


def reference_pseudo(p: np.ndarray, q: np.ndarray) -> float:
    total = 0.0
    for row, guess in zip(softmax(p), softmax(q), strict=True):
        if guess.max() >= TAU:
            total -= np.log(row[guess.argmax()])
    return total / len(p)


def reference_consistency(p: np.ndarray, q: np.ndarray) -> float:
    return sum(np.mean((a - b) ** 2) for a, b in zip(softmax(p), softmax(q), strict=True) if b.max() >= TAU) / len(p)


def held(values: np.ndarray) -> torch.Tensor:
    return torch.tensor(values)


@pytest.mark.parametrize(("loss", "reference"), [(pseudo_label_loss, reference_pseudo), (consistency_loss, reference_consistency)])
def test_losses_agree_with_references(loss, reference):
    counted = softmax(Q).max(1) >= TAU
    assert 0 < counted.mean() < 1
    agrees(lambda p: loss(p, held(Q), TAU)[0], lambda p: reference(p, Q), P)
    value, share = loss(held(P).requires_grad_(), held(Q).requires_grad_(), TAU)
    assert share.item() == pytest.approx(counted.mean())
    teacher = held(Q).requires_grad_()
    student = held(P).requires_grad_()
    value, _ = loss(student, teacher, TAU)
    through = torch.autograd.grad(value, [student, teacher], allow_unused=True)
    assert through[1] is None  # who labels learns nothing
    assert (through[0].abs().sum(1).numpy() > 0).tolist() == counted.tolist()


def test_balance_agrees_with_a_reference():
    def reference(z):
        mean = softmax(z).mean(0)
        return float(-sum(np.log(m) / 4 + 3 / 4 * np.log(1 - m) for m in mean))

    agrees(class_balance_loss, reference, P)


def test_a_sample_may_label_itself():
    def reference(p):
        return reference_pseudo(p, P)  # the label does not move with p

    agrees(lambda p: pseudo_label_loss(p, p, TAU)[0], reference, P)


def test_pseudo_label_ramps_up():
    method, b = make("pseudo-label", trade_off=3).double(), double(batch(n=5, m=9))
    step = method.step(b, 0.2)
    logits = method.network.head(step.features)
    torch.testing.assert_close(step.losses["pseudo"], 3 * ramp(0.2) * F.cross_entropy(logits[5:], logits[5:].argmax(1)))
    torch.testing.assert_close(step.losses["task"], F.cross_entropy(logits[:5], b.labels))
    assert method.step(b, 0.0).losses["pseudo"] == 0


def test_fixmatch_labels_the_weak_view_and_learns_on_the_strong_one():
    method, twin = (make("fixmatch", trade_off=3, confidence="fixed", threshold=0.34).double() for _ in range(2))
    b = double(batch(n=5, m=9))
    step = method.step(b, 0.2)
    views = [weak(b.source, twin.draws), weak(b.target, twin.draws), strong(b.target, twin.draws)]
    whole = seen("fixmatch")
    with torch.no_grad():
        running = twin.eval().network(whole.target.double())[1].softmax(1).mean(0)
        logits = twin.train().network(torch.cat(views))[1]
        p = logits[5:14].softmax(1)
        running = 0.99 * running + 0.01 * p.mean(0)
        q = p * (whole.labels.bincount(minlength=CLASSES) / 48) / running
        q = q / q.sum(1, keepdim=True)
    torch.testing.assert_close(method.guessed, running)
    labels, sure = q.argmax(1), q.amax(1) >= 0.34
    expected = 3 * (sure * F.cross_entropy(logits[14:], labels, reduction="none")).sum() / 9
    torch.testing.assert_close(step.losses["pseudo"], expected)
    torch.testing.assert_close(step.losses["task"], F.cross_entropy(logits[:5], b.labels))
    assert step.gauges["labelled"].item() == pytest.approx(sure.double().mean().item())
    (gradient,) = torch.autograd.grad(step.losses["pseudo"], step.features)
    assert gradient[:14].abs().max() == 0  # neither the source nor the view that labels


def test_the_teacher_is_a_slow_average_that_no_gradient_moves():
    method, b = make("mean-teacher", decay=0.9), batch()
    old = [p.clone() for p in method.teacher.parameters()]
    assert all(torch.equal(a, p) for a, p in zip(old, method.network.parameters(), strict=True))
    for step in method.steps(b, 0.5):
        sum(step.losses.values()).backward()
        with torch.no_grad():
            for p in method.network.parameters():
                p.add_(1)  # an update, which the teacher must follow after it, not before
    for was, is_now, new in zip(old, method.teacher.parameters(), method.network.parameters(), strict=True):
        torch.testing.assert_close(is_now, 0.9 * was + 0.1 * new)
        assert is_now.grad is None
    assert {name for name, _ in method.teacher.named_buffers()} == {name for name, _ in method.network.named_buffers()}


def test_the_student_agrees_with_the_teacher_on_another_view():
    method, twin = (make("mean-teacher", trade_off=2, confidence="fixed", threshold=0.34).double() for _ in range(2))
    b = double(batch(n=6, m=10))
    (step,) = updates(method, b)
    source, target, view = weak(b.source, twin.draws), strong(b.target, twin.draws), weak(b.target, twin.draws)
    logits = [twin.network(part)[1] for part in (source, target)]  # batch norm sees the domains one by one
    expected = 2 * consistency_loss(logits[1], twin.teacher(view)[1], 0.34)[0]
    assert expected > 0
    torch.testing.assert_close(step.losses["consistency"], expected)
    torch.testing.assert_close(step.losses["task"], F.cross_entropy(logits[0], b.labels))
    expected = 2 * 0.005 * step.gauges["labelled"] * class_balance_loss(logits[1])
    torch.testing.assert_close(step.losses["diversity"], expected)


def test_the_teacher_answers():
    method = make("mean-teacher").eval()
    with torch.no_grad():
        method.teacher.head.bias.add_(1)
        x = seen("mean-teacher").target
        torch.testing.assert_close(method.infer(x, "target")[1], method.network(x)[1] + 1)


# Tri-training


def test_labels_hold_where_both_agree_and_as_surely_as_the_surer_one():
    labels, sure = agreed_labels(held(P), held(Q))
    p, q = softmax(P), softmax(Q)
    expected = [max(a.max(), b.max()) if a.argmax() == b.argmax() else 0 for a, b in zip(p, q, strict=True)]
    assert 0 < np.count_nonzero(expected) < len(expected)
    np.testing.assert_allclose(sure.numpy(), expected)
    assert labels.tolist() == p.argmax(1).tolist()


def test_tri_training_trains_three_classifiers_on_what_each_may_see():
    method, b = make("tri-training", hidden=0, trade_off=3, views=0.5).double(), double(batch(n=6, m=10))
    given = torch.full((48,), -1)
    given[b.index[[0, 3, 4]]] = torch.tensor([2, 0, 1])
    method.given.copy_(given)
    step = method.step(b, 0.5)
    first, second = method.labellers
    rows, labels = step.features[[6, 9, 10]], torch.tensor([2, 0, 1])
    heads = [first, second, method.network.head]
    torch.testing.assert_close(step.losses["task"], sum(F.cross_entropy(h(step.features[:6]), b.labels) for h in heads[:2]))
    torch.testing.assert_close(step.losses["pseudo"], 3 * sum(F.cross_entropy(h(rows), labels) for h in heads))
    w, v = (h.weight.detach().numpy() for h in heads[:2])
    assert step.losses["views"].item() == pytest.approx(0.5 * np.abs(w @ v.T).sum() / CLASSES)
    own = torch.autograd.grad(step.losses["task"], method.network.head.weight, allow_unused=True, retain_graph=True)[0]
    assert own.abs().max() == 0  # the third classifier learns from the target alone
    assert gradients(step.losses["pseudo"], method.network.head.weight)[0].any()


def test_without_labels_all_three_classifiers_learn_the_source():
    method, b = make("tri-training", hidden=0).double(), double(batch())
    method.given.fill_(-1)
    step = method.step(b, 0.05)
    heads = [*method.labellers, method.network.head]
    torch.testing.assert_close(step.losses["task"], sum(F.cross_entropy(h(step.features[:16]), b.labels) for h in heads))
    assert step.losses["pseudo"] == 0
    assert all(loss.isfinite() for loss in step.losses.values())


def test_tri_training_looks_at_more_and_more_samples():
    method, whole = make("tri-training"), seen("tri-training", m=48)
    method.given.fill_(-1)
    assert method.epoch(whole, 0.0) == {}
    assert (method.given == -1).all()
    with torch.no_grad():  # both labellers alike: they agree everywhere
        method.labellers[1].load_state_dict(method.labellers[0].state_dict())
    shares = [method.epoch(whole, progress)["labelled"] for progress in (0.15, 0.45, 0.7)]
    assert 0 < shares[0] < shares[1] < shares[2] == 1
    method.eval()
    with torch.no_grad():
        labels = method.labellers[0](method.network(whole.target)[0]).argmax(1)
    assert torch.equal(method.given, labels)


def test_tri_training_s_hidden_labellers_differ_in_the_features_that_they_read():
    method = make("tri-training", views=0.5, hidden=20)
    w, v = (labeller[1].weight.detach().numpy() for labeller in method.labellers)
    assert w.shape == v.shape == (20, 8)
    assert method.step(batch(), 0.5).losses["views"].item() == pytest.approx(0.5 * np.abs(w @ v.T).sum() / 20, rel=1e-5)


def test_tri_training_uses_the_labels_of_its_own_rows():
    method, b = make("tri-training"), batch()
    other = replace(b, index=b.index.roll(1))
    method.given.copy_(torch.arange(48) % 3)
    assert method.step(b, 0.5).losses["pseudo"] != method.step(other, 0.5).losses["pseudo"]
