"""Classifiers with hidden layers: what they are made of, what they drop, and whose statistics they use."""

from __future__ import annotations

import pytest
import torch
from method_tools import CLASSES, WIDTH, batch, make, updates
from torch import nn

from core.methods.base import Draws
from core.methods.heads import Dropout, classifier, first_weight


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_dropout_drops_a_share_and_scales_what_is_left():
    x = torch.ones(200, 50, dtype=torch.float64)
    y = Dropout(0.25, generator())(x)
    assert set(y.unique().tolist()) == {0.0, 1 / 0.75}
    assert (y == 0).double().mean().item() == pytest.approx(0.25, abs=0.02)
    assert y.mean().item() == pytest.approx(1, abs=0.02)
    kept = Draws(generator()).uniform(200, 50, like=x) >= 0.25
    assert torch.equal(y, x * kept / 0.75)


def test_dropout_is_for_training_alone_and_has_a_stream_of_its_own():
    x, layer = torch.randn(6, 5, generator=generator()), Dropout(0.5, generator())
    torch.manual_seed(1)
    first = layer(x)
    state = layer.state_dict()
    torch.manual_seed(2)
    assert torch.equal(first, Dropout(0.5, generator())(x))  # whatever the global generator says
    after, other = layer(x), Dropout(0.5, generator(9))
    assert not torch.equal(after, first)
    other.load_state_dict(state)
    assert torch.equal(other(x), after)
    assert torch.equal(layer.eval()(x), x)
    assert torch.equal(Dropout(0.0, generator())(x), x)


def kinds(head: nn.Module) -> list[type]:
    return [type(layer) for layer in head]


def test_a_classifier_has_two_hidden_layers_as_the_authors_or_none():
    head = classifier(64, 100, 10, generator())
    hidden = [Dropout, nn.Linear, nn.BatchNorm1d, nn.ReLU]
    assert kinds(head) == [*hidden, *hidden, Dropout, nn.Linear]
    assert [tuple(layer.weight.shape) for layer in head if isinstance(layer, nn.Linear)] == [(100, 64), (100, 100), (10, 100)]
    assert first_weight(head) is head[1].weight
    assert nn.BatchNorm1d not in kinds(classifier(64, 100, 10, generator(), normed=False))
    linear = classifier(64, 0, 10, generator())
    assert isinstance(linear, nn.Linear)
    assert first_weight(linear) is linear.weight


def passes(head: nn.Module) -> list[int]:
    """The sizes of the batches that the head's first batch norm normalises from now on."""
    sizes = []
    norm = next(layer for layer in head.modules() if isinstance(layer, nn.BatchNorm1d))
    norm.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    return sizes


@pytest.mark.parametrize(
    ("norm", "expected"), [("separate", [12, 12, 20] + 4 * [20]), ("own", [12, 12, 20] + 4 * [20]), ("pooled", [32, 32, 32] + 4 * [32])]
)
def test_mcd_s_classifiers_see_the_domains_apart_or_together(norm, expected):
    method = make("mcd", norm=norm)
    sizes = [passes(head) for head in (method.network.head, method.second)]
    updates(method, batch(n=12, m=20))
    assert sizes == [expected, expected]


@pytest.mark.parametrize(("norm", "expected"), [("separate", [12, 20]), ("own", [12, 20]), ("pooled", [32])])
def test_tri_training_s_labellers_see_the_domains_apart_or_together(norm, expected):
    method = make("tri-training", norm=norm)
    sizes = [passes(head) for head in method.labellers]
    method.step(batch(n=12, m=20), 0.5)
    assert sizes == [expected, expected]


def test_the_first_of_mcd_s_classifiers_predicts():
    method, x = make("mcd").eval(), batch().target
    with torch.no_grad():
        features, logits = method.infer(x, "target")
        assert torch.equal(logits, method.network.head(features))
        assert (features.shape[1], logits.shape[1]) == (WIDTH, CLASSES)
    assert not torch.equal(first_weight(method.network.head), first_weight(method.second))


def test_linear_classifiers_begin_with_the_network_s_own_head():
    for name in ("mcd", "tri-training"):
        assert torch.equal(make(name, hidden=0).network.head.weight, make("source-only").network.head.weight)
