"""What a shift report compares: held-out samples of both domains, as they are or as a network sees them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.domains import Domain, stratified_order
from core.domains.account import Account
from core.domains.base import chosen_from, originals_of
from core.domains.pair import Pair, load_pair
from core.errors import InputError
from core.experiment import Experiment
from core.measures import MEASURED, Populations
from core.measures.base import numbered
from core.measures.mmd import random_halves
from core.measures.scale import Scale
from core.samples.raw import Originals, Raw
from core.training.build import make_method
from core.training.data import Data, held_out_rows

SIDE = 16  # pixels: larger images are reduced to this before they are compared
COMMON = 300  # words of a text that are counted
TRAINING = 2000  # source training samples that teach the classifier of classes
ENOUGH = 50  # held-out samples of each domain; with fewer all samples are compared, where nothing has been trained on them
FEWEST = 5  # samples of each domain: of four no permutation could be so rare that it counts as evidence

View = Literal["raw", "fresh", "pretrained", "trained"]
VIEWS: dict[View, str] = {
    "raw": "raw inputs",
    "fresh": "features of an untrained network",
    "pretrained": "features of an ImageNet network",
    "trained": "features of the source-trained network",
}


@dataclass(frozen=True, eq=False)
class Material:
    """Samples ready to be compared. Each column has mean 0 and deviation 1 over the measured ones; columns that never vary are gone.

    Attributes
    ----------
    rows : float32, 2n×D
        n source rows, then n target rows.
    pool : float32, ≥n×D
        Held-out source rows, the first n as above; more where the A/A control or equal class shares need them.
    training : float32, at most `TRAINING`×D, or None
        Source training rows, with ``training_labels``; None where all samples are compared, so that none is left to train on.
    pool_labels, target_labels : int64
        Of the pool, and of the n target rows; None where the target has no labels.
    sizes : tuple of int
        How many samples each domain has in all.
    columns : int
        Before constant ones were left out.
    bandwidth : float
        Of the MMD kernel; mean and deviation are of the same `Scale`, as those of a run are.
    raw : tuple of Raw
        The compared source and target samples as they are.
    inputs, originals
        The 2n samples as a page shows them, in the order of ``rows``.
    """

    experiment: Experiment
    view: View
    n: int
    columns: int
    bandwidth: float
    rows: np.ndarray
    pool: np.ndarray
    training: np.ndarray | None
    training_labels: np.ndarray
    pool_labels: np.ndarray
    target_labels: np.ndarray | None
    raw: tuple[Raw, Raw]
    inputs: Tensor
    originals: Originals
    class_names: tuple[str, ...]
    sizes: tuple[int, int]
    accounts: tuple[Account, ...]
    blind: bool = False

    @property
    def measured(self) -> int:
        """Samples per domain that the statistics look at."""
        return min(self.n, MEASURED)

    @cached_property
    def compared(self) -> Populations:
        """Source and target."""
        source, target = self.rows[: self.measured], self.rows[self.n : self.n + self.measured]
        names, n = self.originals.identities, self.measured
        things = numbered((names[: self.n], names[self.n :]), n) if names else None
        return Populations(source, target, self.bandwidth, self.experiment.seed, things)

    @cached_property
    def control(self) -> Populations | None:
        """Two random sets of source samples, as many as are compared where the source has that many, or its halves.

        None where a half has fewer than `FEWEST`.
        """
        halves = random_halves(self.pool[: 2 * self.measured], self.experiment.seed)
        return Populations(*halves, self.bandwidth, self.experiment.seed) if len(halves[0]) >= FEWEST else None


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
    rows = _rows(pair, experiment.seed, spare=view != "trained")
    n = min(experiment.snapshot, *map(len, rows))
    if n < FEWEST:
        which = "held-out samples" if view == "trained" else "samples"
        what = f"the source has {len(rows[0])} {which} and the target {len(rows[1])}, and with fewer than {FEWEST} nothing can be told."
        raise InputError("source", what, f"Give at least {FEWEST} samples of each; from about 30 on, shifts of some size are seen.")
    source, target = pair.source, pair.target
    count = max(n, min(2 * MEASURED, len(rows[0])))
    taught = source.known_labels[source.train].numpy()
    train = source.train[torch.from_numpy(stratified_order(taught, len(taught), experiment.seed)[:TRAINING])]
    held_out = len(rows[0]) <= len(source.test)
    parts = [source.inputs[rows[0][:count]], target.inputs[rows[1][:n]], *([source.inputs[train]] if held_out else [])]
    make = _flattened(source.kind, torch.cat(parts[:2])) if view == "raw" else _network(experiment, pair, view, weights)
    pool, compared, *training = (make(part) for part in parts)
    varies, shown = Scale.of(pool, compared).varies, min(n, MEASURED)
    if not varies.any():
        what = f"every column is constant in the {len(pool)} + {len(compared)} samples of both domains."
        raise InputError("source", what, "Choose data in which something varies.")
    scale = Scale.of(pool[:shown, varies], compared[:shown, varies])
    pool, compared, *training = (scale.standardised(x[:, varies]).astype(np.float32) for x in (pool, compared, *training))
    labels = None if blind else target.labels
    sides = [chosen_from(d, chosen[:n]) for d, chosen in zip((source, target), rows, strict=True)]
    return Material(
        experiment=experiment,
        view=view,
        n=n,
        columns=len(varies),
        bandwidth=scale.bandwidth,
        rows=np.concatenate([pool[:n], compared]),
        pool=pool,
        training=training[0] if training else None,
        training_labels=source.known_labels[train].numpy(),
        pool_labels=source.known_labels[rows[0][:count]].numpy(),
        target_labels=None if labels is None else labels[rows[1][:n]].numpy(),
        raw=(_raw(source, rows[0][:shown]), _raw(target, rows[1][:shown])),
        inputs=torch.cat([side.inputs[:] for side in sides]),
        originals=originals_of(sides),
        class_names=pair.class_names,
        sizes=(len(source.inputs), len(target.inputs)),
        accounts=pair.accounts,
        blind=blind,
    )


def _rows(pair: Pair, seed: int, spare: bool) -> tuple[Tensor, Tensor]:
    """Which samples of each domain are compared: those that are held out, in the order of a run's.

    Where ``spare`` says that nothing has been trained on the others, and fewer than `ENOUGH` of a domain are held out, all.
    """
    if spare and min(len(pair.source.test), len(pair.target.test)) < ENOUGH:
        pair = Pair(*(replace(d, train=d.train[:0], test=torch.cat([d.train, d.test]).sort().values) for d in (pair.source, pair.target)))
    return held_out_rows(pair, seed)


def _raw(d: Domain, rows: Tensor) -> Raw:
    part = chosen_from(d, rows)
    return Raw(d.kind, part.inputs[:].numpy(), originals_of([part]), None if part.missing is None else part.missing.numpy())


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


def _network(experiment: Experiment, pair: Pair, view: View, weights: Mapping[str, Tensor] | None) -> Callable[[Tensor], np.ndarray]:
    spec = experiment.backbone
    if view == "trained" and weights is None:
        raise InputError(
            "backbone", f"no source-trained {spec.name} is stored for these domains.", "Run it once on Adapt, or compare raw inputs."
        )
    if view == "pretrained" and spec.params.get("weights", "none") == "none":
        raise InputError("backbone", f"{spec.name} has no pretrained weights here.", "Choose resnet18 with pretraining.")
    data = Data.of(experiment, pair, "cpu")
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
