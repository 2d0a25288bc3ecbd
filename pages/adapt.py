"""Choose, launch, watch."""

import streamlit as st

from core.errors import InputError
from core.experiment import Experiment
from core.experiment.settings import differences
from core.reports.text import duration
from core.runs import store
from core.runs.record import ACTIVE, Record
from core.runs.worker import worker
from pages.choose import estimate, picker
from pages.elements.link import bound
from pages.elements.pulse import pulse
from pages.elements.text import literal
from pages.frame import blind, header
from pages.run import map_view, numbers, pictures, transfer

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


def launch(experiment) -> None:
    try:
        st.query_params["run"] = worker().submit(experiment)
        st.session_state["filled"] = st.query_params["run"]
    except InputError as error:
        st.session_state["refused"] = error


def launch_chosen() -> None:
    """Run what the widgets say at the click: a choice made just before it may not have been drawn yet."""
    if experiment := picker.experiment():
        launch(experiment)


def launch_preset(experiment) -> None:
    picker.fill(experiment.model_dump(mode="json"), keep_link=False)
    launch(experiment)


def control(run_id: str, action: str) -> None:
    try:
        worker().control(run_id, action)
    except InputError as error:
        st.session_state["refused"] = error


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
    header.chips(record.experiment() if record else (experiment or Experiment()).model_dump(mode="json"), record and record.id)
    if error := st.session_state.pop("refused", None):
        st.error(f"{error.what} {error.remedy}", title="This was not done", icon=":material/error:")

with ready:
    if experiment:
        possible = estimate.box(experiment)
        known = store.finished(experiment.id)
        same = record is not None and record.id == experiment.id
        label = "Already shown" if same and known else "Show the finished run" if known else "Run"
        st.button(
            label,
            key="launch",
            type="primary",
            icon=":material/play_arrow:",
            width="stretch",
            on_click=launch_chosen,
            disabled=not possible or (same and record.status()["state"] in (*ACTIVE, "finished")),
            help="Runs in the background. You can close this page; the link finds the run again.",
        )
        if record and not same:
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
        run_controls(record, state, here, status)
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


def run_controls(record: Record, state: str, here: bool, status: dict) -> None:
    """State, progress, time left, and the buttons that apply."""
    facts = status.get("progress") or {}
    with st.container(horizontal=True, vertical_alignment="center", key="controls"):
        st.badge(state, color=header.STATE_COLOURS[state], icon=":material/fiber_manual_record:")
        if state in ("running", "pausing") and here:
            button(
                record, "Pause", "pause", ":material/pause:", disabled=state == "pausing", help="After the epoch that is being computed."
            )
            button(record, "Cancel", "cancel", ":material/stop:", help="Finished epochs are kept; the run can be resumed.")
        elif state == "paused" and here:
            button(record, "Resume", "resume", ":material/play_arrow:")
            button(record, "Step", "step", ":material/skip_next:", help="One epoch, then pause again.")
            button(record, "Cancel", "cancel", ":material/stop:")
        elif state == "queued" and here:
            button(record, "Cancel", "cancel", ":material/stop:")
        elif state in ("interrupted", "cancelled", "failed"):
            st.button(
                "Resume",
                key="resume_run",
                icon=":material/play_arrow:",
                on_click=resume,
                args=(record,),
                help="Goes on after the last finished epoch.",
            )
        st.caption(progress_text(state, status, facts))
    if state in ("running", "pausing", "paused", "queued"):
        st.progress(min(max(facts.get("fraction", 0.0), 0.0), 1.0))


def progress_text(state: str, status: dict, facts: dict) -> str:
    phase = {"source": "Source training", "oracle": "Oracle line", "joint": "Joint line", "adapt": "Adaptation"}.get(facts.get("phase"), "")
    parts = [f"on {status['device_title']}" if status.get("device_title") else ""]
    if state in ("running", "pausing", "paused") and facts:
        parts.insert(0, f"{phase}, epoch {facts['epoch']} of {facts['of']} done")
        if facts.get("remaining") is not None and state != "paused":
            parts.append(f"about {duration(facts['remaining'])} left")
    elif status.get("seconds"):
        parts.append(duration(status["seconds"]))
    return literal(" · ".join([part for part in (status.get("message"), *parts) if part]))


def button(record: Record, label: str, action: str, icon: str, **more) -> None:
    st.button(label, key=f"control_{action}", icon=icon, on_click=control, args=(record.id, action), **more)


def resume(record: Record) -> None:
    try:
        launch(Experiment.parse(record.experiment()))
    except InputError as error:
        st.session_state["refused"] = error


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
