"""train(experiment) -> Iterator[Epoch]: source training, the lines of the references, then adaptation.

To pause is not to call ``next``, to step is to call it once, to cancel is to ``close()`` it, to resume is to start
from a checkpoint. The command line, the background thread and the tests consume the same iterator.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from core.domains import Pair
from core.domains.pair import load_pair
from core.experiment import Experiment, Phase, Role
from core.measures import Evaluation, measure_all
from core.measures.gauges import feature_gauges, prediction_gauges
from core.methods import Method, Seen
from core.training.build import make_method
from core.training.checkpoint import Checkpoint, Line, Reference
from core.training.data import Data, OnRead, batch_plan, batches, held_back
from core.training.evaluation import Evaluator, Measures, Snapshot, evaluate, predict
from core.training.linear import linear_line
from core.training.updates import Rate, learn, make_optimizer

PATIENCE = 3  # epochs without a gain after which training on labels ends
GAIN = 0.01  # nats of cross-entropy on the samples held back that count as one

# What a run does beside its batches: a phase begins, a frozen backbone reads all samples, a network those that are held out.
Step = Literal["begins", "features", "held out"]
OnBatch = Callable[[Phase, int, float], None]
OnStep = Callable[[Phase, Step, int, int], None]


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
    on_step: OnStep | None = None,
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
    measure : callable, optional
        What is measured after each epoch of the adaptation, beside the gain: all registered measures, or a few where those are too slow.

    on_step : callable, optional
        Told ``(phase, step, done, of)`` of what is no batch: that a phase begins, and how many samples of how many were read in it.

    Yields
    ------
    Epoch
    """
    references = {} if references is None else references
    data = Data.of(experiment, pair or load_pair(*experiment.pair), device)
    data = data.embedded(on_step and partial(on_step, "source", "features"))
    phases = _phases(data)
    if checkpoint:
        at = phases.index(checkpoint.phase)
        for role in ("source", "continued"):  # adaptation rests on these networks, which may be stored no more
            if role in phases[:at]:
                deque(_reference(data, role, references, None, on_batch, on_step), maxlen=0)
        phases = phases[at:]
    for phase in phases:
        if on_step:
            on_step(phase, "begins", 0, 0)
        resumed = checkpoint if checkpoint and checkpoint.phase == phase else None
        if phase == "adapt":
            yield from _adaptation(data, references, resumed, on_batch, measure, on_step)
        else:
            yield from _reference(data, phase, references, resumed, on_batch, on_step)


def _phases(data: Data) -> list[Phase]:
    """The phases of a run, in order. A target without labels has no oracle and no joint reference."""
    unknown = () if data.target.labels is not None else ("oracle", "joint")
    return [phase for phase in data.experiment.phases if phase not in unknown]


def _reference(
    data: Data,
    role: Role,
    references: MutableMapping[str, Reference],
    resumed: Checkpoint | None,
    on_batch: OnBatch | None,
    on_step: OnStep | None = None,
) -> Iterator[Epoch]:
    """Train a network on labels alone and put it into ``references``; where it is there already, the epochs are read.

    ``resumed`` is the checkpoint after which these epochs begin.
    """
    experiment = data.experiment
    key = experiment.reference_id(role)
    stored = references.get(key)
    if stored:
        done = resumed.number if resumed else 0
        yield from (Epoch(**line) for line in stored.epochs if line["number"] > done)
        return
    past = list(resumed.past) if resumed else []
    if role == "linear":
        started = time.perf_counter()
        of_network = predict(_source_network(data, references), data.source.held_out, "source")[1]
        line = linear_line(data, of_network.argmax(1) == data.source.held_out_labels)
        past.append(line | {"seconds": time.perf_counter() - started})
        references[key] = Reference({}, past)
        yield Epoch(**past[0])
        return
    if role == "continued":  # as the method itself begins, and with the same batches of the source
        trained = references[experiment.reference_id("source")].model
        method = make_method(data, "source-only", {}, "adapt", trained if experiment.start == "source-model" else None)
    else:
        method = make_method(data, "source-only" if role == "source" else role, {}, "reference")
    yield from _fit(data, method, role, Evaluator(data, on_read=_held_out(on_step, role)), resumed, past, on_batch)
    references[key] = Reference.of(method, past)


def _source_network(data: Data, references: Mapping[str, Reference], role: Role = "source") -> Method:
    """The network that was trained on the source alone, in evaluation mode."""
    weights = references[data.experiment.reference_id(role)].model
    return make_method(data, "source-only", {}, "reference", weights).eval()


def _adaptation(
    data: Data,
    references: MutableMapping[str, Reference],
    resumed: Checkpoint | None,
    on_batch: OnBatch | None,
    measure: Callable[[Evaluation], Measures],
    on_step: OnStep | None,
) -> Iterator[Epoch]:
    """Train the experiment's method. Epoch 0, without ``resumed``, is what the source-trained network says."""
    experiment, asked = data.experiment, data.experiment.method
    trained = references[experiment.reference_id("source")].model
    method = make_method(data, asked.name, asked.params, "adapt", trained if experiment.start == "source-model" else None)
    method.begin(data.seen(method.info))
    unadapted = method if method.info.instant else _source_network(data, references)
    told = _held_out(on_step, "adapt")
    before = evaluate(data, unadapted, on_read=told)
    baseline = evaluate(data, _source_network(data, references, "continued"), on_read=told) if experiment.has_continued else before
    evaluator = Evaluator(data, measure, before, baseline, told)
    yield from _fit(data, method, "adapt", evaluator, resumed, list(resumed.past) if resumed else [], on_batch)


def _held_out(on_step: OnStep | None, phase: Phase) -> OnRead | None:
    """Who tells how many held-out samples have been looked at in a phase."""
    return on_step and partial(on_step, phase, "held out")


def _fit(
    data: Data,
    method: Method,
    phase: Phase,
    evaluator: Evaluator,
    resumed: Checkpoint | None,
    past: list[Line],
    on_batch: OnBatch | None,
) -> Iterator[Epoch]:
    """Train one method for the epochs of a phase, each of which is also added to ``past``. This is the loop.

    Training on labels ends where the loss on samples that are held back from it has not fallen by `GAIN` for `PATIENCE` epochs.
    """
    budget, epochs = data.experiment.budget, data.experiment.phases[phase]
    rate = Rate.of(method, budget)
    optimizer = make_optimizer(method, budget, rate.start)
    adapts = phase in ("adapt", "continued")
    generator = data.generator("adapt" if adapts else phase, "batches")
    before, first = evaluator.before, 0 if evaluator.before else 1
    if resumed:
        resumed.restore(method, optimizer, generator)
        first = resumed.number + 1
    seen = data.seen(method.info)
    rows, kept = (None, None) if adapts else held_back(seen, data.generator(phase, "held back"))
    sizes = (len(seen.source), len(seen.target)) if rows is None else (len(rows),)
    size, count = (0, 0) if method.info.instant else batch_plan(budget, *sizes)
    if kept is not None and settled(past):  # resumed after its last epoch
        return

    for number in range(first, epochs + 1):
        started = time.perf_counter()
        if number == 0 and before:
            evaluation, losses, gauges = before, {}, {}
        else:
            method.train()
            whole = method.epoch(seen, (number - 1) / epochs)
            told = on_batch and partial(on_batch, phase, number)
            losses, gauges = learn(method, optimizer, rate, batches(seen, size, count, generator, rows), number, (epochs, count), told)
            gauges = whole | gauges
            if kept is not None:
                losses["held_back"] = _loss_on(method, seen, kept, size)
            evaluation = evaluator.evaluate(method)
        measures, snapshot = evaluator.measure(evaluation)
        gauges = gauges | prediction_gauges(evaluation.target_probabilities) | feature_gauges(evaluation.target_features)
        last = kept is not None and settled([*past, {"losses": losses}])
        epoch = Epoch(
            phase,
            number,
            number if last else epochs,
            losses,
            gauges,
            measures,
            time.perf_counter() - started,
            snapshot,
            lambda number=number: Checkpoint.of(phase, number, method, optimizer, generator, past),
        )
        past.append(epoch.as_dict())
        yield epoch
        if last:
            return


def settled(past: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the loss on the samples held back has not fallen by `GAIN` below its lowest for the last `PATIENCE` epochs."""
    values = [line["losses"]["held_back"] for line in past]
    return len(values) > PATIENCE and min(values[-PATIENCE:]) > min(values[:-PATIENCE]) - GAIN


@torch.no_grad()
def _loss_on(method: Method, seen: Seen, rows: Tensor, size: int) -> float:
    """Cross-entropy on some of the labelled samples, in evaluation mode; ``size`` of them at once, as they may lie on disk."""
    method.eval()
    logits = torch.cat([method.network(seen.source[part.to(seen.labels.device)])[1] for part in rows.split(size)])
    return float(F.cross_entropy(logits, seen.labels[rows.to(seen.labels.device)]))
