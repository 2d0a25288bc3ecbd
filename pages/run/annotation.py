"""What a person writes beside a run: its name, a star, a remark."""

from __future__ import annotations

import streamlit as st

from core.errors import InputError
from core.runs import notes
from core.runs.record import Record
from pages.elements.text import literal


def button(record: Record) -> None:
    """Opens the three fields of one of one's own runs; nothing for those that ship."""
    if not notes.is_own(record):
        return
    known, key = notes.note(record), record.id
    icon = ":material/star:" if known.starred else ":material/edit_note:"
    with st.popover("Name and note", icon=icon, type="tertiary", key=f"{key}_note"):
        st.text_input("Name", known.name, max_chars=notes.NAME, key=f"{key}_name", placeholder="What this run is to be called")
        st.toggle("Star", known.starred, key=f"{key}_starred", help="Starred runs come first in lists.")
        st.text_area("Note", known.remark, max_chars=notes.REMARK, key=f"{key}_remark", placeholder="What to remember of it")
        st.button("Save", key=f"{key}_save", icon=":material/check:", on_click=_save, args=(key,), width="stretch")


def _save(key: str) -> None:
    """What the fields say at the click; the server checks it, whatever the browser let through."""
    state = st.session_state
    try:
        notes.annotate(key, state[f"{key}_name"], state[f"{key}_starred"], state[f"{key}_remark"])
    except InputError as error:
        state["refused"] = error


def show(record: Record) -> None:
    """The name and the remark of a run, where it has some."""
    known = notes.note(record)
    if known.name or known.starred:
        st.markdown(f"**{':material/star: ' if known.starred else ''}{literal(known.name or 'Starred')}**")
    if known.remark:
        st.caption("  \n".join(map(literal, known.remark.splitlines())))
