"""The catalogue: every method is in it once, filters mean what they say, and presets set all choices and run."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from page_tools import page

from core.experiment.presets import SITUATIONS, posed
from core.methods import METHODS
from core.runs import store
from core.runs.execute import run_here
from core.runs.worker import worker
from pages.choose.catalogue import CHOICES, FILTERS, GROUPS, fitting, grouped


@pytest.mark.parametrize("by", GROUPS)
def test_groups_hold_every_method_once(by):
    found = [info.name for members in grouped(CHOICES, by).values() for info in members]
    assert sorted(found) == sorted(m.info.name for m in METHODS if m.info.name not in ("oracle", "joint"))


def test_filters():
    def names(*filters):
        return {info.name for info in fitting(list(filters))}

    assert {"shot", "nrc", "adabn", "tent", "fine-tuning"} <= names("need no source data")
    assert not {"dan", "mme"} & names("need no source data")
    assert {"mme", "fine-tuning", "easyadapt"}.isdisjoint(names("need no target labels"))
    assert {"fda", "cycada"}.isdisjoint(names("work on features"))
    assert {"coral", "adabn", "ot-emd"} <= names("are instant")
    assert "dan" not in names("are instant")
    for one, other in itertools.combinations(FILTERS, 2):
        assert names(one, other) == names(one) & names(other)


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda s: s.name)
def test_situations_can_be_asked_of_any_method_that_reads_their_data(situation):
    for m in METHODS:
        if m.info.adapts and not m.info.kinds:
            experiment = posed(situation, m.info.name)
            assert experiment.method.name == m.info.name
            assert len(experiment.source.shifts) <= 1  # more have no widget yet
            assert len(experiment.target.shifts) <= 1


@pytest.mark.parametrize("name", [m.info.name for m in METHODS if m.info.shines or m.info.fails])
def test_presets_are_situations(name):
    info = METHODS.get(name).info
    for situation in filter(None, (info.shines, info.fails)):
        assert situation in SITUATIONS
    assert info.shines != info.fails


def test_presets_do_what_their_buttons_say():
    """By the measured table: a gain of two points or more where a method shines; where it fails a loss, or nothing for its trouble.

    A method may have no preset, or one; with one it needs its row.
    """
    path = Path(__file__).parents[1] / "benchmarks" / "results" / "presets.md"
    head, _, *lines = (line.strip("|").split("|") for line in path.read_text().splitlines() if line.startswith("|"))
    names = [cell.strip() for cell in head[1:]]
    table = {line[0].strip(): dict(zip(names, map(str.strip, line[1:]), strict=True)) for line in lines}
    assert set(table) <= {m.info.name for m in METHODS if m.info.adapts}
    assert set(names) <= set(SITUATIONS.names())
    for m in METHODS:
        if m.info.shines:
            assert float(table[m.info.name][m.info.shines]) >= 2, (
                f"measure {m.info.name} by tests/benchmarks/presets.py, or leave shines out"
            )
        if m.info.fails:
            assert float(table[m.info.name][m.info.fails]) < 0.5, (
                f"measure {m.info.name} by tests/benchmarks/presets.py, or leave fails out"
            )


@pytest.mark.slow
def test_a_preset_sets_all_choices_and_runs():
    at = page("adapt", method="DAN", seed="3", target_shift="Blur")
    assert not at.exception
    at.button(key="preset_Shines").click().run()
    assert not at.exception
    situation = SITUATIONS.get(METHODS.get("dan").info.shines)
    run_id = posed(situation, "dan").id
    assert at.query_params["run"] in (run_id, [run_id])
    assert store.find(run_id).experiment()["method"]["name"] == "dan"
    assert at.selectbox(key="source").value == situation.settings["source"]["name"]
    assert at.number_input(key="seed").value == 0
    assert at.number_input(key="epochs").value == situation.settings["budget"]["epochs"]
    worker().control(run_id, "cancel")


@pytest.mark.slow
def test_a_method_of_few_labels_asks_how_many():
    at = page("adapt", method="MME", source="Two moons", target="Two moons", backbone="MLP")
    assert not at.exception
    assert at.number_input(key="shots").value == 3
    at = page("adapt", method="DAN", source="Two moons", target="Two moons", backbone="MLP")
    assert not [n for n in at.number_input if n.key == "shots"]


@pytest.mark.slow
def test_a_closed_form_has_no_empty_chart_of_losses():
    record = run_here(posed(SITUATIONS.get("selected-moons"), "kmm"), "cpu")
    at = page("adapt", run=record.id)
    assert not at.exception
    assert any("no losses to follow" in caption.value for caption in at.caption)
    assert not any("Each term" in caption.value for caption in at.caption)
