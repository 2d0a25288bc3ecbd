"""The updates of one epoch, at what rate they are made, and what is kept of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add

import torch
from torch import Tensor

from core.errors import InputError
from core.experiment import Budget
from core.methods import Batch, Method, Step
from core.methods.base import TrainedParams


def learn(
    method: Method,
    optimizer: torch.optim.Optimizer,
    rate: Rate,
    drawn: Iterator[Batch],
    number: int,
    counts: tuple[int, int],
    on_batch: Callable[[float], None] | None,
) -> tuple[dict[str, float], dict[str, float]]:
    """All updates of an epoch, and the means of their losses and gauges. ``counts`` are the phase's epochs and an epoch's batches."""
    losses, gauges, pulls = _Means(), _Means(), {}
    epochs, count = counts
    for i, batch in enumerate(drawn):
        progress = ((number - 1) * count + i) / (epochs * count)
        for group in optimizer.param_groups:
            group["lr"] = rate.at(progress)
        for step in method.steps(batch, progress):
            if i == count - 1:
                pulls |= _pulls(step)
            optimizer.zero_grad()
            reduce(add, step.losses.values()).backward(inputs=step.trains)
            if method.info.clip:
                torch.nn.utils.clip_grad_norm_(method.parameters(), method.info.clip)
            optimizer.step()
            losses.add(step.losses)
            gauges.add(step.gauges)
        if on_batch:
            on_batch((i + 1) / count)
    means = losses.values()
    if not all(map(math.isfinite, means.values())):
        raise InputError("training", f"the loss became {means} in epoch {number}.", "Lower the learning rate or the trade-off.")
    return means, gauges.values() | _gradient_ratio(pulls)


@dataclass(frozen=True)
class Rate:
    """The learning rate over a phase: the budget's, or the share of it and the schedule that the method asks for."""

    start: float
    schedule: str

    @staticmethod
    def of(method: Method, budget: Budget) -> Rate:
        if not isinstance(method.params, TrainedParams):
            return Rate(budget.lr, budget.schedule)
        schedule = budget.schedule if method.params.schedule == "budget" else method.params.schedule
        return Rate(budget.lr * method.params.rate, schedule)

    def at(self, progress: float) -> float:
        return self.start * decay(self.schedule, progress)


def decay(schedule: str, progress: float) -> float:
    """What is left of the learning rate: constant, inverse (Ganin et al. 2016), or half a cosine."""
    if schedule == "inverse":
        return (1 + 10 * progress) ** -0.75
    return (1 + math.cos(math.pi * progress)) / 2 if schedule == "cosine" else 1.0


def make_optimizer(method: Method, budget: Budget, lr: float) -> torch.optim.Optimizer:
    if budget.optimizer == "adam":
        return torch.optim.Adam(method.parameters(), lr=lr, weight_decay=budget.weight_decay)
    return torch.optim.SGD(method.parameters(), lr=lr, momentum=0.9, nesterov=True, weight_decay=budget.weight_decay)


class _Means:
    """Means of named scalars. They are added up where they are, as reading each of them would wait for the device."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def add(self, scalars: Mapping[str, Tensor | float]) -> None:
        for name, value in scalars.items():
            self.sums[name] = self.sums.get(name, 0) + torch.as_tensor(value).detach()
            self.counts[name] = self.counts.get(name, 0) + 1

    def values(self) -> dict[str, float]:
        return {name: float(total) / self.counts[name] for name, total in self.sums.items()}


def _pulls(step: Step) -> dict[str, Tensor]:
    """‖∂L/∂f‖ of the task loss and of everything else together, as far as this update reaches the features."""
    if not step.features.requires_grad:
        return {}
    others = [loss for name, loss in step.losses.items() if name != "task" and loss.requires_grad]
    parts = {"others": reduce(add, others)} if others else {}
    if "task" in step.losses:
        parts["task"] = step.losses["task"]
    return {name: torch.autograd.grad(loss, step.features, retain_graph=True)[0].norm() for name, loss in parts.items()}


def _gradient_ratio(pulls: dict[str, Tensor]) -> dict[str, float]:
    """‖∂L_others/∂f‖ ÷ ‖∂L_task/∂f‖; nothing if there is only one of them."""
    if pulls.keys() != {"task", "others"}:
        return {}
    return {"gradient_ratio": float(pulls["others"] / pulls["task"].clamp_min(1e-12))}
