"""How much of the difference between two domains a single, simple property explains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from core.measures.base import MEASURES, Drawing, Measure
from core.measures.classifier import auc_interval
from core.measures.properties import Property
from core.measures.ridge import FOLDS, label_free_folds, pairs_won

Summary = Literal["median", "share", "known"]


@dataclass(frozen=True, kw_only=True)
class Sides:
    """What a property is like in either domain.

    ``summary`` says what ``source`` and ``target`` are: "median": of the values that are known, in the property's own unit; "share" of
    the samples with the higher of only two values, which is ``level``; "known": share of the samples that have a value, where one
    domain has none. ``source_n`` and ``target_n`` are how many samples that rests on. ``constant`` names the domain in which all
    values are the same, where they are in one of them alone.
    """

    summary: Summary
    source: float
    target: float
    source_n: int
    target_n: int
    level: float | None = None
    constant: Literal["", "source", "target"] = ""


@dataclass(frozen=True, kw_only=True)
class Explained(Sides):
    """One property.

    ``auc`` is what a classifier reaches that sees nothing else, with its 95 % interval; ``share`` is (auc − ½) ÷ (auc of all
    inputs − ½), between 0 and 1, with the interval's ends.
    """

    title: str
    meaning: str
    more: str
    auc: float
    low: float
    high: float
    share: float
    share_low: float
    share_high: float


def sides(source: np.ndarray, target: np.ndarray) -> Sides:
    """Describe two sets of values, NaN where one is missing, by what can be said of them: a median says nothing of a yes or no."""
    known = source[~np.isnan(source)], target[~np.isnan(target)]
    n, m = map(len, known)
    if not n or not m:
        return Sides(summary="known", source=n / len(source), target=m / len(target), source_n=len(source), target_n=len(target))
    different = np.unique(np.concatenate(known))
    if len(different) == 2:
        here, there = (float((values == different[1]).mean()) for values in known)
        return Sides(summary="share", source=here, target=there, source_n=n, target_n=m, level=float(different[1]))
    here, there = (float(np.median(values)) for values in known)
    flat = [bool(np.ptp(values) == 0) for values in known]
    constant: Literal["", "source", "target"] = "" if flat[0] == flat[1] else "source" if flat[0] else "target"
    return Sides(summary="median", source=here, target=there, source_n=n, target_n=m, constant=constant)


def single_aucs(values: np.ndarray, labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """Out-of-fold AUC, float64 P, of a least-squares classifier on [1, z, z²] for each of P columns alone.

    z are the normal scores of the pooled ranks, so outliers and units play no part; the square sees a change of spread.

    Parameters
    ----------
    values : ndarray
        N×P, both domains.
    labels : ndarray of bool, N
        True for target.
    """
    design = np.stack(_scores(values), axis=-1)  # N×P×3
    design = design.transpose(1, 0, 2)
    fold = label_free_folds(values, seed)
    y = np.where(labels, 1.0, -1.0)
    won, pairs = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for k in range(FOLDS):
        train, test = design[:, fold != k], design[:, fold == k]
        gram = train.transpose(0, 2, 1) @ train + 1e-3 * train.shape[1] * np.diag([0, 1, 1])
        weights = np.linalg.solve(gram, train.transpose(0, 2, 1) @ y[fold != k][:, None])
        # 9 digits: equal values must stay ties.
        scores = np.round((test @ weights)[..., 0].T, 9)
        fold_won, fold_pairs = pairs_won(scores, np.broadcast_to(labels[fold == k][:, None], scores.shape))
        won, pairs = won + fold_won, pairs + fold_pairs
    return np.where(pairs > 0, won / np.maximum(pairs, 1), 0.5)


def _scores(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    z = ndtri((rankdata(values, axis=0) - 0.5) / len(values))
    z = (z - z.mean(0)) / np.maximum(z.std(0), 1e-12)
    return np.ones_like(z), z, z**2 - 1


def explained(
    found: list[Property],
    source: np.ndarray,
    target: np.ndarray,
    auc: float,
    seed: int = 0,
    missing: tuple[np.ndarray, np.ndarray] | None = None,
) -> list[Explained]:
    """Every property's share of the difference, the largest first; none where nothing here tells the domains apart.

    Where one property beats the classifier that sees everything (it sees a change of spread, a linear classifier does not), the best
    property takes the place of that classifier: its own share is then 1.

    Parameters
    ----------
    found : list of Property
    source, target : ndarray
        Their values, n×P and m×P.
    auc : float
        Of the domain classifier that sees everything.
    missing : tuple of ndarray, optional
        Which of the values were filled in, n×P and m×P. They tell the domains apart like all others, and are not described.
    """
    if not found:
        return []
    gone = missing or (np.zeros(source.shape, bool), np.zeros(target.shape, bool))
    labels = np.repeat([False, True], [len(source), len(target)])
    aucs = single_aucs(np.concatenate([source, target]), labels, seed)
    # Each property gives two columns. Whether chance lies inside of the whole's interval does not depend on how many there are.
    intervals = [auc_interval(value, len(source), len(target), 2) for value in aucs]
    whole = max(auc, float(aucs.max()))
    if auc_interval(whole, len(source), len(target), 2)[0] <= 0.5:
        return []
    rows = []
    for j, entry in enumerate(found):
        seen = sides(np.where(gone[0][:, j], np.nan, source[:, j]), np.where(gone[1][:, j], np.nan, target[:, j]))
        alone = (float(aucs[j]), *intervals[j])
        share, share_low, share_high = (float(np.clip((value - 0.5) / (whole - 0.5), 0, 1)) for value in alone)
        rows.append(
            Explained(
                **vars(seen),
                title=entry.title,
                meaning=entry.meaning,
                more=entry.more,
                auc=alone[0],
                low=alone[1],
                high=alone[2],
                share=share,
                share_low=share_low,
                share_high=share_high,
            )
        )
    return sorted(rows, key=lambda row: -row.share)


MEASURES.add(
    Measure(
        name="explained",
        title="Explains x % of the difference",
        meaning="How well the domains are told apart by this one property alone, compared with a classifier that sees everything.",
        formula=r"\text{share} = \frac{\mathrm{AUC}_\text{property} - \frac12}{\mathrm{AUC}_\text{all inputs} - \frac12}",
        source="In the manner of Lopez-Paz & Oquab 2017, arXiv 1610.06545; the definition is this program's own",
        limits="Properties go together, so shares overlap and do not add up to 100 %. A share says what distinguishes the domains, not "
        "what causes errors, and it says nothing of properties that are not in the list.",
        range="0 to 1",
        finding_of="pair",
        drawing=Drawing("share", 0),
    )
)
