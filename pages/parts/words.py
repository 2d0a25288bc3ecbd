"""The words behind a number, one click away."""

from __future__ import annotations

import streamlit as st

from core.measures import WORDS


def explain(name: str, label: str = "What is this?") -> None:
    """A small button that opens meaning, formula, reference and limits of the number called ``name``."""
    words = WORDS.get(name)
    with st.popover(label, type="tertiary", icon=":material/help:", key=f"words_{name}", wrap=False):
        st.markdown(f"**{words.title}**")
        st.markdown(words.meaning)
        for part in words.formula.split(r",\quad"):  # one below the other: a popover is narrow
            st.latex(part)
        st.markdown(f"**Its limits.** {words.limits}")
        st.caption(words.reference)


def tile(name: str, value: str, beside: str) -> None:
    """A number with what stands beside it and its words, in a box."""
    with st.container(border=True, gap="xsmall"):
        st.metric(WORDS.get(name).title, value, beside, delta_color="off", delta_arrow="off")
        explain(name)
