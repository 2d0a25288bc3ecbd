"""The domain contract as one call: `check_domain` makes a domain and says what it breaks and how to mend it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.domains.base import DOMAINS, Domain, DomainEntry
from core.registry.contract import require, require_params, require_sentences, require_text, run_checks
from core.samples.spectrogram import BANDS

# Domain → check → why it fails; none does.
DRAWN = ("inputs", "labels", "train", "test")


def check_domain(domain: str | DomainEntry, params: Mapping[str, Any] | None = None, exceptions: Mapping[str, str] | None = None) -> None:
    """Make a domain with three seeds and look at it. Whatever it downloads must be there, or be reached.

    Parameters
    ----------
    domain : str or DomainEntry
        Registered, or an entry that is not registered yet.
    params : mapping, optional
        Its parameters; the defaults where left out.
    exceptions : mapping of str to str, optional
        Names of checks that are known to fail, each with the reason.

    Raises
    ------
    AssertionError
        Something breaks the contract; the sentence says what, and how to mend it.
    InputError
        There is no domain of this name.
    """
    entry = DOMAINS.get(domain) if isinstance(domain, str) else domain
    run_checks(f"Domain {entry.name!r}", CHECKS, Trial(entry, dict(params or {})), exceptions or {})


@dataclass(frozen=True)
class Trial:
    """A domain's entry, and what it makes."""

    entry: DomainEntry
    params: dict[str, Any]

    def make(self, seed: int) -> Domain:
        return self.entry.make(self.entry.params(**self.params), seed)

    @cached_property
    def made(self) -> Domain:
        return self.make(0)

    @property
    def inputs(self) -> Tensor:
        if not isinstance(self.made.inputs, Tensor):
            raise AssertionError("the inputs stay on disk. Give params with which they fit into memory.")  # noqa: TRY004  (a check)
        return self.made.inputs


def facts(trial: Trial) -> None:
    """A reader is told what it is, where it comes from, and what may be done with it."""
    entry, made = trial.entry, trial.made
    require_text(name=entry.name, title=entry.title, licence=entry.licence)
    require_sentences(summary=entry.summary)
    require_text(provenance=made.provenance, licence=made.licence)
    require(made.name == entry.name, f"the domain calls itself {made.name!r}. Give Domain(…) the name that is registered.")
    require(entry.kind in (None, made.kind), f"it makes {made.kind} and is registered as {entry.kind}. Say what it makes.")


def parameters(trial: Trial) -> None:
    """Default, range and meaning stand side by side."""
    require_params(trial.entry.params)


def inputs(trial: Trial) -> None:
    """The inputs have the type and the shape of their kind, and are not all the same."""
    kind, x = trial.made.kind, trial.inputs
    dtype, axes = {"image": (torch.uint8, 4), "sound": (torch.uint8, 4), "text": (torch.int64, 2)}.get(str(kind), (torch.float32, 2))
    found = f"{kind} inputs are {x.dtype} of {tuple(x.shape)}"
    require(x.dtype == dtype and x.ndim == axes, f"{found}, not {dtype} with {axes} axes. See the table in Domain's docstring.")
    require(x.float().isfinite().all(), f"{found} and not all finite. Leave such samples out, or fill them.")
    require((x != x[:1]).any(), f"{found} and all samples are the same.")
    if kind == "image":
        require(x.shape[1] in (1, 3), f"{found}. Images have one channel or three.")
    if kind == "sound":
        require(x.shape[1:3] == (1, BANDS), f"{found}. Make them by core.samples.spectrogram.log_mel.")
        waves = trial.made.originals
        require(isinstance(waves, np.ndarray) and waves.dtype == np.int16, "the waves are not int16. Give them as originals.")
    if kind == "text":
        require((x[:, 0] > 0).all(), f"{found} and some have no word. Make them by core.samples.hashing.word_ids.")
    if kind in ("image", "sound"):
        require(x.float().std() > 10, f"{found} with a deviation of {float(x.float().std()):.3g}. They reach from 0 to 255.")


def labels(trial: Trial) -> None:
    """Each class has samples and a name of its own; labels may be unknown."""
    made = trial.made
    if made.labels is None:
        return
    found = made.labels
    good = found.dtype == torch.int64 and found.shape == (len(trial.inputs),)
    require(good, f"labels are {found.dtype} of {tuple(found.shape)} for {len(trial.inputs)} samples. Give an int64 for each.")
    classes = list(range(len(made.class_names)))
    require(found.unique().tolist() == classes, f"labels are {found.unique().tolist()} for the classes {made.class_names}. Use {classes}.")
    require(len(set(made.class_names)) == len(classes), f"two classes have one name: {made.class_names}.")


def split(trial: Trial) -> None:
    """Every sample is in the training part or in the test part, and classes differ in both by chance alone."""
    made = trial.made
    require(made.train.dtype == made.test.dtype == torch.int64, "train and test are not int64. Make them by random_split.")
    both = torch.cat([made.train, made.test]).sort().values
    require(torch.equal(both, torch.arange(len(trial.inputs))), "train and test overlap, or leave samples out. Use random_split.")
    share = len(made.test) / len(both)
    require(0.15 < share < 0.4, f"{share:.0%} of the samples are held out. Hold out a third or so: accuracy is measured there.")
    if made.labels is None:
        return
    parts = (made.train, made.test)
    first, second = (torch.bincount(made.labels[part], minlength=len(made.class_names)) / len(part) for part in parts)
    chance = (first * (1 - first) * sum(1 / len(part) for part in parts)).sqrt()
    off = (first - second).abs()
    # A random split is off by five deviations once in a million; USPS's official parts differ by 0.04.
    far = off > (5 * chance).clamp(min=0.06)
    require(not far.any(), f"the share of a class differs by {float(off.max()):.2f} between train and test. Use random_split.")


def seeded(trial: Trial) -> None:
    """The same seed makes the same domain, another one draws other samples or splits them otherwise."""
    same = differing(trial.made, trial.make(0))
    require(not same, f"the same seed makes other {', '.join(same)}. Draw from the seed that is given alone.")
    require(differing(trial.made, trial.make(1)), "another seed makes the same domain. Draw or split by the seed.")


def differing(a: Domain, b: Domain) -> list[str]:
    pairs = {name: (getattr(a, name), getattr(b, name)) for name in DRAWN}
    return [name for name, (one, other) in pairs.items() if one is not None and (other is None or not torch.equal(one, other))]


CHECKS = (facts, parameters, inputs, labels, split, seeded)
