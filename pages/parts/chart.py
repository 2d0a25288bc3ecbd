"""A Plotly chart that stays mounted while its data change.

``st.plotly_chart`` is rebuilt on every change and loses zoom and legend state (streamlit PR #16052 is open). This element
calls ``Plotly.react`` instead. The day ``st.plotly_chart(key=)`` stays mounted, `chart` becomes one line.
"""

from __future__ import annotations

import json
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st

_ASSETS = Path(__file__).resolve().parents[2] / "assets"

# Styles are not isolated because Plotly writes its style sheet into the document, and a shadow root would not see it:
# the legend and the tool bar would fall out of place.
_component = st.components.v2.component(
    "shiftscope_chart",
    html='<div class="shiftscope-chart"></div>',
    css=(_ASSETS / "chart.css").read_text("utf-8"),
    js=(_ASSETS / "chart.js").read_text("utf-8"),
    isolate_styles=False,
)


def chart(figure: go.Figure, *, key: str, alt: str, revision: str, height: int = 320) -> None:
    """Draw ``figure`` and keep zoom, hidden traces and selection while its data change.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
        Arrays given as numpy travel as typed arrays; lists are 13 to 40 times dearer. It names its own template.
    key : str
        Identifies the element across reruns.
    alt : str
        What a reader who can't see the chart should know.
    revision : str
        Zoom and legend state are kept for as long as this stays the same: the run's id, not its version.
    height : int
        Height in CSS pixels. The width follows the page.
    """
    # One byte string, because Streamlit forwards bytes as they are and would encode a nested JSON string a second time.
    mount = json.dumps({"key": key, "alt": alt, "revision": revision, "height": height})
    _component(key=key, data=f'{{"mount":{mount},"figure":{figure.to_json()}}}'.encode())
