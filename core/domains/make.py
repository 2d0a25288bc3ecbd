"""From what a reader found to a `Domain`: texts and waves get the numbers that a network reads."""

from __future__ import annotations

import numpy as np
import torch

from core.domains.base import Domain, random_split
from core.domains.reading import Population, Reading
from core.domains.reading.stream import StreamedImages
from core.samples.hashing import word_ids
from core.samples.spectrogram import log_mel

LICENCE = "The terms of the file."


def _tensor(raw: np.ndarray | StreamedImages) -> torch.Tensor | StreamedImages:
    return torch.from_numpy(np.ascontiguousarray(raw)) if isinstance(raw, np.ndarray) else raw


def own_classes(reading: Reading, population: Population) -> tuple[tuple[str, ...], np.ndarray | None]:
    """The names of the classes that a population has itself, and its labels among these: int64, N, or None.

    What other domains of the file have is none of its business, unless all classes were asked for.
    """
    if population.labels is None or reading.options.classes == "all":
        return reading.class_names, population.labels
    present, labels = np.unique(population.labels, return_inverse=True)
    return tuple(reading.class_names[k] for k in present), labels.astype(np.int64)


def to_domain(name: str, reading: Reading, population: Population, provenance: str, seed: int) -> Domain:
    """The population as a domain, a third of it held out at random."""
    raw, (class_names, labels) = population.inputs, own_classes(reading, population)
    train, test = random_split(len(raw), 1 / 3, seed)
    originals = {"text": raw, "sound": raw, "features": reading.columns}.get(reading.kind)
    inputs = {"text": word_ids, "sound": log_mel}.get(reading.kind, _tensor)(raw)
    return Domain(
        name,
        inputs,
        None if labels is None else torch.from_numpy(labels),
        class_names,
        train,
        test,
        provenance,
        LICENCE,
        reading.kind,
        originals,
        reading.rate,
        None if population.missing is None else torch.from_numpy(population.missing),
        reading.account,
    )
