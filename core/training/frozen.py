"""Features of frozen backbones, kept in memory: the next method on the same data starts at once."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor

from core.experiment import Experiment

KEPT = 8  # sides of experiments; ten thousand samples of 512 features are 20 MB
KEPT_BYTES = 1 << 30  # of all sides; the newest is kept even if it alone is larger, as its run holds it anyway
_FEATURES: OrderedDict[str, Tensor] = OrderedDict()
_LOCK = threading.Lock()


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
    with _LOCK:
        known = _FEATURES.get(key)
        if known is not None:
            _FEATURES.move_to_end(key)
    if known is None:
        known = compute()
        if samples is not None:
            parts = known.split([min(samples, count) for count in counts])
            return tuple(part[torch.arange(count) % len(part)] for part, count in zip(parts, counts, strict=True))
        with _LOCK:
            _FEATURES[key] = known
            while len(_FEATURES) > 1 and (len(_FEATURES) > KEPT or sum(x.nbytes for x in _FEATURES.values()) > KEPT_BYTES):
                _FEATURES.popitem(last=False)
    return known[: counts[0]], known[counts[0] :]


def _key(experiment: Experiment, side: str, device: str) -> str:
    """Everything that they depend on: both domains, as they are brought to one shape, and the layers before the bottleneck."""
    data = experiment.model_dump(mode="json", include={"source", "target", "backbone", "seed"})
    data["backbone"]["params"].pop("bottleneck", None)
    return json.dumps([data, side, device], sort_keys=True)
