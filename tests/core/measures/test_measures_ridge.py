"""The closed-form domain classifier against scikit-learn's ridge regression, fold by fold and relabelling by relabelling."""

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from core.errors import InputError
from core.measures import ridge
from core.measures.ridge import label_free_folds, ridge_test, standardised


def sample(n: int, m: int, d: int = 6, shift: float = 0.0, seed: int | list[int] = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) + shift


def reference_auc(rows: np.ndarray, labels: np.ndarray, fold: np.ndarray) -> float:
    won = pairs = 0.0
    for k in range(5):
        train, test = fold != k, fold == k
        scores = Ridge(alpha=0.1 * train.sum()).fit(rows[train], labels[train]).predict(rows[test])
        count = (labels[test] > 0).sum() * (labels[test] < 0).sum()
        won += count * roc_auc_score(labels[test] > 0, scores)
        pairs += count
    return won / pairs


@pytest.mark.parametrize(("n", "m", "d"), [(60, 60, 6), (45, 70, 6), (40, 40, 100)])
def test_agrees_with_scikit_learn_for_observed_and_permuted_labels(n, m, d):
    x, y = sample(n, m, d, shift=0.2)
    test = ridge_test(x, y, permutations=8, seed=2)
    rows, fold = standardised(x, y), label_free_folds(n + m, 2)
    labellings = ridge.random_labellings(n, m, 8, 2)
    assert (labellings.sum(0) == m - n).all()
    expected = [reference_auc(rows, labels, fold) for labels in labellings.T]
    np.testing.assert_allclose(np.r_[test.auc, test.null], expected, atol=1e-9)
    assert test.p == (1 + (test.null >= test.auc).sum()) / 9


def test_false_alarms_are_five_percent_without_a_shift():
    draws = 300
    alarms = sum(ridge_test(*sample(40, 40, seed=[3, i]), permutations=99, seed=i).p <= 0.05 for i in range(draws))
    low, high = binom.ppf([0.005, 0.995], draws, 0.05)
    assert low <= alarms <= high


def test_a_small_shift_in_many_columns_is_found():
    found = sum(ridge_test(*sample(500, 500, 64, 0.15, seed=[5, i]), permutations=99, seed=i).p <= 0.05 for i in range(10))
    assert found == 10


def test_copies_on_both_sides_raise_no_alarm_and_constants_are_at_chance():
    x, _ = sample(60, 1)
    assert ridge_test(x, x, permutations=99).p > 0.5
    constant = ridge_test(np.full((30, 3), 0.1), np.full((20, 3), 0.1), permutations=19)
    assert constant.auc == 0.5
    assert constant.p == 1


def test_folds_know_nothing_of_labels_and_units_do_not_matter():
    x, y = sample(50, 50, shift=0.3)
    assert np.bincount(label_free_folds(103, 0)).tolist() == [21, 21, 21, 20, 20]
    scale = np.array([1, 10, 1e-3, 1e6, 1, 7])
    assert ridge_test(x * scale + 5, y * scale + 5, 19).auc == pytest.approx(ridge_test(x, y, 19).auc, abs=1e-9)


@pytest.mark.parametrize(
    ("x", "y", "where"),
    [
        (np.zeros((4, 3)), np.zeros((9, 3)), "source_features"),
        (np.zeros((9, 3)), np.full((9, 3), np.nan), "target_features"),
        (np.zeros((9, 3)), np.zeros((9, 4)), "target_features"),
    ],
)
def test_refuses_what_it_cannot_compare(x, y, where):
    with pytest.raises(InputError) as error:
        ridge_test(x, y)
    assert error.value.where == where
