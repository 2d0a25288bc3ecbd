"""What a shift does to a few samples at rising severities, before it is chosen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from core.domains import DOMAINS
from core.domains.base import Domain, shifted
from core.samples.pictures import pictures
from core.shifts import SHIFTS

SEVERITIES = (0.0, 0.25, 0.5, 0.75, 1.0)
SHOWN = 3  # pictures at each severity
POINTS = 300


@dataclass(frozen=True, eq=False)
class Strip:
    """One step for each of `SEVERITIES`, of the same samples.

    ``pictures`` uint8 steps×SHOWN×H×W×3 of images; ``points`` float32 steps×n×2 of the first two columns of rows, NaN where a row was
    not chosen; ``shares`` steps×K of the classes, and ``wrong`` the share of wrong training labels, for shifts of labels. What does not
    apply is None.
    """

    pictures: np.ndarray | None = None
    points: np.ndarray | None = None
    labels: np.ndarray | None = None
    shares: np.ndarray | None = None
    wrong: np.ndarray | None = None
    class_names: tuple[str, ...] = ()


def strip(name: str, params: dict, above: list[tuple[str, float]], shift: str, seed: int) -> Strip | None:
    """The strip of a shift on a domain that is made here; None for one whose files may have to be fetched first.

    ``above`` are the shifts, with their severities, that the samples have passed through before.

    Raises
    ------
    InputError
        The domain cannot be made, or the shift does not fit it.
    """
    entry = DOMAINS.get(name)
    if entry.downloads:
        return None
    d = entry.make(entry.params(**params), seed)
    of_labels = SHIFTS.get(shift).of_labels
    above = [one for one in above if SHIFTS.get(one[0], "shift").of_labels == of_labels]  # the others change nothing that is shown
    if of_labels:
        steps = [shifted(d, [*above, (shift, severity)], seed) for severity in SEVERITIES]
        if SHIFTS.get(shift).test_labels is None:  # labels become wrong
            wrong = [float((step.known_labels[step.train] != d.known_labels[step.train]).float().mean()) for step in steps]
            return Strip(wrong=np.array(wrong), class_names=d.class_names)
        counts = [np.bincount(step.known_labels[step.train].numpy(), minlength=len(d.class_names)) for step in steps]
        return Strip(shares=np.stack([c / c.sum() for c in counts]), class_names=d.class_names)
    few = _few(d)
    steps = [shifted(few, [*above, (shift, severity)], seed) for severity in SEVERITIES]
    if d.kind == "image":
        return Strip(pictures=np.stack([pictures(step.tensor.expand(-1, 3, -1, -1)) for step in steps]))
    points = np.full((len(steps), len(few.inputs), 2), np.nan, np.float32)
    for row, step in zip(points, steps, strict=True):
        row[step.train] = step.tensor[step.train, :2]
    return Strip(points=points, labels=None if few.labels is None else few.labels.numpy(), class_names=d.class_names)


def _few(d: Domain) -> Domain:
    """The first samples of different classes of images; the first rows of anything else. All of them train, none tests."""
    rows = torch.arange(min(POINTS, len(d.inputs)))
    if d.kind == "image":
        first = [] if d.labels is None else [int((d.labels == k).nonzero()[0]) for k in d.labels.unique()[:SHOWN]]
        rows = torch.tensor((first + [i for i in range(len(d.inputs)) if i not in first])[:SHOWN])
    labels, everything = None if d.labels is None else d.labels[rows], torch.arange(len(rows))
    return replace(d, inputs=d.inputs[rows], labels=labels, train=everything, test=everything[:0])
