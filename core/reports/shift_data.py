"""What a shift report compares: held-out samples of both domains, as they are or as a network sees them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.domains import Domain, stratified_order
from core.domains.account import Account
from core.domains.base import chosen_from, originals_of
from core.domains.pair import load_pair
from core.errors import InputError
from core.experiment import Experiment
from core.measures import MEASURED, Populations
from core.measures.mmd import random_halves
from core.samples.raw import Raw
from core.training.build import make_method
from core.training.data import Data, Samples

SIDE = 16  # pixels: larger images are reduced to this before they are compared
COMMON = 300  # words of a text that are counted
TRAINING = 2000  # source training samples that teach the classifier of classes

View = Literal["raw", "fresh", "pretrained", "trained"]
VIEWS: dict[View, str] = {
    "raw": "raw inputs",
    "fresh": "features of an untrained network",
    "pretrained": "features of an ImageNet network",
    "trained": "features of the source-trained network",
}


@dataclass(frozen=True, eq=False)
class Material:
    """Samples ready to be compared. Every column has mean 0 and deviation 1 over all held-out ones; constant columns are gone.

    Attributes
    ----------
    rows : float32, 2n×D
        n source rows, then n target rows.
    pool : float32, ≥n×D
        Held-out source rows, the first n as above; more where the A/A control or equal class shares need them.
    training : float32, at most `TRAINING`×D
        Source training rows, with ``training_labels``.
    pool_labels, target_labels : int64
        Of the pool, and of the n target rows; None where the target has no labels.
    columns : int
        Before constant ones were left out.
    raw : tuple of Raw
        The compared source and target samples as they are.
    """

    experiment: Experiment
    view: View
    n: int
    columns: int
    rows: np.ndarray
    pool: np.ndarray
    training: np.ndarray
    training_labels: np.ndarray
    pool_labels: np.ndarray
    target_labels: np.ndarray | None
    raw: tuple[Raw, Raw]
    samples: Samples
    class_names: tuple[str, ...]
    class_shares: tuple[np.ndarray, np.ndarray | None]
    accounts: tuple[Account, ...]
    blind: bool = False

    @property
    def measured(self) -> int:
        """Samples per domain that the statistics look at."""
        return min(self.n, MEASURED)

    @cached_property
    def compared(self) -> Populations:
        """Source and target. The kernel's width is the mean squared distance; if no column varies among these, any will do."""
        source, target = self.rows[: self.measured], self.rows[self.n : self.n + self.measured]
        bandwidth = float(2 * np.concatenate([source, target]).var(0, ddof=1, dtype=np.float64).sum()) or 1.0
        return Populations(source, target, bandwidth, self.experiment.seed)

    @cached_property
    def control(self) -> Populations:
        """Two random sets of source samples, as many as are compared where the source has that many, or its halves."""
        halves = random_halves(self.pool[: 2 * self.measured], self.experiment.seed)
        return Populations(*halves, self.compared.bandwidth, self.experiment.seed)


def material(experiment: Experiment, view: View = "raw", weights: Mapping[str, Tensor] | None = None, blind: bool = False) -> Material:
    """Load both domains, and bring their samples into rows of numbers.

    Parameters
    ----------
    experiment : Experiment
        Its source, target, seed and, for the features of a network, its backbone.
    view : {"raw", "fresh", "pretrained", "trained"}
        Images are reduced to 16×16 pixels and texts to counts of their 300 most common words before raw inputs are compared.
    weights : mapping of str to Tensor, optional
        The source-trained network, for the view "trained".
    blind : bool
        Treat the target as if it had no labels.

    Raises
    ------
    InputError
        The domains cannot be loaded or do not fit together, or there is no such network.
    """
    pair = load_pair(*experiment.pair)
    data = Data.of(experiment, pair, "cpu")
    n, source, target = data.shown, data.source, data.target
    count = max(n, min(2 * MEASURED, len(source.held_out)))
    order = torch.from_numpy(stratified_order(source.labels.numpy(), len(source.labels), experiment.seed)[:TRAINING])
    parts = [source.held_out[:count], target.held_out[:n], source.inputs[order]]
    make = _flattened(pair.source.kind, torch.cat(parts[:2])) if view == "raw" else _network(data, view, weights)
    pool, compared, training = (make(part) for part in parts)
    pooled = np.concatenate([pool, compared])
    mean, spread = pooled.mean(0, dtype=np.float64), pooled.std(0, dtype=np.float64)
    varies = spread > 1e-9 * np.maximum(1, np.abs(mean))
    if not varies.any():
        raise InputError("source", "every column is constant in both domains.", "Choose data in which something varies.")
    pool, compared, training = (
        ((x - mean) / np.where(varies, spread, 1))[:, varies].astype(np.float32) for x in (pool, compared, training)
    )
    shown = min(n, MEASURED)
    labels, held_out_labels = (None, None) if blind else (target.labels, target.held_out_labels)
    return Material(
        experiment=experiment,
        view=view,
        n=n,
        columns=len(varies),
        rows=np.concatenate([pool[:n], compared]),
        pool=pool,
        training=training,
        training_labels=source.labels[order].numpy(),
        pool_labels=source.held_out_labels[:count],
        target_labels=None if held_out_labels is None else held_out_labels[:n],
        raw=(_raw(pair.source, source.rows[:shown]), _raw(pair.target, target.rows[:shown])),
        samples=Samples.of(experiment, pair),
        class_names=pair.class_names,
        class_shares=(source.labels.numpy(), None if labels is None else labels.numpy()),
        accounts=pair.accounts,
        blind=blind,
    )


def _raw(d: Domain, rows: Tensor) -> Raw:
    part = chosen_from(d, rows)
    return Raw(d.kind, part.inputs[:].numpy(), originals_of([part]))


def _flattened(kind: str, pooled: Tensor) -> Callable[[Tensor], np.ndarray]:
    """A function from inputs to rows of numbers: pixels, columns, or counts of the words that are most common in ``pooled``."""
    if kind == "text":
        words, counts = pooled[pooled > 0].unique(return_counts=True)
        common = words[counts.argsort(descending=True, stable=True)[:COMMON]]
        return lambda x: torch.stack([(x == word).sum(1) for word in common], dim=1).numpy().astype(np.float64)

    def flat(x: Tensor) -> np.ndarray:
        x = x.float()
        if x.ndim == 4 and max(x.shape[-2:]) > SIDE:
            x = F.interpolate(x, (SIDE, SIDE), mode="bilinear", antialias=True)
        return x.flatten(1).numpy().astype(np.float64)

    return flat


def _network(data: Data, view: View, weights: Mapping[str, Tensor] | None) -> Callable[[Tensor], np.ndarray]:
    spec = data.experiment.backbone
    if view == "trained" and weights is None:
        raise InputError(
            "backbone", f"no source-trained {spec.name} is stored for these domains.", "Run it once on Adapt, or compare raw inputs."
        )
    if view == "pretrained" and spec.params.get("weights", "none") == "none":
        raise InputError("backbone", f"{spec.name} has no pretrained weights here.", "Choose resnet18 with pretraining.")
    # Of a frozen backbone only what follows it is stored; the layers themselves are those that `Data.embedded` takes.
    trained, partly = weights if view == "trained" else None, data.freezes
    method = make_method(data, "source-only", {}, "adapt" if partly else "reference", None if partly else trained).eval()
    if partly and trained is not None:
        method.network.load_state_dict(trained, strict=False)
    # A pretrained network's bottleneck is a fresh layer: what was learnt lies before it.
    features = (lambda x: method.network.body(method.network.prepare(x))) if view == "pretrained" else method.network.features

    @torch.inference_mode()
    def run(x: Tensor) -> np.ndarray:
        return torch.cat([features(part) for part in x.split(256)]).double().numpy()

    return run
