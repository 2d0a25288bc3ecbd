"""Questions on real data that are ready to be asked: one click sets data, backbone and budget, and leaves the method."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.experiment import MethodSpec
from core.experiment.presets import SITUATIONS, Situation, posed
from core.methods import METHODS

Fill = Callable[..., None]


def menu(fill: Fill) -> None:
    """A button that opens the list; what is chosen there goes to ``fill``, which sets the widgets."""
    with st.popover(
        "Real data, ready to run", icon=":material/dataset:", width="stretch", help="Sets source, target, backbone and budget."
    ):
        for situation in SITUATIONS:
            if situation.real:
                title = situation.title[0].upper() + situation.title[1:]
                st.button(title, key=f"situation_{situation.name}", on_click=_set, args=(situation, fill), width="stretch")
                st.caption(situation.summary)


def _set(situation: Situation, fill: Fill) -> None:
    """Fill in the situation with the method that is chosen, or the default one where that reads pictures only."""
    chosen = st.session_state.get("method", MethodSpec().name)
    name = MethodSpec().name if METHODS.get(chosen).info.kinds else chosen
    fill(posed(situation, name, st.session_state.get("seed", 0)).model_dump(mode="json"), keep_link=False)
