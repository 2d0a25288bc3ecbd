"""The shift, and its repair, before any click."""

import streamlit as st

from core.experiment.settings import method_title
from core.runs import store
from pages.choose import picker
from pages.elements.link import bound, go_to_adapt
from pages.frame import blind, header
from pages.run import map_view, numbers, pictures
from pages.shift import report

STORY, SHIFT = "A finished run", "Any shift"

choices = st.container(horizontal=True)
view = choices.segmented_control(
    "View",
    [STORY, SHIFT],
    default=STORY,
    key=bound("view", [STORY, SHIFT]),
    bind="query-params",
    label_visibility="collapsed",
    required=True,
)

if view == STORY:
    if not store.shipped():
        st.error("The gallery is missing.", title="assets/gallery is empty", icon=":material/error:")
        st.caption("Make it with `uv run python -m core.cli.gallery`, or choose “Any shift” above.")
        st.stop()
    stories = {method_title(record.experiment()): record for record in store.shipped()}
    story = choices.segmented_control(
        "Story",
        list(stories),
        default=next(iter(stories)),
        key=bound("story", stories),
        bind="query-params",
        required=True,
        label_visibility="collapsed",
        help="The same question, answered by different methods.",
    )
    record = blind.seen(stories[story])
    header.chips(record.experiment())
    numbers.headline(record)
    numbers.tiles(record)

    map_view.fragment(record, key="story")
    pictures.both_domains(record)
    with st.container(horizontal=True):
        if st.button("Adapt this yourself", type="primary", icon=":material/auto_fix_high:"):
            go_to_adapt(choices={"method": record.experiment()["method"]["name"]})
        st.caption("This run was computed on this project's own machine and ships with Shiftscope; the README names the command.")
    with st.expander("Curves of this run", key="story_curves", on_change="rerun") as part:
        if part.open:
            numbers.main_curves(record)
else:
    settings, panel = st.columns([1, 2.4], gap="medium")
    with settings, st.container(border=True):
        st.markdown("**Choose two populations**")
        picker.data()
        report.choices()
    with panel:
        report.report()
