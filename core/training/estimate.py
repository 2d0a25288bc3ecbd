"""Before a run: how long it will take, how much it holds, and what one should know."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from core.domains.pair import load_pair
from core.experiment import Experiment
from core.methods import Batch, Method
from core.training.evaluation import Bench, batches

BATCHES = 3
TRIED = 16  # samples of each part that pass through a frozen network
SLOW = 2.0  # seconds of a batch that is tried only once
HIGH_LR = 5e-4  # above it pretrained layers soon forget
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


def estimate(experiment: Experiment, device: str) -> Estimate:
    """Time `BATCHES` real batches of the method and one of evaluation, and scale them up.

    Reference networks are counted as if they had to be trained; a stored one makes the run shorter.

    Raises
    ------
    InputError
        The experiment cannot be run; the text says why.
    """
    pair = load_pair(*experiment.pair)
    bench = Bench(experiment, pair, device)
    sides, size = (bench.source, bench.target), experiment.budget.batch_size
    few = min(TRIED, *(len(part) for side in sides for part in (side.inputs, side.held_out)))
    samples = sum(len(part) for side in sides for part in (side.inputs, side.held_out))
    # A frozen backbone sees every sample once.
    once = _time(lambda: bench.freeze(samples=few), device) * samples / (4 * few) if bench.freezes else 0.0
    method = bench.method(experiment.method.name, experiment.method.params, "adapt")
    info, seen, budget = method.info, bench.seen(method), experiment.budget
    method.begin(seen)
    per_batch = per_epoch = 0.0
    if not info.instant:  # a closed form takes seconds: too long to try it first, and too short to tell
        per_epoch = _time(lambda: method.epoch(seen, 0.0), device)
        per_batch = _seconds_per_batch(method, next(batches(seen, size, 1, bench.generator("estimate"))), device)
    reference = bench.method("source-only", {}, "reference")
    per_labelled_batch = _seconds_per_batch(reference, next(batches(bench.seen(reference), size, 1, bench.generator("estimate"))), device)
    method.eval()
    shown = bench.target.held_out[:size]
    per_sample = _time(lambda: bench.predict(method, shown, "target"), device) / len(shown)
    evaluation = per_sample * sum(len(side.held_out) for side in sides)
    source, target = (len(side.inputs) for side in sides)
    larger = max(source, target) if info.sees_source else target
    seconds = once + experiment.epochs * (per_epoch + per_batch * (larger // budget.batch_size) + evaluation + 0.06)  # MMD and AUC
    rows = {"source": source} | ({} if pair.target.labels is None else {"oracle": target, "joint": source + target})
    for phase in rows.keys() & experiment.phases.keys():
        seconds += experiment.phases[phase] * (rows[phase] // budget.batch_size * per_labelled_batch + evaluation)
    warnings = _about_the_backbone(experiment, seconds)
    if pair.target.labels is None:
        warnings.append("The target has no labels: accuracy stays unknown, and there is no oracle line.")
    if bench.shown < 100:
        warnings.append(f"Only {bench.shown} held-out samples per domain: intervals will be wide.")
    return Estimate(
        seconds,
        tuple(len(side.inputs) for side in sides),
        tuple(len(side.held_out) for side in sides),
        bench.shown,
        sum(p.numel() for p in method.parameters()),
        sum(t.nbytes for side in sides for t in (side.inputs, side.held_out)),
        tuple(warnings),
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


def _seconds_per_batch(method: Method, batch: Batch, device: str) -> float:
    def step() -> None:
        for update in method.steps(batch, 0.5):
            method.zero_grad()
            sum(update.losses.values()).backward(inputs=update.trains)

    first = _time(step, device)  # it also allocates
    if first > SLOW:  # then that does not count, and the user waits
        return 1.15 * first
    return 1.15 * _time(lambda: [step() for _ in range(BATCHES)], device) / BATCHES  # the optimiser's share is about 15 %


def _time(work, device: str) -> float:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - started
