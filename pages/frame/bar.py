"""The bar above every page: the ways to the pages, the one where the reader is marked, and the blind switch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from pages.frame import blind

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage


def draw(pages: Sequence[StreamlitPage]) -> None:
    """One bar at every width: a telephone has no drawer to open and to close, and sees where it is."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="bar"):
        with st.container(horizontal=True, gap="xsmall", key="ways"):
            for page in pages:
                st.page_link(page, width="content")
        blind.switch()
    blind.say()
