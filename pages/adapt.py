"""Choose, launch, watch."""

import streamlit as st

from core.errors import InputError
from core.experiment import Experiment
from core.experiment.settings import differences
from core.runs import store
from core.runs.record import ACTIVE, Record
from core.runs.worker import worker
from pages.choose import estimate, picker
from pages.elements.link import bound, unpack
from pages.elements.pulse import pulse
from pages.elements.text import literal
from pages.frame import blind, header
from pages.run import controls, map_view, numbers, pictures, transfer

PANELS = {
    "Losses and gauges": numbers.losses_and_gauges,
    "Transfer": transfer.transfer_panel,
    "Without labels": transfer.without_labels_panel,
    "Health": transfer.health_panel,
    "Confusion": pictures.confusion_panel,
    "Samples": pictures.samples_panel,
    "Numbers": numbers.numbers_table,
}
POLL = 2.0  # seconds between two looks at a running record, should its pulse not come through


def shown_record() -> Record | None:
    """The run that the URL names; a message where there is none."""
    if not (run_id := st.query_params.get(bound("run"))):
        return None
    try:
        return store.find(run_id)
    except InputError as error:
        st.warning(f"{literal(error.what)} {error.remedy}", title="That run cannot be shown", icon=":material/search_off:")
        return None


def launch_chosen() -> None:
    """Run what the widgets say at the click: a choice made just before it may not have been drawn yet."""
    if experiment := picker.experiment():
        controls.launch(experiment)


def launch_preset(experiment: Experiment) -> None:
    picker.fill(experiment.model_dump(mode="json"), keep_link=False)
    controls.launch(experiment)


unpack()
record = shown_record()
if record and st.session_state.get("filled") != record.id:
    picker.fill(record.experiment())
    st.session_state["filled"] = record.id

top = st.container()
settings, view = st.columns([1, 2.4], gap="medium")

with settings:
    ready = st.container()  # above the choices, so that whoever presses Run sees the curves begin
    with st.container(border=True):
        st.markdown("**1 · Data**")
        picker.data()
    with st.container(border=True):
        st.markdown("**2 · Backbone**")
        picker.backbone()
    with st.container(border=True):
        st.markdown("**3 · Method**")
        picker.method(launch_preset)
    with st.container(border=True):
        st.markdown("**4 · Budget**")
        picker.budget()
    experiment = picker.experiment()

with top:
    asked = picker.DEFAULT if experiment is None else experiment.model_dump(mode="json")
    header.chips(record.experiment() if record else asked, record.id if record else None)
    if error := st.session_state.pop("refused", None):
        st.error(f"{error.what} {error.remedy}", title="This was not done", icon=":material/error:")

with ready:
    if experiment:
        possible = estimate.box(experiment)
        known = store.finished(experiment.id)
        shown = record.status()["state"] if record and record.id == experiment.id else None
        label = "Already shown" if shown and known else "Show the finished run" if known else "Run"
        st.button(
            label,
            key="launch",
            type="primary",
            icon=":material/play_arrow:",
            width="stretch",
            on_click=launch_chosen,
            disabled=not possible or shown in (*ACTIVE, "finished"),
            help="Runs in the background. You can close this page; the link finds the run again.",
        )
        if record and not shown:
            differing = differences(record.experiment(), experiment.model_dump(mode="json"))
            st.caption(
                "These settings differ from the shown run in: " + literal("; ".join(differing)) + "."
                if differing
                else "The shown run was computed by an earlier version of Shiftscope."
            )


def polled(record: Record) -> bool:
    """Whether there is something to wait for."""
    return record.status()["state"] in ACTIVE


def live_panel(record: Record) -> None:
    """Everything about one run; drawn again while it is active."""
    status = record.status()
    state = next((job["state"] for job in worker().jobs() if job["id"] == record.id), status["state"])
    here = any(job["id"] == record.id for job in worker().jobs())
    # What comes and goes stands in containers: an element that changes its place is rebuilt by the browser and loses its zoom.
    with st.container():
        if st.session_state["live"]:
            pulse(record.id)
        controls.show(record, state, here, status)
        if status.get("error"):
            st.error(literal(status["error"]), title="The run failed", icon=":material/error:")
    record = blind.seen(record)
    numbers.headline(record)
    numbers.tiles(record)
    numbers.main_curves(record)
    with st.container():
        st.markdown("**Features of source ● and target ▲**")
        # A fragment of its own: an epoch or points chosen on the map need not draw the curves again.
        map_view.fragment(record, key="embedding")
    panel = st.segmented_control(
        "Details",
        list(PANELS),
        default="Losses and gauges",
        key=bound("panel", PANELS),
        bind="query-params",
        label_visibility="collapsed",
        required=True,
    )
    PANELS[panel](record)
    if polled(record) != st.session_state["live"]:
        st.rerun()  # starts or ends the timer


with view:
    if record is None:
        st.info(
            "Choose data, backbone and method, then press **Run**. The source model is trained first; then you see it adapt, "
            "epoch by epoch. Until then, here is a finished run that comes with Shiftscope.",
            icon=":material/play_arrow:",
        )
        for story in store.shipped()[:1]:
            st.session_state["live"] = polled(story)
            live_panel(story)
    else:
        live = st.session_state["live"] = polled(record)
        st.fragment(live_panel, run_every=POLL if live else None, key="live_panel")(record)
