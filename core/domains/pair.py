"""Two domains that fit together: loaded, cut apart, shifted, brought to one shape, and kept for the next who asks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor

from core.cache import Cache
from core.domains.account import Account
from core.domains.base import DOMAINS, NOUNS, Domain, random_split, shifted, with_one_of_each
from core.domains.classes import share_classes
from core.domains.spec import DomainSpec
from core.errors import InputError, as_input_error


@dataclass(frozen=True)
class Pair:
    """A source and a target that fit together: same kind, same input shape, same classes."""

    source: Domain
    target: Domain

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.source.class_names

    @property
    def accounts(self) -> tuple[Account, ...]:
        """What became of the rows of the files that they come from; one where they were read together."""
        found = [d.account for d in (self.source, self.target) if d.account is not None]
        return tuple(account for i, account in enumerate(found) if account not in found[:i])


def make_pair(source: Domain, target: Domain) -> Pair:
    """Bring two domains to one input shape and to the classes that both have, or say why that cannot be.

    Images are brought to the larger side and to three channels if either has three (bilinear, antialiased). The shorter of two
    texts or sounds is filled up with nothing, which is 0 in both.
    """
    if source.labels is None:
        raise InputError("source", f"{source.name} has no labels.", "Choose a labelled source; only the target may be unlabelled.")
    if len(source.class_names) < 2:
        raise InputError("source", f"{source.name} has only the class {_few(source.class_names)}.", "Choose a source with two classes.")
    if source.kind != target.kind:
        raise InputError(
            "target",
            f"{source.name} holds {NOUNS[source.kind]} and {target.name} holds {NOUNS[target.kind]}.",
            "Choose two domains of the same kind.",
        )
    source, target = share_classes(source, target)
    if target.labels is not None and source.class_names != target.class_names:
        raise InputError(
            "target",
            f"its classes ({_few(target.class_names)}) are not those of {source.name} ({_few(source.class_names)}).",
            "Choose two domains with the same classes, at least two of them.",
        )
    if source.kind == "features":
        if source.inputs.shape[1] != target.inputs.shape[1]:
            raise InputError(
                "target",
                f"{target.name} has {target.inputs.shape[1]} features, {source.name} has {source.inputs.shape[1]}.",
                "Both domains need the same columns.",
            )
        return Pair(source, target)
    if source.kind == "text":
        return Pair(*_padded(source, target))
    if source.kind == "sound":
        if source.rate != target.rate or source.inputs.shape[1:3] != target.inputs.shape[1:3]:
            raise InputError(
                "target",
                f"{target.name} has {target.inputs.shape[2]} bands at {target.rate:,} samples a second, "
                f"{source.name} has {source.inputs.shape[2]} at {source.rate:,}.",
                "Give both sounds at one sample rate.",
            )
        return Pair(*_padded(source, target))
    channels = max(source.inputs.shape[1], target.inputs.shape[1])
    side = max(*source.inputs.shape[2:], *target.inputs.shape[2:])
    return Pair(_resize(source, channels, side), _resize(target, channels, side))


def _padded(*domains: Domain) -> list[Domain]:
    """Both with as many words, or as many frames, as the longer one."""
    longest = max(d.inputs.shape[-1] for d in domains)
    return [replace(d, inputs=F.pad(d.tensor, (0, longest - d.inputs.shape[-1]))) for d in domains]


def _resize(d: Domain, channels: int, side: int) -> Domain:
    x = d.inputs
    if not isinstance(x, Tensor):
        return replace(d, inputs=x.resized(channels, side))
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


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + ("…" if len(names) > 5 else "")


# In entries: pictures that stay on disk have next to no bytes in memory, but each pair of them holds a file of all that was decoded.
PAIRS: Cache[Pair] = Cache("pairs of domains", entries=4)


def load_pair(source: DomainSpec, target: DomainSpec, seed: int, on_progress: Callable[[float], None] | None = None) -> Pair:
    """The two domains of a question, shifted and brought to one shape.

    The same domain on both sides is cut into two disjoint halves, so that no sample is on both; with other parameters on
    one side, the target is an independent draw. The last few pairs are kept in memory, and who asks for one that is being loaded
    waits for it. ``on_progress`` is told the fraction of a download.
    """
    key = json.dumps([source.model_dump(mode="json"), target.model_dump(mode="json"), seed], sort_keys=True)
    return PAIRS.get(key, lambda: _load_both(source, target, seed, on_progress))


def _load_both(source: DomainSpec, target: DomainSpec, seed: int, on_progress: Callable[[float], None] | None) -> Pair:
    first = _load(source, seed, on_progress)
    if (source.name, source.params) == (target.name, target.params):
        domains = _halves(first, seed)
    else:
        # Before they are shifted: a shift of class shares is one of the classes that remain.
        domains = share_classes(first, _load(target, seed + (source.name == target.name), on_progress))
    domains = (_learnable(domains[0]), domains[1])
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


def _halves(d: Domain, seed: int) -> tuple[Domain, Domain]:
    """The samples cut in two at random. A class that chance left out of the source's training half gets a sample of the target's."""
    (train, other_train), (test, other_test) = ([part[half] for half in random_split(len(part), 0.5, seed)] for part in (d.train, d.test))
    if d.labels is not None:
        train, other_train = with_one_of_each(d.labels, train, other_train)
        train, other_test = with_one_of_each(d.labels, train, other_test)
    return replace(d, train=train, test=test), replace(d, train=other_train, test=other_test)


def _learnable(source: Domain) -> Domain:
    """Each class with a training sample, and with a held-out one where it has two; where chance left it without, one is moved over."""
    if source.labels is None:
        return source
    train, test = with_one_of_each(source.labels, source.train, source.test)
    test, train = with_one_of_each(source.labels, test, train, least=2)
    return replace(source, train=train, test=test)
