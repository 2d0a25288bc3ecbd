"""Blind: one switch for all pages that hides whatever is computed from target labels."""

from __future__ import annotations

import streamlit as st

from core.runs.blind import Blind
from core.runs.record import Record
from pages.elements.link import bound

HELP = (
    "Hides everything that is computed from target labels: target accuracy, gain, oracle, true target classes, confusion, the target's "
    "calibration. In earnest nobody has them: would you have stopped at the right epoch?"
)
HIDDEN = "Blind hides what rests on target labels."


def switch() -> None:
    """Draw the switch. The router does this, so that it is one switch on every page."""
    st.toggle("Blind", key=bound("blind", ["true", "false"]), bind="query-params", help=HELP, width="content")


def say() -> None:
    """Say what the switch hides, where it is on."""
    if on():
        st.caption(HIDDEN)


def on() -> bool:
    return bool(st.session_state.get("blind", False))


def seen(record: Record) -> Record:
    """The run, without what was computed from target labels where these are hidden."""
    return Blind(record.folder) if on() else record
