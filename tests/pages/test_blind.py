"""Blind: on every page no number that rests on target labels is left, and the page says what it hides."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from page_tools import everything, page

from core.experiment import Experiment
from core.measures.base import without_target_labels
from core.reports.comparison import difference, groups
from core.reports.shift import ShiftReport, report_map, shift_stages
from core.reports.shift_text import facts
from core.reports.transfer import transfer_report
from core.reports.verdict import oracle_accuracy
from core.runs import store
from pages.elements import routes
from pages.frame import blind
from pages.run import stories

pytestmark = pytest.mark.slow


def secrets(records) -> set[str]:
    """Every accuracy, gain and calibration error of the runs' last epochs, as pages write them."""
    found = set()
    for record in records:
        last, report = record.phase("adapt")[-1]["measures"], transfer_report(record)
        found |= {f"{100 * value:.1f}" for name, value in last.items() if name not in without_target_labels() and value is not None}
        found |= {f"{100 * oracle_accuracy(record.epochs()):.1f}", f"{100 * report.target[1].error:.1f}"}
    # Numbers below 10 stand in many places, and the source's accuracy is 100.0 or 99.9, too.
    return {text for text in found if 10 <= float(text) < 99.9}


def holds(text: str, secret: str) -> bool:
    """Whether the number stands there as a number of its own, or in a table with more digits."""
    at = text.find(secret)
    while at >= 0:
        if not (text[at - 1 : at].isdigit() or text[at - 1 : at] == "."):
            return True
        at = text.find(secret, at + 1)
    return False


def test_compare_hides_every_number_that_rests_on_target_labels():
    records = store.shipped()
    ids = [record.id for record in records]
    seen = page("compare")
    seen.multiselect(key="runs").set_value(ids).run()
    shown, hidden = everything(seen), secrets(records)
    assert sum(holds(shown, secret) for secret in hidden) >= 20  # the test can find what it looks for
    at = page("compare", blind="true")
    at.multiselect(key="runs").set_value(ids).run()
    assert not at.exception
    said = everything(at)
    assert [secret for secret in hidden if holds(said, secret)] == []
    (group,) = groups(records)
    assert f"{100 * difference(*group.entries[:2]).mean:+.1f}" not in said
    assert list(at.dataframe[0].value.columns) == ["run", "source accuracy", "MMD²", "domain AUC", "InfoMax", "seconds", "device"]
    assert "cannot be said without target labels" in said
    assert "highest" not in said
    assert blind.HIDDEN in said


def test_the_link_of_compare_holds_no_accuracy():
    at = page("compare")
    assert not any("%" in option for option in at.multiselect(key="runs").options)


def test_explore_hides_it_for_every_story():
    for story in stories.names(store.shipped()):
        at = page(story=story, blind="true")
        assert not at.exception
        said, hidden = everything(at), secrets(store.shipped())  # the cards tell of the others
        assert [secret for secret in hidden if holds(said, secret)] == []
        assert blind.HIDDEN in said
        assert [m.value for m in at.metric][:2] == ["hidden", "—"]


def test_any_shift_shows_no_target_label():
    at = page(view="Any shift", blind="true")
    assert not at.exception
    said = everything(at)
    assert "Blind: target labels were not used." in said
    assert "target, true (evaluation only)" not in said
    assert "target, true (evaluation only)" in everything(page(view="Any shift"))


def relabelled(monkeypatch, labels_of) -> None:
    """Give the target other labels: nothing blind may notice."""
    from core.reports import shift_data

    load = shift_data.load_pair

    def other(*asked):
        pair = copy.copy(load(*asked))
        target = copy.copy(pair.target)
        object.__setattr__(target, "labels", labels_of(target.labels))
        object.__setattr__(pair, "target", target)
        return pair

    monkeypatch.setattr(shift_data, "load_pair", other)


def report(hidden: bool):
    return ShiftReport.of(shift_stages(Experiment(), blind=hidden))


def test_a_blind_shift_report_does_not_depend_on_target_labels(monkeypatch):
    before, open_before = report(True), report(False)
    relabelled(monkeypatch, lambda labels: labels.flip(0))
    after, open_after = report(True), report(False)
    written = [json.dumps(facts(Experiment(), r)) for r in (before, after, open_before, open_after)]
    assert written[0] == written[1]
    assert written[2] != written[3]  # with the labels it does
    assert before.classes.truth is None
    assert not before.samples.target_labelled
    assert (before.samples.labels[before.samples.n :] == -1).all()
    np.testing.assert_array_equal(report_map(before, "x").labels[before.samples.n :], -1)
    assert report_map(before, "x").identity != report_map(open_before, "x").identity  # the browser keeps what it has fetched


@pytest.mark.parametrize("name", ["", "adapt", "compare"])
def test_the_switch_stands_on_every_page(name):
    at = page(name)
    assert not at.toggle(key="blind").value
    at.toggle(key="blind").set_value(True).run()
    assert not at.exception
    assert blind.HIDDEN in everything(at)


def test_the_switch_is_remembered_from_page_to_page():
    at = page()
    at.toggle(key="blind").set_value(True).run()
    for name in ("compare", "adapt", "explore"):
        at.switch_page(f"{name}.py").run()
        assert at.toggle(key="blind").value
        assert blind.HIDDEN in everything(at)


def test_the_map_of_a_blind_page_is_asked_for_by_its_blind_name():
    assert routes.BLIND in everything(page(blind="true"))
