"""What a number means, one click away from it."""

from __future__ import annotations

import streamlit as st

import core.reports  # noqa: F401  (some of what has a meaning is a finding of a report)
from core.measures import MEASURES


def words(*names: str, label: str = "What is this?") -> None:
    """Opens meaning, formula, reference and limits of some numbers, as they are written beside their code.

    It opens in place and pushes what is below it down: a layer over the page would hide the number that it explains.
    """
    with st.expander(label, icon=":material/help:", type="compact"):
        for name in names:
            meaning(name)


def meaning(name: str) -> None:
    """What one number means."""
    entry = MEASURES.get(name)
    st.markdown(f"**{entry.title}.** {entry.meaning}")
    for part in entry.formula.split(r",\quad"):  # one below the other: the place is narrow
        st.latex(part)
    st.caption(f"**Limits.** {entry.limits}\n\n**Source.** {entry.source}")


def tile(name: str, value: str, beside: str) -> None:
    """A number with what stands beside it and its words, in a box."""
    with st.container(border=True, gap="xsmall"):
        st.metric(MEASURES.get(name).title, value, beside, delta_color="off", delta_arrow="off")
        words(name)
