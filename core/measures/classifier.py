"""How well a linear classifier tells the two domains apart: AUC, its interval, and the proxy A-distance."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.special import ndtri
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from core.measures.accuracy import root
from core.measures.base import MEASURES, Band, Drawing, Evaluation, Measure, Populations, Z, numbered
from core.measures.ridge import FOLDS, label_free_folds, pairs_won, pooled_rows


@dataclass(frozen=True)
class DomainAuc:
    """A classifier two-sample test.

    Attributes
    ----------
    auc, low, high : float
        Chance that a random target row gets a higher score than a random source row, with its 95 % interval. 0.5: alike.
    p : float or None
        Permutation p value; None where no permutations were asked for.
    a_distance : float
        Proxy A-distance in [0, 2].
    scores : ndarray
        float64, n+m, x first: out-of-fold log-odds of "target". The lowest source rows are the most source-like samples.
    """

    auc: float
    low: float
    high: float
    p: float | None
    a_distance: float
    scores: np.ndarray


def domain_auc(x: np.ndarray, y: np.ndarray, seed: int = 0, permutations: int = 0, things: np.ndarray | None = None) -> DomainAuc:
    """Classifier two-sample test (Lopez-Paz & Oquab 2017, arXiv 1610.06545) by 5-fold logistic regression.

    Each row is scored by a classifier that has not seen it (the scaler too is fitted inside the fold); the folds are those of
    `label_free_folds`. Scores are only compared within a fold, since intercept and scale differ between classifiers; the AUC is the mean
    over folds, weighted by their number of pairs.

    The interval is Newcombe's score interval (2006, Statistics in Medicine 25:559-573, method 5) with the variance raised for
    cross-validation, see `auc_interval`. DeLong's and the bootstrap interval shrink to [1, 1] when the domains are separated perfectly.

    The p value refits everything for each relabelling, 5 fits each, so ask for it on demand (99 permutations: about
    2 s) and not at each epoch. Shuffling labels under *fixed* out-of-fold scores would be cheap and is not valid: rows
    of one fold trained the classifiers of the others, the folds' AUCs are correlated even without a shift, and the
    false alarms at 5 % come out at 12 %.

    The proxy A-distance (Ben-David et al. 2007, NeurIPS 19) is 2(1 − 2ε) with ε the mean of both domains' error rates, averaged over
    the folds in the same way; below 0 (worse than chance) it is 0.

    Parameters
    ----------
    x, y : ndarray
        Source and target features, n×D and m×D. Take n = m, or the classifier leans towards the larger domain. The rows must be
        drawn independently: with a target that holds the *same* samples slightly shifted, the AUC falls below 0.5, unless ``things``
        says which are the same.
    seed : int
        Decides the folds and the relabellings.
    permutations : int
        B; p = (1 + #{null ≥ observed}) / (1 + B).
    things : ndarray, optional
        As of `core.measures.ridge.label_free_folds`.

    Raises
    ------
    InputError
        Fewer than five rows on a side, another number of columns, or values that are not finite.
    """
    rows = pooled_rows(x, y)
    labels, fold = np.repeat([0, 1], [len(x), len(y)]), label_free_folds(rows, seed, things)
    auc, error, scores = _cross_validate(rows, labels, fold)
    p = None
    if permutations:
        rng = np.random.default_rng([seed, 0xC25])
        null = np.array([_cross_validate(rows, rng.permutation(labels), fold)[0] for _ in range(permutations)])
        p = float(1 + (null >= auc - 1e-12).sum()) / (1 + permutations)
    return DomainAuc(auc, *auc_interval(auc, len(x), len(y), x.shape[1]), p, float(max(0.0, 2 * (1 - 2 * error))), scores)


def domain_probability(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The probability of being a target row at each row of ``at``, by the logistic regression of `domain_auc` fitted on all rows."""
    model = _classifier().fit(pooled_rows(x, y), np.repeat([0, 1], [len(x), len(y)]))
    return model.predict_proba(at.astype(np.float64))[:, 1]


def _classifier():
    return make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=1000))


def auc_interval(auc: float, n: int, m: int, width: int) -> tuple[float, float]:
    """95 % score interval: all θ with (θ − auc)² ≤ z² f(θ) V(θ). It stays inside [0, 1] and does not collapse at 0 or 1.

    V(θ) = θ(1−θ) [1 + N(1−θ)/(2−θ) + Nθ/(1+θ)] / (nm) with N = (n+m)/2 − 1 (Hanley & McNeil 1982, Radiology 143,
    as in Newcombe 2006).

    f is for cross-validation, and this program's own. Rows of one fold train the classifier that scores another, and the other way
    round, so the AUCs of the folds share the noise in the classifiers' directions, though not what they share with the true one. Let
    that true direction have length √a (Mahalanobis), and a fitted one b of noise, the ``width`` times 1/n + 1/m of its training rows:

        f = 2 − (a / (a + b))²,   where θ = Φ(a / √(2(a + b)))

    So f is 2 without a shift, where noise is all there is, and falls to 1. Of 27 simulated cells (2 to 64 columns, 60 to 300 rows a
    side, AUC 0.5 to 0.9; 300 draws each, all looked at when f was chosen) it covers 91.7 to 98.0 %; f = 1 81 to 97 %, f = 2 93 to
    100 %. Cells that were not looked at are in ``tests/benchmarks/shift_calibration.md``. Compare Nadeau & Bengio (2003).
    """
    noise = width * (1 / n + 1 / m) * FOLDS / (FOLDS - 1)

    def excess(theta: float) -> float:
        """By how much the squared distance is too large: negative inside of the interval."""
        mean = (n + m) / 2 - 1
        variance = theta * (1 - theta) * (1 + mean * (1 - theta) / (2 - theta) + mean * theta / (1 + theta)) / (n * m)
        seen = 2 * min(max(0.0, float(ndtri(theta))), 8.0) ** 2  # a²/(a + b)
        length = (seen + sqrt(seen * (seen + 4 * noise))) / 2
        return (theta - auc) ** 2 - Z**2 * (2 - (length / (length + noise)) ** 2) * variance

    beside = 1e-9  # at an AUC of 0 or 1 itself both sides are 0
    low = root(excess, 0.0, auc - beside) if auc > beside else 0.0
    high = root(excess, auc + beside, 1.0) if auc < 1 - beside else 1.0
    return low, high


def _cross_validate(rows: np.ndarray, labels: np.ndarray, fold: np.ndarray) -> tuple[float, float, np.ndarray]:
    """AUC and mean error rate of both domains, as the pair-weighted means over folds, and the out-of-fold scores."""
    scores = np.zeros(len(rows))
    won = missed = 0.0
    pairs = 0
    for k in range(FOLDS):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        if not len(test) or len(np.unique(labels[train])) < 2:
            continue  # copies stay together, so of few different rows there may be fewer groups than folds
        model = _classifier().fit(rows[train], labels[train])
        scores[test] = np.round(model.decision_function(rows[test]), 9)  # equal rows must stay ties
        target = labels[test] == 1
        fold_won, fold_pairs = pairs_won(scores[test], target)
        if fold_pairs:
            won, pairs = won + fold_won, pairs + fold_pairs
            # A score of exactly 0 is half an error.
            missed += fold_pairs * (1 + (np.sign(scores[test][~target]).mean() - np.sign(scores[test][target]).mean()) / 2) / 2
    return (float(won / pairs), float(missed / pairs), scores) if pairs else (0.5, 0.5, scores)


def classified(pair: Populations) -> DomainAuc:
    return domain_auc(pair.source, pair.target, pair.seed, things=pair.things)


def _with_interval(result: DomainAuc) -> dict[str, float]:
    return {"domain_auc": result.auc, "domain_auc_low": result.low, "domain_auc_high": result.high}


def domain_auc_of_run(evaluation: Evaluation) -> dict[str, float]:
    source, target = evaluation.source_features, evaluation.target_features
    things = None if evaluation.identities is None else numbered(evaluation.identities, len(source))
    return _with_interval(domain_auc(source, target, seed=evaluation.seed, things=things))


def domain_auc_of_pair(pair: Populations) -> dict[str, float]:
    return _with_interval(pair.once(classified))


MEASURES.add(
    Measure(
        name="domain_auc",
        title="Domain-classifier AUC",
        meaning="How often a classifier shown one source and one target sample can say which is which: 0.5 is guessing, 1 is always.",
        formula=r"\mathrm{AUC} = P\bigl(s(y) > s(x)\bigr) + \tfrac12 P\bigl(s(y) = s(x)\bigr),\quad "
        r"x\sim\text{source},\; y\sim\text{target}",
        source="Lopez-Paz & Oquab 2017, Revisiting Classifier Two-Sample Tests, arXiv 1610.06545; interval after Newcombe 2006",
        limits="A linear classifier misses differences that no line can see, such as two rings of one centre. An AUC near 1 says that the "
        "domains differ, not that the difference matters for the task.",
        range="0.5 (alike) to 1 (told apart)",
        better="lower",
        label="domain AUC",
        companions=("domain_auc_low", "domain_auc_high"),
        drawing=Drawing("chance", band=Band("domain_auc_low", "domain_auc_high"), column="shown"),
        of_run=domain_auc_of_run,
        of_pair=domain_auc_of_pair,
    )
)


def a_distance(pair: Populations) -> dict[str, float]:
    return {"a_distance": pair.once(classified).a_distance}


MEASURES.add(
    Measure(
        name="a_distance",
        title="Proxy A-distance",
        meaning="The same classifier's success as a distance: 0 when it errs as often as a coin, 2 when it never errs.",
        formula=r"\hat d_{\mathcal A} = 2\,(1 - 2\varepsilon),\quad "
        r"\varepsilon = \tfrac12(\varepsilon_\text{source} + \varepsilon_\text{target})",
        source="Ben-David et al. 2007, Analysis of Representations for Domain Adaptation, NeurIPS 19",
        limits="It is bounded by 2, so it cannot tell a large shift from a very large one. It depends on the classifier that was chosen.",
        range="0 to 2",
        better="lower",
        drawing=Drawing("number", 2),
        of_pair=a_distance,
    )
)
