"""What is written beside a run: bounded, plain, checked where it is stored, and never the cause of two runs with one title."""

from __future__ import annotations

import pytest

from core.errors import InputError
from core.experiment import Experiment
from core.runs import store
from core.runs.notes import NAME, REMARK, annotate, note, starred_first, titles
from core.runs.record import Record


@pytest.fixture
def runs(home) -> list[Record]:
    found = []
    for seed, started in ((0, 0.0), (1, 60.0), (2, 120.0)):
        experiment = Experiment.parse({"seed": seed})
        record = store.writer(experiment.id).open(experiment.canonical_json())
        record.update(state="finished", started=started)
        record.close()
        found.append(store.find(experiment.id))
    return found


def test_what_is_written_is_found_again(runs):
    annotate(runs[0].id, "  my\nrun\x00 ", True, "line one\nline two\x1b[31m ")
    found = note(store.find(runs[0].id))
    assert (found.name, found.starred, found.remark) == ("my run", True, "line one\nline two[31m")
    assert note(runs[1]).name == ""


@pytest.mark.parametrize(("name", "remark"), [("x" * (NAME + 1), ""), ("", "x" * (REMARK + 1))])
def test_what_is_too_long_is_refused(runs, name, remark):
    with pytest.raises(InputError):
        annotate(runs[0].id, name, False, remark)
    assert note(runs[0]).name == ""


@pytest.mark.parametrize("run_id", ["../../elsewhere", "0123456789ab"])
def test_nothing_is_written_beside_what_is_no_run_of_ones_own(runs, run_id):
    with pytest.raises(InputError):
        annotate(run_id, "x", False, "")


def test_a_damaged_note_is_none(runs):
    (runs[0].folder / "note.json").write_text('{"name": 3')
    assert note(runs[0]).name == ""


def test_two_runs_of_one_name_are_told_apart_without_their_ids(runs):
    for run in runs:
        annotate(run.id, "same", False, "")
    found = titles(runs)
    assert len(set(found.values())) == 3
    assert all(title.startswith("same, ") for title in found.values())
    assert not any(run.id[:4] in title for run in runs for title in found.values())
    annotate(runs[1].id, "other", True, "")
    assert titles(runs)[runs[1].id] == "other"
    assert [run.id for run in starred_first(runs)] == [runs[1].id, runs[0].id, runs[2].id]
