"""Before a run: a warning where the classes seem to be as frequent in the target as the method does not expect. Uses no target labels."""

from __future__ import annotations

import math

import numpy as np
import torch

from core.measures.class_shares import ROWS, SharesBefore, shares_before
from core.methods import METHODS, Method
from core.methods.shallow.base import Feature
from core.training.data import Data, Side
from core.training.linear import flat_rows

LARGEST = 20_000  # numbers in a sample; a linear classifier sees little in larger pictures, and they take long to read
LISTED = 3  # classes that a sentence names


def about_class_shares(data: Data) -> list[str]:
    """At most one warning, for methods that are hurt by other class shares.

    Parameters
    ----------
    data : Data
        Not embedded: the classifier reads the inputs.
    """
    asked, labels = data.experiment.method, data.source.labels.cpu().numpy()
    method = METHODS.get(asked.name)
    if method.info.fails != "rare-classes" or math.prod(data.source.inputs.shape[1:]) > LARGEST:
        return []
    rng = np.random.default_rng([data.experiment.seed, 0x5AA5])
    rows, others = (np.sort(rng.permutation(len(side.inputs))[:ROWS]) for side in (data.source, data.target))
    source, target = _read(data, data.source, rows), _read(data, data.target, others)
    found = shares_before(source, labels[rows], target, len(data.pair.class_names), data.experiment.seed)
    text = warning(found, data.pair.class_names, method, scales_itself(method, asked.params))
    return [text] if text else []


def scales_itself(method: type[Method], params: dict) -> bool:
    """Whether each domain is scaled by its own mean and deviation."""
    return issubclass(method, Feature) and params.get("scaling", "domain") == "domain"


def warning(found: SharesBefore, names: tuple[str, ...], method: type[Method], scaled: bool) -> str:
    """One or two sentences, the last of which says what to do; empty where there is nothing to say."""
    if not found.differing or found.estimated is None:
        return ""
    known = ", ".join(f"{name} {100 * share:.0f} %" for name, share in _most(names, found.source, range(len(names))))
    advice = "set the method's scaling to the source's" if "scaling" in method.Params.model_fields else "choose another method"
    if found.alone:
        after = dict(zip(names, found.estimated, strict=True))
        listed = [f"{name} {100 * share:.0f} % → {100 * after[name]:.0f} %" for name, share in _most(names, found.source, found.differing)]
        said = f"Classes seem to be otherwise frequent in the target: {', '.join(listed)}, by what a linear classifier predicts there."
        if scaled:
            return f"{said} Scaling each domain by itself then takes their shares away and can cost accuracy: {advice}."
        return f"{said} To make the domains alike then lays classes on wrong ones, and accuracy can fall below source-only."
    if scaled:
        return (
            "Other units or other class shares: which of both makes the domains differ cannot be told without target labels. Only the "
            f"source's shares are known ({known}). Scaling each domain by itself repairs the one, and harms with the other: if you "
            f"expect other shares in the target, {advice}."
        )
    return ""


def _most(names: tuple[str, ...], shares: np.ndarray, classes: tuple[int, ...] | range) -> list[tuple[str, float]]:
    """The most frequent of some classes with their shares."""
    return [(names[c], float(shares[c])) for c in sorted(classes, key=lambda c: -shares[c])[:LISTED]]


def _read(data: Data, side: Side, rows: np.ndarray) -> np.ndarray:
    found = flat_rows(side.inputs, torch.from_numpy(rows), data.experiment.budget.batch_size, data.pair.source.kind)
    return (found if isinstance(found, np.ndarray) else found.toarray()).astype(float)
