"""Twins: did each source sample land on the target sample that is the same thing? Needs known pairs, so it is for evaluation only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import InputError
from core.measures.accuracy import wilson
from core.measures.base import MEASURES, Band, Drawing, Evaluation, Measure


@dataclass(frozen=True)
class Landing:
    """Where n source samples landed among m target samples, in the full feature space.

    Attributes
    ----------
    twin : ndarray
        int64, n: the place of each source sample's twin among the target's; −1 where it has none there.
    nearest : ndarray
        int64, n: the place of the target sample that is nearest; the first of several that are equally near.
    found : ndarray
        float64, n: 1 where the twin is nearest, 0 where it is not, 1/k where it is one of k that are equally near; nan without a twin.
    """

    twin: np.ndarray
    nearest: np.ndarray
    found: np.ndarray

    @property
    def share(self) -> float:
        """Of the source samples that have a twin, those whose twin is nearest."""
        return float(np.nanmean(self.found))

    @property
    def pairs(self) -> int:
        return int((self.twin >= 0).sum())


def landing(source: np.ndarray, target: np.ndarray, source_identities: Sequence[str], target_identities: Sequence[str]) -> Landing:
    """For each source sample: where its twin is, and which target sample is nearest by the cosine of features.

    Parameters
    ----------
    source, target : ndarray
        n×D and m×D features.
    source_identities, target_identities : sequence of str
        n and m; twins have the same. No two of one side do.

    Raises
    ------
    InputError
        No source sample has a twin.
    """
    places = {identity: place for place, identity in enumerate(target_identities)}
    twin = np.array([places.get(identity, -1) for identity in source_identities], np.int64)
    if not (twin >= 0).any():
        raise InputError("target", "no sample of the source has its twin here.", "Compare domains that show the same things.")
    # 9 digits: equal rows must stay ties, also where a feature space has collapsed into one point.
    likeness = np.round(_unit(source) @ _unit(target).T, 9)
    tied = likeness == likeness.max(1, keepdims=True)
    found = np.where(twin >= 0, tied[np.arange(len(twin)), twin] / tied.sum(1), np.nan)
    return Landing(twin, likeness.argmax(1), found)


def _unit(rows: np.ndarray) -> np.ndarray:
    wide = rows.astype(np.float64)
    return wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)


def twin_found(evaluation: Evaluation) -> dict[str, float | None]:
    keys = ("twin_found", "twin_found_low", "twin_found_high")
    if evaluation.identities is None or evaluation.target_labels is None:
        return dict.fromkeys(keys)
    source, target = evaluation.source_features, evaluation.target_features
    # Features are kept of the first held-out samples alone.
    first, second = (names[: len(rows)] for names, rows in zip(evaluation.identities, (source, target), strict=True))
    if not set(first) & set(second):
        return dict.fromkeys(keys)
    seen = landing(source, target, first, second)
    return dict(zip(keys, (seen.share, *wilson(seen.share * seen.pairs, seen.pairs)), strict=True))


MEASURES.add(
    Measure(
        "twin_found",
        "Landed on its twin",
        "Of the source samples whose very thing is also in the target, drawn by another hand: for how many that twin is the nearest target "
        "sample. 100 %: every elephant landed on the elephant.",
        r"\frac1n\sum_i \Bigl[\arg\max_j \frac{f(x_i) \cdot f(y_j)}{\|f(x_i)\|\,\|f(y_j)\|} = \text{twin}(i)\Bigr]",
        "Recall at rank 1 of a nearest-neighbour search: Jégou et al. 2011, IEEE TPAMI 33. Interval: Wilson 1927.",
        "It needs to be known who is whose twin, which tells the target's labels: evaluation only. A network that is asked for classes "
        "alone has no reason to keep twins together, and chance finds one in as many as there are target samples.",
        range="0 to 1",
        better="higher",
        label="twin found",
        needs_target_labels=True,
        companions=("twin_found_low", "twin_found_high"),
        drawing=Drawing("share", 1, band=Band("twin_found_low", "twin_found_high"), picture="twins"),
        every_run=False,
        of_run=twin_found,
    )
)
