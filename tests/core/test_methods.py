"""Every method keeps the contract: complete facts, ranges, state, and an alignment that does something."""

from __future__ import annotations

import dataclasses
import math
import re

import pytest
import torch
import torch.nn.functional as F
from method_tools import ADAPTING, CLASSES, NAMES, WIDTH, batch, learn, make, same, updates
from pydantic import ValidationError
from torch import Tensor

from core.figures.curves import GAUGE_NAMES, LOSS_NAMES
from core.methods import METHODS, Batch, Step
from core.methods.base import Draws, ramp

NOT_ON_ARXIV = {"entropy", "bsp"}
WITHOUT_TASK = {"adda"}  # the source's part is frozen
OFF = {"bsp": {"trade_off": 0, "penalty": 0}}  # what turns the adaptation off; elsewhere the trade-off alone


# The contract


@pytest.mark.parametrize("name", NAMES)
def test_info_is_complete(name):
    info = METHODS.get(name).info
    assert METHODS.get(name).name == info.name == name
    assert re.fullmatch(r"[a-z0-9-]+", name)
    for text in (info.title, info.family, info.summary, info.helps, info.hurts, info.formula, info.paper):
        assert text.strip() == text != ""
    for sentence in (info.summary, info.helps, info.hurts):
        assert sentence.endswith(".")
    assert info.formula.count("{") == info.formula.count("}")
    assert info.formula.isprintable()
    if info.setting == "unsupervised":
        assert (info.arxiv is None) if name in NOT_ON_ARXIV else re.fullmatch(r"\d{4}\.\d{4,5}", info.arxiv)
        assert 1980 < info.year <= 2030
        assert info.trains_on == "source"
    else:
        assert info.family == "references"


@pytest.mark.parametrize("name", NAMES)
def test_params_have_defaults_ranges_and_meanings(name):
    params = METHODS.get(name).Params
    assert params.model_validate(params().model_dump()) == params()  # defaults are not validated when they are filled in
    for field, about in params.model_fields.items():
        assert about.description
        bounds = {kind: getattr(rule, kind) for rule in about.metadata for kind in ("ge", "gt", "le", "lt") if hasattr(rule, kind)}
        assert bounds.keys() & {"ge", "gt"}
        assert bounds.keys() & {"le", "lt"}
        for value in bounds.values():
            beyond = value - 1 if value == min(bounds.values()) else value + 1
            with pytest.raises(ValidationError):
                params(**{field: beyond})
    with pytest.raises(ValidationError):
        params(no_such_setting=1)


def test_a_batch_has_no_place_for_target_labels():
    assert [field.name for field in dataclasses.fields(Batch)] == ["source", "labels", "target"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("n", "m"), [(16, 16), (12, 20)])
def test_step_returns_finite_scalars_and_all_features(name, n, m):
    method = make(name)
    steps = updates(method, batch(n=n, m=m), 0.3)
    rows = n if method.info.family == "references" else n + m
    for step in steps:
        assert step.losses.keys() <= LOSS_NAMES.keys()
        assert step.gauges.keys() <= GAUGE_NAMES.keys()
        assert step.features.shape == (rows, WIDTH)
        for value in (*step.losses.values(), *step.gauges.values()):
            assert torch.as_tensor(value).ndim == 0
            assert torch.as_tensor(value).isfinite()
    tasks = [step for step in steps if "task" in step.losses]
    assert len(tasks) == (name not in WITHOUT_TASK)
    for step in tasks:
        (gradient,) = torch.autograd.grad(step.losses["task"], step.features)
        assert gradient[:n].abs().max() > 0
        assert gradient[n:].abs().sum() == 0  # the task loss knows nothing of the target's rows


@pytest.mark.parametrize("name", NAMES)
def test_only_adapting_methods_look_at_the_target(name):
    method, seen = make(name), batch()
    target = seen.target.requires_grad_()
    total = sum(sum(step.losses.values()) for step in updates(method, seen))
    (gradient,) = torch.autograd.grad(total, target, allow_unused=True)
    assert (gradient is not None) == (name in ADAPTING)


def task(steps: list[Step]) -> Tensor:
    return next(step.losses["task"] for step in steps if "task" in step.losses)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT_TASK])
def test_task_loss_uses_the_source_labels(name):
    first, second = batch(), batch()
    second = dataclasses.replace(second, labels=(second.labels + 1) % CLASSES)
    assert task(updates(make(name), first)) != task(updates(make(name), second))


@pytest.mark.parametrize("name", NAMES)
def test_the_state_dict_holds_everything_that_is_learned(name):
    method = learn(make(name))
    assert {key for key, _ in method.named_parameters()} <= set(method.state_dict())
    held = {id(p) for p in method.parameters()}
    assert not [k for k, v in vars(method).items() if isinstance(v, Tensor) and v.requires_grad and id(v) not in held]
    copy = make(name, seed=1)
    assert not same(copy, method)
    copy.load_state_dict(method.state_dict())
    for original, restored in zip(updates(method, batch(9)), updates(copy, batch(9)), strict=True):
        assert original.losses == restored.losses
        assert torch.equal(original.features, restored.features)


@pytest.mark.parametrize("name", NAMES)
def test_weights_and_steps_do_not_draw_from_the_global_generator(name):
    torch.manual_seed(1)
    first = learn(make(name))
    torch.manual_seed(2)
    assert same(first, learn(make(name)))


@pytest.mark.parametrize("name", ADAPTING)
def test_the_alignment_part_has_a_gradient(name):
    pulls = []
    for step in updates(make(name), batch()):
        alignment = [loss for key, loss in step.losses.items() if key != "task"]
        if alignment and step.features.requires_grad:
            (gradient,) = torch.autograd.grad(sum(alignment), step.features, retain_graph=True)
            pulls.append(gradient[16:].norm().item())
    assert pulls
    assert min(pulls) > 1e-5


@pytest.mark.parametrize("name", ADAPTING)
def test_what_an_update_trains_belongs_to_the_method(name):
    method = make(name)
    held = {id(p) for p in method.parameters()}
    for step in updates(method, batch()):
        if step.trains is not None:
            assert {id(p) for p in step.trains} <= held
            reached = torch.autograd.grad(sum(step.losses.values()), step.trains, retain_graph=True, allow_unused=True)
            assert all(g is not None for g in reached)


@pytest.mark.parametrize("name", ADAPTING)
def test_the_trade_off_changes_the_weights(name):
    without, default, double = (learn(make(name, **params)).network for params in ({"trade_off": 0}, {}, {"trade_off": 2}))
    assert not same(without, default)
    assert not same(double, default)


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


@pytest.mark.parametrize("name", [name for name in ADAPTING if name not in WITHOUT_TASK | {"mcd"}])  # whose tasks are others
def test_without_trade_off_only_the_task_is_learned(name):
    expected, found = pooled_source_only(), learn(make(name, **OFF.get(name, {"trade_off": 0}))).network
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
    assert 0 <= numbers.min() < 0.1 < 0.9 < numbers.max() < 1
