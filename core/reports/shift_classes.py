"""Class shares of the target, read off a source classifier, whether to trust them, and what they say of the kind of shift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import log_softmax
from scipy.stats import chi2_contingency
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier

from core.measures.classifier import DomainAuc, domain_auc
from core.measures.label_shift import LabelShift, label_shift, with_class_shares
from core.measures.mmd import mmd2, mmd_test
from core.measures.scale import Scale
from core.reports.shift_data import Material
from core.reports.shift_kind import EVIDENCE, Kind, Matched, Overlap, kind_of_shift, overlap
from core.reports.text import auc_value, short_p

FEWEST_MATCHED = 50  # samples per domain for a comparison with equal class shares
FOLDS = 5
NEVER = -1000.0  # log odds of a class that a classifier has not met
EXPLAINED = 0.5  # of the MMD² between what a classifier says of both domains
LEAST = 0.05  # of a class share: a smaller difference of true shares is not worth a word, however sure


@dataclass(frozen=True, eq=False)
class Classes:
    """Class shares of the target, estimated without its labels, and what they say of the kind of shift.

    ``truth`` are the true ones where labels are known; ``matched`` is None where too few samples could be drawn in the estimated shares,
    ``overlap`` where the target has no labels or too few could be drawn in its true shares. ``remark`` says what the shares rest on, why
    not to trust them where ``trusted`` is False, or why there are none.
    """

    doing: ClassVar[str] = "Estimating class shares"
    shift: LabelShift
    truth: np.ndarray | None
    matched: Matched | None
    overlap: Overlap | None
    kind: Kind
    trusted: bool
    remark: str


@dataclass(frozen=True)
class Judged:
    """What the source classifier says of the pool and of the target rows: N×K log odds of the classes, up to a number for each row."""

    source_odds: np.ndarray
    target_odds: np.ndarray

    @property
    def source(self) -> np.ndarray:
        """The classes that it predicts."""
        return self.source_odds.argmax(1)

    @property
    def target(self) -> np.ndarray:
        return self.target_odds.argmax(1)


def classes(m: Material, auc: DomainAuc, smallest_p: float) -> Classes:
    """Label shift, and what it says of the kind of shift. Both rest on a linear classifier of the classes, fitted on source samples."""
    k, size, seed = len(m.class_names), m.measured, m.experiment.seed
    target, judged = m.compared.target, judge(m)
    labels = label_shift(m.pool_labels, judged.source, judged.target, k, seed)
    truth = None if m.target_labels is None else np.bincount(m.target_labels, minlength=k) / len(m.target_labels)
    matched, trusted, believed = None, False, False
    counted = (len(m.pool), len(target))
    remark = f"From {counted[0]} source and {counted[1]} target samples the class shares cannot be told. {labels.refusal}"
    if labels.estimated is not None:
        chosen, scores_p = with_class_shares(m.pool_labels, labels.estimated, size, seed), 0.0
        again = _again(m, chosen)
        if again is not None:
            matched = _matched(m, chosen, again)
            said = _log_probabilities(judged.source_odds[chosen]), _log_probabilities(judged.target_odds[: len(chosen)])
            scores_p = _same(*said, seed)  # a change there misleads the estimate
            believed = matched.gone or matched.auc < auc.auc - 0.1 or shares_explain(judged, chosen, size, seed)
        trusted = matched is not None and matched.gone and scores_p > EVIDENCE
        remark = _remark(trusted, matched, len(chosen), scores_p, counted)
    if truth is None or m.target_labels is None:
        differ = shares_differ(judged.source, judged.target, k) and (believed or None)
        return Classes(labels, truth, matched, None, kind_of_shift(auc, smallest_p, labels, matched, differ, None), trusted, remark)
    differ = shares_differ(m.pool_labels, m.target_labels, k, least=LEAST)
    chosen = with_class_shares(m.pool_labels, truth, size, seed)
    again = _again(m, chosen)
    both = _errors(m, judged, np.arange(size), auc) if not differ else None if again is None else _errors(m, judged, chosen, again)
    same_shares = None if again is None else _matched(m, chosen, again)
    kind = kind_of_shift(auc, smallest_p, labels, same_shares, differ, both, known=True)
    return Classes(labels, truth, matched, both, kind, trusted, remark)


def _again(m: Material, chosen: np.ndarray) -> DomainAuc | None:
    """The chosen samples of the pool against as many target samples; None where they are too few."""
    return domain_auc(*_sides(m, chosen), m.experiment.seed) if len(chosen) >= FEWEST_MATCHED else None


def _sides(m: Material, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return m.pool[chosen], m.compared.target[: len(chosen)]


def _matched(m: Material, chosen: np.ndarray, again: DomainAuc) -> Matched:
    p = mmd_test(*_sides(m, chosen), m.bandwidth, seed=m.experiment.seed).p
    return Matched(len(chosen), again.auc, again.low, p)


def _errors(m: Material, judged: Judged, chosen: np.ndarray, auc: DomainAuc) -> Overlap:
    """Errors on the chosen samples of the pool and on as many of a labelled target."""
    n = len(chosen)
    wrong = judged.source[chosen] != m.pool_labels[chosen], judged.target[:n] != np.asarray(m.target_labels)[:n]
    return overlap(wrong[0], auc.scores[:n], wrong[1], auc.scores[n:])


def judge(m: Material) -> Judged:
    """What classifiers say that have not seen the samples they judge.

    Where no source samples are left to train on, five of them are trained, each without a fifth of the pool, which it judges together
    with a fifth of the target: so both are judged alike.
    """
    k, target = len(m.class_names), m.compared.target
    if m.training is not None:
        model = _fitted(m.training, m.training_labels)
        return Judged(_log_odds(model, m.pool, k), _log_odds(model, target, k))
    odds = np.empty((len(m.pool), k)), np.empty((len(target), k))
    folds = np.arange(len(m.pool)) % FOLDS, np.arange(len(target)) % FOLDS  # both are in random order
    for fold in range(FOLDS):
        model = _fitted(m.pool[folds[0] != fold], m.pool_labels[folds[0] != fold])
        for side, x, of in zip(odds, (m.pool, target), folds, strict=True):
            side[of == fold] = _log_odds(model, x[of == fold], k)
    return Judged(*odds)


def _fitted(x: np.ndarray, labels: np.ndarray) -> Any:
    """A linear classifier of the classes of which there are two samples; one that always says the same where these are fewer than two."""
    enough = np.bincount(labels)[labels] > 1
    if len(np.unique(labels[enough])) < 2:
        return DummyClassifier(strategy="prior").fit(x, labels)
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(x[enough], labels[enough])


def _log_odds(model: Any, x: np.ndarray, k: int) -> np.ndarray:
    """N×K, of all classes, those that it has not met among them. Not from its probabilities: near 1 these are rounded."""
    found = np.full((len(x), k), NEVER)
    if isinstance(model, DummyClassifier):
        found[:, model.classes_] = model.predict_log_proba(x)
    else:
        said = model.decision_function(x)
        found[:, model.classes_] = np.stack([-said / 2, said / 2], axis=1) if said.ndim == 1 else said
    return found


def _log_probabilities(odds: np.ndarray) -> np.ndarray:
    """From −14 to 0, as beyond that they are only arithmetic."""
    return np.maximum(log_softmax(odds, axis=1), np.log(1e-6))


def _same(source: np.ndarray, target: np.ndarray, seed: int) -> float:
    """p value of MMD² between what the class classifier says of both."""
    scale = Scale.of(source, target)
    return mmd_test(scale.standardised(source), scale.standardised(target), scale.bandwidth, seed=seed).p


def shares_explain(judged: Judged, chosen: np.ndarray, n: int, seed: int) -> bool:
    """Whether other class shares are the likeliest reason for what the classifier says of the target, also if the looks have changed.

    Two things must hold. Source samples ``chosen`` in the estimated shares take away `EXPLAINED` of the MMD² between what it says of
    both domains: looks that mislead it leave more. And it is not enough to move what it says of all source samples alike, as looks
    that have nothing to do with the classes do: the clouds of log odds differ in shape as well. A test for any difference in
    what it says would not do: the shares that are drawn in are an estimate, and never quite right.
    """
    source, target = _log_probabilities(judged.source_odds), _log_probabilities(judged.target_odds[:n])
    scale = Scale.of(source[:n], target)
    here = scale.standardised(target)
    before, after = (mmd2(scale.standardised(rows), here, scale.bandwidth) for rows in (source[:n], source[chosen]))
    odds = [side - side.mean(1, keepdims=True) for side in (judged.source_odds[:n], judged.target_odds[:n])]
    shapes_p = _same(odds[0] - odds[0].mean(0), odds[1] - odds[1].mean(0), seed)
    return after <= (1 - EXPLAINED) * before and shapes_p <= EVIDENCE


def _remark(trusted: bool, matched: Matched | None, drawn: int, scores_p: float, sizes: tuple[int, int]) -> str:
    """What the shares rest on; why not to trust them, where one should not."""
    rests = f"From {sizes[0]} source and {sizes[1]} target samples, and right only if samples of one class look the same in both domains."
    if matched is None:
        why = f"in these shares only {drawn} source samples can be drawn, and {FEWEST_MATCHED} are needed to check this"
        return f"Do not trust these shares: {why}. {rests}"
    n, p = matched.n, min(matched.mmd_p, scores_p)
    found = f"{n} + {n} samples, AUC {auc_value(matched.auc)}, {short_p(p)}"
    if not trusted:
        return f"Do not trust these shares: source samples drawn in them still differ from the target's ({found}). {rests}"
    return f"{rests} Source samples drawn in these shares could not be told from the target's ({found})."


def shares_differ(source: np.ndarray, target: np.ndarray, k: int, least: float = 0.0) -> bool:
    """Whether classes come in other proportions, by the χ² test at 1 %, and one of them in a share that differs by ``least``."""
    counts = np.stack([np.bincount(values, minlength=k) for values in (source, target)])
    counts = counts[:, counts.sum(0) > 0]
    if counts.shape[1] < 2:
        return False
    found: Any = chi2_contingency(counts)  # SciPy's types do not name the fields
    shares = counts / counts.sum(1, keepdims=True)
    return bool(found.pvalue < 0.01 and np.abs(shares[1] - shares[0]).max() >= least)
