"""The shift, and its repair, before any click."""

import streamlit as st

from pages.choose import picker
from pages.elements.link import bound
from pages.run import stories
from pages.shift import report

STORY, SHIFT = "A finished run", "Any shift"
SENTENCE = "See how a model trained on one kind of data fails on another, and what repairs it."

with st.container(key="title"):
    st.title("Shiftscope", anchor=False)
    st.markdown(SENTENCE)
    view = st.segmented_control(
        "View",
        [STORY, SHIFT],
        default=STORY,
        key=bound("view", [STORY, SHIFT]),
        bind="query-params",
        label_visibility="collapsed",
        required=True,
    )

if view == STORY:
    stories.show()
else:
    settings, panel = st.columns([1, 2.4], gap="medium")
    with settings, st.container(border=True):
        st.markdown("**Choose two populations**")
        picker.data()
        report.choices()
    with panel:
        report.report()
