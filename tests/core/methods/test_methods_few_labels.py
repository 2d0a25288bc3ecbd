"""Methods with a few target labels: their losses against formulas in float64, what they train, and what they remember of the shots."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from method_tools import CLASSES, WIDTH, agrees, batch, clouds, double, learn, make, numeric_gradient, seen, softmax, updates
from torch import Tensor
from torch.func import functional_call

from core.backbones import build_network
from core.backbones.small import CNNParams
from core.methods import METHODS, Batch, Method
from core.methods.episodic import adapted_weights, attention_scores, centre_scores, episode
from core.methods.fine_tuning import spectral_shrinkage, starting_point_penalty

EPISODIC = ["prototypical", "matching", "maml"]

# Fine-tuning


def test_the_leash_agrees_with_a_reference():
    rng = np.random.default_rng(0)
    w, start, head = rng.normal(size=7), rng.normal(size=7), rng.normal(size=3)
    agrees(
        lambda a, b: starting_point_penalty(a, torch.tensor(start), b, 0.3, 0.7),
        lambda a, b: 0.15 * sum((x - y) ** 2 for x, y in zip(a, start, strict=True)) + 0.35 * sum(x * x for x in b),
        w,
        head,
    )


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("shape", [(9, 5), (5, 9)])
def test_shrinkage_agrees_with_a_reference(shape, count):
    def reference(f: np.ndarray) -> float:
        gram = f.T @ f if len(f) > f.shape[1] else f @ f.T
        return float(np.sort(np.linalg.eigvalsh(gram))[:count].sum())  # the squared singular values

    agrees(lambda f: spectral_shrinkage(f, count), reference, 2 * np.random.default_rng(1).normal(size=shape))


def test_shrinkage_of_dead_features_has_a_finite_gradient():
    features = torch.zeros(6, 4)
    features[:, :2] = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
    features.requires_grad_()
    assert torch.autograd.grad(spectral_shrinkage(features, 3), features)[0].isfinite().all()


def cnn(name: str, **params) -> tuple[Method, Batch]:
    """A method on images, whose network has batch norm in its body too, and a batch."""
    generator = torch.Generator().manual_seed(0)
    network = build_network("small-cnn", CNNParams(width=4, bottleneck=WIDTH), (1, 8, 8), CLASSES, generator)
    method = METHODS.get(name)(network, METHODS.get(name).Params(**params), WIDTH, CLASSES, generator)
    given = batch(name=name)
    target, shots = (
        (60 * x[:, :1, None, None] * torch.ones(8, 8) + 127).clamp(0, 255).to(torch.uint8) for x in (given.target, given.shots)
    )
    return method, replace(given, target=target, shots=shots)


TRAINED = {"head": {"head"}, "bottleneck": {"head", "bottleneck"}, "all": {"head", "bottleneck", "body"}}


@pytest.mark.parametrize("trains", TRAINED)
def test_what_is_frozen_keeps_weights_and_statistics(trains):
    method, given = cnn("fine-tuning", trains=trains)
    before = {name: tensor.clone() for name, tensor in method.network.state_dict().items()}
    optimizer = torch.optim.Adam(method.parameters(), lr=0.01)
    for _ in range(2):
        method.train()
        for step in method.steps(given, 0.5):
            optimizer.zero_grad()
            sum(step.losses.values()).backward(inputs=step.trains)
            optimizer.step()
        method.eval()
    changed = {name for name, tensor in method.network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert {name.split(".")[0] for name in changed} == TRAINED[trains]
    statistics = {name.split(".")[0] for name in changed if "running" in name}
    assert statistics == TRAINED[trains] - {"head"}


def test_batch_norm_takes_the_shots_and_the_unlabelled_target_together():
    method, given = make("fine-tuning"), batch(name="fine-tuning")
    norm = method.network.bottleneck[1]
    norm.momentum = 1.0
    method.step(given, 0.5)
    both = torch.cat([given.shots, given.target])
    torch.testing.assert_close(norm.running_mean, method.network.bottleneck[0](method.network.body(both)).mean(0))


@pytest.mark.parametrize("name", ["fine-tuning", "l2-sp", "bss"])
def test_fine_tuning_is_handed_no_source_and_learns_the_shots(name):
    method, given = make(name), batch(name=name)
    assert len(given.source) == len(given.labels) == 0
    assert len(seen(name).source) == 0
    (step,) = updates(method, given)
    found = F.cross_entropy(method.network(torch.cat([given.shots, given.target]))[1][:6], given.shot_labels)
    torch.testing.assert_close(step.losses["shots"], found)
    optimizer = torch.optim.Adam(method.parameters(), lr=0.01)
    for _ in range(150):
        (step,) = updates(method, given)
        optimizer.zero_grad()
        sum(step.losses.values()).backward()
        optimizer.step()
    assert updates(method, given)[0].gauges["shot_accuracy"] == 1


def test_l2_sp_remembers_where_it_started():
    method = make("l2-sp", trade_off=0.3, head_decay=0.7)
    w0 = [p.detach().clone() for p in method.network.encoder()]
    learn(method)
    anchor = updates(method, batch(name="l2-sp"))[0].losses["anchor"]
    network = method.network
    far = sum((p - q).double().square().sum() for p, q in zip(network.encoder(), w0, strict=True))
    head = sum(p.double().square().sum() for p in network.head.parameters())
    assert anchor.item() == pytest.approx((0.15 * far + 0.35 * head).item(), rel=1e-5)
    assert far > 1e-4


def test_l2_sp_stays_nearer_to_its_start_than_fine_tuning():
    def way(name: str, **params) -> float:
        method = make(name, **params)
        w0 = [p.detach().clone() for p in method.network.encoder()]
        learn(method, 20)
        return sum((p - q).square().sum() for p, q in zip(method.network.encoder(), w0, strict=True)).item()

    assert way("l2-sp", trade_off=1.0) < 0.7 * way("fine-tuning")


# Minimax entropy


def reference_entropy(f: np.ndarray, w: np.ndarray) -> float:
    """Mean entropy of softmax(Wf/‖f‖/0.05)."""
    p = softmax(np.array([[v @ x / math.sqrt(x @ x) / 0.05 for v in w] for x in f]))
    return float(-(p * np.log(p)).sum(1).mean())


def test_mme_lowers_the_entropy_by_its_features_and_raises_it_by_its_classifier():
    """Value and both gradients of the term against finite differences of the entropy, in float64."""
    method = make("mme", trade_off=0.3).double()
    given = double(batch(name="mme"))
    (step,) = updates(method, given)
    target = slice(len(given.source) + len(given.shots), None)
    by_features, by_weight = torch.autograd.grad(step.losses["entropy"], (step.features, method.classifier.weight))
    f, w = step.features.detach()[target].numpy(), method.classifier.weight.detach().numpy()
    assert step.losses["entropy"].item() == pytest.approx(-0.3 * reference_entropy(f, w))

    # Descent on the loss: features go down the entropy, the classifier goes up.
    down, up = numeric_gradient(lambda x: reference_entropy(x, w), f), numeric_gradient(lambda v: reference_entropy(f, v), w)
    np.testing.assert_allclose(by_features[target].numpy(), 0.3 * down, atol=1e-7)
    np.testing.assert_allclose(by_weight.numpy(), -0.3 * up, atol=1e-7)
    assert by_features[: target.start].abs().max() == 0
    assert by_features[target].abs().max() > 1e-6


def test_mme_classifies_by_direction():
    method = make("mme")
    features = torch.rand(5, WIDTH, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(method.classify(features), method.classify(7 * features))
    head = method.network.head.weight.detach().numpy()
    expected = head / np.linalg.norm(head, axis=1, keepdims=True)
    np.testing.assert_allclose(method.classifier.weight.detach().numpy(), expected, rtol=1e-6)
    (step,) = updates(method, batch(name="mme"))
    given, (source, shots, _) = batch(name="mme"), step.features.split([16, 6, 16])
    torch.testing.assert_close(step.losses["task"], F.cross_entropy(method.classify(source), given.labels))
    torch.testing.assert_close(step.losses["shots"], F.cross_entropy(method.classify(shots), given.shot_labels))


# Episodes


def test_an_episode_halves_each_class():
    labels = torch.tensor([0, 1, 0, 0, 2, 1, 0, 0])
    support, queries = episode(labels, 4)
    assert support.tolist() == [0, 1, 3, 7]
    assert queries.tolist() == [2, 5, 6]  # class 2 has one sample, class 3 none
    support, queries = episode(torch.tensor([0, 1, 2]), 3)
    assert len(support) == len(queries) == 0


def test_an_episode_never_asks_what_it_was_told():
    for seed in range(20):
        labels = torch.randint(0, 5, (30,), generator=torch.Generator().manual_seed(seed))
        support, queries = episode(labels, 5)
        assert not set(support.tolist()) & set(queries.tolist())
        assert set(labels[support].tolist()) == set(labels[queries].tolist())


@pytest.mark.parametrize("name", EPISODIC)
def test_a_batch_without_queries_is_no_error(name):
    method, given = make(name), batch(name=name)
    given = replace(given, source=given.source[:3], labels=torch.arange(3))
    (step,) = updates(method, given)
    assert sum(step.losses.values()) == 0
    sum(step.losses.values()).backward()
    assert all(p.grad.isfinite().all() for p in method.parameters() if p.grad is not None)


@pytest.mark.parametrize("name", EPISODIC)
def test_source_queries_and_shots_are_asked_of_the_source_support(name):
    method, given = make(name, trade_off=0.5), batch(name=name)
    given = replace(given, labels=torch.arange(16) % 2)  # the support set lacks class 2
    (step,) = updates(method, given)
    source, shots, _ = step.features.split([16, 6, 16])
    support, queries = episode(given.labels, CLASSES)
    learned = method.learned(source[support], given.labels[support])
    torch.testing.assert_close(step.losses["task"], F.cross_entropy(method.scores(source[queries], learned), given.labels[queries]))
    rows = [i for i, label in enumerate(given.shot_labels.tolist()) if label != 2]
    assert len(rows) == 4
    asked = F.cross_entropy(method.scores(shots[rows], learned), given.shot_labels[rows])
    torch.testing.assert_close(step.losses["shots"], 0.5 * asked)


X, S = clouds(5, 6)
of_class = np.array([0, 0, 1, 1, 2, 1])


def test_prototype_scores_agree_with_a_reference():
    member = F.one_hot(torch.tensor(of_class), 3).double()

    def loss(queries, support):
        centres = member.T @ support / member.sum(0)[:, None]
        return F.cross_entropy(centre_scores(queries, centres, torch.ones(3, dtype=torch.bool)), torch.tensor([0, 1, 2, 0, 1]))

    def reference(queries, support):
        centres = np.array([support[of_class == k].mean(0) for k in range(3)])
        p = softmax(np.array([[-((q - c) ** 2).sum() for c in centres] for q in queries]))
        return float(-np.log(p[np.arange(5), [0, 1, 2, 0, 1]]).mean())

    agrees(loss, reference, X, S)
    found = make("prototypical").learned(torch.tensor(S), torch.tensor(of_class))[0]
    np.testing.assert_allclose(found.numpy(), [S[of_class == k].mean(0) for k in range(3)])


@pytest.mark.parametrize("temperature", [1.0, 0.1])
def test_attention_scores_agree_with_a_reference(temperature):
    member = F.one_hot(torch.tensor(of_class), 3).double()

    def reference(queries, support):
        total = 0.0
        for q, y in zip(queries, [0, 1, 2, 0, 1], strict=True):
            cosines = np.array([q @ s / np.linalg.norm(q) / np.linalg.norm(s) for s in support])
            attention = np.exp(cosines / temperature) / np.exp(cosines / temperature).sum()
            total -= math.log(attention[of_class == y].sum())
        return total / 5

    def loss(queries, support):
        return F.cross_entropy(attention_scores(queries, support, member, temperature), torch.tensor([0, 1, 2, 0, 1]))

    agrees(loss, reference, X, S)


@pytest.mark.parametrize("name", ["prototypical", "matching"])
def test_a_class_that_the_support_set_lacks_is_never_chosen(name):
    method = make(name)
    learned = method.learned(torch.rand(4, WIDTH), torch.tensor([0, 0, 2, 2]))
    p = method.scores(torch.rand(6, WIDTH), learned).softmax(1)
    assert p[:, 1].max() < 1e-30
    assert p.isfinite().all()


def test_maml_goes_through_its_inner_steps():
    """The outer loss and its gradient by start, support and queries, second order included, against softmax regression in NumPy."""
    head, labels, asked = torch.nn.Linear(4, 3), torch.tensor(of_class), torch.tensor([0, 1, 2, 0, 1])

    def loss(w, b, queries, support):
        learned = adapted_weights(head, {"weight": w, "bias": b}, support, labels, 3, 0.4)
        return F.cross_entropy(functional_call(head, learned, (queries,)), asked)

    def reference(w, b, queries, support):
        truth = np.eye(3)[of_class]
        for _ in range(3):
            slope = (softmax(support @ w.T + b) - truth) / 6
            w, b = w - 0.4 * slope.T @ support, b - 0.4 * slope.sum(0)
        return float(-np.log(softmax(queries @ w.T + b)[np.arange(5), asked.numpy()]).mean())

    rng = np.random.default_rng(3)
    agrees(loss, reference, rng.normal(size=(3, 4)), rng.normal(size=3), X, S)


# What the episodic methods remember


def fresh_answer(method: Method, inputs: Tensor, side: str) -> Tensor:
    """Logits from the network as it is, without anything remembered."""
    support, labels = getattr(method, f"{side}_support"), getattr(method, f"{side}_labels")
    with torch.no_grad():
        learned = method.learned(method.network.features(support), labels)
        return method.scores(method.network.features(inputs), learned)


@pytest.mark.parametrize("name", EPISODIC)
def test_the_shots_are_the_lesson_on_the_target(name):
    method, whole = make(name).eval(), seen(name)
    assert torch.equal(method.target_support, whole.shots)
    assert torch.equal(method.target_labels, whole.shot_labels)
    assert method.source_labels.tolist() == [0, 0, 1, 1, 2, 2]  # as many of each class
    for given, label in zip(method.source_support, method.source_labels, strict=True):
        assert label in whole.labels[(whole.source == given).all(1)]
    for side, inputs in (("source", whole.source), ("target", whole.target)):
        with torch.inference_mode():
            _, logits = method.infer(inputs, side)
        torch.testing.assert_close(logits, fresh_answer(method, inputs, side))
    assert not torch.allclose(method.infer(whole.target, "source")[1], method.infer(whole.target, "target")[1])


@pytest.mark.parametrize("name", EPISODIC)
def test_the_lesson_is_taken_once_for_all_parts_and_again_when_the_network_has_changed(name):
    method, inputs = make(name).eval(), seen(name).target
    passes = []
    method.network.body.register_forward_hook(lambda *_: passes.append(1))

    def ask() -> int:
        """Passes through the network for two parts; the answer must be that of the network as it is."""
        passes.clear()
        with torch.inference_mode():
            logits = torch.cat([method.infer(part, "target")[1] for part in inputs.split(24)])
        count = len(passes)
        torch.testing.assert_close(logits, fresh_answer(method, inputs, "target"))
        return count

    assert [ask(), ask()] == [3, 2]
    learn(method.train())
    method.eval()
    assert [ask(), ask()] == [3, 2]
    with torch.no_grad():
        method.network.body[1].weight.mul_(0.5)
    assert [ask(), ask()] == [3, 2]
    method.load_state_dict(make(name, seed=3).state_dict())
    assert [ask(), ask()] == [3, 2]
    method.train()
    method.network(3 * inputs)  # batch norm's statistics alone
    method.eval()
    assert [ask(), ask()] == [3, 2]


def test_what_was_remembered_in_inference_has_a_use_with_gradients():
    method, inputs = make("maml").eval(), seen("maml").target.clone()
    with torch.inference_mode():
        method.infer(inputs, "target")
    (gradient,) = torch.autograd.grad(method.infer(inputs.requires_grad_(), "target")[1].square().sum(), inputs)
    assert gradient.abs().max() > 0


@pytest.mark.parametrize("name", EPISODIC)
def test_the_support_sets_are_in_the_state_dict(name):
    method, other = make(name), make(name, seed=1)
    assert {f"{side}_{part}" for side in ("source", "target") for part in ("support", "labels")} <= set(method.state_dict())
    assert not torch.equal(method.source_support, other.source_support)
    other.load_state_dict(method.state_dict())
    assert torch.equal(method.source_support, other.source_support)
