"""Before a run: how long it will take, how much it holds, and what one should know."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TypeVar

import torch
from torch import Tensor

from core.domains.pair import load_pair
from core.experiment import Experiment, Phase
from core.methods import METHODS, Batch, Method
from core.training.build import make_method
from core.training.class_shares import about_class_shares
from core.training.data import Data, batch_plan, batches
from core.training.evaluation import predict

T = TypeVar("T")

BATCHES = 3
TRIED = 16  # samples of each part that pass through a frozen network
MEASURING = 0.06  # seconds of MMD and AUC an epoch
SLOW = 2.0  # seconds of a batch that is tried only once
HIGH_LR = 5e-4  # above it pretrained layers soon forget
USUAL = 10  # epochs after which training on labels has mostly ended by itself
LONG = 1200  # seconds after which a faster way is named


@dataclass(frozen=True)
class Estimate:
    """``seconds`` for the whole run, from real batches; counts of samples per domain; weights; bytes of data on the device."""

    seconds: float
    train: tuple[int, int]
    held_out: tuple[int, int]
    shown: int
    weights: int
    data_bytes: int
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Costs:
    """Seconds: of what is computed once, of what a method does once an epoch, of one of its batches, of a batch of a network that is
    trained on labels alone, and of one evaluation."""

    once: float
    per_epoch: float
    per_batch: float
    per_labelled_batch: float
    evaluation: float


def seconds_of(experiment: Experiment, costs: Costs, source: int, target: int, labelled: bool) -> float:
    """Seconds of a run on so many training samples; without a target that is ``labelled`` there is no oracle and no joint phase."""
    budget, sees_source = experiment.budget, METHODS.get(experiment.method.name).info.sees_source
    _, count = batch_plan(budget, source if sees_source else 0, target)
    measured = costs.evaluation + MEASURING
    seconds = costs.once + experiment.epochs * (costs.per_epoch + costs.per_batch * count + measured)
    rows: dict[Phase, int] = {"source": source}
    if labelled:
        rows |= {"oracle": target, "joint": source + target}
    for phase, samples in rows.items():
        epochs = min(experiment.phases.get(phase, 0), USUAL)
        seconds += epochs * (batch_plan(budget, samples)[1] * costs.per_labelled_batch + costs.evaluation)
    if experiment.has_continued:
        seconds += experiment.epochs * (count * costs.per_labelled_batch + costs.evaluation)
    return seconds


def estimate(experiment: Experiment, device: str) -> Estimate:
    """Time `BATCHES` real batches of the method and one of evaluation, and scale them up.

    Reference networks are counted as if they had to be trained; a stored one makes the run shorter.

    Raises
    ------
    InputError
        The experiment cannot be run; the text says why.
    """
    inputs = Data.of(experiment, load_pair(*experiment.pair), device)
    sides, budget = (inputs.source, inputs.target), experiment.budget
    parts = [part for side in sides for part in (side.inputs, side.held_out)]
    few, samples = min(TRIED, *map(len, parts)), sum(map(len, parts))
    once, data = _time(lambda: inputs.embedded(samples=few), device)
    once *= samples / (len(parts) * few)  # a frozen backbone sees every sample once
    method = make_method(data, experiment.method.name, experiment.method.params, "adapt")
    per_epoch, per_batch = _seconds_of_adaptation(data, method)
    reference = make_method(data, "source-only", {}, "reference")
    per_labelled_batch = _seconds_per_batch(reference, _batch(data, reference), device)
    method.eval()
    shown = data.target.held_out[: budget.batch_size]
    evaluation = _steady_time(lambda: predict(method, shown, "target"), device) / len(shown) * sum(len(side.held_out) for side in sides)
    source, target = (len(side.inputs) for side in sides)
    costs = Costs(once, per_epoch, per_batch, per_labelled_batch, evaluation)
    seconds = seconds_of(experiment, costs, source, target, labelled=data.target.labels is not None)
    warnings = _about_the_backbone(experiment, seconds) + about_class_shares(inputs)
    if data.target.labels is None:
        warnings.append("The target has no labels: accuracy stays unknown, and there is no oracle line.")
    if data.shown < 100:
        warnings.append(f"Only {data.shown} held-out samples per domain: intervals will be wide.")
    return Estimate(
        seconds=seconds,
        train=(source, target),
        held_out=(len(data.source.held_out), len(data.target.held_out)),
        shown=data.shown,
        weights=sum(p.numel() for p in method.parameters()),
        data_bytes=sum(part.nbytes for part in parts if isinstance(part, Tensor)),  # the others stay on disk
        warnings=tuple(warnings),
    )


def _about_the_backbone(experiment: Experiment, seconds: float) -> list[str]:
    """What one should know of a network that comes with weights."""
    params, lr = experiment.backbone.params, experiment.budget.lr
    if "freeze" not in params:
        return []
    if params["weights"] == "none":
        random = "Its weights are random, and frozen they stay so: choose weights, or freeze none."
        return [random] if params["freeze"] == "all" else []
    if params["freeze"] == "all":
        return []
    found = []
    if lr > HIGH_LR:
        found.append(
            f"A learning rate of {lr:g} soon overwrites what the layers learned on ImageNet: 0.0001 is usual where they are trained on."
        )
    if seconds > LONG:
        found.append("Freeze all layers (Backbone settings) and their features are computed once: minutes instead of hours.")
    return found


def _seconds_of_adaptation(data: Data, method: Method) -> tuple[float, float]:
    """Of what a method does once an epoch, and of one of its batches; it has begun then."""
    seen, device = data.seen(method.info), str(data.device)
    method.begin(seen)
    if method.info.instant:  # a closed form takes seconds: too long to try it first, and too short to tell
        return 0.0, 0.0
    per_epoch, _ = _time(lambda: method.epoch(seen, 0.0), device)
    return per_epoch, _seconds_per_batch(method, _batch(data, method), device)


def _batch(data: Data, method: Method) -> Batch:
    seen = data.seen(method.info)
    size, _ = batch_plan(data.experiment.budget, len(seen.source), len(seen.target))
    return next(batches(seen, size, 1, data.generator("estimate")))


def _seconds_per_batch(method: Method, batch: Batch, device: str) -> float:
    def step() -> None:
        for update in method.steps(batch, 0.5):
            method.zero_grad()
            reduce(add, update.losses.values()).backward(inputs=update.trains)

    return 1.15 * _steady_time(step, device, BATCHES)  # the optimiser's share is about 15 %


def _steady_time(work: Callable[[], object], device: str, times: int = 1) -> float:
    """Seconds that something takes when it is not the first time, which also loads and allocates."""
    first, _ = _time(work, device)
    if first > SLOW:  # then that does not count, and the user waits
        return first
    return _time(lambda: [work() for _ in range(times)], device)[0] / times


def _time(work: Callable[[], T], device: str) -> tuple[float, T]:
    """Seconds that something takes, and what it returns."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    started = time.perf_counter()
    found = work()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - started, found
