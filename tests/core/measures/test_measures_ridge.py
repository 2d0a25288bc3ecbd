"""The closed-form domain classifier against scikit-learn's ridge regression, fold by fold and relabelling by relabelling."""

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from core.errors import InputError
from core.measures import ridge
from core.measures.ridge import COPIES, label_free_folds, ridge_test
from core.measures.scale import Scale


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
    rows = Scale.of(x, y).standardised(np.concatenate([x, y]))
    fold = label_free_folds(rows, 2)
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
    assert np.bincount(label_free_folds(np.arange(103.0)[:, None], 0)).tolist() == [21, 21, 21, 20, 20]
    scale = np.array([1, 10, 1e-3, 1e6, 1, 7])
    assert ridge_test(x * scale + 5, y * scale + 5, 19).auc == pytest.approx(ridge_test(x, y, 19).auc, abs=1e-9)


def test_copies_are_held_out_together_and_categories_in_small_groups():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(70, 3))
    rows[10:20], rows[30:33] = rows[20:30], rows[40]
    fold = label_free_folds(rows, 0)
    np.testing.assert_array_equal(fold[10:20], fold[20:30])
    assert (fold[30:33] == fold[40]).all()
    assert len(np.unique(fold)) == 5
    assert (fold != label_free_folds(rows, 1)).any()
    np.testing.assert_array_equal(label_free_folds(rows, 0), fold)
    category = label_free_folds(np.zeros((103, 2)), 0)
    counts = np.bincount(category)
    assert counts.max() - counts.min() <= COPIES
    assert ((counts % COPIES == 0).sum()) >= 4
    assert (label_free_folds(np.array([[0.0], [-0.0]] * 2), 3) == label_free_folds(np.zeros((4, 1)), 3)).all()


def test_nominal_false_alarms_on_categories_and_power_where_they_shift():
    draws, found = 200, {0.5: 0, 0.75: 0}
    for yes in found:
        for i in range(draws):
            rng = np.random.default_rng([6, i])
            x, y = (rng.random((60, 3)) < 0.5).astype(float), (rng.random((60, 3)) < yes).astype(float)
            found[yes] += ridge_test(x, y, permutations=99, seed=i).p <= 0.05
    assert found[0.5] <= binom.ppf(0.995, draws, 0.05)
    assert found[0.75] > 0.95 * draws


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
