"""The bench: an experiment's data on its device, and what is measured on them."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor

from core.backbones import BACKBONES, build_network
from core.domains import DOMAINS, Domain, Pair, make_pair, stratified_order, stratified_split
from core.domains.base import shifted
from core.errors import InputError
from core.experiment import DomainSpec, Experiment, as_input_error
from core.measures import MEASURED, MEASURES, Evaluation, measure_all
from core.measures.accuracy import gain_interval
from core.measures.classifier import domain_probability
from core.measures.mmd import base_bandwidth, normalise
from core.methods import METHODS, Method

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
    """

    inputs: Tensor
    labels: Tensor
    class_names: tuple[str, ...]
    plane: np.ndarray | None


class Bench:
    """The experiment's data on its device, and what is measured on them."""

    def __init__(self, experiment: Experiment, pair: Pair, device: str):
        self.experiment, self.pair, self.device = experiment, pair, torch.device(device)
        self.source = Side.of(pair.source, self.device, experiment.seed, stratified=True)
        # Not by class: the target's labels are for scores alone, and must not even choose the samples that MMD² and AUC are measured on.
        self.target = Side.of(pair.target, self.device, experiment.seed, stratified=False)
        budget = experiment.budget
        smallest, largest = sorted((len(self.source.inputs), len(self.target.inputs)))
        if smallest < budget.batch_size:
            raise InputError(
                "budget.batch_size",
                f"{budget.batch_size} is more than the {smallest} training samples of one domain.",
                f"Choose at most {smallest}.",
            )
        self.batches_per_epoch = largest // budget.batch_size
        n = min(experiment.snapshot, len(self.source.held_out), len(self.target.held_out))
        self.shown = n
        self.bandwidth = math.nan
        planar = pair.source.kind == "features" and self.source.inputs.shape[1] == 2
        self.plane = _plane(torch.cat([self.source.held_out[:n], self.target.held_out[:n]])) if planar else None

    def generator(self, *purpose: str) -> torch.Generator:
        """A stream of random numbers of its own for each purpose, from the experiment's seed."""
        words = np.random.SeedSequence([self.experiment.seed, *" ".join(purpose).encode()]).generate_state(2, np.uint32)
        return torch.Generator().manual_seed(int(words[0]) << 31 ^ int(words[1]))

    def method(self, name: str, params: dict, purpose: str, weights: dict[str, Tensor] | None = None) -> Method:
        """A fresh method. Its network has ``weights``, or fresh ones: references of one experiment start from the same."""
        spec, cls = self.experiment.backbone, METHODS.get(name)
        if cls.info.trains_on == "target" and self.target.labels is None:
            raise InputError(
                "method", f"{name} needs target labels, and the target has none.", "Choose another method or a labelled target."
            )
        backbone = BACKBONES.get(spec.name).params(**spec.params)
        classes, shape = len(self.pair.class_names), tuple(self.source.inputs.shape[1:])
        network = build_network(spec.name, backbone, shape, classes, self.generator("network", purpose), self.pair.source.kind)
        if weights is not None:
            network.load_state_dict(weights)
        return cls(network, cls.Params(**params), backbone.bottleneck, classes, self.generator("method")).to(self.device)

    def evaluate(self, method: Method) -> Evaluation:
        """One pass over the held-out samples of both domains."""
        method.eval()
        sides = [self.source, self.target]
        features, probabilities = zip(*(self.predict(method, side.held_out) for side in sides), strict=True)
        n = self.shown
        return Evaluation(
            *probabilities,
            self.source.held_out_labels,
            self.target.held_out_labels,
            features[0][:n],
            features[1][:n],
            self.bandwidth,
            self.experiment.seed,
            None if self.plane is None else self.predict(method, _grid(self.plane).to(self.device)),
        )

    @staticmethod
    @torch.inference_mode()
    def predict(method: Method, inputs: Tensor, chunk: int = 512) -> tuple[np.ndarray, np.ndarray]:
        """Features and softmax probabilities of all inputs, as float32 arrays."""
        features, probabilities = [], []
        for part in inputs.split(chunk):
            f, logits = method.network(part)
            features.append(f)
            probabilities.append(logits.softmax(1))
        return torch.cat(features).cpu().numpy(), torch.cat(probabilities).cpu().numpy()

    def fix_before(self, method: Method) -> None:
        """Evaluate the source-trained network, and fix the kernel of the run's MMD by its features."""
        before = self.evaluate(method)
        self.bandwidth = base_bandwidth(*(normalise(f[:MEASURED]) for f in (before.source_features, before.target_features)))
        self.before = replace(before, bandwidth=self.bandwidth)

    def measure(self, evaluation: Evaluation, phase: str) -> tuple[dict[str, float | None], Snapshot | None]:
        """All measures and the snapshot in adaptation; accuracies alone in the reference phases."""
        if phase != "adapt":
            return MEASURES.get("source_accuracy").compute(evaluation) | MEASURES.get("target_accuracy").compute(evaluation), None
        measured = replace(
            evaluation,
            source_features=evaluation.source_features[:MEASURED],
            target_features=evaluation.target_features[:MEASURED],
        )
        measures = measure_all(measured)
        if evaluation.target_labels is not None:
            right = [e.target_probabilities.argmax(1) == e.target_labels for e in (self.before, evaluation)]
            gain = gain_interval(*right, seed=self.experiment.seed)
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
        return Samples(inputs, torch.from_numpy(np.concatenate(labels)), self.pair.class_names, self.plane)


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

    If ``stratified``, any first part of the held-out samples holds the classes in proportion.
    """

    inputs: Tensor
    labels: Tensor | None
    held_out: Tensor
    held_out_labels: np.ndarray | None

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
        )


PAIRS_KEPT = 4
_PAIRS: dict[str, Pair] = {}
_PAIRS_LOCK = threading.Lock()


def load_pair(experiment: Experiment, on_progress: Callable[[float], None] | None = None) -> Pair:
    """The experiment's two domains, shifted and brought to one shape.

    The same domain on both sides is cut into two disjoint halves, so that no sample is on both; with other parameters on
    one side, the target is an independent draw. The last few pairs are kept in memory. ``on_progress`` is told the
    fraction of a download.
    """
    key = json.dumps(experiment.model_dump(mode="json", include={"source", "target", "seed"}), sort_keys=True)
    with _PAIRS_LOCK:
        if key in _PAIRS:
            return _PAIRS[key]
    pair = _make_pair(experiment, on_progress)  # outside the lock: a download must not hold up other experiments
    with _PAIRS_LOCK:
        _PAIRS[key] = pair
        while len(_PAIRS) > PAIRS_KEPT:
            del _PAIRS[next(iter(_PAIRS))]
    return pair


def _make_pair(experiment: Experiment, on_progress: Callable[[float], None] | None) -> Pair:
    source, target, seed = experiment.source, experiment.target, experiment.seed
    first = _load(source, seed, on_progress)
    if (source.name, source.params) == (target.name, target.params):
        domains = [_half(first, half, seed) for half in (0, 1)]
    else:
        domains = [first, _load(target, seed + (source.name == target.name), on_progress)]
    shifts = [[(s.name, s.severity) for s in spec.shifts] for spec in (source, target)]
    return make_pair(*(shifted(d, chain, seed) for d, chain in zip(domains, shifts, strict=True)))


def _load(spec: DomainSpec, seed: int, on_progress: Callable[[float], None] | None) -> Domain:
    entry = DOMAINS.get(spec.name)
    more = {"on_progress": on_progress} if entry.downloads else {}
    try:
        params = entry.params(**spec.params)
    except ValidationError as error:  # a file that was there when the experiment was made
        raise as_input_error(error) from error
    return entry.make(params, seed, **more)


def _half(d: Domain, half: int, seed: int) -> Domain:
    labels = None if d.labels is None else d.labels.numpy()
    cut = {}
    for name, part in (("train", d.train), ("test", d.test)):
        groups = stratified_split(None if labels is None else labels[part.numpy()], len(part), 0.5, seed)
        cut[name] = part[groups[half]]
    return replace(d, **cut)
