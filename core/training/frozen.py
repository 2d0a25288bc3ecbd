"""Features of frozen backbones, kept in memory: the next method on the same data starts at once."""

from __future__ import annotations

import json
from collections.abc import Callable

import torch
from torch import Tensor

from core.cache import Cache
from core.experiment import Experiment

# In memory: ten thousand samples of 512 features are 20 MB. A side that alone is larger is held too, as its run holds it anyway.
FEATURES: Cache[Tensor] = Cache("features of frozen backbones", nbytes=1 << 30)


def frozen_features(
    experiment: Experiment, side: str, device: str, compute: Callable[[], Tensor], counts: tuple[int, int], samples: int | None
) -> tuple[Tensor, Tensor]:
    """Features of a side's training and held-out samples, float32 N×width each.

    Parameters
    ----------
    side : {"source", "target"}
    compute : callable
        Returns the features of ``samples`` of each part, one part after the other; called where they are not known yet.
    counts : (int, int)
        Samples of the two parts.
    samples : int or None
        How many of each part are computed, for an estimate, and repeated to its length; None for all. Only those are kept.
    """
    key = _key(experiment, side, device)
    if samples is not None and FEATURES.find(key) is None:
        train, held_out = compute().split([min(samples, count) for count in counts])
        return _repeated(train, counts[0]), _repeated(held_out, counts[1])
    known = FEATURES.get(key, compute)
    return known[: counts[0]], known[counts[0] :]


def _repeated(rows: Tensor, count: int) -> Tensor:
    return rows[torch.arange(count) % len(rows)]


def _key(experiment: Experiment, side: str, device: str) -> str:
    """Everything that they depend on: both domains, as they are brought to one shape, and the layers before the bottleneck."""
    data = experiment.model_dump(mode="json", include={"source", "target", "backbone", "seed"})
    data["backbone"]["params"].pop("bottleneck", None)
    return json.dumps([data, side, device], sort_keys=True)
