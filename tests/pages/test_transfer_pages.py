"""The transfer report on the pages: its panels, what blind hides, the words behind the numbers."""

from __future__ import annotations

import pytest
from page_tools import page, texts

from core.measures import MEASURES
from core.runs import store

pytestmark = pytest.mark.slow


@pytest.fixture
def shipped() -> str:
    return store.shipped()[0].id


def test_transfer_says_what_happened_and_whom_it_helped_and_hurt(shipped):
    at = page("adapt", run=shipped, panel="Transfer")
    assert not at.exception
    said = texts(at)
    for part in ("classes beyond chance", "The worst class is", "of the gap to the oracle", "source classes landed", "calibration error"):
        assert part in said
    assert "no such setting" not in said
    labels = [m.label for m in at.metric]
    assert {"Gap closed", "Worst class", "Calibration error, target", "Calibration error, source"} <= set(labels)


def test_every_choice_without_labels_and_its_cost(shipped):
    at = page("adapt", run=shipped, panel="Without labels")
    assert not at.exception
    table = at.dataframe[-1].value
    assert list(table["measure"]) == ["Source validation", "Entropy", "InfoMax", "SND", "BNM", "DEV", "IWCV"]
    assert (table["cost"] >= 0).all()
    assert [m.label for m in at.metric][-3:] == ["Last epoch", "Label-free choice", "Oracle's choice"]
    at.segmented_control(key="validator").set_value("dev").run()
    assert not at.exception


def test_health_names_a_discriminator_that_stopped_learning():
    dann = next(r for r in store.shipped() if r.experiment()["method"]["name"] == "dann")
    said = texts(page("adapt", run=dann.id, panel="Health"))
    assert "The discriminator is at chance since epoch" in said
    assert "it has stopped learning, not converged" in said


@pytest.mark.parametrize("panel", ["Losses and gauges", "Transfer", "Without labels", "Health", "Confusion", "Samples", "Numbers"])
def test_blind_hides_what_needs_target_labels_in_every_panel(shipped, panel):
    record = store.find(shipped)
    last = record.phase("adapt")[-1]["measures"]
    at = page("adapt", run=shipped, panel=panel, blind="true")
    assert not at.exception
    assert at.toggle(key="blind").value
    said = texts(at) + " ".join(f"{m.label} {m.value} {m.delta}" for m in at.metric)
    for secret in (last["target_accuracy"], last["source_only_target_accuracy"], last["target_accuracy_low"]):
        assert f"{100 * secret:.1f}" not in said
    for word in ("raised", "lowered", "worst class is", "gap to the oracle", "Fixed:", "landed"):
        assert word not in said
    assert "Blind: everything that needs target labels is hidden." in said
    if panel == "Numbers":
        table = at.dataframe[-1].value
        assert set(table["phase"]) == {"Source training", "Linear reference", "Source-only, trained on", "Adaptation"}  # no oracle
        hidden = [column for column in table if column.startswith(("target accuracy", "gain"))]
        assert len(hidden) >= 4  # each with the ends of its interval
        assert table[hidden].isna().all(axis=None)


def test_switching_blind_off_brings_it_back(shipped):
    at = page("adapt", run=shipped, blind="true")
    at.toggle(key="blind").set_value(False).run()
    assert "raised target accuracy" in texts(at)


def test_a_cell_of_the_confusion_opens_its_samples(shipped):
    at = page("adapt", run=shipped, panel="Confusion")
    box = at.selectbox(key="cell")
    assert "→" in box.options[0]
    box.select_index(0).run()
    assert not at.exception
    assert "**Before:" in texts(at)
    assert "**After:" in texts(at)


def test_the_words_of_a_number_are_one_click_away(shipped):
    said = texts(page("adapt", run=shipped, panel="Transfer"))
    for name in ("gain", "gap_closed", "target_worst_class", "calibration_error", "class_alignment", "class_change"):
        entry = MEASURES.get(name)
        assert entry.meaning.replace("\\", "") in said
        assert entry.limits.replace("\\", "") in said


def test_compare_shows_calibration_and_the_gap():
    at = page("compare")
    at.multiselect(key="runs").set_value([r.id for r in store.shipped()]).run()
    assert not at.exception
    table = at.dataframe[0].value
    assert table["calibration error"].between(0, 100).all()
    assert {"gap closed", "worst class", "calibration error, 95 %"} <= set(table.columns)
