"""The bench: an experiment's data on its device, and what is measured on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np
import torch
from torch import Tensor

from core.backbones import BACKBONES, Network, build_network, embed, initialise, is_frozen
from core.domains import Domain, Pair, stratified_order
from core.domains.base import chosen_from, originals_of
from core.domains.reading.stream import joined
from core.errors import InputError
from core.experiment import Experiment
from core.measures import MEASURED, Evaluation, measure_accuracy, measure_all
from core.measures.accuracy import gain_interval
from core.measures.classifier import domain_probability
from core.measures.mmd import base_bandwidth, normalise
from core.methods import METHODS, Batch, Method, Seen
from core.methods import Side as SideName
from core.samples.raw import Originals
from core.training.frozen import frozen_features

EVALUATED = 5000  # held-out samples per domain that are looked at after each epoch, at most
GRID = 64  # points a side at which a network of two-dimensional inputs is asked about the plane
MARGIN = 1.15  # the plane that is shown, in half-extents of the samples


@dataclass(frozen=True)
class Snapshot:
    """Held-out samples, the same ones at every epoch, as the network sees them.

    Attributes
    ----------
    features : ndarray
        float32, 2n×D: n source rows, then n target rows.
    probabilities : ndarray
        float32, 2n×K.
    plane : dict of ndarray
        For two-dimensional inputs, uint8 G×G over the square of `Samples.plane`, first row at the bottom: ``grid_classes``,
        ``grid_confidence`` and ``grid_domain``, the probability of being a target sample, both of 255. Empty for all other inputs.
    """

    features: np.ndarray
    probabilities: np.ndarray
    plane: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Samples:
    """The held-out samples of a snapshot, for pictures: n source ones, then n target ones.

    ``plane`` is centre and half-extent (x, y, h) of the square that is shown of two-dimensional inputs, None for all others.
    ``originals`` are what a page shows of texts, sounds and columns.
    """

    inputs: Tensor
    labels: Tensor
    class_names: tuple[str, ...]
    plane: np.ndarray | None
    originals: Originals = Originals()


class Bench:
    """The experiment's data on its device, and what is measured on them."""

    def __init__(self, experiment: Experiment, pair: Pair, device: str):
        self.experiment, self.pair, self.device = experiment, pair, torch.device(device)
        self.source = Side.of(pair.source, self.device, experiment.seed, stratified=True)
        # Not by class: the target's labels are for scores alone, and must not even choose the samples that MMD² and AUC are measured on.
        self.target = Side.of(pair.target, self.device, experiment.seed, stratified=False)
        budget = experiment.budget
        smallest = min(len(self.source.inputs), len(self.target.inputs))
        if smallest < budget.batch_size:
            raise InputError(
                "budget.batch_size",
                f"{budget.batch_size} is more than the {smallest} training samples of one domain.",
                f"Choose at most {smallest}.",
            )
        n = min(experiment.snapshot, len(self.source.held_out), len(self.target.held_out))
        self.shown = n
        self.bandwidth = math.nan
        self.frozen_width = 0
        planar = pair.source.kind == "features" and self.source.inputs.shape[1] == 2
        self.plane = _plane(torch.cat([self.source.held_out[:n], self.target.held_out[:n]])) if planar else None

    @property
    def freezes(self) -> bool:
        """Whether nothing of the backbone is trained."""
        spec = self.experiment.backbone
        return is_frozen(spec.name, spec.params)

    def freeze(self, on_share: Callable[[float], None] | None = None, samples: int | None = None) -> None:
        """Where nothing of the backbone is trained, put its features in the place of the inputs: they are computed once.

        ``samples`` of each part stand for all of it in an estimate. ``on_share`` is told the fraction that is done.
        """
        if not self.freezes:
            return
        seen = []
        for i, (name, side, domain) in enumerate((("source", self.source, self.pair.source), ("target", self.target, self.pair.target))):
            rows = torch.cat([domain.train[:samples], side.chosen[:samples]])
            share = None if on_share is None else lambda done, i=i: on_share((i + done) / 2)
            compute = partial(self._backbone_features, domain, rows, share)
            counts = (len(domain.train), len(side.chosen))
            train, held_out = frozen_features(self.experiment, name, str(self.device), compute, counts, samples)
            seen.append(replace(side, inputs=train, held_out=held_out))
        self.source, self.target = seen
        self.frozen_width = seen[0].inputs.shape[1]

    def _backbone_features(self, domain: Domain, rows: Tensor, on_share: Callable[[float], None] | None) -> Tensor:
        """float32 len(rows)×width, from the layers before the bottleneck."""
        spec = self.experiment.backbone
        params = BACKBONES.get(spec.name).params(**spec.params)
        return embed(spec.name, params, chosen_from(domain, rows), self.device, self.generator("network", "adapt"), on_share)

    def generator(self, *purpose: str) -> torch.Generator:
        """A stream of random numbers of its own for each purpose, from the experiment's seed."""
        words = np.random.SeedSequence([self.experiment.seed, *" ".join(purpose).encode()]).generate_state(2, np.uint32)
        return torch.Generator().manual_seed(int(words[0]) << 31 ^ int(words[1]))

    def method(self, name: str, params: dict, purpose: str, weights: dict[str, Tensor] | None = None) -> Method:
        """A fresh method. Its network has ``weights``, or fresh ones: references of one experiment start from the same."""
        spec, cls = self.experiment.backbone, METHODS.get(name)
        if cls.info.trains_on != "source" and self.target.labels is None:
            raise InputError(
                "method", f"{name} needs target labels, and the target has none.", "Choose another method or a labelled target."
            )
        backbone = BACKBONES.get(spec.name).params(**spec.params)
        classes, generator = len(self.pair.class_names), self.generator("network", purpose)
        if self.frozen_width:
            network = Network(torch.nn.Identity(), torch.nn.Identity(), self.frozen_width, backbone.bottleneck, classes)
            initialise(network, generator)
        else:
            shape = tuple(self.source.inputs.shape[1:])
            network = build_network(spec.name, backbone, shape, classes, generator, self.pair.source.kind)
        network.mixed = self.experiment.budget.precision == "bfloat16"
        if weights is not None:
            network.load_state_dict(weights)
        made = cls(network, cls.Params(**params), network.width, classes, self.generator("method"))
        made.label_smoothing = self.experiment.budget.label_smoothing
        return made.to(self.device)

    def seen(self, method: Method) -> Seen:
        """What the method may look at. A reference that trains on target labels is given them as if they were the source's."""
        source, target, info = self.source, self.target, method.info
        parts = {"source": [source], "target": [target], "both": [source, target]}[info.trains_on if info.sees_source else "source"]
        inputs, labels = parts[0].inputs, parts[0].labels
        if len(parts) > 1:
            inputs, labels = joined([side.inputs for side in parts]), torch.cat([side.labels for side in parts])
        if not info.sees_source:
            inputs, labels = inputs[:0], labels[:0]
        rows = self.shot_rows
        return Seen(inputs, labels, target.inputs, target.inputs[rows], rows if target.labels is None else target.labels[rows])

    @cached_property
    def shot_rows(self) -> Tensor:
        """int64, which of the target's training samples are labelled ones: ``shots`` of each class, or all where it has fewer."""
        labels, k = self.target.labels, self.experiment.shots
        if not k:
            return torch.empty(0, dtype=torch.int64, device=self.device)
        if labels is None:
            raise InputError("shots", "the target has no labels to give away.", "Choose a method that needs none.")
        order = torch.randperm(len(labels), generator=self.generator("shots")).to(self.device)
        chosen = [order[labels[order] == c][:k] for c in range(len(self.pair.class_names))]
        for name, found in zip(self.pair.class_names, chosen, strict=True):
            if not len(found):
                raise InputError("shots", f"class {name} has no training sample on the target.", "Choose another target or method.")
        return torch.cat(chosen)

    def evaluate(self, method: Method) -> Evaluation:
        """One pass over the held-out samples of both domains."""
        method.eval()
        sides: dict[SideName, Side] = {"source": self.source, "target": self.target}
        features, probabilities = zip(*(self.predict(method, side.held_out, name) for name, side in sides.items()), strict=True)
        n = self.shown
        return Evaluation(
            *probabilities,
            self.source.held_out_labels,
            self.target.held_out_labels,
            features[0][:n],
            features[1][:n],
            self.bandwidth,
            self.experiment.seed,
            None if self.plane is None else self.predict(method, _grid(self.plane).to(self.device), "target"),
        )

    @staticmethod
    @torch.inference_mode()
    def predict(method: Method, inputs: Tensor, side: SideName, chunk: int = 512) -> tuple[np.ndarray, np.ndarray]:
        """Features and softmax probabilities of all inputs of one side, as float32 arrays."""
        features, probabilities = [], []
        for part in inputs.split(chunk):
            f, logits = method.infer(part, side)
            features.append(f)
            probabilities.append(logits.softmax(1))
        return torch.cat(features).cpu().numpy(), torch.cat(probabilities).cpu().numpy()

    def fix_before(self, method: Method) -> None:
        """Evaluate what has not adapted yet, and fix the kernel of the run's MMD by its features."""
        before = self.evaluate(method)
        self.bandwidth = base_bandwidth(*(normalise(f[:MEASURED]) for f in (before.source_features, before.target_features)))
        self.before = replace(before, bandwidth=self.bandwidth)

    def measure(self, evaluation: Evaluation, phase: str) -> tuple[dict[str, float | None], Snapshot | None]:
        """All measures and the snapshot in adaptation; accuracies alone in the reference phases."""
        if phase != "adapt":
            return measure_accuracy(evaluation), None
        measured = replace(
            evaluation,
            source_features=evaluation.source_features[:MEASURED],
            target_features=evaluation.target_features[:MEASURED],
        )
        measures = measure_all(measured)
        if evaluation.target_labels is not None:
            right = [e.target_probabilities.argmax(1) == e.target_labels for e in (self.before, evaluation)]
            gain = gain_interval(*right)
            measures["source_only_target_accuracy"] = float(right[0].mean())
            measures |= {"gain": gain.mean, "gain_low": gain.low, "gain_high": gain.high}
        else:
            measures |= dict.fromkeys(("source_only_target_accuracy", "gain", "gain_low", "gain_high"))
        n = self.shown
        return measures, Snapshot(
            np.concatenate([evaluation.source_features, evaluation.target_features]),
            np.concatenate([evaluation.source_probabilities[:n], evaluation.target_probabilities[:n]]),
            {} if evaluation.grid is None else _plane_view(measured),
        )

    def samples(self) -> Samples:
        """The samples behind the snapshots; unknown labels are −1."""
        n, sides = self.shown, (self.source, self.target)
        labels = [np.full(n, -1) if s.held_out_labels is None else s.held_out_labels[:n] for s in sides]
        inputs = torch.cat([s.held_out[:n].cpu() for s in sides])
        originals = originals_of([chosen_from(d, s.chosen[:n]) for d, s in ((self.pair.source, sides[0]), (self.pair.target, sides[1]))])
        return Samples(inputs, torch.from_numpy(np.concatenate(labels)), self.pair.class_names, self.plane, originals)


def batch_count(seen: Seen, size: int, adapts: bool) -> int:
    """Full batches of an epoch: of the larger domain in adaptation, of the labelled samples alone in a reference's training."""
    return (max(len(seen.source), len(seen.target)) if adapts else len(seen.source)) // size


def batches(seen: Seen, size: int, count: int, generator: torch.Generator) -> Iterator[Batch]:
    """``count`` batches of ``size`` samples of each domain, and of the shots as many as there are up to that."""
    parts = (seen.source, seen.target, seen.shots)
    for a, b, c in zip(*(_draws(part, min(size, len(part)), count, generator) for part in parts), strict=True):
        yield Batch(seen.source[a], seen.labels[a], seen.target[b], b, seen.shots[c], seen.shot_labels[c])


def _draws(inputs: Tensor, size: int, count: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Indices of ``count`` full batches: shuffled passes over the inputs, the last partial batch of a pass dropped."""
    n, given = len(inputs), 0
    while given < count:
        if not n:
            yield torch.empty(0, dtype=torch.int64, device=inputs.device)
            given += 1
            continue
        for batch in torch.randperm(n, generator=generator)[: n - n % size].split(size)[: count - given]:
            given += 1
            yield batch.to(inputs.device)


def _plane(inputs: Tensor) -> np.ndarray:
    """Centre and half-extent (x, y, h), float32, of a square that holds all N×2 inputs with some margin."""
    low, high = inputs.cpu().double().aminmax(dim=0)
    half = float((high - low).max()) / 2 * MARGIN
    return np.array([*((low + high) / 2).tolist(), half or 1.0], np.float32)


def _grid(plane: np.ndarray) -> Tensor:
    """G²×2 inputs, row by row from the bottom left."""
    steps = torch.linspace(-1, 1, GRID) * float(plane[2])
    y, x = torch.meshgrid(steps + float(plane[1]), steps + float(plane[0]), indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1)


def _plane_view(evaluation: Evaluation) -> dict[str, np.ndarray]:
    features, probabilities = evaluation.grid
    domain = domain_probability(evaluation.source_features, evaluation.target_features, features)
    views = {"grid_classes": probabilities.argmax(1), "grid_confidence": 255 * probabilities.max(1), "grid_domain": 255 * domain}
    return {name: np.rint(values).astype(np.uint8).reshape(GRID, GRID) for name, values in views.items()}


@dataclass(frozen=True)
class Side:
    """One domain on the device: training samples with labels, held-out samples in a fixed random order.

    If ``stratified``, any first part of the held-out samples holds the classes in proportion. ``chosen`` are their indices.
    """

    inputs: Tensor
    labels: Tensor | None
    held_out: Tensor
    held_out_labels: np.ndarray | None
    chosen: Tensor

    @staticmethod
    def of(d: Domain, device: torch.device, seed: int, stratified: bool) -> Side:
        known = d.labels is not None
        order = stratified_order(d.labels[d.test].numpy() if known and stratified else None, len(d.test), seed)
        chosen = d.test[torch.from_numpy(order[:EVALUATED])]
        return Side(
            (d.inputs[d.train] if isinstance(d.inputs, Tensor) else d.inputs.subset(d.train)).to(device),
            d.labels[d.train].to(device) if known else None,
            d.inputs[chosen].to(device),
            d.labels[chosen].numpy() if known else None,
            chosen,
        )
