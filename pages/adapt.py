"""Choose, launch, watch."""

import streamlit as st

from core.errors import InputError
from core.experiment import Experiment
from core.experiment.settings import decisive, differences, method_title, pair_title
from core.runs import store
from core.runs.record import ACTIVE, Record
from core.runs.worker import worker
from pages.choose import estimate, fit, picker
from pages.elements.link import bound, unpack
from pages.elements.pulse import pulse
from pages.elements.text import literal
from pages.frame import blind, header
from pages.run import annotation, controls, map_view, numbers, pictures, question, transfer
from pages.run.launch import bar, stale

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
OF_A_RUN = ("panel", "gauges", "landed", "map", "layout", "epoch", "selected")
REVEAL = "<script>document.querySelector('.st-key-shown_run')?.scrollIntoView({ block: 'start' })</script>"


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


def back_to(record: Record) -> None:
    picker.fill(record.experiment(), keep_link=False)


unpack()
record = shown_record()
if record and st.session_state.get("filled") != record.id:
    picker.fill(record.experiment())
    st.session_state["filled"] = record.id

top = st.container()
settings, view = st.columns([1, 2.4], gap="medium")
places = {}

with settings:
    ready = st.container()
    with st.container(border=True):
        st.markdown("**1 · Data**")
        places["data"] = st.container()
        picker.data()
    with st.container(border=True):
        st.markdown("**2 · Backbone**")
        places["backbone"] = st.container()
        picker.backbone()
    with st.container(border=True):
        st.markdown("**3 · Method**")
        places["method"] = st.container()
        picker.method(launch_preset)
    with st.container(border=True):
        st.markdown("**4 · Budget**")
        places["budget"] = st.container()
        picker.budget()
    chosen = picker.chosen()
    experiment, problem = picker.experiment(), fit.problem(chosen)
    if problem:
        fit.show(places, problem, picker.chosen, picker.fill)
    else:
        with places["backbone"]:
            fit.idle(picker.chosen, picker.fill)

# What was run already is shown at once, also where it differs in nothing but how many samples its map has.
if record is None and experiment and not problem:
    record = store.answered(experiment)

with top:
    header.chips(record.experiment() if record else chosen, record.id if record else None)
    if error := st.session_state.pop("refused", None):
        st.error(literal(f"{error.what} {error.remedy}"), title="This was not done", icon=":material/error:")


def polled(record: Record) -> bool:
    """Whether there is something to wait for."""
    return record.status()["state"] in ACTIVE


def live_panel(record: Record) -> None:
    """Everything about one run; drawn again while it is active."""
    status = record.status()
    job = next((job for job in worker().jobs() if job["id"] == record.id), None)
    # What comes and goes stands in containers: an element that changes its place is rebuilt by the browser and loses its zoom.
    with st.container():
        if st.session_state["live"]:
            pulse(record.id)
        controls.show(record, job, status)
        annotation.show(record)
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


def show(record: Record) -> None:
    live = st.session_state["live"] = polled(record)
    st.fragment(live_panel, run_every=POLL if live else None, key="live_panel")(record)


asked = None if experiment is None else experiment.model_dump(mode="json")
differing = differences(decisive(record.experiment()), decisive(asked)) if record and asked else []
before, impossible = ready, None
with view:
    if record is not None:
        stale(record, differing, back_to)
        with st.container(key="shown_run"):
            with st.container():  # so that what follows keeps its place
                if st.session_state.pop("reveal", None) == record.id:
                    st.html(REVEAL, unsafe_allow_javascript=True)  # Run stays at the foot: what it starts may be out of sight
            show(record)
    elif problem:
        question.unfit(problem)
    elif experiment:
        before = question.show(experiment)
    if record is None:
        for key in OF_A_RUN:  # a link may say them before there is a run to show
            bound(key)
    if record is None and store.shipped():
        story = store.shipped()[0]
        name = f"An example, not your question: {method_title(story.experiment())}, {pair_title(story.experiment())}"
        with st.expander(literal(name), key="example", icon=":material/science:", on_change="rerun") as part:
            if part.open:
                st.caption("A finished run that comes with Shiftscope, to see what a result looks like. Nothing in it is about your data.")
                show(story)
if experiment and not problem:
    with ready if record else before:  # the slowest part of the page comes last
        impossible = estimate.box(experiment)
bar(experiment, record, differing, problem.what if problem else impossible, launch_chosen)
