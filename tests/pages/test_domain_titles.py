"""Own data are called by their name on every page that names them."""

from __future__ import annotations

import io

import pytest
from page_tools import page, texts

from core.domains import examples, own
from core.domains.reading import Given, read
from core.experiment import Experiment
from core.runs.execute import run_here


@pytest.fixture
def stored() -> dict[str, own.Entry]:
    reading = read([Given("patients.csv", io.BytesIO(examples.table()))])
    return {entry.name: entry for entry in own.keep(reading, "patients.csv")}


def experiment(stored: dict[str, own.Entry], source: str, target: str) -> Experiment:
    sides = {side: {"name": "own", "params": {"digest": stored[name].digest}} for side, name in (("source", source), ("target", target))}
    budget = {"source_epochs": 1, "epochs": 1}
    return Experiment.parse(sides | {"backbone": {"name": "mlp"}, "snapshot": 30, "budget": budget})


def test_any_shift(stored):
    at = page(view="Any shift", source="north", target="south")
    assert not at.exception
    assert "north → south" in texts(at)


def test_adapt_and_compare(stored):
    """Two questions, so that Compare names the pairs."""
    runs = [run_here(experiment(stored, *pair), "cpu").id for pair in (("north", "south"), ("south", "north"))]
    assert "north → south" in texts(page("adapt", run=runs[0]))
    at = page("compare")
    assert not at.exception
    said = texts(at)
    for pair in ("north → south", "south → north"):
        assert f"{pair}, " in said
    assert any("DAN · north → south · seed 0" in option for option in at.multiselect(key="runs").options)
