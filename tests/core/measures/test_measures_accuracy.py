"""Accuracy, its intervals, and what happens without labels or with broken predictions."""

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import xlogy
from scipy.stats import binomtest, multinomial
from sklearn.metrics import confusion_matrix

from core.errors import InputError
from core.measures.accuracy import Gain, confusion, gain_interval, per_class, source_accuracy, target_accuracy, wilson, worst_class
from core.measures.base import Evaluation
from core.measures.scale import Scale


def evaluation(**changes) -> Evaluation:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(20, 4)).astype(np.float32)
    given = {
        "source_probabilities": np.eye(4, dtype=np.float32)[[0, 1, 1, 0]],
        "source_labels": np.array([0, 1, 0, 0]),
        "target_probabilities": np.eye(4, dtype=np.float32)[[0, 0, 1, 1, 1, 2]],
        "target_labels": np.array([0, 0, 1, 1, 2, 2]),
        "source_features": features,
        "target_features": features,
        "scale": Scale.of(features, features),
        "seed": 0,
    }
    return Evaluation(**{**given, **changes})


@pytest.mark.parametrize(("correct", "n"), [(0, 1), (1, 1), (0, 20), (20, 20), (81, 263), (15, 148), (1, 29), (899, 1797)])
def test_wilson_agrees_with_scipy(correct, n):
    expected = binomtest(correct, n).proportion_ci(method="wilson")
    assert wilson(correct, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_agrees_with_the_published_table():
    # Newcombe (1998), Statistics in Medicine 17:857-872, table I, method 3.
    published = {(81, 263): (0.2553, 0.3662), (15, 148): (0.0624, 0.1605), (0, 20): (0.0000, 0.1611), (1, 29): (0.0061, 0.1718)}
    for (correct, n), ends in published.items():
        assert wilson(correct, n) == pytest.approx(ends, abs=5e-5)


@pytest.mark.parametrize(("correct", "n"), [(0, 0), (3, 2), (-1, 5)])
def test_wilson_refuses_what_is_not_a_share(correct, n):
    with pytest.raises(InputError):
        wilson(correct, n)


def test_confusion_and_per_class_agree_with_scikit_learn():
    rng = np.random.default_rng(1)
    labels, predictions = rng.integers(0, 4, 200), rng.integers(0, 5, 200)
    expected = confusion_matrix(labels, predictions, labels=range(5))
    np.testing.assert_array_equal(confusion(labels, predictions, 5), expected)
    shares = per_class(labels, predictions, 5)
    np.testing.assert_allclose(shares[:4], expected.diagonal()[:4] / expected.sum(axis=1)[:4])
    assert np.isnan(shares[4])


def test_confusion_refuses_a_class_out_of_range():
    with pytest.raises(InputError) as error:
        confusion(np.array([0, 3]), np.array([0, 1]), 3)
    assert error.value.where == "labels"


def pairs(worse: int, better: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Before and after of n samples of which some became wrong and some right."""
    before, after = np.zeros(n, bool), np.zeros(n, bool)
    before[:worse], after[worse : worse + better] = True, True
    return before, after


def test_gain_is_paired_and_agrees_with_an_index_bootstrap():
    rng = np.random.default_rng(2)
    before = rng.random(400) < 0.5
    after = before | (rng.random(400) < 0.1)  # never worse: an unpaired interval would span zero
    gain = gain_interval(before, after)
    rows = rng.integers(0, 400, size=(4000, 400))
    difference = after.astype(float) - before
    low, high = np.quantile(difference[rows].mean(axis=1), [0.025, 0.975])
    assert gain.mean == pytest.approx(difference.mean())
    assert (gain.low, gain.high) == pytest.approx((low, high), abs=0.006)
    assert gain.low > 0
    backwards = gain_interval(after, before)
    assert backwards == Gain(-gain.mean, pytest.approx(-gain.high, abs=1e-9), pytest.approx(-gain.low, abs=1e-9))


@pytest.mark.parametrize(("worse", "better", "n"), [(0, 1, 44), (3, 12, 60), (7, 7, 50), (0, 9, 100), (30, 2, 40)])
def test_ends_of_a_gain_are_where_the_score_test_of_pairs_just_rejects(worse, better, n):
    """The likelihood under each difference is maximised by SciPy, not by the closed form."""
    gain = gain_interval(*pairs(worse, better, n))
    for end in (gain.low, gain.high):

        def against(q: float, end: float = end) -> float:
            return -float(xlogy(worse, q) + xlogy(better, q + end) + xlogy(n - worse - better, 1 - 2 * q - end))

        q = minimize_scalar(against, bounds=(max(0.0, -end), (1 - end) / 2), method="bounded", options={"xatol": 1e-12}).x
        score = (better - worse - n * end) / np.sqrt(n * (2 * q + end * (1 - end)))
        assert abs(score) == pytest.approx(1.959964, abs=1e-3)


def test_gain_where_nothing_or_everything_changed():
    z2 = 1.959964**2
    assert gain_interval(*pairs(0, 0, 100)) == Gain(0, pytest.approx(-z2 / (100 + z2)), pytest.approx(z2 / (100 + z2)))
    assert gain_interval(*pairs(0, 50, 50)) == Gain(1, pytest.approx((50 - z2) / (50 + z2)), 1)
    assert gain_interval(*pairs(50, 0, 50)) == Gain(-1, -1, pytest.approx(-(50 - z2) / (50 + z2)))
    assert gain_interval(*pairs(0, 1, 1)).low < 0


@pytest.mark.parametrize(("worse", "better"), [(0.05, 0.15), (0.02, 0.4), (0.03, 0.03), (0.01, 0.03)])
def test_gain_holds_the_truth_as_often_as_it_says(worse, better):
    """Exactly, over all outcomes of 100 samples."""
    held = 0.0
    for b, c in itertools.product(range(25), range(65)):
        probability = multinomial.pmf([b, c, 100 - b - c], 100, [worse, better, 1 - worse - better])
        if probability > 1e-7:
            gain = gain_interval(*pairs(b, c, 100))
            held += probability * (gain.low <= better - worse <= gain.high)
    assert 0.93 < held < 0.97


@pytest.mark.parametrize("after", [np.ones(3, bool), np.ones(0, bool)])
def test_gain_refuses_other_samples(after):
    with pytest.raises(InputError):
        gain_interval(np.ones(len(after) and 4, bool), after)


def test_target_accuracy_by_hand():
    values = target_accuracy(evaluation())
    assert values["target_accuracy"] == pytest.approx(5 / 6)
    assert (values["target_accuracy_low"], values["target_accuracy_high"]) == pytest.approx(wilson(5, 6))
    assert worst_class(evaluation()) == {"target_worst_class": 0.5}  # class 3 is absent and does not count
    assert source_accuracy(evaluation()) == {"source_accuracy": 0.75}


def test_without_labels_the_values_are_none():
    values = target_accuracy(evaluation(target_labels=None))
    assert set(values) == {"target_accuracy", "target_accuracy_low", "target_accuracy_high"}
    assert set(values.values()) == {None}
    assert worst_class(evaluation(target_labels=None)) == {"target_worst_class": None}


@pytest.mark.parametrize(("side", "compute"), [("source", source_accuracy), ("target", target_accuracy)])
def test_nan_probabilities_are_named(side, compute):
    broken = np.full((6, 4), 0.25, dtype=np.float32)
    broken[2, 1] = np.nan
    with pytest.raises(InputError) as error:
        compute(evaluation(**{f"{side}_probabilities": broken, f"{side}_labels": None}))
    assert error.value.where == f"{side}_probabilities"
    assert "1 of 6" in error.value.what
    assert error.value.remedy
