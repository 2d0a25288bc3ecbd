"""Finished runs side by side."""

import streamlit as st

from core.errors import InputError
from core.figures import curves
from core.reports.comparison import groups
from core.runs import notes, store
from pages.elements.chart import chart
from pages.elements.link import bound, go_to_adapt
from pages.elements.text import literal
from pages.elements.theme import dark
from pages.frame import blind, queue
from pages.run import annotation, comparison

MOST = 6

records = {record.id: record for record in notes.starred_first([record for record in store.records() if record.complete])}
experiments = {run_id: record.experiment() for run_id, record in records.items()}
titles = notes.titles(list(records.values()))


def title(run_id: str) -> str:
    return f"★ {titles[run_id]}" if notes.note(records[run_id]).starred else titles[run_id]


def to_link() -> None:
    """The link names runs by their ids: a name that somebody gives to a run must not break it."""
    st.query_params["runs"] = st.session_state["runs"]


def delete(run_id: str) -> None:
    try:
        store.delete(run_id)
    except InputError as error:
        st.session_state["refused"] = error


if not records:
    st.info("No finished run yet. Launch one on the Adapt page.", icon=":material/stacked_line_chart:")
    st.stop()
if error := st.session_state.pop("refused", None):
    st.error(literal(f"{error.what} {error.remedy}"), title="This was not done", icon=":material/error:")

with st.container(horizontal=True, vertical_alignment="center"):
    queue.button()
    st.caption(
        f"{len(records)} finished runs: the newest {store.LISTED} of your own and those that come with Shiftscope. Compare up to {MOST}."
    )
in_link = [run_id for run_id in st.query_params.get_all(bound("runs")) if run_id in records]
chosen = st.multiselect(
    "Runs",
    list(records),
    default=in_link[:MOST] or list(records)[:3],
    format_func=title,
    key="runs",
    on_change=to_link,
    max_selections=MOST,
    placeholder="Choose runs",
)
if not chosen:
    st.info("Choose one or more runs above.", icon=":material/checklist:")
    st.stop()

found = groups([records[run_id] for run_id in chosen])
names = comparison.names(found)
comparison.verdicts(found)
comparison.table([blind.seen(records[run_id]) for run_id in chosen], names, found)

pairs = [(names[run_id], blind.seen(records[run_id]).epochs()) for run_id in chosen]
revision, night = "-".join(chosen), dark()
version = "-".join([*(f"{run_id}{records[run_id].version()}" for run_id in chosen), str(night), str(blind.on())])


def overlay(measure: str, axis: str, factor: float = 1) -> None:
    alt = f"{axis} of the chosen runs over epochs."
    chart(
        lambda: curves.compare(pairs, measure, axis, night, factor), key=f"compare_{measure}", version=version, revision=revision, alt=alt
    )


left, right = st.columns(2)
with left:
    if blind.on():
        st.markdown("**InfoMax** (higher: sure and diverse predictions)")
        overlay("infomax", "InfoMax (nats)")
    else:
        st.markdown("**Target accuracy**")
        overlay("target_accuracy", "target accuracy (%)", 100)
with right:
    st.markdown("**MMD²**")
    overlay("mmd2", "MMD² (unbiased)")
left, right = st.columns(2)
with left:
    if not blind.on():
        st.markdown("**Accuracy against MMD²**")
        alt = "Target accuracy against MMD² over all epochs of the chosen runs."
        chart(lambda: curves.accuracy_against_mmd(pairs, night), key="compare_both", version=version, revision=revision, alt=alt)
        st.caption("Each point is an epoch, larger is later. Lower MMD² is not higher accuracy.")
with left if blind.on() else right:
    st.markdown("**What differs**")
    comparison.settings({names[run_id]: experiments[run_id] for run_id in chosen})

with st.expander("Open, name or delete a run", key="manage"):
    for run_id in chosen:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(literal(title(run_id)))
            annotation.button(records[run_id])
            if st.button("Open", key=f"open_{run_id}", icon=":material/open_in_new:"):
                go_to_adapt({"run": run_id})
            if (store.runs_folder() / run_id).exists():
                with st.popover("Delete", icon=":material/delete:"):
                    st.markdown("Its record is removed from this machine for good.")
                    st.button("Delete for good", key=f"delete_{run_id}", type="primary", on_click=delete, args=(run_id,))
