"""The Domain contract: samples, labels, a train/test split, and where they come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar, cast, overload

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from core.domains.account import Account
from core.registry import Registry
from core.samples.drawing import proportional_order
from core.samples.inputs import Inputs
from core.samples.raw import Originals
from core.shifts import SHIFTS, apply_label_shift, apply_shift, choose_samples

Kind = Literal["image", "features", "text", "sound"]
NOUNS: dict[Kind, str] = {"image": "images", "features": "rows of numbers", "text": "texts", "sound": "sounds"}


_TOLD_BY_INPUTS = cast(Kind, None)  # until `Domain.__post_init__` has looked at them


@dataclass(frozen=True)
class Domain:
    """One population of samples.

    What the samples *are* decides which shifts, backbones and pictures fit; what a network reads of them is in ``inputs``:

    ============  ==============================================================  ===========================================
    kind          inputs                                                          originals
    ============  ==============================================================  ===========================================
    image         uint8 N×C×H×W, C in {1, 3}                                      None: the inputs are what a page shows
    features      float32 N×D                                                     D column names, or None
    text          int64 N×L: buckets of hashed words, 0 after the end of a text   N strings
                  (`core.samples.hashing.word_ids`)
    sound         uint8 N×1×H×W: log-mel spectrogram, H bands from low to high,   int16 waves N×S at ``rate`` samples a second
                  W frames, 0 is silence (`core.samples.spectrogram.log_mel`)
    ============  ==============================================================  ===========================================

    Attributes
    ----------
    name : str
        As registered, for example ``"printed-digits"``.
    inputs : Tensor or OnDisk
        In memory, or pictures that stay on disk, of which ``inputs[index]`` is a tensor (`core.domains.reading.stream`).
    labels : Tensor or None
        int64, N, each in ``range(len(class_names))``; None where unknown.
    class_names : tuple of str
    train, test : Tensor
        int64 indices into ``inputs``; disjoint. Methods see ``train``, accuracy is reported on ``test``.
    provenance, licence : str
    kind : {"image", "features", "text", "sound"}
        Left out, it is told by the inputs: four axes are images, two are features.
    originals : tuple of str, ndarray or None
        By kind; read them as `texts`, `waves` or `columns`.
    rate : int
        Samples a second of the waves; 0 for all other kinds.
    missing : Tensor or None
        Of rows of numbers: bool N×D, where the file had no value and one was filled in; None where nothing is known of that.
    account : Account or None
        What became of all rows of the file that it was read from; None where it comes from no file.
    identities : tuple of str, or None
        Of which thing each of the N samples is one, in words: a sample of another domain with the same identity is its twin. No two
        samples of a domain have the same. None where no thing is in two domains.
    """

    name: str
    inputs: Inputs
    labels: Tensor | None
    class_names: tuple[str, ...]
    train: Tensor
    test: Tensor
    provenance: str
    licence: str
    kind: Kind = _TOLD_BY_INPUTS
    originals: tuple[str, ...] | np.ndarray | None = None
    rate: int = 0
    missing: Tensor | None = None
    account: Account | None = None
    identities: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.kind is None:
            object.__setattr__(self, "kind", "image" if self.inputs.ndim == 4 else "features")
        expected = {"text": len(self.inputs), "sound": len(self.inputs), "features": self.inputs.shape[-1]}.get(self.kind)
        needed = self.kind in ("text", "sound")
        if needed if self.originals is None else len(self.originals) != expected:
            found = "none" if self.originals is None else len(self.originals)
            raise ValueError(f"Domain.originals: {found} for {NOUNS[self.kind]} of shape {tuple(self.inputs.shape)}.")
        if self.identities is not None and not len(set(self.identities)) == len(self.identities) == len(self.inputs):
            raise ValueError(f"Domain.identities: {len(set(self.identities))} different ones for {len(self.inputs)} samples.")
        if (self.rate > 0) != (self.kind == "sound"):
            raise ValueError(f"Domain.rate is {self.rate} for {NOUNS[self.kind]}.")

    @property
    def tensor(self) -> Tensor:
        """The inputs of a domain that is in memory."""
        if not isinstance(self.inputs, Tensor):
            raise TypeError(f"The images of {self.name} stay on disk.")
        return self.inputs

    @property
    def known_labels(self) -> Tensor:
        """The labels of a domain that has some."""
        if self.labels is None:
            raise TypeError(f"{self.name} has no labels.")
        return self.labels

    @property
    def texts(self) -> tuple[str, ...]:
        """The N strings of a domain of texts."""
        if self.kind != "text" or not isinstance(self.originals, tuple):
            raise TypeError(f"{self.name} holds {NOUNS[self.kind]}, not texts.")
        return self.originals

    @property
    def waves(self) -> np.ndarray:
        """int16 N×S, the waves of a domain of sounds at `rate` samples a second."""
        if self.kind != "sound" or not isinstance(self.originals, np.ndarray):
            raise TypeError(f"{self.name} holds {NOUNS[self.kind]}, not sounds.")
        return self.originals

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns of rows of numbers; none where they have none, and for all other kinds."""
        return self.originals if self.kind == "features" and isinstance(self.originals, tuple) else ()


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


D = TypeVar("D", bound=BaseModel)
More = ParamSpec("More")  # `DomainEntry.make` of a domain that downloads takes one argument more
Make = Callable[Concatenate[D, int, More], Domain]


class Register(Protocol[D]):
    def __call__(self, make: Make[D, More], /) -> Make[D, More]: ...


@overload
def domain(
    name: str, *, title: str, kind: Kind | None, summary: str, licence: str, listed: bool = True, downloads: bool = False
) -> Register[NoParams]: ...


@overload
def domain(
    name: str, *, title: str, kind: Kind | None, summary: str, licence: str, params: type[D], listed: bool = True, downloads: bool = False
) -> Register[D]: ...


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
) -> Register[Any]:
    """Register the decorated ``make(params, seed) -> Domain``, whose first argument is of the type of ``params``."""

    def register(make: Make[Any, More], /) -> Make[Any, More]:
        DOMAINS.add(DomainEntry(name, title, kind, summary, licence, params, make, listed, downloads))
        return make

    return register


def random_split(n: int, test_fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Random (train, test) indices, in order.

    Labels do not choose. A target's are for scores alone, and held-out samples whose classes come in exact proportion vary less than the
    tests of a shift expect: these would hardly ever raise an alarm, rightly or wrongly.
    """
    order = torch.from_numpy(np.random.default_rng([seed, 0x5B117]).permutation(n))
    cut = round(n * test_fraction)
    return order[cut:].sort().values, order[:cut].sort().values


def with_one_of_each(labels: Tensor, part: Tensor, other: Tensor, least: int = 1) -> tuple[Tensor, Tensor]:
    """Two parts of the samples again, ``part`` with one of each class that it lacks: out of ``other``, where that has ``least`` of it.

    The source alone is mended so: a class that chance left without a training sample cannot be learned.
    """
    lacking = np.setdiff1d(labels[other].numpy(), labels[part].numpy())
    members = [other[labels[other] == c] for c in lacking.tolist()]
    moved = torch.cat([part[:0], *(found[:1] for found in members if len(found) >= least)])
    return torch.cat([part, moved]).sort().values, other[~torch.isin(other, moved)]


def stratified_order(labels: np.ndarray | None, n: int, seed: int) -> np.ndarray:
    """`proportional_order` of n samples; plain random without labels."""
    rng = np.random.default_rng([seed, 0x4E1D])
    return rng.permutation(n) if labels is None else proportional_order(labels, rng)


def shifted(d: Domain, shifts: list[tuple[str, float]], seed: int) -> Domain:
    """The domain with its inputs, its labels, or the choice of its samples passed through the shifts, in order."""
    for name, severity in shifts:
        entry = SHIFTS.get(name, "shift")
        if entry.choose:
            train, test = choose_samples(name, d.tensor, (d.train, d.test), severity, seed)
            d = replace(d, train=train, test=test)
        elif entry.of_labels:
            labels, (train, test) = apply_label_shift(name, d.labels, (d.train, d.test), len(d.class_names), severity, seed)
            d = replace(d, labels=labels, train=train, test=test)
        elif isinstance(d.inputs, Tensor):
            d = replace(d, inputs=apply_shift(name, d.inputs, severity, seed, kind=d.kind))
        else:
            d = replace(d, inputs=d.inputs.shifted(name, severity, seed))
    return d


def chosen_from(d: Domain, rows: Tensor) -> Domain:
    """The domain of some of the samples alone; it has no split."""
    originals = d.originals
    if d.kind == "text":
        originals = tuple(d.texts[i] for i in rows.tolist())
    elif d.kind == "sound":
        originals = d.waves[rows.numpy()]
    labels, none = None if d.labels is None else d.labels[rows], rows[:0]
    inputs = d.inputs[rows] if isinstance(d.inputs, Tensor) else d.inputs.subset(rows)
    missing = None if d.missing is None else d.missing[rows]
    identities = None if d.identities is None else tuple(d.identities[i] for i in rows.tolist())
    return replace(d, inputs=inputs, labels=labels, train=none, test=none, originals=originals, missing=missing, identities=identities)


def originals_of(domains: list[Domain]) -> Originals:
    """What a page shows of the samples of several domains of one kind, one after the other."""
    first = domains[0]
    if first.kind == "text":
        return Originals(texts=tuple(text for d in domains for text in d.texts))
    if first.kind == "sound":
        longest = max(d.waves.shape[1] for d in domains)
        waves = np.concatenate([np.pad(d.waves, ((0, 0), (0, longest - d.waves.shape[1]))) for d in domains])
        return Originals(waves=waves, rate=first.rate)
    named = [d.identities for d in domains if d.identities is not None]
    identities = tuple(name for names in named for name in names) if len(named) == len(domains) else ()
    return Originals(columns=first.columns, identities=identities)
