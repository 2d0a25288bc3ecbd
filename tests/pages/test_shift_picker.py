"""Several shifts of one domain: added, removed, carried by the link, shown by a strip, and filled in from a run."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from page_tools import page, texts
from streamlit.testing.v1 import AppTest

from core.domains import DOMAINS
from core.domains.preview import SEVERITIES, strip
from core.shifts import apply_shift
from pages.choose import shifts

pytestmark = pytest.mark.slow


def script() -> None:
    import streamlit as st

    from pages.choose import shifts

    shifts.draw("target", {"name": "moons", "params": {"n": 200}}, "features")
    st.json(shifts.chosen("target"))


def picker(**query: str) -> AppTest:
    at = AppTest.from_function(script, default_timeout=60)
    for key, value in query.items():
        at.query_params[key] = value
    return at.run()


def held(at: AppTest) -> list[tuple[str, float]]:
    return [(one["name"], one["severity"]) for one in json.loads(at.json[0].value)]


def test_shifts_are_added_up_to_four_and_removed():
    at = picker()
    assert held(at) == []
    assert not at.button, "nothing to add to, and nothing to remove"
    for row, name in enumerate(("rotation", "noise", "translation", "missing")):
        if row:
            at.button(key="target_shift_add").click().run()
        shift, severity = shifts.keys("target", row)
        at.selectbox(key=shift).select(name).run()
        at.slider(key=severity).set_value(0.1 * (row + 1)).run()
    assert held(at) == [("rotation", 0.1), ("noise", 0.2), ("translation", pytest.approx(0.3)), ("missing", 0.4)]
    assert "target_shift_add" not in [button.key for button in at.button], "four are the most that an experiment takes"
    at.button(key="target_shift_2_remove").click().run()
    assert held(at) == [("rotation", 0.1), ("translation", pytest.approx(0.3)), ("missing", 0.4)]
    assert len(at.selectbox) == 3
    for _ in range(2):
        at.button(key="target_shift_remove").click().run()
    assert held(at) == [("missing", 0.4)]
    assert len(at.selectbox) == 1
    assert not at.exception


def test_the_link_holds_every_shift():
    at = picker(
        target_shift="Rotation",
        target_severity="0.2",
        target_shift_2="Noise",
        target_shift_3="Label noise",
        target_severity_3="0.9",
    )
    assert held(at) == [("rotation", 0.2), ("noise", 0.5), ("label-noise", 0.9)]


def test_a_shift_without_a_row_above_it_counts():
    at = picker(target_shift_2="Noise")
    assert held(at) == [("noise", 0.5)]
    assert len(at.selectbox) == 2


def test_adapt_follows_the_link_and_says_what_is_wrong_with_it():
    link = {
        "source": "Two moons",
        "target": "Two moons",
        "backbone": "MLP",
        "target_shift": "Rotation",
        "target_severity": "0.25",
        "target_shift_2": "Noise",
        "target_severity_2": "1.5",
        "target_shift_4": "Fog",
        "target_shift_5": "Noise",
    }
    shown = texts(page("adapt", **link))
    for complaint in ("target_severity_2: “1.5”", "target_shift_4: there is no “Fog”", "target_shift_5: there is no such setting"):
        assert complaint in shown
    assert "Two moons, rotation 0.25, noise" in shown


def test_values_are_what_a_run_of_many_shifts_is_shown_by():
    chain = [{"name": "rotation", "severity": 0.3}, {"name": "noise", "severity": 0.7}]
    state = shifts.values("source", chain)
    assert (state["source_shift"], state["source_severity"]) == ("rotation", 0.3)
    assert (state["source_shift_2"], state["source_severity_2"], state["source_shift_3"]) == ("noise", 0.7, "none")


def test_the_strip_shows_what_the_shifts_above_leave():
    params = DOMAINS.get("handwritten-digits").params().model_dump(mode="json")
    plain = strip("handwritten-digits", params, [], "rotation", 0)
    after = strip("handwritten-digits", params, [("blur", 0.5), ("class-prior", 0.5)], "rotation", 0)
    first = np.ascontiguousarray(plain.pictures[0][..., :1].transpose(0, 3, 1, 2))
    blurred = apply_shift("blur", torch.from_numpy(first), 0.5, 0)
    for step, severity in enumerate(SEVERITIES):
        expected = apply_shift("rotation", blurred, severity, 0).numpy().transpose(0, 2, 3, 1)
        np.testing.assert_array_equal(after.pictures[step][..., :1], expected)
    assert (after.pictures != plain.pictures).any()


def test_the_strip_of_a_label_shift_counts_what_the_label_shifts_above_leave():
    params = DOMAINS.get("handwritten-digits").params().model_dump(mode="json")
    even = strip("handwritten-digits", params, [("noise", 1.0)], "class-prior", 0).shares
    np.testing.assert_allclose(even[0], 0.1, atol=0.01)
    noisy = strip("handwritten-digits", params, [("class-prior", 1.0)], "label-noise", 0)
    assert noisy.shares is None
    np.testing.assert_allclose(noisy.wrong, 0.5 * np.array(SEVERITIES), atol=0.06)


def test_the_strip_of_a_selection_shows_the_rows_that_stay_where_the_shifts_above_put_them():
    params = DOMAINS.get("moons").params().model_dump(mode="json")
    turned = strip("moons", params, [], "rotation", 0).points[2]  # severity 0.5
    chosen = strip("moons", params, [("rotation", 0.5)], "selection", 0).points
    np.testing.assert_array_equal(chosen[0], turned)
    counts = [np.isfinite(step).all(1).sum() for step in chosen]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] < counts[0] / 3
    there = np.isfinite(chosen[-1]).all(1)
    np.testing.assert_array_equal(chosen[-1][there], turned[there])
