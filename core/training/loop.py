"""train(experiment) -> Iterator[Epoch]: source training, the lines of the references, then adaptation.

To pause is not to call ``next``, to step is to call it once, to cancel is to ``close()`` it, to resume is to start
from a checkpoint. The command line, the background thread and the tests consume the same iterator.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Any, Literal

import torch
from torch import Tensor

from core.domains import Pair
from core.domains.pair import load_pair
from core.errors import InputError
from core.experiment import Budget, Experiment
from core.measures.gauges import feature_gauges, prediction_gauges
from core.methods import Method, Step
from core.training.evaluation import Bench, Snapshot, batch_count, batches

Phase = Literal["source", "oracle", "joint", "adapt"]


@dataclass(frozen=True)
class Checkpoint:
    """Everything that the rest of a run depends on, after epoch ``number`` of ``phase``.

    ``past`` holds the numbers of the phase so far, so that a reference phase ends with its whole history.
    """

    phase: Phase
    number: int
    tensors: dict[str, Tensor]
    past: list[dict[str, Any]]


@dataclass(frozen=True)
class Epoch:
    """What one epoch brought. ``number`` 0 of the adaptation is the picture before it.

    ``snapshot`` is None in the reference phases. ``checkpoint()`` is valid until the next epoch is asked for;
    it is None for epochs that were read from a stored reference.
    """

    phase: Phase
    number: int
    total: int
    losses: dict[str, float]
    gauges: dict[str, float]
    measures: dict[str, float | None]
    seconds: float
    snapshot: Snapshot | None = field(default=None, repr=False)
    checkpoint: Callable[[], Checkpoint] | None = field(default=None, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """The plain numbers, as they are written to ``epochs.jsonl``."""
        return {name: getattr(self, name) for name in ("phase", "number", "total", "losses", "gauges", "measures", "seconds")}


@dataclass(frozen=True)
class Reference:
    """A network trained on labels alone, and how that went."""

    model: dict[str, Tensor]
    epochs: list[dict[str, Any]]


OnBatch = Callable[[Phase, int, float], None]


def train(
    experiment: Experiment,
    device: str = "cpu",
    references: MutableMapping[str, Reference] | None = None,
    checkpoint: Checkpoint | None = None,
    on_batch: OnBatch | None = None,
    pair: Pair | None = None,
) -> Iterator[Epoch]:
    """Run an experiment, epoch by epoch.

    Parameters
    ----------
    experiment : Experiment
    device : str
        ``"cpu"``, ``"cuda"`` or ``"mps"``.
    references : mapping of str to Reference, optional
        Where source-trained and oracle networks are looked up and put; a run that finds its own there skips that phase.
    checkpoint : Checkpoint, optional
        Continue after it. On the CPU the rest equals an uninterrupted run bit for bit.
    on_batch : callable, optional
        Told ``(phase, epoch, fraction)`` after each batch; an exception that it raises ends the run.
    pair : Pair, optional
        The experiment's data, where the caller has loaded them already.

    Yields
    ------
    Epoch
    """
    references = {} if references is None else references
    bench = Bench(experiment, pair or load_pair(*experiment.pair), device)
    bench.freeze(on_batch and (lambda share: on_batch("source", 0, share)))
    resumed = list(experiment.phases).index(checkpoint.phase) if checkpoint else -1
    for position, (phase, epochs) in enumerate(experiment.phases.items()):
        if phase in ("oracle", "joint") and (bench.target.labels is None or position < resumed):
            continue
        if phase == "adapt":
            trained = references[experiment.reference_id("source")].model
            start = trained if experiment.start == "source-model" else None
            method = bench.method(experiment.method.name, experiment.method.params, "adapt", start)
            method.begin(bench.seen(method))
            bench.fix_before(method if method.info.instant else bench.method("source-only", {}, "reference", trained))
        else:
            key = experiment.reference_id(phase)
            if key in references:
                done = checkpoint.number if position == resumed else 0
                if position >= resumed:
                    yield from (Epoch(**line) for line in references[key].epochs if line["number"] > done)
                continue
            method = bench.method("source-only" if phase == "source" else phase, {}, "reference")
        mine = checkpoint if position == resumed else None
        past = list(mine.past) if mine else []
        for epoch in _fit(bench, method, phase, epochs, mine, on_batch, past):
            if position >= resumed:
                yield epoch
        if phase != "adapt":
            model = {name: tensor.cpu().clone() for name, tensor in method.network.state_dict().items()}
            references[key] = Reference(model, past)


def _fit(
    bench: Bench,
    method: Method,
    phase: Phase,
    epochs: int,
    checkpoint: Checkpoint | None,
    on_batch: OnBatch | None,
    past: list[dict[str, Any]],
) -> Iterator[Epoch]:
    """Train one method for some epochs, each of which is also added to ``past``. This is the loop."""
    budget = bench.experiment.budget
    optimizer = _optimizer(method, budget)
    generator = bench.generator(phase, "batches")
    first = 0 if phase == "adapt" else 1
    if checkpoint:
        _restore(checkpoint, method, optimizer, generator)
        first = checkpoint.number + 1
    seen = bench.seen(method)
    count = 0 if method.info.instant else batch_count(seen, budget.batch_size, phase == "adapt")

    for number in range(first, epochs + 1):
        started = time.perf_counter()
        if number == 0:
            evaluation, losses, gauges = bench.before, {}, {}
        else:
            method.train()
            losses, gauges, pulls = _Means(), _Means(), {}
            whole = method.epoch(seen, (number - 1) / epochs)
            for i, batch in enumerate(batches(seen, budget.batch_size, count, generator)):
                progress = ((number - 1) * count + i) / (epochs * count)
                for group in optimizer.param_groups:
                    group["lr"] = budget.lr * _decay(budget.schedule, progress)
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
                    on_batch(phase, number, (i + 1) / count)
            losses, gauges = losses.values(), whole | gauges.values() | _gradient_ratio(pulls)
            if not all(map(math.isfinite, losses.values())):
                raise InputError("training", f"the loss became {losses} in epoch {number}.", "Lower the learning rate or the trade-off.")
            evaluation = bench.evaluate(method)
        measures, snapshot = bench.measure(evaluation, phase)
        gauges = gauges | prediction_gauges(evaluation.target_probabilities) | feature_gauges(evaluation.target_features)
        epoch = Epoch(
            phase,
            number,
            epochs,
            losses,
            gauges,
            measures,
            time.perf_counter() - started,
            snapshot,
            lambda number=number: _checkpoint(phase, number, method, optimizer, generator, past),
        )
        past.append(epoch.as_dict())
        yield epoch


def _decay(schedule: str, progress: float) -> float:
    if schedule == "inverse":
        return (1 + 10 * progress) ** -0.75
    return (1 + math.cos(math.pi * progress)) / 2 if schedule == "cosine" else 1.0


def _optimizer(method: Method, budget: Budget) -> torch.optim.Optimizer:
    if budget.optimizer == "adam":
        return torch.optim.Adam(method.parameters(), lr=budget.lr, weight_decay=budget.weight_decay)
    return torch.optim.SGD(method.parameters(), lr=budget.lr, momentum=0.9, nesterov=True, weight_decay=budget.weight_decay)


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
    parts = {"others": sum(others)} if others else {}
    if "task" in step.losses:
        parts["task"] = step.losses["task"]
    return {name: torch.autograd.grad(loss, step.features, retain_graph=True)[0].norm() for name, loss in parts.items()}


def _gradient_ratio(pulls: dict[str, Tensor]) -> dict[str, float]:
    """‖∂L_others/∂f‖ ÷ ‖∂L_task/∂f‖; nothing if there is only one of them."""
    if pulls.keys() != {"task", "others"}:
        return {}
    return {"gradient_ratio": float(pulls["others"] / pulls["task"].clamp_min(1e-12))}


def _checkpoint(
    phase: Phase, number: int, method: Method, optimizer: torch.optim.Optimizer, generator: torch.Generator, past: list[dict[str, Any]]
) -> Checkpoint:
    tensors = {f"method/{name}": tensor for name, tensor in method.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": torch.as_tensor(value) for name, value in state.items() if value is not None}
    tensors["generator"] = generator.get_state()
    return Checkpoint(phase, number, {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}, list(past))


def _restore(checkpoint: Checkpoint, method: Method, optimizer: torch.optim.Optimizer, generator: torch.Generator) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    weights = {}
    for name, tensor in checkpoint.tensors.items():
        kind, _, rest = name.partition("/")
        if kind == "method":
            weights[rest] = tensor
        elif kind == "optimizer":
            index, key = rest.split("/")
            state.setdefault(int(index), {})[key] = tensor.clone()
    method.load_state_dict(weights)
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
    generator.set_state(checkpoint.tensors["generator"])
