"""The shift contract as one call: `check_shift` tries a shift on small data and says what it breaks and how to mend it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.registry.contract import require, require_sentences, require_text, run_checks
from core.shifts.base import SHIFTS, ShiftEntry, apply_label_shift, apply_shift, choose_samples

SEVERITIES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
CLASSES = 10
# Shift → check → why it fails; none does.


def check_shift(shift: str | ShiftEntry, samples: Mapping[str, Tensor] | None = None, exceptions: Mapping[str, str] | None = None) -> None:
    """Try a shift on pictures, rows of numbers or labels, whichever it has a meaning for.

    Parameters
    ----------
    shift : str or ShiftEntry
        Registered, or an entry that is not registered yet.
    samples : mapping of str to Tensor, optional
        ``"image"``, uint8 N×C×H×W, and ``"features"``, float32 N×D, of 100 samples or so; drawn here where left out.
    exceptions : mapping of str to str, optional
        Names of checks that are known to fail, each with the reason.

    Raises
    ------
    AssertionError
        Something breaks the contract; the sentence says what, and how to mend it.
    InputError
        There is no shift of this name.
    """
    entry = SHIFTS.get(shift) if isinstance(shift, str) else shift
    with SHIFTS.holding(entry):
        run_checks(f"Shift {entry.name!r}", CHECKS, Trial(entry, drawn() | dict(samples or {})), exceptions or {})


@dataclass(frozen=True)
class Trial:
    """A shift, and the inputs of each kind that it is tried on."""

    entry: ShiftEntry
    samples: dict[str, Tensor]

    @property
    def inputs(self) -> dict[str, Tensor]:
        """Those that are changed; a shift of labels, or one that chooses samples, changes none."""
        return {} if self.entry.of_labels or self.entry.choose else {kind: self.samples[kind] for kind in self.entry.kinds}

    def at(self, x: Tensor, severity: float, seed: int = 0, chunk: int = 1024) -> Tensor:
        return apply_shift(self.entry.name, x, severity, seed, chunk=chunk)

    def shape(self, x: Tensor) -> tuple[int, ...]:
        """What a batch of this shape becomes."""
        coloured = self.entry.colours and x.ndim == 4
        return (len(x), 3, *x.shape[2:]) if coloured else tuple(x.shape)


def drawn() -> dict[str, Tensor]:
    """Bright patches on black, and two moons."""
    generator = torch.Generator().manual_seed(0)
    images = torch.zeros(100, 1, 16, 16)
    for image in images[:, 0]:
        top, left = (int(i) for i in torch.randint(1, 7, (2,), generator=generator))
        image[top : top + 8, left : left + 5] = 1 - 0.3 * torch.rand(8, 5, generator=generator)
    angle = 3.14159 * torch.rand(200, generator=generator)
    side = torch.arange(200) % 2
    moons = torch.stack([angle.cos() + side - 0.5, (1 - 2 * side) * angle.sin() + 0.5 * side - 0.25], dim=1)
    return {"image": (255 * images).round().to(torch.uint8), "features": moons + 0.1 * torch.randn(200, 2, generator=generator)}


def facts(trial: Trial) -> None:
    """It has a name, says what it does, and does one thing."""
    entry = trial.entry
    require_text(name=entry.name, title=entry.title)
    require_sentences(summary=entry.summary)
    acts = [bool(entry.image or entry.features), entry.of_labels, entry.choose is not None]
    require(sum(acts) == 1, "it must change inputs, or labels, or choose samples. Give one of image/features, train_labels, choose.")
    require(entry.of_labels or entry.test_labels is None, "test_labels without train_labels. Give both, or train_labels alone.")


def identity(trial: Trial) -> None:
    """Severity 0 changes nothing, and the smallest severity next to nothing."""
    for kind, x in trial.inputs.items():
        require(torch.equal(trial.at(x, 0), x), f"severity 0 changes {kind}. It is the identity.")
        jump = float((trial.at(x, 1e-9).float() - x.float()).abs().max())
        require(jump <= 1e-5, f"at severity 1e-9 {kind} jump by {jump:g}. Let the effect grow from nothing.")


def shape_and_type(trial: Trial) -> None:
    """The result is finite, of the batch's shape and type; the batch itself stays as it was."""
    for kind, x in trial.inputs.items():
        for severity in (1e-200, 1e-6, 0.3, 1):
            before, y = x.clone(), trial.at(x, severity)
            require(tuple(y.shape) == trial.shape(x), f"{kind} {tuple(x.shape)} become {tuple(y.shape)}. Keep the shape, or set colours.")
            require(y.dtype == x.dtype, f"{kind} of {x.dtype} become {y.dtype}. Keep the type.")
            require(y.float().isfinite().all(), f"at severity {severity:g} {kind} are not finite. Guard divisions by small numbers.")
            require(torch.equal(x, before), f"the {kind} that were given are changed. Work on a copy.")


def odd_shapes(trial: Trial) -> None:
    """One sample, coloured, oblong and tiny pictures are shifted as well."""
    odd = [x[:1] for x in trial.inputs.values()]
    if "image" in trial.inputs:
        generator = torch.Generator().manual_seed(0)
        shapes = ((4, 3, 8, 20), (4, 3, 20, 8), (4, 1, 3, 32), (2, 1, 1, 1))
        odd += [torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator) for shape in shapes]
    for x in odd:
        y = trial.at(x, 0.6)
        good = tuple(y.shape) == trial.shape(x) and y.float().isfinite().all()
        require(good, f"a batch of {tuple(x.shape)} becomes {tuple(y.shape)}, or is not finite. Take any number, height and width.")


def severity(trial: Trial) -> None:
    """A harder shift lies farther from the clean samples, each and as a population."""
    for kind, x in trial.inputs.items():
        distance = [float((trial.at(x, s).float() - x.float()).norm()) for s in SEVERITIES]
        grows = distance == sorted(distance) and len(set(distance)) >= len(SEVERITIES) - 1  # the smallest step may round to nothing
        require(grows, f"over the severities {SEVERITIES} {kind} move by {_said(distance)}. The distance must grow with the severity.")
        found = [mmd2(x, trial.at(x, s)) for s in (0, 0.25, 0.5, 0.75, 1)]
        require(found == sorted(found), f"MMD² from clean to shifted {kind} is {_said(found)} from 0 to 1. It must grow with the severity.")
        require(found[-1] > found[0] + 0.005, f"at severity 1 MMD² is {_said(found[-1:])}. That is no shift: make it harder.")


def _said(numbers: list[float]) -> str:
    return ", ".join(f"{number:.4g}" for number in numbers)


def mmd2(x: Tensor, y: Tensor) -> float:
    """Unbiased MMD² in float64 with one Gaussian kernel of the clean samples' mean squared distance."""
    shape = torch.broadcast_shapes(x.shape, y.shape)
    a, b = (z.expand(shape).flatten(1).double() for z in (x, y))
    n = len(a)
    pairs = n * (n - 1)
    width = torch.cdist(a, a).square().sum() / pairs
    within = [(torch.exp(-torch.cdist(u, u).square() / width).sum() - n) / pairs for u in (a, b)]
    return float(within[0] + within[1] - 2 * torch.exp(-torch.cdist(a, b).square() / width).mean())


def seeded(trial: Trial) -> None:
    """A sample becomes the same by the same seed, whatever batch it comes in."""
    for kind, x in trial.inputs.items():
        torch.manual_seed(1)
        whole = trial.at(x, 0.7, 5)
        torch.manual_seed(2)
        require(torch.equal(trial.at(x, 0.7, 5), whole), f"the same seed shifts {kind} otherwise. Draw from the given Draws alone.")
        if kind == "image":  # rows of numbers come as a whole: a column's mean is theirs
            alone = all(torch.equal(trial.at(x, 0.7, 5, chunk=chunk), whole) for chunk in (1, 37, 64))
            alone = alone and torch.equal(trial.at(x[:70], 0.7, 5), whole[:70])
            require(alone, "an image becomes another one in another batch. Compute nothing across the batch, and draw with Draws.")


def labels(trial: Trial) -> None:
    """Labels stay in their range, samples that stay are some of those there were, and severity 0 changes neither."""
    if not trial.entry.of_labels:
        return
    clean, parts = torch.arange(600) % CLASSES, (torch.arange(400), torch.arange(400, 600))
    sizes = []
    for s in SEVERITIES:
        changed, kept = apply_label_shift(trial.entry.name, clean, parts, CLASSES, s, 0)
        again, kept_again = apply_label_shift(trial.entry.name, clean, parts, CLASSES, s, 0)
        if changed is None or again is None:
            raise AssertionError("labels are lost. Return the labels, changed, and which samples stay.")
        same = torch.equal(changed, again) and all(torch.equal(a, b) for a, b in zip(kept, kept_again, strict=True))
        require(same, "the same seed shifts labels otherwise. Draw from the generator that is given alone.")
        require(changed.dtype == torch.int64 and changed.min() >= 0 and changed.max() < CLASSES, "labels leave their range.")
        _require_part(parts, kept)
        sizes.append(int((changed != clean).sum()) + 600 - sum(map(len, kept)))
    require(sizes[0] == 0, "severity 0 changes labels or drops samples. It is the identity.")
    require(sizes == sorted(sizes) and sizes[-1] > 0, f"over {SEVERITIES} it changes or drops {sizes} of 600. That must grow.")


def choice(trial: Trial) -> None:
    """Rows that stay are some of those there were; a harder shift keeps no more of them."""
    if trial.entry.choose is None:
        return
    x = trial.samples["features"]
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(x)))
    parts = (order[: len(x) // 2], order[len(x) // 2 :])
    sizes = []
    for s in SEVERITIES:
        kept = choose_samples(trial.entry.name, x, parts, s, 0)
        again = choose_samples(trial.entry.name, x, parts, s, 0)
        same = all(torch.equal(a, b) for a, b in zip(kept, again, strict=True))
        require(same, "the same seed chooses other rows. Draw from the generator that is given alone.")
        _require_part(parts, kept)
        sizes.append(sum(map(len, kept)))
    require(sizes[0] == len(x), "severity 0 drops rows. It is the identity.")
    require(sizes == sorted(sizes, reverse=True) and 0 < sizes[-1] < len(x), f"over {SEVERITIES} {sizes} rows stay. That must fall.")


def _require_part(parts: tuple[Tensor, Tensor], kept: tuple[Tensor, Tensor]) -> None:
    for before, after in zip(parts, kept, strict=True):
        some = set(after.tolist()) <= set(before.tolist()) and len(after.unique()) == len(after)
        require(some, "samples change parts or come twice. Say which positions of the part stay, each once.")


CHECKS = (facts, identity, shape_and_type, odd_shapes, severity, seeded, labels, choice)
