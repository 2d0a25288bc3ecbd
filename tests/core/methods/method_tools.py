"""What the tests of methods share: small methods and batches, and gradients by finite differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from core.backbones import build_network
from core.backbones.small import MLPParams
from core.methods import METHODS, Batch, Method, Seen
from core.methods.trial import CLASSES, WIDTH, same, updates

__all__ = ["CLASSES", "WIDTH", "same", "updates"]  # as the contract's own checks have them
NAMES = METHODS.names()
ADAPTING = [m.info.name for m in METHODS if m.info.adapts]
ITERATIVE = [m.info.name for m in METHODS if not m.info.instant]
SIDE = 8
# Fresh networks are sure of nothing: at their defaults these methods would learn from no target sample.
SURE = {name: {"threshold": 0} for name in ("pseudo-label", "fixmatch", "mean-teacher", "tri-training")}


def make(name: str, seed: int = 0, **params) -> Method:
    """A small method that has been told what there is, `seen` of its own kind, and is about to get the batches of an epoch."""
    cls, generator = METHODS.get(name), torch.Generator().manual_seed(seed)
    shape = (1, SIDE, SIDE) if cls.info.kinds == ("image",) else (2,)
    network = build_network("mlp", MLPParams(width=16, bottleneck=WIDTH), shape, CLASSES, generator)
    method = cls(network, cls.Params(**SURE.get(name, {}) | params), WIDTH, CLASSES, generator)
    method.begin(seen(name))
    if not cls.info.instant:
        method.epoch(seen(name), 0.5)
    if name == "tri-training":  # two fresh labellers agree on nothing
        method.given.copy_(torch.arange(48) % CLASSES)
    return method


def seen(name: str, seed: int = 0, n: int = 48, m: int = 48) -> Seen:
    """All that the method may look at: points in the plane, or small images for a method that needs images."""
    info, generator = METHODS.get(name).info, torch.Generator().manual_seed(seed)
    shape = (1, SIDE, SIDE) if info.kinds == ("image",) else (2,)
    source, target = torch.randn(n, *shape, generator=generator), 0.5 * torch.randn(m, *shape, generator=generator) + 1
    if info.kinds == ("image",):
        source, target = ((127 + 60 * x).clamp(0, 255).to(torch.uint8) for x in (source, target))
    labels, given = torch.arange(n) % CLASSES, torch.arange(6) % CLASSES
    n, k = n if info.sees_source else 0, 6 if info.setting == "semi-supervised" else 0
    return Seen(source[:n], labels[:n], target, target[:k], given[:k])


def batch(seed: int = 0, n: int = 16, m: int = 16, name: str = "source-only") -> Batch:
    """A batch as the method would be given it."""
    whole, generator = seen(name), torch.Generator().manual_seed(seed)
    a, b = torch.randint(0, 48, (n,), generator=generator), torch.randperm(48, generator=generator)[:m]
    a = a if len(whole.source) else a[:0]
    return Batch(whole.source[a], whole.labels[a], whole.target[b], b, whole.shots, whole.shot_labels)


def double(b: Batch) -> Batch:
    return replace(b, source=b.source.double(), target=b.target.double(), shots=b.shots.double())


def learn(method: Method, steps: int = 5) -> Method:
    optimizer = torch.optim.SGD(method.parameters(), lr=0.02, momentum=0.9)
    for i in range(steps):
        for step in method.steps(batch(i, name=method.name), 0.5):
            optimizer.zero_grad()
            sum(step.losses.values()).backward(inputs=step.trains)
            optimizer.step()
    return method


def numeric_gradient(f: Callable[[np.ndarray], float], x: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """Central differences in float64."""
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved[i] += sign * h
            ends.append(f(moved))
        gradient[i] = (ends[0] - ends[1]) / (2 * h)
    return gradient


def gradients(loss: Tensor, *inputs: Tensor) -> list[np.ndarray]:
    return [g.numpy() for g in torch.autograd.grad(loss, inputs)]


def agrees(loss: Callable[..., Tensor], reference: Callable[..., float], *arrays: np.ndarray, atol: float = 1e-8) -> None:
    """The loss of float64 tensors has the reference's value, and the reference's gradient by each of them."""
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    value = loss(*tensors)
    assert value.item() == pytest.approx(reference(*arrays), rel=1e-9, abs=1e-12)
    for i, found in enumerate(gradients(value, *tensors)):
        expected = numeric_gradient(lambda moved, i=i: reference(*arrays[:i], moved, *arrays[i + 1 :]), arrays[i])
        np.testing.assert_allclose(found, expected, atol=atol)
        assert np.abs(found).max() > 1e-4


def clouds(m: int, n: int, d: int = 4, shift: float = 0.5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(m, d)), 1.3 * rng.normal(size=(n, d)) + shift


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)
