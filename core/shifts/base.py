"""The shift contract: a name, a severity in [0, 1], a batched tensor function; and the random draws that it may make.

Severity 0 is the identity; 1 is hard but still recognisable to a person.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.errors import InputError
from core.registry import Registry

BLOCK = 64  # samples whose random numbers are drawn together
MANY = 1024  # numbers of one sample, beyond which it is a block of its own
ALL_KINDS = ("image", "features", "text", "sound")


class Draws:
    """Random numbers for the samples at ``rows``: the same for a sample, whatever batch it comes in and whatever the device.

    They are drawn on the CPU in blocks of `BLOCK` samples, each with a generator of its own; every call is another stream. Of more than
    `MANY` numbers each sample has a generator of its own, so that a shuffled batch need not draw what its neighbours would get.
    """

    def __init__(self, seed: int, rows: np.ndarray, device: torch.device):
        self.seed, self.rows, self.device, self.calls = seed, rows, device, 0

    def uniform(self, *shape: int) -> Tensor:
        """float32 n×shape in [0, 1)."""
        return self._drawn(torch.rand, shape)

    def normal(self, *shape: int) -> Tensor:
        """float32 n×shape, standard normal."""
        return self._drawn(torch.randn, shape)

    def _drawn(self, draw: Callable[..., Tensor], shape: tuple[int, ...]) -> Tensor:
        self.calls += 1
        size = 1 if math.prod(shape) > MANY else BLOCK
        blocks, drawn = self.rows // size, torch.empty((len(self.rows), *shape))
        for block in np.unique(blocks):
            words = np.random.SeedSequence([self.seed, self.calls, int(block)]).generate_state(2, np.uint32)
            generator = torch.Generator().manual_seed(int(words[0]) << 31 ^ int(words[1]))
            mine = np.flatnonzero(blocks == block)
            drawn[mine] = draw((size, *shape), generator=generator)[self.rows[mine] - block * size]
        return drawn.to(self.device)


Apply = Callable[[Tensor, float, Draws], Tensor]
# (labels of a part, number of classes, severity, generator) → new labels, and which samples stay; both for one part of the split
ApplyToLabels = Callable[[np.ndarray, int, float, np.random.Generator], tuple[np.ndarray, np.ndarray]]
# (rows N×D of a part, severity, generator) → which of them stay
Choose = Callable[[Tensor, float, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class ShiftEntry:
    """``image`` maps float images N×C×H×W in [0, 1], ``features`` float rows N×D; None where it has no meaning.

    A shift of labels has neither, fits every kind of data, and acts on a labelled domain: ``train_labels`` and ``test_labels`` say which
    samples of each part stay and what their labels become. ``choose`` says which rows of each part stay, by what they are.
    An image shift may turn one channel into three (``colours``).
    """

    name: str
    title: str
    summary: str
    image: Apply | None = None
    features: Apply | None = None
    train_labels: ApplyToLabels | None = None
    test_labels: ApplyToLabels | None = None
    choose: Choose | None = None
    colours: bool = False

    @property
    def of_labels(self) -> bool:
        return self.train_labels is not None

    @property
    def kinds(self) -> tuple[str, ...]:
        if self.of_labels:
            return ALL_KINDS
        if self.choose:
            return ("features",)
        return tuple(kind for kind in ("image", "features") if getattr(self, kind) is not None)


SHIFTS: Registry[ShiftEntry] = Registry("shift")


def apply_shift(
    name: str,
    x: Tensor,
    severity: float,
    seed: int,
    chunk: int = 1024,
    kind: str | None = None,
    rows: np.ndarray | None = None,
) -> Tensor:
    """Shift a batch; the result has the shape and dtype of ``x``, but three channels where the shift brings colours.

    Parameters
    ----------
    name : str
        A registered shift. One of labels, or one that chooses samples, leaves the inputs as they are.
    x : Tensor
        uint8 images N×C×H×W or float32 features N×D, on any device.
    severity : float
        In [0, 1]; 0 returns ``x`` itself.
    seed : int
        Source of every random draw. What a sample becomes depends on the seed and on its place, not on ``chunk``.
    kind : str, optional
        What the samples are (`core.domains.base.Kind`); told by the number of axes where it is left out.
    rows : ndarray, optional
        int64 N, the places of the images in their domain, where ``x`` holds only some of it; 0 to N − 1 where left out.

    Raises
    ------
    InputError
        Unknown name, severity outside [0, 1], or a shift without meaning for this kind of data.
    """
    entry = _checked(name, severity)
    kind = kind or ("image" if x.ndim == 4 else "features")
    if kind not in entry.kinds:
        noun = {"image": "images", "features": "rows of numbers"}.get(kind, f"{kind}s")
        raise InputError(
            "shift", f"{name} has no meaning for {noun}.", f"Choose one of: {', '.join(s.name for s in SHIFTS if kind in s.kinds)}."
        )
    change = {"image": entry.image, "features": entry.features}.get(kind)
    if severity == 0 or change is None or len(x) == 0:
        return x
    rows = np.arange(len(x)) if rows is None else rows
    if kind == "features":
        return change(x, severity, Draws(seed, rows, x.device))
    parts = []
    for start in range(0, len(x), chunk):
        part = x[start : start + chunk].float() / 255
        shifted = change(part, severity, Draws(seed, rows[start : start + chunk], x.device))
        parts.append(shifted.clamp(0, 1).mul(255).round().to(torch.uint8))
    return torch.cat(parts)


def apply_label_shift(
    name: str, labels: Tensor | None, parts: tuple[Tensor, Tensor], classes: int, severity: float, seed: int
) -> tuple[Tensor | None, tuple[Tensor, Tensor]]:
    """Shift the labels of a domain: new labels, and the indices that stay in its training and in its test part.

    Parameters
    ----------
    labels : Tensor or None
        int64 N.
    parts : (Tensor, Tensor)
        int64 indices of the training and of the test samples.

    Raises
    ------
    InputError
        There are no labels, or the severity is outside [0, 1].
    """
    entry = _checked(name, severity)
    if labels is None:
        raise InputError("shift", f"{name} needs labels, and there are none.", "Choose another shift, or labelled data.")
    if severity == 0:
        return labels, parts
    changed, kept = labels.clone(), []
    for i, (part, function) in enumerate(zip(parts, (entry.train_labels, entry.test_labels), strict=True)):
        if function is None:
            kept.append(part)
            continue
        new, stay = function(labels[part].numpy(), classes, severity, np.random.default_rng([seed, 0x1AB, i]))
        changed[part] = torch.from_numpy(new)
        kept.append(part[torch.from_numpy(stay)])
    return changed, (kept[0], kept[1])


def choose_samples(name: str, x: Tensor, parts: tuple[Tensor, Tensor], severity: float, seed: int) -> tuple[Tensor, Tensor]:
    """The indices that stay in the training and in the test part when samples are chosen by what they are.

    Parameters
    ----------
    x : Tensor
        float32 features N×D of the whole domain.
    parts : (Tensor, Tensor)
        int64 indices of the training and of the test samples.

    Raises
    ------
    InputError
        The severity is outside [0, 1].
    """
    choose = _checked(name, severity).choose
    if severity == 0 or choose is None:
        return parts
    stay = (choose(x[part], severity, np.random.default_rng([seed, 0x5E1, i])) for i, part in enumerate(parts))
    first, second = (part[torch.from_numpy(kept)] for part, kept in zip(parts, stay, strict=True))
    return first, second


def _checked(name: str, severity: float) -> ShiftEntry:
    entry = SHIFTS.get(name, "shift")
    if not 0 <= severity <= 1:
        raise InputError("shift.severity", f"{severity} is outside 0 to 1.", "Choose a severity from 0 (none) to 1 (hard).")
    return entry
