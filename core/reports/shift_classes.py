"""Class shares of the target, read off a source classifier, whether to trust them, and what they say of the kind of shift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.stats import chi2_contingency
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier

from core.measures.classifier import DomainAuc, domain_auc
from core.measures.label_shift import LabelShift, label_shift, with_class_shares
from core.measures.mmd import mmd_test
from core.measures.scale import Scale
from core.reports.shift_data import Material
from core.reports.shift_kind import EVIDENCE, Kind, Matched, Overlap, kind_of_shift, overlap
from core.reports.text import auc_value, short_p

FEWEST_MATCHED = 50  # samples per domain for a comparison with equal class shares
FOLDS = 5
LEAST = 0.05  # of a class share: a smaller difference of true shares is not worth a word, however sure


@dataclass(frozen=True, eq=False)
class Classes:
    """Class shares of the target, estimated without its labels, and what they say of the kind of shift.

    ``truth`` are the true ones where labels are known; ``matched`` is None where too few samples could be drawn with equal class shares,
    ``overlap`` where the target has no labels. ``remark`` says what the shares rest on, why not to trust them where ``trusted`` is
    False, or why there are none.
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
    """What the source classifier says of the pool and of the target rows: classes, and N×K log probabilities."""

    source: np.ndarray
    target: np.ndarray
    source_scores: np.ndarray
    target_scores: np.ndarray


def classes(m: Material, auc: DomainAuc, smallest_p: float) -> Classes:
    """Label shift, and what it says of the kind of shift. Both rest on a linear classifier of the classes, fitted on source samples."""
    k, size, seed = len(m.class_names), m.measured, m.experiment.seed
    target, judged = m.compared.target, judge(m)
    labels = label_shift(m.pool_labels, judged.source, judged.target, k, seed)
    truth = None if m.target_labels is None else np.bincount(m.target_labels, minlength=k) / len(m.target_labels)
    matched, trusted, scores_p = None, False, 0.0
    counted = (len(m.pool), len(target))
    remark = f"From {counted[0]} source and {counted[1]} target samples the class shares cannot be told. {labels.refusal}"
    if labels.estimated is not None:
        chosen = with_class_shares(m.pool_labels, labels.estimated, size, seed)
        matched = _matched(m, chosen)
        if matched is not None:
            scores_p = _same_scores(judged.source_scores[chosen], judged.target_scores[: len(chosen)], seed)
        trusted = matched is not None and matched.gone and scores_p > EVIDENCE
        remark = _remark(trusted, matched, len(chosen), scores_p, counted)
    differ, both = shares_differ(judged.source, judged.target, k), None
    if truth is None or m.target_labels is None:
        # Where nothing but shares has changed in what the classifier says, it is to be believed; the looks may have changed elsewhere.
        believed = matched is not None and (scores_p > EVIDENCE or matched.gone or matched.auc < auc.auc - 0.1)
        kind = kind_of_shift(auc, smallest_p, labels, matched, differ and (believed or None), both)
    else:
        pairs = ((judged.source, m.pool_labels), (judged.target, m.target_labels))
        wrong = [np.not_equal(guess[:size], labels[:size]) for guess, labels in pairs]
        both = overlap(wrong[0], auc.scores[:size], wrong[1], auc.scores[size:], seed)
        differ = shares_differ(m.pool_labels, m.target_labels, k, least=LEAST)
        same_shares = _matched(m, with_class_shares(m.pool_labels, truth, size, seed))
        kind = kind_of_shift(auc, smallest_p, labels, same_shares, differ, both, known=True)
    return Classes(labels, truth, matched, both, kind, trusted, remark)


def _matched(m: Material, chosen: np.ndarray) -> Matched | None:
    """The chosen samples of the pool against as many target samples; None where they are too few."""
    if len(chosen) < FEWEST_MATCHED:
        return None
    sides, seed = (m.pool[chosen], m.compared.target[: len(chosen)]), m.experiment.seed
    again = domain_auc(*sides, seed)
    return Matched(len(chosen), again.auc, again.low, mmd_test(*sides, m.bandwidth, seed=seed).p)


def judge(m: Material) -> Judged:
    """What classifiers say that have not seen the samples they judge.

    Where no source samples are left to train on, five of them are trained, each without a fifth of the pool, which it judges together
    with a fifth of the target: so both are judged alike.
    """
    k, target = len(m.class_names), m.compared.target
    if m.training is not None:
        model = _fitted(m.training, m.training_labels)
        scores = tuple(_log_probabilities(model, x, k) for x in (m.pool, target))
    else:
        scores = np.empty((len(m.pool), k)), np.empty((len(target), k))
        folds = np.arange(len(m.pool)) % FOLDS, np.arange(len(target)) % FOLDS  # both are in random order
        for fold in range(FOLDS):
            model = _fitted(m.pool[folds[0] != fold], m.pool_labels[folds[0] != fold])
            for side, x, of in zip(scores, (m.pool, target), folds, strict=True):
                side[of == fold] = _log_probabilities(model, x[of == fold], k)
    return Judged(scores[0].argmax(1), scores[1].argmax(1), *scores)


def _fitted(x: np.ndarray, labels: np.ndarray) -> Any:
    """A linear classifier of the classes of which there are two samples; one that always says the same where these are fewer than two."""
    enough = np.bincount(labels)[labels] > 1
    if len(np.unique(labels[enough])) < 2:
        return DummyClassifier(strategy="prior").fit(x, labels)
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(x[enough], labels[enough])


def _log_probabilities(model: Any, x: np.ndarray, k: int) -> np.ndarray:
    """N×K, of all classes, those that it has not met among them; from −14 to 0, as beyond that it is only arithmetic."""
    found = np.zeros((len(x), k))
    found[:, model.classes_] = model.predict_proba(x)
    return np.log(np.maximum(found, 1e-6))


def _same_scores(source: np.ndarray, target: np.ndarray, seed: int) -> float:
    """p value of MMD² between what the class classifier says of both: this is where a change misleads the estimate."""
    scale = Scale.of(source, target)
    return mmd_test(scale.standardised(source), scale.standardised(target), scale.bandwidth, seed=seed).p


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
