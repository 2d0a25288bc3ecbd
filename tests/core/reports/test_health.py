"""What the gauges say, and what they must not say."""

from __future__ import annotations

from core.reports.health import at_chance_since, collapsed, findings, nothing_aligned

BEFORE = {"entropy": 1.0, "largest_class": 0.2, "feature_norm": 6.0, "effective_rank": 30.0}


def run(*gauges: dict, losses: dict | None = None, auc: tuple[float, float] = (0.95, 0.9)) -> list[dict]:
    """Epoch 0, then one line for each of ``gauges``."""
    measures = {"domain_auc": auc[0], "domain_auc_low": auc[1]}
    lines = [{"number": 0, "gauges": BEFORE, "losses": {}, "measures": measures}]
    for number, given in enumerate(gauges, 1):
        terms = losses or {"task": 0.1, "align": 0.2}
        lines.append({"number": number, "gauges": BEFORE | {"gradient_ratio": 1.0} | given, "losses": terms, "measures": measures})
    return lines


def said(lines: list[dict], name: str, classes: int | None = 10):
    return next(finding for finding in findings(lines, classes) if finding.name == name)


def test_nothing_is_said_before_the_first_epoch():
    assert findings([]) == []
    assert findings(run()) == []
    assert not nothing_aligned(run())


def test_a_healthy_run():
    assert {finding.level for finding in findings(run({}, {}), 10)} == {"good"}


def test_lambda_zero_aligned_nothing():
    lines = run({"gradient_ratio": 0.0}, {"gradient_ratio": 1e-9})
    assert nothing_aligned(lines)
    assert said(lines, "gradient_ratio").sentence.startswith("Nothing was aligned: the weight of the alignment is 0.")
    assert not nothing_aligned(run({"gradient_ratio": 0.0}, {"gradient_ratio": 1e-3}))


def test_a_method_without_an_alignment_loss_aligned_nothing():
    lines = run({"gradient_ratio": None}, losses={"task": 0.1})
    assert said(lines, "gradient_ratio").sentence.startswith("Nothing was aligned: this method has no alignment loss.")


def test_updates_in_turns_have_no_ratio_but_a_loss():
    turns = [{"gradient_ratio": None}] * 2
    assert nothing_aligned(run(*turns, losses={"domain": 0.7, "align": 0.0}))
    assert not nothing_aligned(run(*turns, losses={"domain": 0.7, "align": 0.4}))
    assert not nothing_aligned(run(*turns, losses={"task": 0.7, "critic": 0.4}))


def test_weak_and_overwhelming_alignment():
    assert "hardly pulls" in said(run({"gradient_ratio": 0.004}), "gradient_ratio").sentence
    assert "150 times" in said(run({"gradient_ratio": 150.0}), "gradient_ratio").sentence


def test_a_discriminator_at_chance_while_a_classifier_still_sees_the_shift():
    accuracies = [0.9, 0.9, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    lines = run(*({"discriminator_accuracy": a} for a in accuracies))
    finding = said(lines, "discriminator_accuracy")
    assert finding.level == "bad"
    since = at_chance_since(lines[1:])
    assert since == 6  # the first epoch whose mean over five epochs is at most 0.6: (0.9 + 4 × 0.5) / 5
    assert f"at chance since epoch {since}" in finding.sentence
    assert "AUC 0.95: it has stopped learning, not converged" in finding.sentence


def test_a_discriminator_at_chance_that_is_right():
    finding = said(run(*[{"discriminator_accuracy": 0.5}] * 3, auc=(0.52, 0.45)), "discriminator_accuracy")
    assert finding.level == "good"
    assert "agrees" in finding.sentence


def test_a_discriminator_that_wins_and_one_that_works():
    assert said(run(*[{"discriminator_accuracy": 0.99}] * 3), "discriminator_accuracy").level == "look"
    assert said(run(*[{"discriminator_accuracy": 0.8}] * 3), "discriminator_accuracy").level == "good"
    assert all(finding.name != "discriminator_accuracy" for finding in findings(run({})))


def test_collapse():
    assert collapsed(0.1, 0.6)
    assert collapsed(0.55, 0.87)  # two classes
    assert not collapsed(0.1, 0.4)
    assert not collapsed(0.6, 0.7)
    finding = said(run({}, {"largest_class": 0.7}, {"largest_class": 0.9}), "largest_class")
    assert finding.level == "bad"
    assert "90.0 % of the target is predicted as one class, 20.0 % before, since epoch 2" in finding.sentence
    assert "can look good now" in finding.sentence


def test_features_that_shrink_grow_or_flatten_and_predictions_that_guess():
    assert "shrank" in said(run({"feature_norm": 0.5}), "feature_norm").sentence
    assert "grew" in said(run({"feature_norm": 60.0}), "feature_norm").sentence
    assert said(run({"effective_rank": 8.0}), "effective_rank").level == "look"
    assert said(run({"entropy": 2.25}), "entropy").level == "look"
    assert said(run({"entropy": 2.25}), "entropy", None).level == "good"


def test_a_threshold_that_no_sample_reaches_and_one_that_all_reach():
    never = said(run(*[{"labelled": share} for share in (0.0, 0.005, 0.002)]), "labelled")
    assert never.level == "bad"
    assert never.sentence.startswith("No pseudo-label was ever given: in no epoch was the method sure enough of more than 0.5 %")
    always = said(run(*[{"labelled": 1.0}] * 3), "labelled")
    assert always.level == "look"
    assert always.sentence.startswith("Every target sample was given a label from the first epoch on")
    works = said(run({"labelled": 0.0}, {"labelled": 0.4}), "labelled")
    assert works.level == "good"
    assert "40.0 %" in works.sentence
    assert all(finding.name != "labelled" for finding in findings(run({})))


def test_an_undertrained_source_network():
    def of(low: float, high: float):
        line = {"measures": {"linear_lead": (low + high) / 2, "linear_lead_low": low, "linear_lead_high": high}}
        return next(finding for finding in findings(run({}), 10, line) if finding.name == "linear_lead")

    assert of(0.1, 0.3).level == "bad"
    assert "undertrained: on held-out source samples a logistic regression is +20.0 points better" in of(0.1, 0.3).sentence
    assert "as good as a logistic regression" in of(-0.1, 0.1).sentence
    assert "better than a logistic regression" in of(-0.3, -0.1).sentence
    assert all(finding.name != "linear_lead" for finding in findings(run({}), 10, {"measures": {}}))  # a run stored before there was one


def test_a_diverged_gradient_is_named():
    assert "diverged" in said(run({"gradient_ratio": float("nan")}), "gradient_ratio").sentence
