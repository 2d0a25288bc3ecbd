"""What is not to be praised: a gain over networks that had not learned enough."""

from __future__ import annotations

import pytest

from core.measures.accuracy import difference_interval, wilson
from core.reports.doubts import doubts, unsettled
from core.reports.verdict import verdict

LEARNED = [1.0, 0.5, 0.3, 0.3, 0.3, 0.3]  # losses on samples held back: after three epochs without a gain it ends
LEARNING = [1.0, 0.8, 0.6, 0.4]


def accuracy(right: int, n: int) -> dict:
    low, high = wilson(right, n)
    return {"target_accuracy": right / n, "target_accuracy_low": low, "target_accuracy_high": high}


def trained(phase: str, held_back: list[float], bound: int = 30, right: int = 30, n: int = 36, source: float = 0.95) -> list[dict]:
    """The lines of training on labels that took as many epochs as there are losses; as in the loop, the last says that it was the last."""
    measures = accuracy(right, n) | {"source_accuracy": source}
    totals = [bound] * (len(held_back) - 1) + [len(held_back)]
    return [
        {"phase": phase, "number": i, "total": total, "losses": {"task": 0.1, "held_back": loss}, "gauges": {}, "measures": measures}
        for i, (loss, total) in enumerate(zip(held_back, totals, strict=True), 1)
    ]


def linear(lead=(0.0, -0.05, 0.05), over_guessing=(0.4, 0.3, 0.5)) -> dict:
    measures = {"source_accuracy": 0.95} | accuracy(30, 36)
    for name, values in (("linear_lead", lead), ("guessing_lead", over_guessing)):
        measures |= dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))
    return {"phase": "linear", "number": 1, "total": 1, "losses": {}, "gauges": {}, "measures": measures}


def adapted(right: int = 33, n: int = 36, gain=(0.2, 0.1, 0.38), losses: bool = True, before: float = 0.95) -> list[dict]:
    """Epoch 0 and one of adaptation; a method in closed form has no losses."""
    shift = {"mmd2": 0.1, "mmd2_p": 0.002, "domain_auc": 0.8, "domain_auc_low": 0.7, "domain_auc_high": 0.9}
    measures = shift | {"source_accuracy": before, "source_only_target_accuracy": 0.75} | accuracy(right, n)
    measures |= dict(zip(("gain", "gain_low", "gain_high"), gain, strict=True))
    terms = {"task": 0.1, "align": 0.2} if losses else {}
    line = {"phase": "adapt", "total": 1, "gauges": {"largest_class": 0.4, "gradient_ratio": 1.0}, "measures": measures}
    return [line | {"number": 0, "losses": {}}, line | {"number": 1, "losses": terms}]


def run(*, source=None, reference=None, oracle=None, adapt=None) -> list[dict]:
    """A run that nothing speaks against, but for the parts that are given."""
    good = [*(source or trained("source", LEARNED)), reference or linear(), *(oracle or trained("oracle", LEARNED, right=35))]
    return [*good, {**trained("continued", [0.1])[0], "losses": {"task": 0.1}}, *(adapt or adapted())]


UNSETTLED = trained("source", LEARNING, bound=4)
CASES = {
    "the source network had not finished learning": (run(source=UNSETTLED), "Raise Source epochs from 4 to 8."),
    "a plain linear classifier beats the source network": (
        run(reference=linear(lead=(0.2, 0.05, 0.4))),
        "Lower the learning rate, or give the source more samples.",
    ),
    "the network is hardly better than guessing": (run(reference=linear(over_guessing=(0.05, -0.1, 0.2))), "more labelled samples"),
    "above a network trained on the target's own labels": (
        run(oracle=trained("oracle", LEARNED, right=28), adapt=adapted(right=35)),
        "give the target more samples.",
    ),
}


def test_a_gain_over_networks_that_had_learned_is_praised():
    assert doubts(run()) == []
    assert verdict("MCC", run()).startswith("MCC raised target accuracy: it is right more often than source-only, trained for as long.")


@pytest.mark.parametrize("clause", CASES)
def test_a_gain_is_not_praised_where_there_is_a_doubt(clause):
    epochs, remedy = CASES[clause]
    (doubt,) = doubts(epochs)
    text = verdict("MCC", epochs)
    first, numbers = text.split("\n")
    assert first == f"This gain is no merit of MCC yet: {doubt.clause}."
    assert clause in first
    assert remedy in doubt.remedy
    assert f"{doubt.fact} {doubt.remedy} Target accuracy" in numbers
    assert "raised" not in text


@pytest.mark.parametrize("clause", CASES)
@pytest.mark.parametrize("gain", [(-0.2, -0.3, -0.1), (0.02, -0.05, 0.1)])
def test_a_doubt_is_said_beside_what_is_no_gain(clause, gain):
    epochs = [*CASES[clause][0]]
    changed = dict(zip(("gain", "gain_low", "gain_high"), gain, strict=True))
    epochs[-1] = epochs[-1] | {"measures": epochs[-1]["measures"] | changed}
    first, numbers = verdict("MCC", epochs).split("\n")
    assert ("Negative transfer" in first) == (gain[2] < 0)
    assert doubts(epochs)[0].fact in numbers


def test_all_doubts_are_said_and_what_helps_against_two_is_said_once():
    epochs = run(source=UNSETTLED, reference=linear(lead=(0.2, 0.05, 0.4), over_guessing=(0.05, -0.1, 0.2)))
    found = doubts(epochs)
    assert len(found) == 3
    text = verdict("MCC", epochs)
    assert all(doubt.fact in text for doubt in found)
    assert text.count("Raise Source epochs from 4 to 8.") == 1


def test_the_numbers_of_the_issue():
    """73 training rows and 8 steps: 75.0 % to 97.2 % where the oracle had 77.8 %, on 36 samples without any shift."""
    epochs = run(
        source=UNSETTLED, oracle=trained("oracle", LEARNING, bound=4, right=28), adapt=adapted(right=35, gain=(0.222, 0.104, 0.381))
    )
    assert [doubt.remedy for doubt in doubts(epochs)] == ["Raise Source epochs from 4 to 8."] * 2
    assert "raised" not in verdict("DANN", epochs)


def test_chance_is_no_doubt():
    assert doubts(run(reference=linear(lead=(0.1, -0.01, 0.2)))) == []
    assert doubts(run(oracle=trained("oracle", LEARNED, right=31), adapt=adapted(right=34))) == []
    assert doubts(run(reference=linear(over_guessing=(0.1, 0.01, 0.2)))) == []


def test_reference_methods_are_refused_as_well():
    epochs = [line for line in run(source=UNSETTLED) if line["phase"] != "continued"]
    assert verdict("Source-only", epochs).startswith("This gain is no merit of Source-only yet: the source network had not finished")


def test_a_better_classifier_of_a_closed_forms_own_answers_for_the_network():
    weak = {"source": trained("source", LEARNING, bound=4, source=0.6), "reference": linear(lead=(0.2, 0.1, 0.4))}
    assert len(doubts(run(**weak, adapt=adapted(losses=False, before=0.5)))) == 2
    assert doubts(run(**weak, adapt=adapted(losses=False, before=0.9))) == []
    assert len(doubts(run(**weak, adapt=adapted(losses=True, before=0.9)))) == 2


def test_training_is_settled_only_when_it_has_ended_by_itself():
    assert not unsettled("source", trained("source", LEARNED))
    assert not unsettled("source", trained("source", LEARNED, bound=6))  # by itself, in the last epoch that it had
    assert unsettled("source", UNSETTLED)
    assert not unsettled("source", trained("source", LEARNING)[:-1])  # still going on
    assert "Raise the learning rate." in doubts(run(source=trained("source", [10 - i / 100 for i in range(1000)], bound=1000)))[0].remedy


def test_runs_stored_without_these_references_raise_no_doubt():
    before = [line for line in run(source=UNSETTLED) if line["phase"] not in ("linear", "continued")]
    old = [line | {"losses": {name: loss for name, loss in line["losses"].items() if name != "held_back"}} for line in before]
    assert doubts(old) == []
    assert "raised target accuracy: it is right more often than the network before it." in verdict("DAN", old)


@pytest.mark.parametrize("blind", [False, True])
def test_what_needs_no_target_labels_is_said_without_them(blind):
    hidden = dict.fromkeys(("target_accuracy", "target_accuracy_low", "target_accuracy_high", "gain", "gain_low", "gain_high"))
    epochs = [line | {"measures": line["measures"] | hidden} for line in run(source=UNSETTLED) if line["phase"] != "oracle"]
    assert "Raise Source epochs from 4 to 8." in verdict("DAN", epochs, blind)


def test_newcombes_own_example():
    """56 of 70 against 48 of 80: +0.0524 to +0.3339 (Newcombe 1998, table II, method 10)."""
    low, high = difference_interval((56 / 70, *wilson(56, 70)), (48 / 80, *wilson(48, 80)))
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=1e-4)
