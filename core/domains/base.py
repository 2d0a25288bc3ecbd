"""The Domain contract: samples, labels, a train/test split, and where they come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from core.errors import InputError
from core.registry import Registry
from core.shifts import apply_shift

Kind = Literal["image", "features"]


@dataclass(frozen=True)
class Domain:
    """One population of samples.

    Attributes
    ----------
    name : str
        As registered, for example ``"printed-digits"``.
    inputs : Tensor
        uint8 images N×C×H×W with C in {1, 3}, or float32 features N×D.
    labels : Tensor or None
        int64, N, each in ``range(len(class_names))``; None where unknown.
    class_names : tuple of str
    train, test : Tensor
        int64 indices into ``inputs``; disjoint. Methods see ``train``, accuracy is reported on ``test``.
    provenance, licence : str
    """

    name: str
    inputs: Tensor
    labels: Tensor | None
    class_names: tuple[str, ...]
    train: Tensor
    test: Tensor
    provenance: str
    licence: str

    @property
    def kind(self) -> Kind:
        return "image" if self.inputs.ndim == 4 else "features"


class NoParams(BaseModel):
    """Parameters of a domain that has none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class DomainEntry:
    """What the registry knows about a domain before any sample is made.

    ``make(params, seed)`` returns the `Domain`. ``kind`` is None where only the loaded data tell. ``listed`` is False for
    domains that a page must not offer (a path on the server's disk is the command line's business). Where ``downloads`` is
    True, ``make`` may fetch files and takes a third, optional argument: a function told the fraction of it that is done.
    """

    name: str
    title: str
    kind: Kind | None
    summary: str
    licence: str
    params: type[BaseModel]
    make: Callable[..., Domain]
    listed: bool = True
    downloads: bool = False


DOMAINS: Registry[DomainEntry] = Registry("domain")


def domain(
    name: str,
    *,
    title: str,
    kind: Kind | None,
    summary: str,
    licence: str,
    params: type[BaseModel] = NoParams,
    listed: bool = True,
    downloads: bool = False,
):
    """Register the decorated ``make(params, seed) -> Domain``."""

    def register(make: Callable[..., Domain]) -> Callable[..., Domain]:
        DOMAINS.add(DomainEntry(name, title, kind, summary, licence, params, make, listed, downloads))
        return make

    return register


def stratified_split(labels: np.ndarray | None, n: int, test_fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Random (train, test) indices in which every class has its share; plain random without labels.

    A class with a single sample goes to the training part.
    """
    rng = np.random.default_rng([seed, 0x5B117])
    groups = [np.arange(n)] if labels is None else [np.flatnonzero(labels == c) for c in np.unique(labels)]
    train, test = [], []
    for group in groups:
        order = rng.permutation(group)
        cut = int(round(len(group) * test_fraction))
        test.append(order[:cut])
        train.append(order[cut:])
    return (torch.from_numpy(np.sort(np.concatenate(train))), torch.from_numpy(np.sort(np.concatenate(test))))


def stratified_order(labels: np.ndarray | None, n: int, seed: int) -> np.ndarray:
    """A random order of n samples of which every first part holds the classes in proportion; plain random without labels.

    Each class is shuffled and spread evenly: its j-th of c samples stands at a random place in [j/c, (j+1)/c).
    """
    rng = np.random.default_rng([seed, 0x4E1D])
    if labels is None:
        return rng.permutation(n)
    place = np.empty(n)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        place[members] = (np.arange(len(members)) + rng.random(len(members))) / len(members)
    return np.argsort(place, kind="stable")


@dataclass(frozen=True)
class Pair:
    """A source and a target that fit together: same kind, same input shape, same classes."""

    source: Domain
    target: Domain

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.source.class_names


def make_pair(source: Domain, target: Domain) -> Pair:
    """Bring two domains to one input shape, or say why that cannot be.

    Images are brought to the larger side and to three channels if either has three (bilinear, antialiased).
    """
    if source.labels is None:
        raise InputError("source", f"{source.name} has no labels.", "Choose a labelled source; only the target may be unlabelled.")
    if source.kind != target.kind:
        raise InputError(
            "target",
            f"{source.name} holds {_noun(source)} and {target.name} holds {_noun(target)}.",
            "Choose two domains of the same kind.",
        )
    if target.labels is not None and source.class_names != target.class_names:
        raise InputError(
            "target",
            f"its classes ({_few(target.class_names)}) are not those of {source.name} ({_few(source.class_names)}).",
            "Choose two domains with the same classes, in the same order.",
        )
    if source.kind == "features":
        if source.inputs.shape[1] != target.inputs.shape[1]:
            raise InputError(
                "target",
                f"{target.name} has {target.inputs.shape[1]} features, {source.name} has {source.inputs.shape[1]}.",
                "Both domains need the same columns.",
            )
        return Pair(source, target)
    channels = max(source.inputs.shape[1], target.inputs.shape[1])
    side = max(*source.inputs.shape[2:], *target.inputs.shape[2:])
    return Pair(_resize(source, channels, side), _resize(target, channels, side))


def _resize(d: Domain, channels: int, side: int) -> Domain:
    x = d.inputs
    if x.shape[1] != channels:
        x = x.expand(-1, channels, -1, -1)
    if tuple(x.shape[2:]) != (side, side):
        parts = [
            F.interpolate(part.float(), (side, side), mode="bilinear", antialias=True, align_corners=False)
            .round_()
            .clamp_(0, 255)
            .to(torch.uint8)
            for part in x.split(4096)
        ]
        x = torch.cat(parts)
    return replace(d, inputs=x.contiguous())


def shifted(d: Domain, shifts: list[tuple[str, float]], seed: int) -> Domain:
    """The domain with its inputs passed through the shifts, in order; labels and split stay."""
    x = d.inputs
    for name, severity in shifts:
        x = apply_shift(name, x, severity, seed)
    return replace(d, inputs=x)


def _noun(d: Domain) -> str:
    return "images" if d.kind == "image" else "rows of numbers"


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + ("…" if len(names) > 5 else "")
