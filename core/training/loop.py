"""train(experiment) -> Iterator[Epoch]: source training, the lines of the references, then adaptation.

To pause is not to call ``next``, to step is to call it once, to cancel is to ``close()`` it, to resume is to start
from a checkpoint. The command line, the background thread and the tests consume the same iterator.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import reduce
from operator import add

import torch
from torch import Tensor

from core.domains import Pair
from core.domains.pair import load_pair
from core.errors import InputError
from core.experiment import Budget, Experiment
from core.measures import Evaluation, measure_all
from core.measures.gauges import feature_gauges, prediction_gauges
from core.methods import Method, Step
from core.training.build import make_method
from core.training.checkpoint import Checkpoint, Line, Phase, Reference, Role
from core.training.data import Data, batch_count, batches
from core.training.evaluation import Evaluator, Measures, Snapshot, evaluate

ROLES: tuple[Role, ...] = ("source", "oracle", "joint")  # of networks that are trained on labels alone, in the order of their training

OnBatch = Callable[[Phase, int, float], None]


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
    measures: Measures
    seconds: float
    snapshot: Snapshot | None = field(default=None, repr=False)
    checkpoint: Callable[[], Checkpoint] | None = field(default=None, repr=False)

    def as_dict(self) -> Line:
        """The plain numbers, as they are written to ``epochs.jsonl``."""
        return {name: getattr(self, name) for name in ("phase", "number", "total", "losses", "gauges", "measures", "seconds")}


def train(
    experiment: Experiment,
    device: str = "cpu",
    references: MutableMapping[str, Reference] | None = None,
    checkpoint: Checkpoint | None = None,
    on_batch: OnBatch | None = None,
    pair: Pair | None = None,
    measure: Callable[[Evaluation], Measures] = measure_all,
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
        Told ``(phase, epoch, fraction)`` after each batch; an exception that it raises ends the run. Epoch 0 of the source
        is the computing of a frozen backbone's features.
    pair : Pair, optional
        The experiment's data, where the caller has loaded them already.
    measure : callable, optional
        What is measured after each epoch of the adaptation, beside the gain: all registered measures, or a few where those are too slow.

    Yields
    ------
    Epoch
    """
    references = {} if references is None else references
    data = Data.of(experiment, pair or load_pair(*experiment.pair), device)
    data = data.embedded(on_batch and (lambda share: on_batch("source", 0, share)))
    phases = _phases(data)
    if checkpoint:
        phases = phases[phases.index(checkpoint.phase) :]
        if checkpoint.phase != "source":  # adaptation starts from that network, which may be stored no more
            deque(_reference(data, "source", references, None, on_batch), maxlen=0)
    for phase in phases:
        resumed = checkpoint if checkpoint and checkpoint.phase == phase else None
        if phase == "adapt":
            yield from _adaptation(data, references, resumed, on_batch, measure)
        else:
            yield from _reference(data, phase, references, resumed, on_batch)


def _phases(data: Data) -> list[Phase]:
    """The phases of a run, in order. A target without labels has no oracle and no joint reference."""
    roles = ROLES if data.target.labels is not None else ROLES[:1]
    return [*(role for role in roles if role in data.experiment.phases), "adapt"]


def _reference(
    data: Data, role: Role, references: MutableMapping[str, Reference], resumed: Checkpoint | None, on_batch: OnBatch | None
) -> Iterator[Epoch]:
    """Train a network on labels alone and put it into ``references``; where it is there already, the epochs are read.

    ``resumed`` is the checkpoint after which these epochs begin.
    """
    key = data.experiment.reference_id(role)
    stored = references.get(key)
    if stored:
        done = resumed.number if resumed else 0
        yield from (Epoch(**line) for line in stored.epochs if line["number"] > done)
        return
    method = make_method(data, "source-only" if role == "source" else role, {}, "reference")
    past = list(resumed.past) if resumed else []
    yield from _fit(data, method, role, Evaluator(data), resumed, past, on_batch)
    references[key] = Reference.of(method, past)


def _adaptation(
    data: Data,
    references: MutableMapping[str, Reference],
    resumed: Checkpoint | None,
    on_batch: OnBatch | None,
    measure: Callable[[Evaluation], Measures],
) -> Iterator[Epoch]:
    """Train the experiment's method. Epoch 0, without ``resumed``, is what the source-trained network says."""
    experiment, asked = data.experiment, data.experiment.method
    trained = references[experiment.reference_id("source")].model
    method = make_method(data, asked.name, asked.params, "adapt", trained if experiment.start == "source-model" else None)
    method.begin(data.seen(method.info))
    unadapted = method if method.info.instant else make_method(data, "source-only", {}, "reference", trained)
    evaluator = Evaluator(data, measure, before=evaluate(data, unadapted))
    yield from _fit(data, method, "adapt", evaluator, resumed, list(resumed.past) if resumed else [], on_batch)


def _fit(
    data: Data,
    method: Method,
    phase: Phase,
    evaluator: Evaluator,
    resumed: Checkpoint | None,
    past: list[Line],
    on_batch: OnBatch | None,
) -> Iterator[Epoch]:
    """Train one method for the epochs of a phase, each of which is also added to ``past``. This is the loop."""
    budget, epochs = data.experiment.budget, data.experiment.phases[phase]
    optimizer = _optimizer(method, budget)
    generator = data.generator(phase, "batches")
    before, first = evaluator.before, 0 if evaluator.before else 1
    if resumed:
        resumed.restore(method, optimizer, generator)
        first = resumed.number + 1
    seen = data.seen(method.info)
    count = 0 if method.info.instant else batch_count(seen, budget.batch_size, phase == "adapt")

    for number in range(first, epochs + 1):
        started = time.perf_counter()
        if number == 0 and before:
            evaluation, losses, gauges = before, {}, {}
        else:
            method.train()
            losses, gauges, pulls = _Means(), _Means(), {}
            whole = method.epoch(seen, (number - 1) / epochs)
            for i, batch in enumerate(batches(seen, budget.batch_size, count, generator)):
                progress = ((number - 1) * count + i) / (epochs * count)
                for group in optimizer.param_groups:
                    group["lr"] = budget.lr * decay(budget.schedule, progress)
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
            evaluation = evaluator.evaluate(method)
        measures, snapshot = evaluator.measure(evaluation)
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
            lambda number=number: Checkpoint.of(phase, number, method, optimizer, generator, past),
        )
        past.append(epoch.as_dict())
        yield epoch


def decay(schedule: str, progress: float) -> float:
    """What is left of the learning rate: constant, inverse (Ganin et al. 2016), or half a cosine."""
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
    parts = {"others": reduce(add, others)} if others else {}
    if "task" in step.losses:
        parts["task"] = step.losses["task"]
    return {name: torch.autograd.grad(loss, step.features, retain_graph=True)[0].norm() for name, loss in parts.items()}


def _gradient_ratio(pulls: dict[str, Tensor]) -> dict[str, float]:
    """‖∂L_others/∂f‖ ÷ ‖∂L_task/∂f‖; nothing if there is only one of them."""
    if pulls.keys() != {"task", "others"}:
        return {}
    return {"gradient_ratio": float(pulls["others"] / pulls["task"].clamp_min(1e-12))}
