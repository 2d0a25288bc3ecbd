"""An experiment's data on its device: both sides, what a method may see of them, and its batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import torch
from torch import Tensor

from core.backbones import BACKBONES, embed, is_frozen
from core.domains import Domain, Pair, stratified_order
from core.domains.base import chosen_from, originals_of
from core.domains.reading.stream import joined
from core.errors import InputError
from core.experiment import Budget, Experiment
from core.methods import Batch, MethodInfo, Seen
from core.methods import Side as SideName
from core.samples.inputs import Inputs
from core.samples.raw import Originals
from core.training.frozen import frozen_features

EVALUATED = 5000  # held-out samples per domain that are looked at after each epoch, at most
FEWEST = 4  # training samples of a domain: batch norm's variance of fewer says nothing
OnRead = Callable[[int, int], None]  # told how many samples of how many are done
MARGIN = 1.15  # the plane that is shown, in half-extents of the samples


@dataclass(frozen=True, eq=False)
class Side:
    """One domain on the device: training samples with labels, held-out samples in the order of `held_out_rows`.

    Training samples may stay on disk; those that are held out are in memory. ``rows`` are their indices in the domain.
    """

    inputs: Inputs
    labels: Tensor | None
    held_out: Tensor
    held_out_labels: np.ndarray | None
    rows: Tensor

    @staticmethod
    def of(d: Domain, rows: Tensor, device: torch.device) -> Side:
        return Side(
            (d.inputs[d.train] if isinstance(d.inputs, Tensor) else d.inputs.subset(d.train)).to(device),
            None if d.labels is None else d.labels[d.train].to(device),
            d.inputs[rows].to(device),
            None if d.labels is None else d.labels[rows].numpy(),
            rows,
        )


@dataclass(frozen=True, eq=False)
class LabelledSide(Side):
    """A source: `core.domains.pair.make_pair` takes none without labels."""

    labels: Tensor
    held_out_labels: np.ndarray

    @staticmethod
    def of(d: Domain, rows: Tensor, device: torch.device) -> LabelledSide:
        side, labels = Side.of(d, rows, device), d.known_labels
        return LabelledSide(side.inputs, labels[d.train].to(device), side.held_out, labels[rows].numpy(), rows)


@dataclass(frozen=True, eq=False)
class Samples:
    """The held-out samples of a run's snapshots, for pictures: n source ones, then n target ones.

    Attributes
    ----------
    inputs : Tensor
        2n samples, on the CPU.
    labels : Tensor
        int64; −1 where they are unknown.
    plane : ndarray or None
        Centre and half-extent (x, y, h) of the square that is shown of two-dimensional inputs, None for all others.
    originals : Originals
        What a page shows of texts, sounds and columns.
    """

    inputs: Tensor
    labels: Tensor
    class_names: tuple[str, ...]
    plane: np.ndarray | None
    originals: Originals

    @staticmethod
    def of(experiment: Experiment, pair: Pair) -> Samples:
        rows = held_out_rows(pair, experiment.seed)
        n = _shown(experiment, rows)
        parts = [chosen_from(d, chosen[:n]) for d, chosen in zip((pair.source, pair.target), rows, strict=True)]
        inputs = torch.cat([part.inputs[:] for part in parts])
        labels = [torch.full((n,), -1) if part.labels is None else part.labels for part in parts]
        return Samples(inputs, torch.cat(labels), pair.class_names, _plane(pair, inputs), originals_of(parts))


@dataclass(frozen=True, eq=False)
class Data:
    """An experiment's data on its device. `Data.of` makes it, `embedded` exchanges the inputs of a frozen backbone for its features.

    Attributes
    ----------
    shown : int
        Held-out samples of each side that a snapshot holds: the first ones.
    plane : ndarray or None
        As of `Samples`.
    is_embedded : bool
        Whether the sides hold features of the frozen backbone, N×width, in the place of inputs.
    """

    experiment: Experiment
    pair: Pair
    device: torch.device
    source: LabelledSide
    target: Side
    shown: int
    plane: np.ndarray | None
    is_embedded: bool = False

    @staticmethod
    def of(experiment: Experiment, pair: Pair, device: str) -> Data:
        """The inputs of both domains; raises `InputError` where one of them has not enough for batch norm."""
        place, rows = torch.device(device), held_out_rows(pair, experiment.seed)
        source, target = LabelledSide.of(pair.source, rows[0], place), Side.of(pair.target, rows[1], place)
        for name, side in (("source", source), ("target", target)):
            if len(side.inputs) < FEWEST:
                what = f"it has {len(side.inputs)} training samples, and a network needs {FEWEST} or more."
                raise InputError(name, what, "Give it more samples; `measure` compares smaller ones.")
        n = _shown(experiment, rows)
        return Data(experiment, pair, place, source, target, n, _plane(pair, source.held_out[:n], target.held_out[:n]))

    @property
    def identities(self) -> tuple[list[str], list[str]] | None:
        """What the held-out samples of both sides are; None where one side does not say it."""
        first, second = self.pair.source.identities, self.pair.target.identities
        if first is None or second is None:
            return None
        return [first[row] for row in self.source.rows.tolist()], [second[row] for row in self.target.rows.tolist()]

    @property
    def freezes(self) -> bool:
        """Whether nothing of the backbone is trained."""
        spec = self.experiment.backbone
        return is_frozen(spec.name, spec.params)

    def embedded(self, on_read: OnRead | None = None, samples: int | None = None) -> Data:
        """Where nothing of the backbone is trained, its features in the place of the inputs: they are computed once.

        ``samples`` of each part stand for all of it in an estimate. ``on_read`` is told how many samples of how many are done.
        """
        if not self.freezes:
            return self
        counts = [len(side.inputs) + len(side.held_out) for side in (self.source, self.target)]
        first, second = (_counted(on_read, sum(counts[:i]), counts[i], sum(counts)) for i in range(2))
        inputs, held_out = self._features("source", self.source, self.pair.source, first, samples)
        source = replace(self.source, inputs=inputs, held_out=held_out)
        inputs, held_out = self._features("target", self.target, self.pair.target, second, samples)
        return replace(self, source=source, target=replace(self.target, inputs=inputs, held_out=held_out), is_embedded=True)

    def _features(
        self, name: SideName, side: Side, domain: Domain, on_share: Callable[[float], None] | None, samples: int | None
    ) -> tuple[Tensor, Tensor]:
        """Of a side's training and held-out samples."""
        rows = torch.cat([domain.train[:samples], side.rows[:samples]])
        counts = (len(domain.train), len(side.rows))
        compute = partial(self._backbone_features, domain, rows, on_share)
        return frozen_features(self.experiment, name, str(self.device), compute, counts, samples)

    def _backbone_features(self, domain: Domain, rows: Tensor, on_share: Callable[[float], None] | None) -> Tensor:
        """float32 len(rows)×width, from the layers before the bottleneck."""
        spec = self.experiment.backbone
        params = BACKBONES.get(spec.name).params(**spec.params)
        return embed(spec.name, params, chosen_from(domain, rows), self.device, self.generator("network", "adapt"), on_share)

    def generator(self, *purpose: str) -> torch.Generator:
        """A stream of random numbers of its own for each purpose, from the experiment's seed."""
        words = np.random.SeedSequence([self.experiment.seed, *" ".join(purpose).encode()]).generate_state(2, np.uint32)
        return torch.Generator().manual_seed(int(words[0]) << 31 ^ int(words[1]))

    def seen(self, info: MethodInfo) -> Seen:
        """What a method may look at. A reference that trains on target labels is given them as if they were the source's."""
        source, target = self.source, self.target
        sides = {"source": [source], "target": [target], "both": [source, target]}[info.trains_on]
        known = [side.labels for side in sides if side.labels is not None]
        if len(known) < len(sides):
            what = f"{info.name} needs target labels, and the target has none."
            raise InputError("method", what, "Choose another method or a labelled target.")
        if not info.sees_source:
            inputs, labels = source.inputs[:0], source.labels[:0]
        elif len(sides) == 1:
            inputs, labels = sides[0].inputs, known[0]
        else:
            inputs, labels = joined([side.inputs for side in sides]), torch.cat(known)
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


def held_out_rows(pair: Pair, seed: int) -> tuple[Tensor, Tensor]:
    """Which samples of each domain are looked at after an epoch, int64, at most `EVALUATED`, in a fixed random order.

    Labels choose on neither side. The target's are for scores alone, and a source whose classes come in proportion, beside a target whose
    classes come as they fall, varies less than the tests of a shift expect: they would hardly ever raise an alarm, rightly or wrongly.
    """
    sides = (pair.source, pair.target)
    first, second = (d.test[torch.from_numpy(stratified_order(None, len(d.test), seed)[:EVALUATED])] for d in sides)
    return first, second


def _counted(on_read: OnRead | None, before: int, count: int, of: int) -> Callable[[float], None] | None:
    """Who is told the share of ``count`` samples that is done, and tells how many of all ``of``; ``before`` of them are done already."""
    return None if on_read is None else lambda share: on_read(before + round(share * count), of)


def _shown(experiment: Experiment, rows: tuple[Tensor, Tensor]) -> int:
    return min(experiment.snapshot, *map(len, rows))


def _plane(pair: Pair, *inputs: Tensor) -> np.ndarray | None:
    """Centre and half-extent (x, y, h), float32, of a square that holds all N×2 inputs with some margin."""
    if pair.source.kind != "features" or inputs[0].shape[1] != 2:
        return None
    low, high = torch.cat(inputs).cpu().double().aminmax(dim=0)
    half = float((high - low).max()) / 2 * MARGIN
    return np.array([*((low + high) / 2).tolist(), half or 1.0], np.float32)


def batch_plan(budget: Budget, *sizes: int) -> tuple[int, int]:
    """Samples of a batch, and batches of an epoch, over domains of these sizes (0 for one that is not seen).

    A batch is no larger than the smallest domain, so that both give it as many; an epoch passes the largest once, and takes
    ``least_updates`` at least.
    """
    size = min(budget.batch_size, *(n for n in sizes if n))
    return size, max(max(sizes) // size, budget.least_updates)


def batches(seen: Seen, size: int, count: int, generator: torch.Generator, rows: Tensor | None = None) -> Iterator[Batch]:
    """``count`` batches of ``size`` samples of each domain, and of the shots as many as there are up to that.

    ``rows`` are the source's samples that are drawn from, where it is not all of them.
    """
    own = torch.arange(len(seen.source)) if rows is None else rows
    parts = (own, torch.arange(len(seen.target)), torch.arange(len(seen.shots)))
    for a, b, c in zip(*(_draws(part, min(size, len(part)), count, generator, seen.target.device) for part in parts), strict=True):
        yield Batch(seen.source[a], seen.labels[a], seen.target[b], b, seen.shots[c], seen.shot_labels[c])


def _draws(rows: Tensor, size: int, count: int, generator: torch.Generator, device: torch.device) -> Iterator[Tensor]:
    """``count`` full batches of rows: shuffled passes over them, the last partial batch of a pass dropped."""
    n, given = len(rows), 0
    while given < count:
        if not n:
            yield torch.empty(0, dtype=torch.int64, device=device)
            given += 1
            continue
        for batch in torch.randperm(n, generator=generator)[: n - n % size].split(size)[: count - given]:
            given += 1
            yield rows[batch].to(device)


def held_back(seen: Seen, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Rows of the labelled samples to train on, and a tenth (at least 10, at most 500, never above a quarter) to see when to stop by."""
    order = torch.randperm(len(seen.source), generator=generator)
    few = count_held_back(len(order))
    return order[few:], order[:few]


def count_held_back(n: int) -> int:
    return min(max(round(0.1 * n), 10), 500, n // 4)
