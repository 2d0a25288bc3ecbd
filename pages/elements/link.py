"""The link of a page: which settings its widgets take from it, what of it was not understood, and the way to Adapt.

A widget that is bound to the URL says so where it is made: ``key=bound("panel", PANELS)``. What of a link nobody took is no setting of
that page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import StopException

from pages.elements.text import literal

ADAPT = "adapt.py"  # pages are named from where the router is
SHOWN = 8  # complaints


def bound(key: str, options: Collection[str] = (), limits: tuple[float, float] | None = None) -> str:
    """``key`` itself, noted as one that the page takes from its link.

    Parameters
    ----------
    key : str
        Of the widget, and of the URL.
    options : collection of str, optional
        What the URL may say. A widget that can say anything else names none.
    limits : (float, float), optional
        The smallest and the largest number that the URL may say.
    """
    text = st.session_state.get("link", {}).pop(key, None)
    if text is not None and (reason := _refusal(text, options, limits)):
        st.session_state["complaints"].append(f"{key}: {reason}")
    return key


def _refusal(text: str, options: Collection[str], limits: tuple[float, float] | None) -> str:
    if options and text not in options:
        return f"there is no “{text[:40]}”. The default is used. Choose one of: {', '.join(options)}."
    if limits and not _is_within(text, limits):
        low, high = (f"{int(x):,}" if x == int(x) else f"{x:g}" for x in limits)
        return f"“{text[:40]}” cannot be used. The default is used. Give a number from {low} to {high}."
    return ""


def _is_within(text: str, limits: tuple[float, float]) -> bool:
    try:
        return limits[0] <= float(text) <= limits[1]
    except ValueError:
        return False


@contextmanager
def understood() -> Iterator[None]:
    """Stands around all that a page draws, and says above it what the page could not take from the link that it was opened by."""
    place = st.container()
    if "link" not in st.session_state:
        st.session_state["link"], st.session_state["complaints"] = st.query_params.to_dict(), []
    try:
        yield
    except StopException:  # the page has said all that it has to say; one that begins again has not
        _complain(place)
        raise
    _complain(place)


def _complain(place: DeltaGenerator) -> None:
    state = st.session_state
    state["complaints"] += [f"{key[:40]}: there is no such setting here. It is ignored." for key in state["link"]]
    state["link"] = {}  # from now on the widgets write the link
    if complaints := state["complaints"]:
        text = "\n".join(f"- {literal(line)}" for line in complaints[:SHOWN])
        place.warning(text, title="This link was not understood completely", icon=":material/link_off:")


def go_to_adapt(run: str | None = None, choices: Mapping[str, Any] | None = None) -> None:
    """Leave this page for Adapt: for a run, or with choices by the keys of their widgets.

    Choices travel in the session: Streamlit lets nobody write into the link what a widget of this page is bound to.
    """
    st.session_state["brought"] = dict(choices or {})
    st.switch_page(ADAPT, query_params={"run": run} if run else {})


def unpack() -> None:
    """Give the widgets what was brought along. Call before they are drawn."""
    for key, value in st.session_state.pop("brought", {}).items():
        st.session_state[key] = value
