"""What is measured of a network in training: its predictions on held-out samples, measures of them, and the snapshot for pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from core.measures import MEASURED, Evaluation, measure_accuracy
from core.measures.accuracy import gain_interval
from core.measures.classifier import domain_probability
from core.measures.scale import Scale
from core.methods import Method
from core.methods import Side as SideName
from core.training.data import Data, OnRead

CHUNK = 512  # samples that pass through a network at once
GRID = 64  # points a side at which a network of two-dimensional inputs is asked about the plane

Measures = dict[str, float | None]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Held-out samples, the same ones at every epoch, as the network sees them.

    Attributes
    ----------
    features : ndarray
        float32, 2n×D: n source rows, then n target rows.
    probabilities : ndarray
        float32, 2n×K.
    plane : dict of ndarray
        For two-dimensional inputs, uint8 G×G over the square of `Data.plane`, first row at the bottom: ``grid_classes``,
        ``grid_confidence`` and ``grid_domain``, the probability of being a target sample, both of 255. Empty for all other inputs.
    """

    features: np.ndarray
    probabilities: np.ndarray
    plane: dict[str, np.ndarray] = field(default_factory=dict)


def predict(method: Method, inputs: Tensor, side: SideName, chunk: int = CHUNK) -> tuple[np.ndarray, np.ndarray]:
    """Features and softmax probabilities of all inputs of one side, as float32 arrays; the method is in evaluation mode."""
    return _collected(method.infer(part, side) for part in inputs.split(chunk))


@torch.inference_mode()
def _collected(parts: Iterable[tuple[Tensor, Tensor]], on_share: Callable[[int], None] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Features and softmax probabilities, from features and logits in parts; ``on_share`` is told how many samples there are so far."""
    features, probabilities, done = [], [], 0
    for f, logits in parts:
        features.append(f)
        probabilities.append(logits.softmax(1))
        done += len(f)
        if on_share:
            on_share(done)
    return torch.cat(features).cpu().numpy(), torch.cat(probabilities).cpu().numpy()


def evaluate(data: Data, method: Method, scale: Scale | None = None, on_read: OnRead | None = None) -> Evaluation:
    """One pass over the held-out samples of both domains.

    ``scale`` is that of MMD²; where it is left out, these very features fix it. ``on_read`` is told how far it is.
    """
    method.eval()
    source, target, n = data.source, data.target, data.shown
    first, of = len(source.held_out), len(source.held_out) + len(target.held_out)
    told = [on_read and partial(_told, on_read, before, of) for before in (0, first)]
    parts = (method.infer(part, "source") for part in source.held_out.split(CHUNK))
    source_features, source_probabilities = _collected(parts, told[0])
    target_features, target_probabilities = _collected(method.stream(target.held_out), told[1])
    if scale is None:
        scale = Scale.of(*(features[:n][:MEASURED] for features in (source_features, target_features)))
    return Evaluation(
        source_probabilities=source_probabilities,
        target_probabilities=target_probabilities,
        source_labels=source.held_out_labels,
        target_labels=target.held_out_labels,
        source_features=source_features[:n],
        target_features=target_features[:n],
        scale=scale,
        seed=data.experiment.seed,
        grid=None if data.plane is None else predict(method, _grid(data.plane).to(data.device), "target"),
        identities=data.identities,
    )


class Evaluator:
    """What is measured after each epoch of a phase.

    Parameters
    ----------
    data : Data
    measure : callable
        Named numbers of an evaluation.
    before : Evaluation, optional
        What a network says that has not adapted yet: its features fix the scale of the run's MMD².
        None where nothing adapts, in the training of a reference; then there is no snapshot either.
    on_read : callable, optional
        Told how many of the held-out samples have been looked at.
    baseline : Evaluation, optional
        What the gain is over, ``before`` if it is left out: the source's network, trained on as long as the method has been in the end.
    """

    def __init__(
        self,
        data: Data,
        measure: Callable[[Evaluation], Measures] = measure_accuracy,
        before: Evaluation | None = None,
        baseline: Evaluation | None = None,
        on_read: OnRead | None = None,
    ):
        self.data, self.before, self.baseline, self._measure, self._on_read = data, before, baseline or before, measure, on_read

    def evaluate(self, method: Method) -> Evaluation:
        return evaluate(self.data, method, self.before.scale if self.before else None, self._on_read)

    def measure(self, evaluation: Evaluation) -> tuple[Measures, Snapshot | None]:
        """All that is measured of it; MMD² and domain AUC look at the first `MEASURED` samples that are shown."""
        source, target = evaluation.source_features[:MEASURED], evaluation.target_features[:MEASURED]
        measured = replace(evaluation, source_features=source, target_features=target)
        measures = self._measure(measured)
        if self.baseline is None:
            return measures, None
        return measures | _gain(self.baseline, evaluation), self._snapshot(evaluation, _plane_view(measured))

    def _snapshot(self, evaluation: Evaluation, plane: dict[str, np.ndarray]) -> Snapshot:
        n = self.data.shown
        return Snapshot(
            np.concatenate([evaluation.source_features, evaluation.target_features]),
            np.concatenate([evaluation.source_probabilities[:n], evaluation.target_probabilities[:n]]),
            plane,
        )


def _gain(baseline: Evaluation, after: Evaluation) -> Measures:
    """Accuracy of source-only, and what has been gained over it; all None where the target has no labels."""
    if after.target_labels is None:
        return dict.fromkeys(("source_only_target_accuracy", "gain", "gain_low", "gain_high"))
    earlier, now = (e.target_probabilities.argmax(1) == after.target_labels for e in (baseline, after))
    gain = gain_interval(earlier, now)
    return {"source_only_target_accuracy": float(earlier.mean()), "gain": gain.mean, "gain_low": gain.low, "gain_high": gain.high}


def _told(on_read: OnRead, before: int, of: int, done: int) -> None:
    on_read(before + done, of)


def _grid(plane: np.ndarray) -> Tensor:
    """G²×2 inputs, row by row from the bottom left."""
    steps = torch.linspace(-1, 1, GRID) * float(plane[2])
    y, x = torch.meshgrid(steps + float(plane[1]), steps + float(plane[0]), indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1)


def _plane_view(evaluation: Evaluation) -> dict[str, np.ndarray]:
    if evaluation.grid is None:
        return {}
    features, probabilities = evaluation.grid
    domain = domain_probability(evaluation.source_features, evaluation.target_features, features)
    views = {"grid_classes": probabilities.argmax(1), "grid_confidence": 255 * probabilities.max(1), "grid_domain": 255 * domain}
    return {name: np.rint(values).astype(np.uint8).reshape(GRID, GRID) for name, values in views.items()}
