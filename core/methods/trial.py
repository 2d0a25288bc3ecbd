"""Small data and a briefly trained network, on which any method can be tried."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from core.backbones import Network, build_network
from core.backbones.small import MLPParams
from core.methods.base import Batch, Method, Seen, Step

CLASSES, WIDTH, SAMPLES, BATCH = 3, 8, 48, 16


@dataclass(frozen=True)
class Trial:
    """A method and the samples that it is tried on: three clouds of points or three patterns, on the target a little elsewhere."""

    cls: type[Method]
    params: dict[str, Any] = field(default_factory=dict)
    other_target: bool = False  # the same source with another target
    other_labels: bool = False

    @property
    def of_images(self) -> bool:
        return bool(self.cls.info.kinds) and "features" not in self.cls.info.kinds

    def seen(self) -> Seen:
        info, (source, labels, target) = self.cls.info, samples(self.of_images)
        if self.other_target:
            target = 255 - target if self.of_images else target.flip(1) + 0.5
        if self.other_labels:
            labels = labels[torch.randperm(SAMPLES, generator=torch.Generator().manual_seed(5))]
        n, k = SAMPLES if info.sees_source else 0, 2 * CLASSES if info.setting == "semi-supervised" else 0
        return Seen(source[:n], labels[:n], target, target[:k], torch.arange(k) % CLASSES)

    def batch(self, seed: int = 0, n: int = BATCH, m: int = BATCH) -> Batch:
        seen, generator = self.seen(), torch.Generator().manual_seed(seed)
        rows, index = torch.randint(SAMPLES, (n,), generator=generator), torch.randperm(SAMPLES, generator=generator)[:m]
        rows = rows[: len(seen.source)]
        return Batch(seen.source[rows], seen.labels[rows], seen.target[index], index, seen.shots, seen.shot_labels)

    def fresh(self, seed: int = 0) -> Method:
        """As adaptation begins: the network knows the source, everything of the method's own is newly drawn."""
        network = trained(self.of_images)
        method = self.cls(network, self.cls.Params(**self.params), WIDTH, CLASSES, torch.Generator().manual_seed(seed))
        method.begin(self.seen())
        return method

    def warm(self) -> Method:
        """In the middle of adaptation, before the batches of an epoch; a copy for whoever asks."""
        return copy.deepcopy(self._warmed)

    @cached_property
    def _warmed(self) -> Method:
        method = self.started()
        self.learn(method, 20)
        method.epoch(self.seen(), 0.5)
        return method

    def started(self) -> Method:
        method = self.fresh()
        method.epoch(self.seen(), 0.0)
        return method

    def learn(self, method: Method, steps: int = 5) -> Method:
        optimizer = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], lr=0.02, momentum=0.9)
        for i in range(steps):
            for step in method.steps(self.batch(i), i / steps):
                optimizer.zero_grad()
                total(step.losses).backward(inputs=step.trains)
                optimizer.step()
        return method


def samples(of_images: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Source, its labels, and target."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(SAMPLES) % CLASSES
    centres = torch.rand(CLASSES, 1, 8, 8, generator=generator) if of_images else torch.tensor([[0.0, 2], [-2, -1], [2, -1]])
    spread = 0.1 if of_images else 0.5
    source, target = (
        centres[labels] + spread * torch.randn(SAMPLES, *centres.shape[1:], generator=generator) for _ in ("source", "target")
    )
    target = 0.7 * target + 0.2
    if of_images:
        source, target = ((255 * x).clamp(0, 255).to(torch.uint8) for x in (source, target))
    return source, labels, target


def trained(of_images: bool) -> Network:
    """A network of its own for whoever asks, sure of most source samples."""
    network = new_network(of_images)
    network.load_state_dict(trained_weights(of_images))
    return network


def new_network(of_images: bool) -> Network:
    shape = (1, 8, 8) if of_images else (2,)
    return build_network("mlp", MLPParams(width=16, depth=2, bottleneck=WIDTH), shape, CLASSES, torch.Generator().manual_seed(0))


@lru_cache
def trained_weights(of_images: bool) -> dict[str, Tensor]:
    network, (source, labels, _) = new_network(of_images), samples(of_images)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(network(source)[1], labels).backward()
        optimizer.step()
    return copy.deepcopy(network.state_dict())


def total(losses: Mapping[str, Tensor]) -> Tensor:
    return torch.stack(list(losses.values())).sum()


def updates(method: Method, batch: Batch, progress: float = 0.5) -> list[Step]:
    """All updates of one batch, without any of them being carried out."""
    return list(method.steps(batch, progress))


def same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))
