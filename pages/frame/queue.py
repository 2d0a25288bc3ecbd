"""What is computed and what waits: a button on every page that opens the list, to open a run, cancel it, or clear all that wait."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.errors import InputError
from core.experiment.settings import run_title
from core.reports.text import duration
from core.runs import store
from core.runs.worker import worker
from pages.elements.link import go_to_adapt
from pages.elements.text import literal

POLL = 2.0  # seconds between two looks while something is under way


def button() -> None:
    """The device and what it does; opens the queue where there is something in it."""
    busy = bool(worker().jobs())

    def draw() -> None:
        if worker().jobs():
            _list(worker().jobs())
        else:
            st.badge(f"{best_device()}: idle", icon=":material/memory:", color="gray", help="Nothing is being computed on this server.")
        if bool(worker().jobs()) != busy:
            st.rerun()  # starts or ends the timer

    st.fragment(draw, run_every=POLL if busy else None, key="queue_fragment")()


def _list(jobs: list[dict[str, Any]]) -> None:
    waiting = sum(job["state"] == "queued" for job in jobs)
    label = f"{len(jobs) - waiting} running, {waiting} waiting"
    with st.popover(label, icon=":material/queue:", type="tertiary", key="queue", help="What is computed, and in which order."):
        for job in jobs:
            with st.container(horizontal=True, vertical_alignment="center"):
                _row(job)
        if waiting:
            st.button("Clear the queue", key="queue_clear", icon=":material/clear_all:", on_click=worker().clear, width="stretch")
            st.caption("What is being computed goes on. Cancelled runs can be launched again.")


def _row(job: dict[str, Any]) -> None:
    try:
        record = store.find(job["id"])
    except InputError:  # deleted since
        return
    left = (record.status().get("progress") or {}).get("remaining")
    said = f"Number {job['place']}" if job["place"] else job["state"].capitalize() + (f", about {duration(left)} left" if left else "")
    st.markdown(f"**{said}** · {literal(run_title(record.experiment()))}")
    if st.button("Open", key=f"queue_open_{job['id']}", icon=":material/open_in_new:", type="tertiary"):
        go_to_adapt({"run": job["id"]})
    st.button("Cancel", key=f"queue_cancel_{job['id']}", icon=":material/close:", type="tertiary", on_click=_cancel, args=(job["id"],))


def _cancel(run_id: str) -> None:
    try:
        worker().control(run_id, "cancel")
    except InputError as error:  # it has ended since
        st.session_state["refused"] = error


@st.cache_data(show_spinner=False)
def best_device() -> str:
    from core import devices

    return devices.available()[0]
