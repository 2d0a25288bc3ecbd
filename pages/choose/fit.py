"""Choices that do not fit: the rest follows what was chosen; where a link says what cannot be, the reason and a way out stand beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.backbones import about_weights, fitting_backbone
from core.domains import kind_of
from core.domains.titles import own_names
from core.errors import InputError
from core.experiment.fitting import SideName, cannot_act, mended, misfit, suited, suited_to_own
from core.experiment.settings import backbone_title, differences, method_title
from pages.elements.text import literal

Chosen = Callable[[], dict[str, Any]]
Fill = Callable[..., None]
CARDS = {"source": "data", "target": "data", "backbone": "backbone", "method": "method", "shots": "method"}  # all others: budget
PARTS = ("Source", "Target", "Backbone", "Method", "Start")  # settings that may follow, as they are titled


def follow(side: SideName, chosen: Chosen, fill: Fill) -> None:
    """Let the rest of the question follow the side that was just chosen. A callback: the widgets are drawn afterwards."""
    before = chosen()
    after = suited_to_own(before, side) if before[side]["name"] == "own" else mended(before, side)
    _replace(before, after, fill)


def _replace(before: Mapping[str, Any], after: Mapping[str, Any], fill: Fill) -> None:
    st.session_state["followed"] = changes = _changes(before, after)
    if changes:
        fill(after, keep_link=False)


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What another question has other parts in: "target Two moons"."""
    return [f"{title.lower()} {new}" for title, _, new in differences(before, after) if title in PARTS]


def said_followed() -> None:
    """Say what followed the last choice of data, if anything did."""
    if changes := st.session_state.get("followed"):
        st.caption(f":material/sync_alt: Followed your choice, to fit it: {literal(', '.join(changes))}.")


@st.cache_resource(max_entries=64, show_spinner=False)
def _misfit(_data: dict[str, Any], question: str) -> InputError | None:
    return misfit(_data)


def problem(data: dict[str, Any]) -> InputError | None:
    """What stands against the chosen question; remembered, as it is asked at every click."""
    return _misfit(data, repr((data, own_names())))


def show(places: Mapping[str, DeltaGenerator], error: InputError, chosen: Chosen, fill: Fill) -> None:
    """The reason, in the card of the control that it is about, with the choice that mends it in one click, where there is one."""
    before = chosen()
    with places[CARDS.get(error.where.partition(".")[0], "budget")]:
        st.error(literal(f"{error.what} {error.remedy}"), title="This does not fit together", icon=":material/error:")
        _offer(before, mended(before), "mend", fill)


def idle(chosen: Chosen, fill: Fill) -> None:
    """Say where the method can move nothing because the backbone is no network, and offer one that can be trained."""
    data = chosen()
    if not cannot_act(data):
        return
    after = data | suited(data["source"])
    st.warning(
        literal(
            f"{backbone_title(data)} has nothing to train, so {method_title(data)} can align nothing: only the classifier that follows is "
            "trained, on the source."
        ),
        title="Nothing can be aligned here",
        icon=":material/block:",
    )
    _offer(data, after, "act", fill)


def weights(chosen: Chosen, fill: Fill) -> None:
    """Say where a pretrained network's weights have to be fetched first, and offer one that needs none."""
    data = chosen()
    if data["backbone"]["params"].get("weights") == "none" or not (said := about_weights(data["backbone"]["name"])):
        return
    st.caption(f":material/cloud_download: {literal(said)}")
    kind = kind_of(data["source"]["name"], data["source"]["params"])
    _offer(data, data | {"backbone": {"name": fitting_backbone(kind), "params": {}}}, "weightless", fill)


def _offer(before: dict[str, Any], after: dict[str, Any], key: str, fill: Fill) -> None:
    """A button that makes the question another one; nothing where that would be the same, or does not fit either."""
    if (changes := _changes(before, after)) and problem(after) is None:
        label = literal(f"Use {', '.join(changes)}")
        st.button(label, key=key, icon=":material/build:", on_click=_replace, args=(before, after, fill))
