"""Every method keeps the contract: complete facts, ranges, state, and an alignment that does something."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F
from method_tools import ITERATIVE, NAMES, WIDTH, batch, learn, make, updates

from core.figures.curves import LOSS_NAMES
from core.measures import in_runs
from core.methods import METHODS, AlignmentMethod, AlignmentParams, Batch, Method, MethodParams, Seen
from core.methods.base import Draws, ramp
from core.methods.check import EXCEPTIONS, check_method

OFF = {"bsp": {"trade_off": 0, "penalty": 0}}  # what turns the adaptation off; elsewhere the trade-off alone
FAMILIES = ("moments and kernels", "adversarial", "norm, confusion, nuclear", "optimal transport")
# Those that add a term to the source's task loss on one pass of both domains.
ADDING = [m.info.name for m in METHODS if m.info.family in FAMILIES]
TASKED = [name for name in ADDING if "task_loss" not in EXCEPTIONS.get(name, {})]


# The contract


# Those that train networks of their own, several times for each batch.
SLOW = {"cycada", "wdgrl", "mcd", "dann", "maml"}


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in NAMES])
def test_every_method_keeps_the_contract(name):
    check_method(name)


def test_a_method_s_parameters_are_what_stands_in_its_brackets():
    class SquaresParams(AlignmentParams):
        trade_off: float = 2.0

    class Squares(AlignmentMethod[SquaresParams]):
        pass

    class Cubes(Squares):
        pass

    assert AlignmentMethod.Params is AlignmentParams, "the bound of a type variable"
    assert Squares.Params is Cubes.Params is SquaresParams
    assert Method.Params is MethodParams


def test_target_labels_have_no_place_but_the_shots():
    """A test of training.py shows that the shots are the experiment's, and that no other label gets through."""
    assert [field.name for field in dataclasses.fields(Batch)] == ["source", "labels", "target", "index", "shots", "shot_labels"]
    assert [field.name for field in dataclasses.fields(Seen)] == ["source", "labels", "target", "shots", "shot_labels"]


@pytest.mark.parametrize("name", ITERATIVE)
def test_charts_have_a_name_for_every_loss_and_gauge(name):
    for step in updates(make(name), batch(name=name), 0.3):
        assert step.losses.keys() <= LOSS_NAMES.keys()
        assert step.gauges.keys() <= {entry.name for entry in in_runs() if entry.kept == "gauges"}


@pytest.mark.parametrize("name", ADDING)
def test_both_domains_go_through_the_network_in_one_pass(name):
    for step in updates(make(name), batch(n=12, m=20), 0.3):
        assert step.features.shape == (12 + 20, WIDTH)


@pytest.mark.parametrize("name", TASKED)
def test_the_task_loss_knows_nothing_of_the_targets_rows(name):
    steps = [step for step in updates(make(name), batch(n=12, m=20), 0.3) if "task" in step.losses]
    assert len(steps) == 1
    (gradient,) = torch.autograd.grad(steps[0].losses["task"], steps[0].features)
    assert gradient[:12].abs().max() > 0
    assert gradient[12:].abs().sum() == 0


def pooled_source_only(steps: int = 5) -> torch.nn.Module:
    """Cross-entropy on the source, with target samples in the batch that only batch norm sees."""
    network = make("source-only").network
    optimizer = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9)
    for i in range(steps):
        b = batch(i)
        optimizer.zero_grad()
        F.cross_entropy(network(torch.cat([b.source, b.target]))[1][: len(b.source)], b.labels).backward()
        optimizer.step()
    return network


@pytest.mark.parametrize("name", [name for name in TASKED if name != "mcd"])  # whose task is that of two heads
def test_without_trade_off_only_the_task_is_learned(name):
    expected, found = pooled_source_only(), learn(make(name, norm="pooled", **OFF.get(name, {"trade_off": 0}))).network
    for key, value in expected.state_dict().items():
        torch.testing.assert_close(found.state_dict()[key], value, rtol=1e-6, atol=1e-7)


# What methods build on


def test_ramp_is_the_papers_schedule():
    assert ramp(0) == 0
    assert ramp(1) == pytest.approx(0.9999092)
    for p in (0.1, 0.25, 0.5, 0.9):
        assert ramp(p) == pytest.approx(math.tanh(5 * p))  # 2/(1 + e^(−2t)) − 1 is tanh t


def test_draws_come_from_the_generator_and_go_on_from_a_state_dict():
    like = torch.zeros((), dtype=torch.float64)
    first, second, other = (Draws(torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(first.normal(3, 2, like=like), second.normal(3, 2, like=like))
    assert first.normal(2, like=like).dtype == torch.float64
    assert not torch.equal(first.uniform(4, like=like), other.uniform(4, like=like))
    other.load_state_dict(first.state_dict())
    numbers = first.uniform(1000, like=like)
    assert torch.equal(numbers, other.uniform(1000, like=like))
    assert 0 <= numbers.min() < 0.1
    assert 0.9 < numbers.max() < 1
