"""The domain classifier's AUC against scikit-learn, its interval and its permutation test."""

import warnings

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import binom, norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from core.errors import InputError
from core.measures.base import Evaluation, numbered
from core.measures.classifier import auc_interval, domain_auc, domain_auc_of_run
from core.measures.mmd import random_halves
from core.measures.ridge import label_free_folds, ridge_test
from core.measures.scale import Scale


def sample(n: int, m: int, d: int = 6, shift: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)).astype(np.float32), (rng.normal(size=(m, d)) + shift).astype(np.float32)


@pytest.mark.parametrize(("n", "m", "shift"), [(100, 100, 0.3), (53, 81, 0.2)])
def test_agrees_with_scikit_learn_fold_by_fold(n, m, shift):
    x, y = sample(n, m, shift=shift)
    rows, labels = np.concatenate([x, y]).astype(np.float64), np.repeat([0, 1], [n, m])
    fold = label_free_folds(rows, 3)
    scores = cross_val_predict(
        make_pipeline(StandardScaler(), LogisticRegression()), rows, labels, cv=PredefinedSplit(fold), method="decision_function"
    )
    tests = [np.flatnonzero(fold == k) for k in range(5)]
    pairs = [labels[test].sum() * (1 - labels[test]).sum() for test in tests]
    expected = np.average([roc_auc_score(labels[test], scores[test]) for test in tests], weights=pairs)

    result = domain_auc(x, y, seed=3)
    np.testing.assert_allclose(result.scores, scores, atol=1e-9)
    assert result.auc == pytest.approx(expected, abs=1e-12)
    wrong = (scores > 0) != labels
    error = np.average([(wrong[t][labels[t] == 0].mean() + wrong[t][labels[t] == 1].mean()) / 2 for t in tests], weights=pairs)
    assert result.a_distance == pytest.approx(2 * (1 - 2 * error))
    assert result.low < result.auc < result.high
    assert result.p is None


def test_separated_domains_reach_the_end_but_keep_an_interval():
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the solver must converge
        result = domain_auc(*sample(60, 60, shift=20.0))
    assert result.auc == 1.0
    assert result.a_distance == 2.0
    assert 0.9 < result.low < 0.99
    assert result.high == pytest.approx(1.0)


def test_identical_and_constant_features_are_at_chance():
    x, _ = sample(50, 1)
    identical = domain_auc(x, np.random.default_rng(1).permutation(x))
    assert identical.auc == pytest.approx(0.5)
    assert identical.low < 0.5 < identical.high
    constant = domain_auc(np.full((52, 4), 0.1, np.float32), np.full((47, 4), 0.1, np.float32))
    assert constant.auc == 0.5
    assert constant.a_distance == 0.0


def twelve_rows(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    rows = rng.normal(size=(12, 6))
    return rows[rng.integers(12, size=100)], rows[rng.integers(12, size=100)]


def categories(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return np.eye(12)[rng.integers(12, size=100)], np.eye(12)[rng.integers(12, size=100)]


def yes_or_no(rng: np.random.Generator, shares: tuple[float, float] = (0.5, 0.5), width: int = 3) -> tuple[np.ndarray, np.ndarray]:
    return (rng.random((100, width)) < shares[0]).astype(float), (rng.random((100, width)) < shares[1]).astype(float)


def few(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(size=(30, 64)), rng.normal(size=(30, 64))


def each_source_row_twice(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(size=(50, 20)).repeat(2, axis=0), rng.normal(size=(100, 20))


@pytest.mark.parametrize("draw", [twelve_rows, categories, yes_or_no, few, each_source_row_twice])
@pytest.mark.slow
def test_odd_data_without_a_shift_are_at_chance(draw):
    """Copies that were held out in pairs of one source and one target row gave 0.608 for twelve rows and 0.554 for yes and no."""
    found = [domain_auc(*draw(np.random.default_rng([11, i])), seed=i) for i in range(150)]
    aucs = np.array([f.auc for f in found])
    assert abs(aucs.mean() - 0.5) < 3.3 * aucs.std() / np.sqrt(len(aucs))
    assert aucs.std() < 0.12
    assert sum(not f.low <= 0.5 <= f.high for f in found) <= binom.ppf(
        0.998, len(found), 0.05 if draw is not each_source_row_twice else 0.1
    )


def test_categories_that_shift_are_seen():
    """Were no copy of a held-out row among the training rows, a column of yes and no would tell nothing: AUC 0.5."""
    aucs = [domain_auc(*yes_or_no(np.random.default_rng([12, i]), (0.3, 0.7), 1), seed=i).auc for i in range(20)]
    best = 0.7 * 0.7 + 0.5 * 2 * 0.3 * 0.7  # P(target yes, source no), a tie one half
    assert np.mean(aucs) == pytest.approx(best, abs=0.03)


def test_five_rows_a_side_are_enough_to_be_answered():
    rng = np.random.default_rng(3)
    for n, m in ((5, 5), (6, 6), (5, 60)):
        result = domain_auc(np.ones((n, 2)), rng.normal(size=(m, 2)))
        assert 0 <= result.low <= result.auc <= result.high <= 1


@pytest.mark.parametrize(("source", "target"), [([0, 0, 0, 1, 1], [0, 1, 1, 1, 1]), ([0] * 5, [1] * 5), ([0] * 9, [0] * 8 + [1])])
def test_fewer_different_rows_than_folds_are_answered(source, target):
    """Copies are held out together, so some folds are empty."""
    found = domain_auc(np.array(source)[:, None], np.array(target)[:, None])
    assert 0 <= found.low <= found.auc <= found.high <= 1
    assert found.low < 0.5 < found.high
    assert np.isfinite(found.scores).all()


def test_one_constant_column_changes_nothing():
    x, y = sample(50, 50, shift=0.4)
    with_constant = domain_auc(np.pad(x, ((0, 0), (0, 1)), constant_values=7), np.pad(y, ((0, 0), (0, 1)), constant_values=7))
    assert with_constant.auc == pytest.approx(domain_auc(x, y).auc)


def test_scores_stay_with_their_rows():
    x, y = sample(60, 60, shift=0.5)
    y[17] = 9.0  # the most target-like row
    x[41] = -9.0
    scores = domain_auc(x, y).scores
    assert scores.argmax() == 60 + 17
    assert scores.argmin() == 41


def test_swapping_the_domains_turns_the_scores_and_keeps_the_auc_about():
    x, y = sample(200, 200, shift=0.2)
    forth, back = domain_auc(x, y), domain_auc(y, x)
    assert back.auc == pytest.approx(forth.auc, abs=0.03)
    assert np.corrcoef(forth.scores, -np.roll(back.scores, 200))[0, 1] > 0.95


@pytest.mark.parametrize(
    ("auc", "n", "m", "width"), [(0.5, 100, 100, 3), (0.8, 40, 90, 1), (0.97, 300, 300, 64), (1.0, 50, 50, 256), (0.0, 50, 50, 6)]
)
def test_interval_solves_its_equation(auc, n, m, width):
    noise = width * (1 / (0.8 * n) + 1 / (0.8 * m))

    def reached(length: float) -> float:
        return norm.cdf(length / np.sqrt(2 * (length + noise)))

    def excess(theta: float) -> float:
        mean = (n + m) / 2 - 1
        spread = 1 + mean * (1 - theta) / (2 - theta) + mean * theta / (1 + theta)
        length = brentq(lambda a: reached(a) - theta, 0, 200) if theta > 0.5 else 0
        shared = 2 - (length / (length + noise)) ** 2
        return (theta - auc) ** 2 - 1.959964**2 * shared * theta * (1 - theta) * spread / (n * m)

    low, high = auc_interval(auc, n, m, width)
    assert low == pytest.approx(brentq(excess, 1e-9, auc - 1e-9) if auc > 0 else 0, abs=1e-5)
    assert high == pytest.approx(brentq(excess, auc + 1e-9, 1 - 1e-9) if auc < 1 else 1, abs=1e-5)


@pytest.mark.slow
def test_interval_misses_chance_in_at_most_five_percent_without_a_shift():
    draws = 150
    results = [domain_auc(*sample(60, 60, seed=[9, i]), seed=i) for i in range(draws)]
    misses = sum(not result.low <= 0.5 <= result.high for result in results)
    # With the variance of independent folds it would miss in about 17 %.
    assert misses <= binom.ppf(0.995, draws, 0.05)
    assert np.mean([result.high - result.low for result in results]) < 0.35


@pytest.mark.slow
def test_permutation_p_is_smallest_for_a_shift_and_spread_without():
    assert domain_auc(*sample(60, 60, shift=1.0), permutations=19).p == 1 / 20
    ps = [domain_auc(*sample(30, 30, d=3, seed=[10, i]), seed=i, permutations=19).p for i in range(10)]
    assert 0.25 < np.mean(ps) < 0.8
    assert len(set(ps)) > 4


def test_repeats_with_its_seed_and_leaves_the_global_generator():
    x, y = sample(40, 40, shift=0.2)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    assert domain_auc(x, y, seed=1, permutations=5).auc == domain_auc(x, y, seed=1).auc
    assert domain_auc(x, y, seed=2).auc != domain_auc(x, y, seed=1).auc
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_control_is_at_chance_where_the_shift_is_not():
    x, y = sample(300, 150, shift=1.0)
    control = domain_auc(*random_halves(x, 0))
    assert control.low < 0.5 < control.high
    assert domain_auc(x[:150], y).low > control.high
    assert len(control.scores) == 300


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
        domain_auc(x, y)
    assert error.value.where == where


def test_measure_reports_the_same_numbers():
    x, y = sample(80, 80, shift=0.5)
    result = domain_auc(x, y, seed=4)
    values = domain_auc_of_run(Evaluation(None, None, None, None, x, y, Scale.of(x, y), seed=4))
    assert values == {"domain_auc": result.auc, "domain_auc_low": result.low, "domain_auc_high": result.high}


def test_two_samples_of_the_same_things_are_told_apart_no_worse_than_by_chance():
    """Each row of the target is one of the source, slightly changed: where a classifier has learned the one, it mistakes the other."""
    unaware, aware, ridge = [], [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        x, order = rng.normal(size=(120, 20)), rng.permutation(120)
        y = x[order] + 0.3 * rng.normal(size=x.shape)
        things = numbered(([str(i) for i in range(120)], [str(i) for i in order]), 120)
        unaware.append(domain_auc(x, y, seed).auc)
        aware.append(domain_auc(x, y, seed, things=things).auc)
        ridge.append(ridge_test(x, y, permutations=1, seed=seed, things=things).auc)
    assert np.mean(unaware) < 0.4
    assert np.mean(aware) == pytest.approx(0.5, abs=0.04)
    assert np.mean(ridge) == pytest.approx(0.5, abs=0.04)


def test_a_run_says_which_are_the_same_things():
    x, y = sample(80, 80, shift=0.5)
    names = ([f"thing {i:02}" for i in range(100)], [f"thing {i:02}" for i in range(99, -1, -1)])
    values = domain_auc_of_run(Evaluation(None, None, None, None, x, y, Scale.of(x, y), seed=4, identities=names))
    things = np.concatenate([np.arange(80), np.arange(99, 19, -1)])
    assert values["domain_auc"] == domain_auc(x, y, seed=4, things=things).auc != domain_auc(x, y, seed=4).auc
