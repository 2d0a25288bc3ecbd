"""A Plotly chart that stays mounted while its data change.

``st.plotly_chart`` is rebuilt on every change and loses zoom and legend state (streamlit PR #16052 is open). This element
calls ``Plotly.react`` instead. The day ``st.plotly_chart(key=)`` stays mounted, `chart` becomes one line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import plotly.graph_objects as go
import streamlit as st
from streamlit.components.v2 import component

from pages.elements.script import ASSETS, with_server

# Styles are not isolated because Plotly writes its style sheet into the document, and a shadow root would not see it:
# the legend and the tool bar would fall out of place.
_component = component(
    "shiftscope_chart",
    html='<div class="shiftscope-chart"></div>',
    css=(ASSETS / "chart.css").read_text("utf-8"),
    js=with_server((ASSETS / "chart.js").read_text("utf-8")),
    isolate_styles=False,
)


def chart(
    build: Callable[[], go.Figure],
    *,
    key: str,
    version: str,
    alt: str,
    revision: str,
    height: int = 320,
    cursor: bool = False,
    on_cell: Callable[[int, int], None] | None = None,
) -> None:
    """Draw the figure that ``build`` makes and keep zoom, hidden traces and selection while its data change.

    Parameters
    ----------
    build : callable
        Makes the figure; called once per ``version``, not once per viewer and rerun. Arrays given as numpy travel as typed
        arrays; lists are 13 to 40 times dearer. The figure names its own template.
    key : str
        Identifies the element across reruns.
    version : str
        Changes whenever the figure does, and is unique among all figures of this key.
    alt : str
        What a reader who can't see the chart should know.
    revision : str
        Zoom and legend state are kept for as long as this stays the same: the run's id, not its version.
    height : int
        Height in CSS pixels. The width follows the page.
    cursor : bool
        The x axis counts epochs of the run that the page's map shows: a line stands at the map's epoch, and a click takes the map there.
    on_cell : callable, optional
        Told row and column of a heat map's cell that is clicked, before the page is drawn again.
    """
    mount = json.dumps({"key": key, "alt": alt, "revision": revision, "height": height, "cursor": cursor, "cells": on_cell is not None})

    def picked() -> None:
        cell = str(st.session_state[key].get("cell") or "")
        if on_cell is not None and re.fullmatch(r"\d{1,4},\d{1,4}", cell):
            on_cell(*map(int, cell.split(",")))

    # One byte string, because Streamlit forwards bytes as they are and would encode a nested JSON string a second time.
    _component(key=key, on_cell_change=picked, data=b'{"mount":%b,"figure":%b}' % (mount.encode(), _drawn(f"{key}/{version}", build)))


@st.cache_resource(max_entries=256, show_spinner=False)
def _drawn(version: str, _build: Callable[[], go.Figure]) -> bytes:
    return _build().to_json().encode()  # pyright: ignore[reportOptionalMemberAccess] - plotly declares no type, and a figure always has a text
