"""Whether the reader's theme is dark."""

from __future__ import annotations

import streamlit as st


def dark() -> bool:
    return st.context.theme.type == "dark"
