"""Before a run: how long it will take, how much it holds, and what one should know."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from core.bench import Bench, batch_count, batches, load_pair
from core.experiment import Experiment
from core.methods import Batch, Method

BATCHES = 3


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
    pair = load_pair(experiment)
    bench = Bench(experiment, pair, device)
    method = bench.method(experiment.method.name, experiment.method.params, "adapt")
    seen, size = bench.seen(method), experiment.budget.batch_size
    method.begin(seen)
    per_batch = per_epoch = 0.0
    if not method.info.instant:  # a closed form takes seconds: too long to try it first, and too short to tell
        per_epoch = _time(lambda: method.epoch(seen, 0.0), device)
        per_batch = _seconds_per_batch(method, next(batches(seen, size, 1, bench.generator("estimate"))), device)
    reference = bench.method("source-only", {}, "reference")
    per_labelled_batch = _seconds_per_batch(reference, next(batches(bench.seen(reference), size, 1, bench.generator("estimate"))), device)
    method.eval()
    per_sample = _time(lambda: bench.predict(method, bench.target.held_out[:size], "target"), device) / min(
        size, len(bench.target.held_out)
    )
    held_out = len(bench.source.held_out) + len(bench.target.held_out)
    per_epoch += per_batch * batch_count(seen, size, True) + per_sample * held_out
    seconds = per_epoch * experiment.epochs + 0.06 * experiment.epochs  # MMD and AUC
    for phase, rows in _reference_rows(bench).items():
        if phase in experiment.phases:
            seconds += experiment.phases[phase] * (rows // size * per_labelled_batch + per_sample * held_out)
    warnings = []
    if pair.target.labels is None:
        warnings.append("The target has no labels: accuracy stays unknown, and there is no oracle line.")
    if bench.shown < 100:
        warnings.append(f"Only {bench.shown} held-out samples per domain: intervals will be wide.")
    return Estimate(
        seconds,
        (len(bench.source.inputs), len(bench.target.inputs)),
        (len(bench.source.held_out), len(bench.target.held_out)),
        bench.shown,
        sum(p.numel() for p in method.parameters()),
        sum(t.nbytes for side in (bench.source, bench.target) for t in (side.inputs, side.held_out)),
        tuple(warnings),
    )


def _reference_rows(bench: Bench) -> dict[str, int]:
    """How many labelled samples the training of each reference goes through in an epoch."""
    source, target = len(bench.source.inputs), len(bench.target.inputs)
    return {"source": source} | ({} if bench.target.labels is None else {"oracle": target, "joint": source + target})


def _seconds_per_batch(method: Method, batch: Batch, device: str) -> float:
    def step() -> None:
        for update in method.steps(batch, 0.5):
            method.zero_grad()
            sum(update.losses.values()).backward(inputs=update.trains)

    step()  # the first one allocates
    return 1.15 * _time(lambda: [step() for _ in range(BATCHES)], device) / BATCHES  # the optimiser's share is about 15 %


def _time(work, device: str) -> float:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - started
