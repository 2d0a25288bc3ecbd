"""A classifier two-sample test that is cheap enough to permute: ridge regression on the domain label, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from core.errors import InputError
from core.measures.base import MEASURES, Drawing, Measure, Populations
from core.measures.scale import Scale

PERMUTATIONS = 499
FOLDS = 5
COPIES = 4  # equal rows that are held out together
_RIDGE = 0.1  # of the mean eigenvalue of the standardised columns' correlation matrix, which is 1


@dataclass(frozen=True)
class RidgeTest:
    """Out-of-fold AUC of the ridge classifier, its permutation p value (smallest possible: 1/(1+B)), and the B AUCs under the null."""

    auc: float
    p: float
    null: np.ndarray


def ridge_test(
    x: np.ndarray, y: np.ndarray, permutations: int = PERMUTATIONS, seed: int = 0, things: np.ndarray | None = None
) -> RidgeTest:
    """Classifier two-sample test (Lopez-Paz & Oquab 2017, arXiv 1610.06545) with least squares in place of logistic regression.

    The label ±1 is regressed on the standardised columns with the penalty λ = 0.1·n_train. In fold f the scores of the rows that
    are left out are Z_f (Z'Z + λI)⁻¹ Z'·a, linear in the label column a. So the observed labels and all B relabellings are columns
    of one matrix A, and a fold costs two matrix products instead of 1 + B fits.

    Folds are drawn without a look at the labels, and so is the standardisation. Without a shift every labelling is then as likely
    as the observed one, and p = (1 + #{null ≥ observed}) / (1 + B) is exact: at most α of all draws have p ≤ α. Scores are compared
    within a fold; the AUC is the mean over folds, weighted by their number of pairs.

    Parameters
    ----------
    x, y : ndarray
        Source and target features, n×D and m×D.
    permutations : int
        B.
    seed : int
        Decides the folds and the relabellings.
    things : ndarray, optional
        As of `label_free_folds`.

    Raises
    ------
    InputError
        Fewer than five rows on a side, another number of columns, or values that are not finite.
    """
    rows = pooled_rows(x, y)
    rows = Scale.of(rows[: len(x)], rows[len(x) :]).standardised(rows)
    labels, fold = random_labellings(len(x), len(y), permutations, seed), label_free_folds(rows, seed, things)
    won, pairs = np.zeros(1 + permutations), np.zeros(1 + permutations)
    for k in range(FOLDS):
        train, test = fold != k, fold == k
        scores = _scores(rows[train], rows[test], labels[train])
        fold_won, fold_pairs = pairs_won(scores, labels[test] > 0)
        won += fold_won
        pairs += fold_pairs
    # Few rows may fall so that no fold holds both domains: then nothing was compared, which is what 0.5 says.
    aucs = np.where(pairs > 0, won / np.maximum(pairs, 1), 0.5)
    p = (1 + int((aucs[1:] >= aucs[0] - 1e-12).sum())) / (1 + permutations)
    return RidgeTest(float(aucs[0]), p, aucs[1:])


def pooled_rows(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Both samples in one float64 matrix, x first. A domain classifier needs some rows, and finite ones."""
    for where, rows in (("source_features", x), ("target_features", y)):
        if rows.ndim != 2 or len(rows) < FOLDS:
            raise InputError(where, f"they have the shape {rows.shape}, and {FOLDS} rows are needed.", "Take more samples of this domain.")
        if not np.isfinite(rows).all():
            raise InputError(
                where,
                "they hold values that are not finite numbers.",
                "Fill in what is missing. In a run the training diverged: lower the learning rate or the trade-off.",
            )
    if x.shape[1] != y.shape[1]:
        raise InputError("target_features", f"they have {y.shape[1]} columns and the source has {x.shape[1]}.", "Compare like with like.")
    return np.concatenate([x, y]).astype(np.float64)


def label_free_folds(rows: np.ndarray, seed: int, things: np.ndarray | None = None) -> np.ndarray:
    """The fold 0..4 of each row, drawn without a look at the domains; up to `COPIES` equal rows stay together.

    Were a copy of a held-out row among the training rows, the classifier would know its domain by heart: two identical samples come out
    at an AUC of 0.2 instead of 0.5, and a source in which each row stands twice at 0.57. A row of which there are more is a category,
    whose share in each domain is what there is to learn: its copies are cut into random groups of that size. If none were ever in
    training and held out at once, a column of yes and no would tell nothing, with shares of 30 and 70 % too.

    Folds and groups know nothing of the domains, so without a shift each held-out row is as likely of either, whatever the classifier
    has learnt: the AUC is 0.5 on average, exactly (`tests/benchmarks/shift_calibration.md`).

    Parameters
    ----------
    rows : ndarray
        N×D.
    things : ndarray, optional
        int64, N: of which thing each row is a sample, where both domains show the same things. Twins stay together as copies do, for the
        same reason.
    """
    order = np.random.default_rng([seed, 0x41D6]).permutation(len(rows))
    seen: dict[bytes, int] = {}
    copies = np.array([seen.setdefault(row.tobytes(), len(seen)) for row in rows + 0.0])  # −0.0 is 0.0
    content = copies if things is None else things
    order = order[np.argsort(content[order], kind="stable")]
    first = np.r_[True, np.diff(content[order]) != 0]
    place = np.arange(len(rows)) - np.maximum.accumulate(np.where(first, np.arange(len(rows)), 0))
    starts = np.flatnonzero(place % COPIES == 0)
    sizes = np.diff(np.r_[starts, len(rows)])
    # Dealt like cards, the large groups first, so that folds differ by less than a group.
    dealt = np.random.default_rng([seed, 0xF01D]).permutation(len(starts))
    dealt = dealt[np.argsort(-sizes[dealt], kind="stable")]
    of_group = np.empty(len(starts), dtype=int)
    of_group[dealt] = np.arange(len(starts)) % FOLDS
    fold = np.empty(len(rows), dtype=int)
    fold[order] = np.repeat(of_group, sizes)
    return fold


def pairs_won(scores: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many (positive, negative) pairs the scores order rightly, a tie as one half, and how many there are; for each column.

    ``scores`` and ``positive`` are N×B (Mann & Whitney 1947: the rank sum of the positives less b(b+1)/2).
    """
    ranks = rankdata(scores, axis=0)
    b = positive.sum(0)
    return (ranks * positive).sum(0) - b * (b + 1) / 2, b * (len(scores) - b)


def random_labellings(n: int, m: int, permutations: int, seed: int) -> np.ndarray:
    """±1, (n+m)×(1+B): −1 is source. Column 0 is the observed labelling."""
    rng = np.random.default_rng([seed, 0xC25])
    observed = np.repeat([-1.0, 1.0], [n, m])
    return np.column_stack([observed, rng.permuted(np.tile(observed, (permutations, 1)), axis=1).T])


def _scores(train: np.ndarray, test: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Ridge predictions for ``test``, one column for each column of ``labels``; by the smaller of the two equivalent systems."""
    mean = train.mean(0)
    z, targets = train - mean, labels - labels.mean(0)
    n, d = z.shape
    penalty = _RIDGE * n
    if d <= n:
        scores = (test - mean) @ np.linalg.solve(z.T @ z + penalty * np.eye(d), z.T @ targets)
    else:
        scores = ((test - mean) @ z.T) @ np.linalg.solve(z @ z.T + penalty * np.eye(n), targets)
    return np.round(scores, 9)  # equal rows must stay ties


def permuted(pair: Populations) -> RidgeTest:
    return ridge_test(pair.source, pair.target, seed=pair.seed, things=pair.things)


def domain_p(pair: Populations) -> dict[str, float]:
    found = pair.once(permuted)
    return {"domain_p": found.p, "domain_p_auc": found.auc}


MEASURES.add(
    Measure(
        name="domain_p",
        title="p of the domain classifier",
        meaning="How often a classifier would do as well as this one if there were no shift and the domain labels were pure chance.",
        formula=r"p = \frac{1 + \#\{b : \mathrm{AUC}_b \ge \mathrm{AUC}\}}{1 + B},\quad B = 499",
        source="Lopez-Paz & Oquab 2017, arXiv 1610.06545; exactness: Phipson & Smyth 2010, arXiv 1603.05766",
        limits="The permuted classifier is a ridge regression in closed form, close to the logistic regression whose AUC is shown. "
        "A small p says that a difference exists, not that it is large: look at the AUC first.",
        range="0.002 (the smallest possible with B = 499) to 1",
        companions=("domain_p_auc",),
        drawing=Drawing("p"),
        of_pair=domain_p,
    )
)
