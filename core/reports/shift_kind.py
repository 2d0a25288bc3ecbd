"""Which kind of shift this looks like: covariate, label or concept. What can be told from numbers, and what would be needed to tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from core.measures.accuracy import difference_interval, wilson
from core.measures.base import MEASURES, Measure
from core.measures.classifier import DomainAuc
from core.measures.label_shift import LabelShift
from core.reports.text import auc_value, auc_words, fixed, percent, points
from core.samples.drawing import effective_samples

ENOUGH = 30  # samples of each domain, in effect, where both domains have samples
EVIDENCE = 0.025  # for the smaller of two p values: together they raise a false alarm in at most 5 % of all comparisons


@dataclass(frozen=True)
class Overlap:
    """Error rates of one classifier on comparable samples of both domains, and their difference with its 95 % interval.

    ``effective`` is how many samples of the poorer domain lie where both have samples, in effect: 2Σw, or (Σw)²/Σw² if that is less.
    Without a shift it is their number; where the domains are apart it goes to 0. ``n`` is the number of samples of the poorer domain.
    """

    source_error: float
    target_error: float
    difference: float
    low: float
    high: float
    effective: float
    n: int


@dataclass(frozen=True)
class Kind:
    """``name`` is "none", "label", "covariate", "label and covariate", "undecided", or one of these "and concept".

    ``headline`` is one sentence.

    ``evidence`` and ``needed`` are sentences: what speaks for it, and what would be needed to know more.
    """

    name: str
    headline: str
    evidence: tuple[str, ...]
    needed: tuple[str, ...]


def overlap(source_wrong: np.ndarray, source_scores: np.ndarray, target_wrong: np.ndarray, target_scores: np.ndarray) -> Overlap:
    """Compare a classifier's errors where both domains have samples (Cai, Namkoong & Yadlowsky 2023, arXiv 2303.02011).

    With π(x) the chance that x is a target sample, weights π for the source and 1 − π for the target turn both into one distribution,
    in proportion to p·q/(p+q). If the labels mean the same, the classifier errs there equally often in both.

    Parameters
    ----------
    source_wrong, target_wrong : ndarray of bool, n and m
        Whether the source-trained classifier is wrong about each held-out sample.
    source_scores, target_scores : ndarray
        Out-of-fold log-odds of "target" of the same samples.
    """
    sides = [(source_wrong, expit(source_scores)), (target_wrong, expit(-target_scores))]
    here, there = (_error(wrong, w) for wrong, w in sides)
    effective = min(min(2 * float(w.sum()), _count(w)) for _, w in sides)
    low, high = difference_interval(there, here)
    return Overlap(here[0], there[0], there[0] - here[0], low, high, effective, min(len(w) for _, w in sides))


def _error(wrong: np.ndarray, weights: np.ndarray) -> tuple[float, float, float]:
    """A weighted share of errors with its interval: Wilson's, as a bootstrap is too sure of a share that rests on a few errors."""
    n = max(_count(weights), 1.0)
    share = min(float((wrong * weights).sum() / max(weights.sum(), 1e-300)), 1.0)
    return share, *wilson(share * n, n)


def _count(weights: np.ndarray) -> float:
    """In effect; 0 where all weights vanish."""
    return effective_samples(weights) if weights.max() > 1e-150 else 0.0


@dataclass(frozen=True)
class Matched:
    """The two domains again, after source samples were drawn in the class shares that the target is estimated to have."""

    n: int
    auc: float
    low: float
    mmd_p: float

    @property
    def gone(self) -> bool:
        """Whether neither test sees a difference any more."""
        return self.low <= 0.5 and self.mmd_p > EVIDENCE


def kind_of_shift(
    auc: DomainAuc,
    smallest_p: float,
    labels: LabelShift | None,
    matched: Matched | None,
    shares_differ: bool | None,
    both: Overlap | None,
    known: bool = False,
) -> Kind:
    """Put the evidence together.

    Parameters
    ----------
    auc : DomainAuc
        Of the inputs or features.
    smallest_p : float
        The smaller of the permutation p values of the domain classifier and of MMD²; at most `EVIDENCE` is a shift.
    labels : LabelShift or None
        None where no source classifier could be made.
    matched : Matched or None
        None where too few samples could be drawn.
    shares_differ : bool or None
        Whether the classes come in other shares: the true ones where they are known, else by the source classifier's predictions; None
        where these differ, and a change of looks may be why.
    both : Overlap or None
        None where the target has no labels, or too few samples remain with equal class shares. Where shares differ they must have
        been made equal: other shares alone change how often a classifier errs on the same inputs.
    known : bool
        Whether the target's class shares are the true ones.
    """
    differ = smallest_p <= EVIDENCE
    concept = both is not None and both.effective >= ENOUGH and both.low > 0
    evidence: list[str] = []
    n = len(auc.scores) // 2
    rests = f"AUC {auc_value(auc.auc)}, interval {auc_words(auc.low, auc.high)}, {n} + {n} samples"
    if not differ:
        name = "none"
        headline = "There is no evidence of a shift in the inputs."
        evidence.append(f"How well a classifier tells them apart may be chance ({rests}).")
    else:
        seen = "a classifier tells the domains apart" if auc.low > 0.5 else "the kernel test sees it, a linear classifier not for certain"
        evidence.append(f"The inputs differ: {seen} ({rests}).")
        told = known or (labels is not None and (labels.estimated is not None or labels.contradicted))
        name, headline = _by_shares(matched, shares_differ) if told else ("undecided", UNDECIDED)
        evidence += _about_shares(labels, matched, shares_differ, known)
    if concept:
        name = "concept" if name == "none" else f"{name} and concept"
        headline = headline.rstrip(".") + ". Labels may also mean something else in the target (concept shift)."
    concept_evidence, needed = _about_concept(both, concept, known, known and bool(shares_differ))
    if differ and shares_differ is None:
        needed.append(
            "Whether the class shares differ as well can't be told without target labels: a classifier that is misled by other "
            "looks predicts other shares too."
        )
    if name == "none":
        needed.append("More samples would reveal a smaller shift; nothing here excludes one that is too small for this many.")
    return Kind(name, headline, tuple(evidence + concept_evidence), tuple(needed))


UNDECIDED = "The inputs differ; whether the classes look different or only come in other shares cannot be told."


def _by_shares(matched: Matched | None, shares_differ: bool | None) -> tuple[str, str]:
    """Name and headline of a shift that was seen. Whether an AUC falls once shares are equal says nothing where it stays at its end."""
    if not shares_differ:
        return "covariate", "This looks like covariate shift: samples of the same class look different in the two domains."
    if matched is None:
        return "label", "The classes come in other proportions; whether they look different as well cannot be told from so few samples."
    if matched.gone:
        return "label", "This looks like label shift: the classes look the same, but come in other proportions."
    return "label and covariate", "This looks like covariate and label shift together: other looks and other class shares."


def _about_shares(labels: LabelShift | None, matched: Matched | None, shares_differ: bool | None, known: bool) -> list[str]:
    said = []
    if known:
        said.append(f"By the labels, the classes come in {'other' if shares_differ else 'about the same'} shares in the target.")
    elif labels is None:
        return []
    elif labels.refusal:
        return [f"Class shares could not be estimated. {labels.refusal}"]
    elif shares_differ is False:
        said.append("The source classifier predicts the classes in the same proportions in both domains.")
    if matched is None:
        said.append("Too few source samples of some class remain to compare domains with equal class shares.")
    else:
        outcome = "the difference is gone" if matched.gone else "the difference stays"
        numbers = f"{matched.n} samples per domain, AUC {auc_value(matched.auc)}, MMD² p = {fixed(matched.mmd_p, 3)}"
        said.append(f"With source samples drawn in the target's {'true' if known else 'estimated'} class shares, {outcome} ({numbers}).")
    return said


def _incomparable(both: Overlap) -> str:
    """Why errors cannot be compared: too few samples, or too few of them where both domains have some."""
    unknown = "Whether labels mean the same can't be told"
    if both.n < ENOUGH:
        return f"{unknown} from {both.n} samples of a domain: {ENOUGH} comparable ones of each would be needed."
    few = f"of {both.n} samples of a domain, in effect {fixed(both.effective, 0)} lie where the other has some, and {ENOUGH} are needed"
    if both.effective > both.n / 4:
        return f"{unknown}: {few}. More samples would tell."
    return f"{unknown}: the domains hardly overlap ({few}). Source samples that look like the target would tell."


def _about_concept(both: Overlap | None, concept: bool, known: bool, equalised: bool) -> tuple[list[str], list[str]]:
    """What can be said of p(y|x), as evidence and as what is needed; ``equalised`` where class shares were made equal first."""
    if both is None and known:
        return [], [
            (
                "Whether labels mean the same in both domains (concept shift) can't be told: too few source samples of some class remain "
                "to compare errors with equal class shares."
            )
        ]
    if both is None:
        return [], [
            (
                "Whether labels mean the same in both domains (concept shift) can't be told without target labels. "
                "About 20 labelled target samples per class would tell."
            )
        ]
    if both.effective < ENOUGH:
        return [], [_incomparable(both)]
    where = "Where both domains have samples, " + ("and with equal class shares, " if equalised else "")
    errors = (
        f"{where}a classifier trained on the source errs on {percent(both.source_error, 0)} of the source and "
        f"{percent(both.target_error, 0)} of the target (difference {points(both.low, 0)} to {points(both.high, 0)} points)"
    )
    errors += f", by {both.n} samples of each domain, in effect {fixed(both.effective, 0)}"
    if concept:
        return [f"{errors}: the same inputs carry other labels, or differ in a way that a linear classifier does not see."], []
    return [f"{errors}: no evidence that labels mean something else."], []


MEASURES.add(
    Measure(
        name="kind",
        title="Kind of shift",
        meaning="Covariate shift: other inputs; label shift: other class shares; concept shift: the same input carries another label.",
        formula=r"p(x,y) = p(x)\,p(y \mid x) = p(y)\,p(x \mid y)",
        source="Moreno-Torres et al. 2012, A unifying view on dataset shift, Pattern Recognition 45; Cai et al. 2023, arXiv 2303.02011",
        limits="From inputs alone the kinds cannot be told apart for certain. The sentence says what these numbers look like to a linear "
        "classifier, and what would be needed to know. Target labels are used for the comparison of errors only.",
        finding_of="pair",
    )
)
