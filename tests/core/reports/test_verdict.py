"""A run in plain words: what is claimed, and what is not."""

from __future__ import annotations

import json

import pytest

from core.measures.accuracy import gap_closed
from core.reports.verdict import answer, joint_accuracy, no_shift_before, oracle_accuracy, verdict
from core.runs import store
from core.runs.execute import run_here


def epoch(number: int = 3, accuracy: float | None = 0.9, gain=(0.3, 0.2, 0.4), largest: float = 0.2, auc_low: float = 0.7, **more) -> dict:
    """One line of adaptation from 0.6 before."""
    known = accuracy is not None
    measures = {
        "source_accuracy": 0.99,
        "target_accuracy": accuracy,
        "source_only_target_accuracy": 0.6 if known else None,
        **dict(zip(("gain", "gain_low", "gain_high"), gain if known else (None,) * 3, strict=True)),
        "mmd2": 0.3 / (number + 1),
        "domain_auc": auc_low + 0.05,
        "domain_auc_low": auc_low,
        "domain_auc_high": auc_low + 0.1,
        "infomax": 0.1 * number,
    }
    line = {"phase": "adapt", "number": number, "total": 3, "losses": {"task": 0.1, "align": 0.1} if number else {}}
    return line | {"measures": measures | more, "gauges": {"largest_class": largest}}


BEFORE = epoch(0, 0.6, (0, 0, 0))


def reference(phase: str, number: int, accuracy: float | None) -> dict:
    measures = {"source_accuracy": 0.9, "target_accuracy": accuracy}
    return {"phase": phase, "number": number, "total": 2, "losses": {}, "measures": measures, "gauges": {}}


def test_nothing_is_said_before_adaptation():
    assert "Nothing can be said" in verdict("DAN", [])
    assert verdict("DAN", [reference("source", 1, 0.5)]).startswith("The network is learning from the source.")
    lines = [reference("source", 2, 0.5), reference("oracle", 1, 0.9)]
    assert "computed: Oracle line. Nothing can be said" in verdict("DAN", lines)
    assert "computed: Source-only, trained on. Nothing can be said" in verdict("DAN", lines, phase="continued")
    assert "about to begin" in verdict("DAN", lines, phase="adapt")


def test_before_the_first_epoch_the_source_model_is_described():
    text = verdict("DAN", [BEFORE])
    assert text.startswith("Before adaptation, 60.0 % of the held-out target samples are classified rightly.")
    assert "can still tell the domains apart: right 75 times out of 100, guessing 50 (AUC 0.75)." in text
    assert "DAN" not in text


def test_a_rise():
    first, numbers = verdict("DAN", [BEFORE, epoch()]).split("\n")
    assert first == "DAN raised target accuracy: it is right more often than the network before it."
    assert numbers == (
        "Target accuracy 90.0 %, the network before adaptation, 60.0 %: a change of +30.0 points (95 % interval +20.0 to +40.0). "
        "A classifier can still tell the domains apart: right 75 times out of 100, guessing 50 (AUC 0.75)."
    )


def test_a_gain_is_over_source_only_trained_for_as_long():
    first, numbers = verdict("DAN", [reference("continued", 2, 0.6), BEFORE, epoch()]).split("\n")
    assert first == "DAN raised target accuracy: it is right more often than source-only, trained for as long."
    assert numbers.startswith("Target accuracy 90.0 %, source-only, trained for as long, 60.0 %: a change of +30.0 points")


def test_negative_transfer():
    first, numbers = verdict("DANN", [BEFORE, epoch(accuracy=0.4, gain=(-0.2, -0.3, -0.1))]).split("\n")
    assert first == "Negative transfer: DANN lowered target accuracy: it is wrong more often than the network before it."
    assert "60.0 %: a change of −20.0 points (95 % interval −30.0 to −10.0)" in numbers


@pytest.mark.parametrize("interval", [(-0.01, 0.05), (0.0, 0.05), (-0.05, 0.0), (0.0, 0.0)])
def test_no_evidence(interval):
    text = verdict("DAN", [BEFORE, epoch(accuracy=0.62, gain=(0.02, *interval))])
    assert "no evidence either way" in text
    assert "raised" not in text
    assert "lowered" not in text


def test_an_accuracy_that_did_not_move():
    text = verdict("DAN", [BEFORE, epoch(accuracy=0.6, gain=(0.0, -0.01, 0.01))])
    assert text.startswith("DAN left target accuracy as it is with the network before it: no evidence either way.\n")
    assert "a change of +0.0 points (95 % interval −1.0 to +1.0)" in text


def test_an_unlabelled_target():
    text = verdict("DAN", [epoch(0, None), epoch(3, None)])
    assert text.startswith("The target has no labels, so accuracy is unknown.\nMMD² is 0.075, from 0.300 before.")
    assert "AUC" in text


@pytest.mark.parametrize(("before", "after", "said"), [(0.15, 0.95, True), (0.3, 0.55, True), (0.15, 0.3, False), (0.55, 0.6, False)])
def test_a_collapse_is_named(before, after, said):
    text = verdict("DANN", [epoch(0, 0.6, (0, 0, 0), before), epoch(accuracy=0.2, gain=(-0.4, -0.5, -0.3), largest=after)])
    assert ("now predicted as one class" in text) == said
    if said:
        assert f"{100 * after:.1f} % of the target" in text


def test_domains_that_cannot_be_told_apart():
    text = verdict("DAN", [BEFORE, epoch(auc_low=0.48)])
    assert text.endswith("can no longer tell the domains apart: right 53 times out of 100, guessing 50 (AUC 0.53), which may be chance.")


def test_gap_closed():
    assert gap_closed(0.5, 0.8, 0.9) == pytest.approx(0.75)
    assert gap_closed(0.5, 0.4, 0.9) == pytest.approx(-0.25)
    assert gap_closed(0.5, 0.95, 0.9) > 1
    assert gap_closed(0.9, 0.8, 0.9) is None
    assert gap_closed(0.95, 0.8, 0.9) is None
    for missing in ((None, 0.8, 0.9), (0.5, None, 0.9), (0.5, 0.8, None)):
        assert gap_closed(*missing) is None


def test_the_oracle_line_is_known_when_its_training_has_ended():
    lines = [reference("source", 2, 0.5), reference("oracle", 1, 0.8)]
    assert oracle_accuracy(lines) is None
    assert oracle_accuracy([*lines, reference("oracle", 2, 0.9), BEFORE]) == 0.9


def test_the_joint_line_is_known_when_its_training_has_ended():
    lines = [reference("source", 2, 0.5), reference("oracle", 2, 0.9), reference("joint", 1, 0.6)]
    assert joint_accuracy(lines) is None
    assert joint_accuracy([*lines, reference("joint", 2, 0.8), BEFORE]) == 0.8


@pytest.fixture
def stored(home):
    """``stored(*epochs)`` is the record of a run with these lines."""

    def make(*epochs: dict):
        record = store.writer("aaaa00000001").open('{"seed": 0}')
        record.update(state="running", device="cpu", seconds=2.5)
        for line in epochs:
            record.add(line, None)
        return record

    return make


def test_the_chosen_epoch_is_chosen_without_target_labels(stored):
    record = stored(BEFORE, epoch(1, 0.95, infomax=0.3), epoch(2, 0.7, infomax=0.9), epoch(3, 0.8, infomax=0.5))
    facts = answer(record)
    assert facts["final"]["epoch"] == 3
    assert facts["best"]["epoch"] == 2
    assert facts["best"]["chosen_by"] == "infomax"
    assert facts["best"]["target_accuracy"] == 0.7
    assert facts["oracle_choice"]["epoch"] == 1
    record.close()


def test_the_choice_does_not_change_when_the_labels_are_taken_away(stored):
    labelled = [BEFORE, epoch(1, 0.95, infomax=0.3), epoch(2, 0.7, infomax=0.9)]
    record = stored(*[line | {"measures": line["measures"] | {"target_accuracy": None}} for line in labelled])
    facts = answer(record)
    assert facts["best"]["epoch"] == 2
    assert facts["oracle_choice"] is None
    assert facts["oracle_target_accuracy"] is None
    json.dumps(facts, allow_nan=False)
    record.close()


def test_a_run_without_adaptation_has_no_numbers_yet(stored):
    record = stored(reference("source", 1, 0.5))
    facts = answer(record)
    assert facts["final"] is facts["best"] is facts["oracle_choice"] is None
    assert facts["state"] == "running"
    record.close()


def test_a_run_that_was_stored_before_there_were_these_references_still_opens(stored):
    """Its source lines say nothing of samples held back, and its gain is over the network before adaptation."""
    record = stored(reference("source", 1, 0.5), reference("source", 2, 0.6), reference("oracle", 2, 0.95), BEFORE, epoch())
    facts = answer(record)
    assert facts["linear"] is facts["updates"] is None
    assert facts["doubts"] == []
    assert facts["source_only"]["target_accuracy"] == facts["final"]["source_only_target_accuracy"] == 0.6
    assert "the network before adaptation, 60.0 %" in verdict("DAN", record.epochs())
    record.close()


def test_the_answer_of_a_real_run(home, tiny):
    experiment = tiny()
    facts = answer(run_here(experiment, "cpu"))
    assert set(facts) >= {"experiment", "run_id", "state", "device", "seconds", "final", "best", "doubts"}
    assert facts["source_only"]["target_accuracy"] == facts["final"]["source_only_target_accuracy"]
    assert facts["oracle"]["target_accuracy"] == facts["oracle_target_accuracy"]
    assert facts["linear"]["linear_lead_low"] <= facts["linear"]["linear_lead"] <= facts["linear"]["linear_lead_high"]
    assert facts["source"]["epoch"] == facts["oracle"]["epoch"] == facts["updates"]["source"][0] == 2
    assert facts["run_id"] == experiment.id
    assert facts["experiment"] == experiment.model_dump(mode="json")
    for part in ("final", "best"):
        for name in ("source_accuracy", "target_accuracy", "source_only_target_accuracy", "mmd2_p", "domain_auc"):
            assert 0 <= facts[part][name] <= 1
        assert isinstance(facts[part]["mmd2"], float)
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts


@pytest.mark.parametrize(
    ("p", "low", "none"),
    [(0.4, 0.45, True), (0.4, 0.5, True), (0.4, 0.51, False), (0.04, 0.45, False), (0.04, 0.51, False), (None, 0.45, False)],
)
def test_no_shift_before_needs_both_tests(p, low, none):
    """A kernel test that sees nothing says nothing where a classifier tells the domains apart for certain."""
    measures = BEFORE["measures"] | {"mmd2_p": p, "domain_auc_low": low}
    assert no_shift_before(measures) is none
