"""The last resort: what a page shows when the program itself is at fault."""

import logging

import streamlit as st


def show(error: Exception) -> bool:
    """Log the error and say on the page what it means for the user; True keeps Streamlit's own message away."""
    logging.getLogger("shiftscope").error("A page failed.", exc_info=error)
    st.error(
        "Your runs go on and nothing is lost. Reload the page; if it happens again, report the last lines of the server's output.",
        title="This page met an error of the program",
        icon=":material/bug_report:",
    )
    return True
