"""The shifts of a side: up to four rows of a shift and its severity, passed through from top to bottom, every one in the URL."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.domains.spec import MOST_SHIFTS
from core.shifts import SHIFTS
from pages.choose import shift_preview
from pages.choose.fields import choose, titles
from pages.elements.link import bound

NO_SHIFT = "none"
TITLES = {NO_SHIFT: "No shift"} | titles(SHIFTS)
MIDDLE = 0.5  # severity of a shift that has just been chosen
ORDINALS = ("", "Second ", "Third ", "Fourth ")


def keys(side: str, row: int) -> tuple[str, str]:
    """The names of a row's shift and severity, in the session and in the URL; the first row's bear no number."""
    number = f"_{row + 1}" if row else ""
    return f"{side}_shift{number}", f"{side}_severity{number}"


def draw(side: str, domain: dict[str, Any], kind: str | None) -> None:
    """The rows of a side, each with the strip of what it does to what the rows above it leave, and a button for one more."""
    fitting = {name: title for name, title in TITLES.items() if name == NO_SHIFT or kind in SHIFTS.get(name).kinds}
    above: list[dict[str, Any]] = []
    rows = _rows(side)
    for row in range(rows):
        shift_key, severity_key = keys(side, row)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            label = f"Shift of the {side}" if row == 0 else f"{ORDINALS[row]}shift of the {side}"
            shift = choose(label, fitting, shift_key, NO_SHIFT)
            if rows > 1:
                st.button(
                    "Remove",
                    key=f"{shift_key}_remove",
                    icon=":material/close:",
                    type="tertiary",
                    on_click=_remove,
                    args=(side, row),
                    help=f"Removes this shift of the {side}.",
                )
        if shift == NO_SHIFT:
            continue
        severity = st.slider(
            "Severity", 0.0, 1.0, MIDDLE, 0.05, key=bound(severity_key, limits=(0, 1)), bind="query-params", help=SHIFTS.get(shift).summary
        )
        shift_preview.show(domain, above, shift)
        above.append({"name": shift, "severity": severity})
    if above and rows < MOST_SHIFTS:
        st.button(
            "Add a shift",
            key=f"{side}_shift_add",
            icon=":material/add:",
            type="tertiary",
            on_click=_add,
            args=(side,),
            help=f"One more shift, applied after those above; {MOST_SHIFTS} at most.",
        )


def chosen(side: str) -> list[dict[str, Any]]:
    """The side's shifts as an experiment names them; read it after they have been drawn."""
    state, found = st.session_state, []
    for row in range(MOST_SHIFTS):
        shift_key, severity_key = keys(side, row)
        if (shift := state.get(shift_key, NO_SHIFT)) != NO_SHIFT:
            found.append({"name": shift, "severity": state.get(severity_key, MIDDLE)})
    return found


def values(side: str, shifts: list[dict[str, Any]]) -> dict[str, Any]:
    """What the widgets of a side have to hold to show these shifts, by their names in the session."""
    held: dict[str, Any] = {}
    for row in range(MOST_SHIFTS):
        shift_key, severity_key = keys(side, row)
        held[shift_key] = shifts[row]["name"] if row < len(shifts) else NO_SHIFT
        if row < len(shifts):
            held[severity_key] = shifts[row]["severity"]
    return held


def _rows(side: str) -> int:
    """As many as are chosen, and those that were added; the link tells before any is drawn. One at least."""
    state, names = st.session_state, [keys(side, row)[0] for row in range(MOST_SHIFTS)]
    if _added(side) not in state:
        state[_added(side)] = max((row + 1 for row, name in enumerate(names) if name in st.query_params), default=1)
    return max([state[_added(side)], *(row + 1 for row, name in enumerate(names) if state.get(name, NO_SHIFT) != NO_SHIFT)])


def _added(side: str) -> str:
    return f"{side}_shift_rows"


def _add(side: str) -> None:
    st.session_state[_added(side)] = _rows(side) + 1


def _remove(side: str, row: int) -> None:
    """The rows below move up."""
    state, rows = st.session_state, _rows(side)
    for i in range(row, rows):
        (shift_key, severity_key), (next_shift, next_severity) = keys(side, i), keys(side, i + 1)
        last = i == rows - 1
        state[shift_key] = NO_SHIFT if last else state.get(next_shift, NO_SHIFT)
        state[severity_key] = MIDDLE if last else state.get(next_severity, MIDDLE)
    state[_added(side)] = rows - 1
