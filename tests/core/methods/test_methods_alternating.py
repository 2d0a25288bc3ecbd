"""Methods that take several updates per batch: what each of them changes, and by which loss."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from method_tools import agrees, batch, learn, make, softmax, updates
from torch import Tensor, nn

from core.methods import Method
from core.methods.adversarial import domain_loss
from core.methods.critic import gradient_penalty
from core.methods.disagreement import classifier_discrepancy


def parts(method: Method) -> dict[str, list[Tensor]]:
    """Copies of the trained weights of a method, by the part that they belong to."""
    modules = {name: module for name, module in method.named_children() if name != "network"}
    modules |= {"encoder": nn.ModuleList([method.network.body, method.network.bottleneck]), "head": method.network.head}
    return {name: [p.detach().clone() for p in module.parameters()] for name, module in modules.items()}


def changes(name: str, **params) -> list[set[str]]:
    """Which parts each update of one batch changes when it is carried out as in training, after a first batch."""
    method = make(name, **params)
    optimizer = torch.optim.Adam(method.parameters(), lr=0.01)
    found = []
    for seed in range(2):
        found = []
        for step in method.steps(batch(seed), 0.5):
            before = parts(method)
            optimizer.zero_grad()
            sum(step.losses.values()).backward(inputs=step.trains)
            optimizer.step()
            after = parts(method)
            found.append({name for name in after if any(not torch.equal(a, b) for a, b in zip(before[name], after[name], strict=True))})
    return found  # of the second batch, as by then Adam has moments that could move what should rest


def test_mcd_trains_all_then_the_classifiers_then_four_times_the_encoder():
    assert changes("mcd") == [{"encoder", "head", "second"}, {"head", "second"}] + 4 * [{"encoder"}]
    assert changes("mcd", repeats=2)[2:] == 2 * [{"encoder"}]


def test_adda_trains_the_discriminator_then_the_target_encoder():
    assert changes("adda") == [{"discriminator"}, {"encoder"}]


def test_wdgrl_trains_the_critic_five_times_and_then_the_network():
    assert changes("wdgrl") == 5 * [{"critic"}] + [{"encoder", "head"}]
    assert changes("wdgrl", critic_updates=2) == 2 * [{"critic"}] + [{"encoder", "head"}]


# MCD


def test_discrepancy_agrees_with_a_reference():
    a, b = (2 * np.random.default_rng(seed).normal(size=(6, 4)) for seed in (0, 1))
    agrees(
        classifier_discrepancy,
        lambda u, v: float(np.mean([abs(p - q) for p, q in zip(softmax(u).flat, softmax(v).flat, strict=True)])),
        a,
        b,
    )


def test_mcd_drives_its_classifiers_apart_and_its_features_together():
    method, b = make("mcd", trade_off=3, hidden=0), batch()
    task, apart, *together = updates(method, b)
    heads = (method.network.head, method.second)

    def tasks(features: Tensor) -> Tensor:
        return sum(F.cross_entropy(head(features[:16]), b.labels) for head in heads)

    def discrepancy(features: Tensor) -> Tensor:
        return classifier_discrepancy(*(head(features[16:]) for head in heads))

    torch.testing.assert_close(task.losses["task"], tasks(task.features))
    torch.testing.assert_close(apart.losses["classifiers"], tasks(apart.features) - 3 * discrepancy(apart.features))
    for step in together:
        torch.testing.assert_close(step.losses["align"], 3 * discrepancy(step.features))


@pytest.mark.parametrize("hidden", [0, 20])
def test_mcd_without_trade_off_learns_the_source_with_both_classifiers(hidden):
    method, b = make("mcd", trade_off=0, hidden=hidden, dropout=0), batch()
    b = replace(b, labels=(b.source[:, 0] > 0).long())
    optimizer = torch.optim.Adam(method.parameters(), lr=0.01)
    for _ in range(30):
        for step in method.steps(b, 0.5):
            optimizer.zero_grad()
            sum(step.losses.values()).backward(inputs=step.trains)
            optimizer.step()
    features = method.network.features(b.source)
    for head in (method.network.head, method.second):
        assert (head(features).argmax(1) == b.labels).float().mean() > 0.9


# ADDA


def test_adda_starts_from_two_equal_networks_and_keeps_one():
    method = make("adda")
    start = {key: value.clone() for key, value in method.network.state_dict().items()}
    learn(method)
    assert all(torch.equal(value, start[key]) for key, value in method.source_network.state_dict().items())
    assert torch.equal(method.network.head.weight, start["head.weight"])
    assert not torch.equal(method.network.bottleneck[0].weight, start["bottleneck.0.weight"])
    still = learn(make("adda", trade_off=0)).network
    assert all(torch.equal(p, start[key]) for key, p in still.named_parameters())


def test_adda_inverts_labels_and_does_not_reverse_gradients():
    method, b = make("adda"), batch(n=6, m=10)
    told, fooled = updates(method, b)
    torch.testing.assert_close(told.losses["domain"], domain_loss(method.discriminator(told.features), 6)[0])
    p = torch.sigmoid(method.discriminator(fooled.features[6:]))
    torch.testing.assert_close(fooled.losses["align"], -p.log().mean())
    (gradient,) = torch.autograd.grad(fooled.losses["align"], fooled.features)
    assert gradient[:6].abs().max() == 0
    moved = fooled.features - 0.1 * gradient
    assert torch.sigmoid(method.discriminator(moved[6:])).mean() > p.mean()  # more like the source


# WDGRL


def test_gradient_penalty_agrees_with_a_reference():
    x, y = np.random.default_rng(0).normal(size=(4, 3)), np.random.default_rng(1).normal(size=(6, 3))
    position = np.random.default_rng(2).uniform(size=(4, 1))
    weights = np.random.default_rng(3).normal(size=(3, 5))

    def reference(w):
        points = np.concatenate([x + position * (y[:4] - x), x, y])
        slopes = [w @ (1 - np.tanh(h @ w) ** 2) for h in points]  # of the critic Σ tanh(h·w)
        return float(np.mean([(np.linalg.norm(s) - 1) ** 2 for s in slopes]))

    def penalty(w):
        return gradient_penalty(lambda h: torch.tanh(h @ w).sum(1), *(torch.tensor(v) for v in (x, y, position)))

    agrees(penalty, reference, weights)


@pytest.mark.parametrize(("n", "m"), [(8, 8), (5, 9)])
def test_wdgrl_features_go_down_the_distance_that_the_critic_goes_up(n, m):
    method, b = make("wdgrl", trade_off=0.5, penalty=0, critic_updates=1), batch(n=n, m=m)
    critic, network = updates(method, b)
    values = method.critic(network.features)
    distance = values[:n].mean() - values[n:].mean()
    torch.testing.assert_close(critic.losses["critic"], -distance)
    torch.testing.assert_close(network.losses["align"], 0.5 * distance)


def test_the_critic_approaches_the_distance_of_two_points():
    method = make("wdgrl", critic_updates=20)
    optimizer = torch.optim.Adam(method.critic.parameters(), lr=0.005)
    source, target = torch.zeros(16, 8), torch.zeros(16, 8)
    target[:, 0] = 2
    for _ in range(300):
        position = method.draws.uniform(16, 1, like=source)
        values = method.critic(torch.cat([source, target]))
        loss = 10 * gradient_penalty(method.critic, source, target, position) - values[:16].mean() + values[16:].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (method.critic(source).mean() - method.critic(target).mean()).item() == pytest.approx(2, rel=0.15)
