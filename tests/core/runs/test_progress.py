"""How far a run is, while phases end before their time."""

from __future__ import annotations

import pytest

from core.experiment import Experiment
from core.runs.progress import PHASES, Progress


def experiment(epochs: int = 4, method: str = "dan") -> Experiment:
    return Experiment.parse({"method": {"name": method}, "budget": {"source_epochs": 30, "epochs": epochs}})


def lines(phase: str, numbers: range, total: int, ends: bool = True) -> list[dict]:
    """As the loop tells them: a phase that ends early says so in its last line."""
    found = [{"phase": phase, "number": n, "total": total, "seconds": 1.0} for n in numbers]
    if ends:
        found[-1]["total"] = found[-1]["number"]
    return found


WHOLE = [
    *lines("source", range(1, 7), 30),
    *lines("linear", range(1, 2), 1),
    *lines("oracle", range(1, 26), 30),
    *lines("continued", range(1, 5), 4),
    *lines("adapt", range(5), 4),
]


@pytest.mark.parametrize("told", [WHOLE, [line for line in WHOLE if line["phase"] != "oracle"]], ids=["labelled", "unlabelled"])
def test_the_fraction_never_falls_and_ends_at_one(told):
    progress = Progress(experiment())
    fractions = [progress.facts()["fraction"]]
    for line in told:
        progress.finished(line, computed=True)
        fractions.append(progress.facts()["fraction"])
    assert fractions[0] == 0
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    assert progress.facts()["remaining"] == pytest.approx(0)


def test_the_phase_is_the_one_that_is_going_on():
    progress, seen = Progress(experiment()), []
    for line in WHOLE:
        progress.finished(line, computed=True)
        seen.append(progress.facts()["phase"])
    assert seen == ["source"] * 5 + ["linear"] + ["oracle"] * 25 + ["continued"] * 4 + ["adapt"] * 6
    progress = Progress(experiment())
    assert progress.facts() | {"remaining": None} == {
        "phase": "source",
        "epoch": 0,
        "of": 30,
        "at_most": True,
        "fraction": 0,
        "remaining": None,
    }
    progress.within("continued", 0.5)  # the target has no labels, so the oracle was never trained
    assert progress.facts()["phase"] == "continued"


def test_the_reading_of_samples_is_told_with_its_time_and_ends_with_the_phase():
    progress = Progress(experiment())
    assert progress.reads("source", "features", 0, 2081)
    facts = progress.facts()
    assert (facts["step"], facts["samples"], facts["left"]) == ("features", [0, 2081], None)
    progress.reads("source", "features", 420, 2081)
    facts = progress.facts()
    assert facts["samples"] == [420, 2081]
    assert facts["left"] > 0
    assert progress.reads("source", "begins", 0, 0)
    assert "samples" not in progress.facts()
    assert progress.reads("oracle", "begins", 0, 0), "a phase that begins is told at once"
    assert progress.facts()["phase"] == "oracle"
    assert progress.within("continued", 0.5), "and so is one that tells of a batch first"
    assert progress.facts()["remaining"] is not None


def test_what_remains_does_not_count_epochs_that_are_not_to_be_expected():
    progress = Progress(experiment())
    for line in lines("source", range(1, 7), 30):
        progress.finished(line, computed=True)
    assert progress.facts()["remaining"] == 1 + 10 + 4 + 4  # linear, the usual length of the oracle's training, continued, adaptation


@pytest.mark.parametrize("method", ["dan", "shot", "coral", "source-only"])
def test_every_phase_has_a_name(method):
    assert set(experiment(method=method).phases) <= set(PHASES)
