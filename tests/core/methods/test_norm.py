"""Whose statistics batch norm uses: in training, when it is tested, and after a run was resumed."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from method_tools import batch, learn, make, seen
from torch import nn

from core.experiment import Experiment
from core.measures import measure_accuracy
from core.methods import Method
from core.methods.norm import norms
from core.training import train

MODES = ("pooled", "separate", "own")


def recorded(method: Method) -> list[list[np.ndarray]]:
    """What each batch norm of the network is given from now on, pass by pass."""
    found = []
    for norm in norms(method.network):
        passes = []
        norm.register_forward_pre_hook(lambda _, inputs, passes=passes: passes.append(inputs[0].detach().double().numpy()))
        found.append(passes)
    return found


def running(passes: list[np.ndarray], width: int) -> tuple[np.ndarray, np.ndarray]:
    """A running mean and variance by hand: a tenth of each pass's own, from 0 and 1; variances are unbiased."""
    mean, variance = np.zeros(width), np.ones(width)
    for x in passes:
        mean, variance = 0.9 * mean + 0.1 * x.mean(0), 0.9 * variance + 0.1 * x.var(0, ddof=1)
    return mean, variance


def statistics(norm: nn.Module) -> tuple[np.ndarray, np.ndarray]:
    return norm.running_mean.numpy().copy(), norm.running_var.numpy().copy()


@pytest.mark.parametrize("mode", MODES)
def test_a_pass_leaves_the_statistics_of_the_mode(mode):
    method, b = make("deepcoral", norm=mode), batch(n=12, m=20)
    given = recorded(method)
    method.step(b, 0.5)
    assert given
    for i, (norm, passes) in enumerate(zip(norms(method.network), given, strict=True)):
        assert [len(x) for x in passes] == ([32] if mode == "pooled" else [12, 20])
        width = norm.num_features
        mine = running(passes[:1] if mode == "own" else passes, width)
        np.testing.assert_allclose(statistics(norm), mine, rtol=1e-4, atol=1e-6)
        if mode == "own":
            its = [getattr(method.target_statistics, f"{name}_{i}").numpy() for name in ("running_mean", "running_var")]
            np.testing.assert_allclose(its, running(passes[1:], width), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_the_other_domain_moves_a_sample_s_features_where_both_are_pooled(mode):
    method, b = make("deepcoral", norm=mode), batch()
    here, there = (method.features_of(b.source, target)[:16] for target in (b.target, b.target + 3))
    assert torch.equal(here, there) == (mode != "pooled")


def with_target_statistics(method: Method) -> Method:
    """A copy whose batch norms hold what the target's are, by hand."""
    twin = copy.deepcopy(method)
    for i, norm in enumerate(norms(twin)):
        norm.running_mean.copy_(getattr(method.target_statistics, f"running_mean_{i}"))
        norm.running_var.copy_(getattr(method.target_statistics, f"running_var_{i}"))
    return twin


@pytest.mark.parametrize("name", ["deepcoral", "mcd", "tri-training", "mean-teacher"])
def test_each_side_is_tested_with_its_own_statistics(name):
    method, x = learn(make(name, norm="own")).eval(), seen(name).target
    twin = with_target_statistics(method)
    network, other = (m.teacher if name == "mean-teacher" else m.network for m in (method, twin))
    with torch.no_grad():
        for side, expected in (("source", network(x)), ("target", other(x))):
            for found, wanted in zip(method.infer(x, side), expected, strict=True):
                assert torch.equal(found, wanted)
    assert not torch.equal(method.infer(x, "source")[1], method.infer(x, "target")[1])


def test_a_method_s_own_heads_have_statistics_of_the_target_too():
    method = make("mcd", norm="own")
    of_network = len(norms(make("mcd", hidden=0).network))
    assert len(norms(method)) == of_network + 4  # two in each of two classifiers
    assert len(list(method.target_statistics.buffers())) == 2 * len(norms(method))
    start = {name: value.clone() for name, value in method.target_statistics.named_buffers()}
    learn(method, 1)
    assert all(not torch.equal(value, start[name]) for name, value in method.target_statistics.named_buffers())


def test_the_state_dict_holds_the_statistics_of_both():
    method, x = learn(make("mcd", norm="own")), seen("mcd").target
    restored = make("mcd", norm="own", seed=1)
    restored.load_state_dict(method.state_dict())
    method.eval()
    restored.eval()
    for side in ("source", "target"):
        assert torch.equal(method.infer(x, side)[1], restored.infer(x, side)[1])
    mine, its = (method.state_dict()[name] for name in ("network.bottleneck.1.running_mean", "target_statistics.running_mean_0"))
    assert not torch.equal(mine, its)


def experiment(name: str, **params) -> Experiment:
    moons = {"name": "moons", "params": {"n": 120}}
    return Experiment.parse(
        {
            "source": moons,
            "target": moons | {"shifts": [{"name": "rotation", "severity": 0.3}]},
            "backbone": {"name": "mlp", "params": {"width": 16, "depth": 1, "bottleneck": 8}},
            "method": {"name": name, "params": params},
            "budget": {"source_epochs": 1, "epochs": 3, "least_updates": 3, "batch_size": 16},
            "snapshot": 20,
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("mcd", {"norm": "pooled"}),
        ("mcd", {"norm": "separate"}),
        ("mcd", {"norm": "own"}),
        ("tri-training", {"norm": "own"}),
        ("mean-teacher", {"norm": "own", "confidence": "per-class"}),
        ("fixmatch", {"norm": "separate", "confidence": "per-class"}),
    ],
)
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(name, params):
    asked, references, checkpoint, whole = experiment(name, **params), {}, None, []
    for epoch in train(asked, references=references, measure=measure_accuracy):
        if epoch.phase == "adapt":
            whole.append(epoch)
            checkpoint = epoch.checkpoint() if epoch.number == 1 else checkpoint
    torch.manual_seed(7)
    rest = list(train(asked, references=dict(references), checkpoint=checkpoint, measure=measure_accuracy))
    assert [epoch.number for epoch in rest] == [2, 3]
    for found, expected in zip(rest, whole[2:], strict=True):
        assert (found.losses, found.gauges) == (expected.losses, expected.gauges)
        np.testing.assert_array_equal(found.snapshot.features, expected.snapshot.features)
        np.testing.assert_array_equal(found.snapshot.probabilities, expected.snapshot.probabilities)
