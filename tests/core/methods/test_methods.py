"""Every method keeps the contract: complete facts, ranges, state, and an alignment that does something."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Literal, get_origin

import pytest
import torch
import torch.nn.functional as F
from method_tools import ADAPTING, CLASSES, ITERATIVE, NAMES, WIDTH, batch, learn, make, same, seen, updates
from pydantic import ValidationError
from torch import Tensor

from core.figures.curves import LOSS_NAMES
from core.measures import in_runs
from core.methods import METHODS, AlignmentMethod, AlignmentParams, Batch, Method, MethodParams, Seen, Step
from core.methods.base import Draws, ramp

NOT_ON_ARXIV = {
    "entropy",
    "bsp",
    "bss",
    "standardise",
    "gfk",
    "tca",
    "jda",
    "kmm",
    "kliep",
    "domain-classifier-weights",
    "pseudo-label",
}
WITHOUT_TASK = {"adda"}  # the source's part is frozen
OFF = {"bsp": {"trade_off": 0, "penalty": 0}}  # what turns the adaptation off; elsewhere the trade-off alone
FAMILIES = ("moments and kernels", "adversarial", "norm, confusion, nuclear", "optimal transport")
# CycleGAN's adaptation is in images; the features that it hands on take no part in it. Its own tests look at its gradients.
IN_IMAGES = {"cycada"}
# Those that add a term to the source's task loss on one pass of both domains.
ADDING = [m.info.name for m in METHODS if m.info.family in FAMILIES]
TASKED = [name for name in ITERATIVE if METHODS.get(name).info.sees_source and name not in WITHOUT_TASK]


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
    if info.adapts:
        assert info.transfers != "nothing"
        assert info.sees_source == (info.setting not in ("source-free", "test-time")) or info.setting == "semi-supervised"
        assert (info.arxiv is None) if name in NOT_ON_ARXIV else re.fullmatch(r"\d{4}\.\d{4,5}", info.arxiv)
        assert 1980 < info.year <= 2030
        assert info.trains_on == "source"
    else:
        assert info.family == "references"


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


@pytest.mark.parametrize("name", NAMES)
def test_params_have_defaults_ranges_and_meanings(name):
    params = METHODS.get(name).Params
    assert params.model_validate(params().model_dump()) == params()  # defaults are not validated when they are filled in
    for field, about in params.model_fields.items():
        assert about.description
        if get_origin(about.annotation) is Literal or about.annotation is bool:
            continue
        bounds = {kind: getattr(rule, kind) for rule in about.metadata for kind in ("ge", "gt", "le", "lt") if hasattr(rule, kind)}
        assert bounds.keys() & {"ge", "gt"}
        assert bounds.keys() & {"le", "lt"}
        for value in bounds.values():
            beyond = value - 1 if value == min(bounds.values()) else value + 1
            with pytest.raises(ValidationError):
                params(**{field: beyond})
    with pytest.raises(ValidationError):
        params(no_such_setting=1)


def test_target_labels_have_no_place_but_the_shots():
    """A test of training.py shows that the shots are the experiment's, and that no other label gets through."""
    assert [field.name for field in dataclasses.fields(Batch)] == ["source", "labels", "target", "index", "shots", "shot_labels"]
    assert [field.name for field in dataclasses.fields(Seen)] == ["source", "labels", "target", "shots", "shot_labels"]


@pytest.mark.parametrize("name", ITERATIVE)
@pytest.mark.parametrize(("n", "m"), [(16, 16), (12, 20)])
def test_step_returns_finite_scalars_and_features(name, n, m):
    method = make(name)
    steps = updates(method, batch(n=n, m=m, name=name), 0.3)
    for step in steps:
        assert step.losses.keys() <= LOSS_NAMES.keys()
        assert step.gauges.keys() <= {entry.name for entry in in_runs() if entry.kept == "gauges"}
        assert step.features.shape[1] == WIDTH
        if name in ADDING:
            assert len(step.features) == n + m
        for value in (*step.losses.values(), *step.gauges.values()):
            assert torch.as_tensor(value).ndim == 0
            assert torch.as_tensor(value).isfinite()
    assert (name in TASKED) == any("task" in step.losses for step in steps)


@pytest.mark.parametrize("name", [name for name in ADDING if name in TASKED])
def test_the_task_loss_knows_nothing_of_the_targets_rows(name):
    steps = [step for step in updates(make(name), batch(n=12, m=20), 0.3) if "task" in step.losses]
    assert len(steps) == 1
    (gradient,) = torch.autograd.grad(steps[0].losses["task"], steps[0].features)
    assert gradient[:12].abs().max() > 0
    assert gradient[12:].abs().sum() == 0


@pytest.mark.parametrize(
    "name", [name for name in ITERATIVE if METHODS.get(name).info.kinds != ("image",)]
)  # whole numbers have no gradient
def test_only_adapting_methods_look_at_the_target(name):
    method, given = make(name), batch(name=name)
    inputs = [given.target.requires_grad_(), given.shots.requires_grad_()]
    total = sum(sum(step.losses.values()) for step in updates(method, given))
    gradients = torch.autograd.grad(total, inputs, allow_unused=True)
    assert any(g is not None and g.abs().sum() > 0 for g in gradients) == (name in ADAPTING)


def task(steps: list[Step]) -> Tensor:
    return next(step.losses["task"] for step in steps if "task" in step.losses)


@pytest.mark.parametrize("name", TASKED)
def test_task_loss_uses_the_source_labels(name):
    first, second = batch(name=name), batch(name=name)
    second = dataclasses.replace(second, labels=second.labels.roll(1))  # no mere renaming of classes, which an episode does not notice
    assert task(updates(make(name), first)) != task(updates(make(name), second))


@pytest.mark.parametrize("name", ITERATIVE)
def test_the_state_dict_holds_everything_that_is_learned(name):
    method = learn(make(name))
    assert {key for key, _ in method.named_parameters()} <= set(method.state_dict())
    held = {id(p) for p in method.parameters()}
    assert not [k for k, v in vars(method).items() if isinstance(v, Tensor) and v.requires_grad and id(v) not in held]
    copy = make(name, seed=1)
    assert not same(copy, method)
    copy.load_state_dict(method.state_dict())
    for original, restored in zip(updates(method, batch(9, name=name)), updates(copy, batch(9, name=name)), strict=True):
        assert original.losses == restored.losses
        assert torch.equal(original.features, restored.features)


@pytest.mark.parametrize("name", ITERATIVE)
def test_weights_and_steps_do_not_draw_from_the_global_generator(name):
    torch.manual_seed(1)
    first = learn(make(name))
    torch.manual_seed(2)
    assert same(first, learn(make(name)))


@pytest.mark.parametrize("name", [name for name in ADAPTING if name in ITERATIVE and name not in IN_IMAGES])
def test_the_adaptation_has_a_gradient(name):
    pulls = []
    for step in updates(make(name), batch(name=name)):
        adaptation = [loss for key, loss in step.losses.items() if key != "task"]
        if adaptation and step.features.requires_grad:
            (gradient,) = torch.autograd.grad(sum(adaptation), step.features, retain_graph=True)
            pulls.append(gradient[16 if name in ADDING else 0 :].norm().item())
    assert pulls
    assert min(pulls) > 1e-5


@pytest.mark.parametrize("name", [name for name in ADAPTING if name in ITERATIVE])
def test_what_an_update_trains_belongs_to_the_method(name):
    method = make(name)
    held = {id(p) for p in method.parameters()}
    for step in updates(method, batch(name=name)):
        if step.trains is not None:
            assert {id(p) for p in step.trains} <= held
            reached = torch.autograd.grad(sum(step.losses.values()), step.trains, retain_graph=True, allow_unused=True)
            assert all(g is not None for g in reached)


@pytest.mark.parametrize("name", [name for name in ITERATIVE if "trade_off" in METHODS.get(name).Params.model_fields])
def test_the_trade_off_changes_the_weights(name):
    without, default, double = (learn(make(name, **params)).network for params in ({"trade_off": 0}, {}, {"trade_off": 2}))
    assert not same(without, default)
    assert not same(double, default)


@pytest.mark.parametrize("name", [m.info.name for m in METHODS if m.info.instant])
def test_an_instant_method_predicts_before_and_changes_something(name):
    method, whole = make(name).eval(), seen(name)
    with torch.inference_mode():
        before = [method.infer(inputs, side) for side, inputs in (("source", whole.source), ("target", whole.target)) if len(inputs)]
    method.epoch(whole, 0.0)
    method.eval()
    with torch.inference_mode():
        after = [method.infer(inputs, side) for side, inputs in (("source", whole.source), ("target", whole.target)) if len(inputs)]
    for one, other in zip(before, after, strict=True):
        assert [part.shape[1] for part in other] == [part.shape[1] for part in one]
        assert one[1].shape[1] == CLASSES
        assert all(part.isfinite().all() for part in (*one, *other))
    assert any(not torch.allclose(a, b) for one, other in zip(before, after, strict=True) for a, b in zip(one, other, strict=True))


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


@pytest.mark.parametrize("name", [name for name in ADDING if name not in WITHOUT_TASK | {"mcd"}])  # whose tasks are others
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
