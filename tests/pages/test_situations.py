"""Real data are one click away: the button sets data, backbone and budget, keeps the method, and what it sets can be run."""

from __future__ import annotations

import pytest
from page_tools import page, texts

from core.experiment.presets import SITUATIONS, posed
from core.measures import measure_accuracy
from core.training import train

pytestmark = pytest.mark.slow

REAL = [situation for situation in SITUATIONS if situation.real]


def test_real_data_are_offered():
    pairs = {tuple(situation.settings[side]["name"] for side in ("source", "target")) for situation in REAL}
    assert {
        ("penguins-adelie", "penguins-gentoo"),
        ("penguins-adelie-no-depth", "penguins-gentoo-no-depth"),
        ("wages-1978", "wages-1985"),
        ("wages-1978", "wages-1985-real"),
        ("rated-movies", "rated-tweets"),
    } <= pairs


def test_one_click_sets_all_but_the_method():
    at = page("adapt", method="MCC")
    assert not at.exception
    for situation in REAL:
        at.button(key=f"situation_{situation.name}").click().run()
        assert not at.exception
        settings = situation.settings
        assert (at.selectbox(key="source").value, at.selectbox(key="target").value) == (
            settings["source"]["name"],
            settings["target"]["name"],
        )
        assert at.selectbox(key="backbone").value == settings["backbone"]["name"]
        assert at.selectbox(key="method").value == "mcc"
        assert at.number_input(key="epochs").value == settings["budget"]["epochs"]
        assert situation.summary in texts(at)
        assert "does not fit" not in " ".join(error.value for error in at.error)


def test_a_method_for_pictures_gives_way():
    at = page("adapt", method="FDA")
    assert at.selectbox(key="method").value == "fda"
    at.button(key="situation_penguins").click().run()
    assert not at.exception
    assert at.selectbox(key="method").value == "dan"


def test_without_the_depth_of_bills_aligned_clouds_swap_the_sexes():
    """The best failure there is: DAN falls far below what the network had, and below chance."""
    asked = posed(SITUATIONS.get("penguins-no-depth"), "dan")
    last = {epoch.phase: epoch for epoch in train(asked, measure=measure_accuracy)}
    assert last["oracle"].measures["target_accuracy"] > 0.8
    assert last["adapt"].measures["target_accuracy"] < min(0.4, last["source"].measures["target_accuracy"] - 0.2)
