"""Label shift against the formula written out, against truth in simulations, and the kinds of shift told apart."""

import numpy as np
import pytest

from core.errors import InputError
from core.measures.classifier import DomainAuc
from core.measures.label_shift import label_shift, with_class_shares
from core.reports.shift_kind import Matched, kind_of_shift, overlap


def predictions(rng: np.random.Generator, labels: np.ndarray, right: float, k: int) -> np.ndarray:
    """Right with this chance, else any class."""
    return np.where(rng.random(len(labels)) < right, labels, rng.integers(k, size=len(labels)))


def drawn(shares: list[float], n: int, right: float, seed) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.choice(len(shares), size=n, p=shares)
    return labels, predictions(rng, labels, right, len(shares))


def test_weights_are_the_inverse_confusion_times_the_predicted_shares():
    labels, predicted = drawn([0.5, 0.3, 0.2], 400, 0.8, 0)
    _, there = drawn([0.2, 0.2, 0.6], 300, 0.8, 1)
    c = np.array([[np.mean((predicted == i) & (labels == j)) for j in range(3)] for i in range(3)])
    expected = np.linalg.inv(c) @ [np.mean(there == i) for i in range(3)]
    found = label_shift(labels, predicted, there, 3)
    np.testing.assert_allclose(found.weights, expected, rtol=1e-9)
    np.testing.assert_allclose(found.estimated, expected * np.bincount(labels) / 400, rtol=1e-9)
    assert found.estimated.sum() == pytest.approx(1)
    assert found.condition == pytest.approx(np.linalg.cond(c / c.sum(0)))
    assert found.refusal is None
    assert not found.contradicted


def test_intervals_cover_the_true_shares():
    truth, covered = [0.1, 0.3, 0.6], []
    for i in range(150):
        labels, predicted = drawn([1 / 3, 1 / 3, 1 / 3], 300, 0.7, [2, i])
        _, there = drawn(truth, 300, 0.7, [3, i])
        found = label_shift(labels, predicted, there, 3, seed=i)
        covered.append((found.low <= truth) & (truth <= found.high))
    assert 0.91 <= np.mean(covered) <= 0.985


def test_refuses_politely_when_the_classifier_does_not_separate_the_classes():
    labels, predicted = drawn([0.5, 0.5], 400, 0.02, 4)
    found = label_shift(labels, predicted, predicted, 2)
    assert found.estimated is None
    assert "mistakes some classes" in found.refusal
    rare = label_shift(np.r_[np.zeros(50, int), 1, 1], np.r_[np.zeros(50, int), 1, 1], np.zeros(5, int), 2)
    assert "2 source samples to count errors on, and 5 are needed" in rare.refusal
    with pytest.raises(InputError):
        label_shift(labels, predicted, np.array([], int), 2)


def test_predictions_that_no_class_shares_can_bring_about_are_named():
    labels, predicted = drawn([0.5, 0.5], 500, 0.6, 5)
    found = label_shift(labels, predicted, np.zeros(500, int), 2)
    assert found.contradicted
    assert found.estimated is None
    assert "No class shares at all could bring about the predictions on the 500 target samples" in found.refusal


def test_estimates_are_shares_although_noise_puts_them_outside():
    """The matrix inverted as it is gives a share of −3 % here: 2 of 60 wrong in the source, none in the target."""
    labels = np.repeat([0, 1], 30)
    predicted = labels.copy()
    predicted[[0, 30]] = [1, 0]
    found = label_shift(labels, predicted, np.zeros(60, int), 2)
    np.testing.assert_allclose(found.estimated, [1, 0])
    assert found.low[0] < 0.99
    assert 0.01 < found.high[1] <= 1
    assert found.low[1] == 0


def test_what_a_handful_of_samples_agrees_in_is_not_certain():
    labels = np.repeat([0, 1], 10)
    found = label_shift(labels, labels, np.zeros(10, int), 2)
    np.testing.assert_allclose(found.estimated, [1, 0])
    assert found.low[0] < 0.9


def test_a_classifier_that_may_be_no_better_than_chance_is_refused_though_its_numbers_look_good():
    labels = np.repeat([0, 1], 6)
    predicted = np.r_[[0, 0, 0, 0, 1, 1], [1, 1, 1, 1, 0, 0]]
    found = label_shift(labels, predicted, labels, 2)
    assert found.condition < 20
    assert found.estimated is None
    assert "with 12 source samples" in found.refusal


@pytest.mark.parametrize(("n", "right"), [(30, 0.8), (60, 0.9), (40, 1.0)])
def test_small_samples_have_intervals_that_hold_as_often_as_they_say(n, right):
    truth, covered = np.array([0.15, 0.85]), []
    for i in range(100):
        labels, predicted = drawn([0.5, 0.5], n, right, [11, n, i])
        _, there = drawn(list(truth), n, right, [12, n, i])
        found = label_shift(labels, predicted, there, 2, seed=i)
        if found.estimated is not None:
            assert ((found.low >= 0) & (found.high <= 1)).all()
            covered.append((found.low <= truth) & (truth <= found.high))
    assert len(covered) > 80
    assert np.mean(covered) >= 0.9


def test_one_class_has_no_shares_to_estimate():
    assert label_shift(np.zeros(9, int), np.zeros(9, int), np.zeros(9, int), 1).refusal == "There is only one class."


def test_class_shares_are_drawn_without_repeats():
    labels = np.repeat([0, 1, 2], [100, 60, 40])
    chosen = with_class_shares(labels, np.array([0.2, 0.2, 0.6]), 500, 0)
    assert len(np.unique(chosen)) == len(chosen)
    np.testing.assert_allclose(np.bincount(labels[chosen]), [13, 13, 40], atol=1)
    assert len(with_class_shares(labels, np.array([0.5, 0.3, 0.2]), 50, 0)) == 50
    assert set(labels[with_class_shares(labels, np.array([1.1, -0.1, 0.0]), 500, 0)]) == {0}


def test_overlap_weighs_towards_where_both_have_samples():
    rng = np.random.default_rng(6)
    wrong, scores = rng.random((2, 400)) < 0.3, rng.normal(size=(2, 400))
    found = overlap(wrong[0], scores[0], wrong[1], scores[1])
    weights = 1 / (1 + np.exp(-scores[0])), 1 / (1 + np.exp(scores[1]))
    assert found.source_error == pytest.approx(np.average(wrong[0], weights=weights[0]))
    assert found.target_error == pytest.approx(np.average(wrong[1], weights=weights[1]))
    assert found.low < found.difference < found.high
    assert found.low < 0 < found.high
    assert found.effective > 200
    apart = overlap(wrong[0], np.full(400, -9.0), wrong[1], np.full(400, 9.0))
    assert apart.effective < 1


def test_overlap_sees_a_change_of_labels_that_covariate_shift_cannot_explain():
    covered = {"covariate": 0, "concept": 0}
    for i in range(40):
        rng = np.random.default_rng([7, i])
        x, y = rng.normal(size=500), rng.normal(0.7, 1, size=500)
        log_odds = lambda v: 0.7 * v - 0.7**2 / 2  # noqa: E731
        error = lambda v: 1 / (1 + np.exp(2 - v))  # noqa: E731
        for name, more in (("covariate", 0), ("concept", 0.2)):
            wrong = rng.random(500) < error(x), rng.random(500) < np.minimum(error(y) + more, 1)
            covered[name] += overlap(wrong[0], log_odds(x), wrong[1], log_odds(y)).low > 0
    assert covered["covariate"] <= 3
    assert covered["concept"] >= 36


def auc(value: float, low: float) -> DomainAuc:
    return DomainAuc(value, low, min(1, 2 * value - low), None, 0.0, np.zeros(400))


def test_kinds_are_told_apart():
    rng = np.random.default_rng(8)
    labels, predicted = drawn([0.5, 0.5], 400, 0.9, 9)
    moved = label_shift(labels, predicted, drawn([0.1, 0.9], 400, 0.9, 10)[1], 2)
    gone, stays = Matched(200, 0.51, 0.45, 0.4), Matched(200, 0.9, 0.85, 0.002)
    no_wrong = np.zeros(400, bool)
    same = overlap(no_wrong, np.zeros(400), no_wrong, np.zeros(400))
    other = overlap(no_wrong, np.zeros(400), rng.random(400) < 0.4, np.zeros(400))
    assert kind_of_shift(auc(0.5, 0.45), 0.3, moved, gone, False, None).name == "none"
    assert kind_of_shift(auc(0.7, 0.65), 0.002, moved, gone, True, same).name == "label"
    assert kind_of_shift(auc(0.95, 0.9), 0.002, moved, stays, False, None).name == "covariate"
    assert kind_of_shift(auc(1.0, 0.97), 0.002, moved, Matched(200, 0.8, 0.7, 0.002), True, None).name == "label and covariate"
    concept = kind_of_shift(auc(0.5, 0.45), 0.3, moved, gone, False, other)
    assert concept.name == "concept"
    assert f"{100 * other.target_error:.0f} % of the target" in " ".join(concept.evidence)
    assert "by 400 samples of each domain, in effect 400" in " ".join(concept.evidence)
    assert "interval 0.45 to 0.55, 200 + 200 samples)" in " ".join(concept.evidence)
    unknown = kind_of_shift(auc(0.95, 0.9), 0.002, moved, stays, False, None)
    assert "labelled target samples" in " ".join(unknown.needed)
