"""What is done with a run: launched, paused, stepped, cancelled, resumed; and how far it is."""

from __future__ import annotations

from typing import Any, Literal

import streamlit as st

from core.errors import InputError
from core.experiment import Experiment
from core.reports.text import duration
from core.runs.progress import PHASES
from core.runs.record import Record
from core.runs.worker import worker
from pages.elements.text import literal
from pages.run import annotation

COLOURS: dict[str, Literal["gray", "blue", "orange", "green", "red"]] = {
    "queued": "gray",
    "running": "blue",
    "pausing": "orange",
    "paused": "orange",
    "finished": "green",
    "cancelled": "gray",
    "failed": "red",
    "interrupted": "orange",
}


def launch(experiment: Experiment) -> None:
    """Ask for a run and show it; what stands against it is said on the page."""
    try:
        st.query_params["run"] = worker().submit(experiment)
        st.session_state["filled"] = st.session_state["reveal"] = st.query_params["run"]
    except InputError as error:
        st.session_state["refused"] = error


def _control(run_id: str, action: str) -> None:
    try:
        worker().control(run_id, action)
    except InputError as error:
        st.session_state["refused"] = error


def _resume(record: Record) -> None:
    try:
        launch(Experiment.parse(record.experiment()))
    except InputError as error:
        st.session_state["refused"] = error


def show(record: Record, job: dict[str, Any] | None, status: dict[str, Any]) -> None:
    """State, progress, time left, and the buttons that apply. ``job`` is what the worker says of a run that is under way here."""
    facts, here, state = status.get("progress") or {}, job is not None, job["state"] if job else status["state"]
    with st.container(horizontal=True, vertical_alignment="center", key="controls"):
        st.badge(state, color=COLOURS[state], icon=":material/fiber_manual_record:")
        if state in ("running", "pausing") and here:
            _button(
                record, "Pause", "pause", ":material/pause:", disabled=state == "pausing", help="After the epoch that is being computed."
            )
            _button(record, "Cancel", "cancel", ":material/stop:", help="Finished epochs are kept; the run can be resumed.")
        elif state == "paused" and here:
            _button(record, "Resume", "resume", ":material/play_arrow:")
            _button(record, "Step", "step", ":material/skip_next:", help="One epoch, then pause again.")
            _button(record, "Cancel", "cancel", ":material/stop:")
        elif state == "queued" and here:
            _button(record, "Cancel", "cancel", ":material/stop:")
        elif state in ("interrupted", "cancelled", "failed"):
            st.button(
                "Resume",
                key="resume_run",
                icon=":material/play_arrow:",
                on_click=_resume,
                args=(record,),
                help="Goes on after the last finished epoch.",
            )
        annotation.button(record)
        st.caption(_progress(state, status, facts, job["place"] if job else 0))
    if state in ("running", "pausing", "paused", "queued"):
        st.progress(min(max(facts.get("fraction", 0.0), 0.0), 1.0))


def _progress(state: str, status: dict[str, Any], facts: dict[str, Any], place: int) -> str:
    if place:
        return f"Number {place} in the queue. It begins by itself; the button above opens the queue."
    parts = [f"on {status['device_title']}" if status.get("device_title") else ""]
    if state in ("running", "pausing", "paused") and facts:
        parts.insert(0, _now(status, facts))
        if facts.get("remaining") is not None and state != "paused":
            parts.append(f"about {duration(facts['remaining'])} left")
    elif status.get("seconds"):
        parts.append(duration(status["seconds"]))
    return literal(" · ".join([part for part in (status.get("message"), *parts) if part]))


def _now(status: dict[str, Any], facts: dict[str, Any]) -> str:
    """The phase that is going on and how far it is: its epochs, and the samples that it reads meanwhile."""
    read = ""
    if samples := facts.get("samples"):
        left = "" if facts["left"] is None else f", {duration(facts['left'])} for the rest of them"
        read = f"{samples[0]:,} of {samples[1]:,} samples{left}"
        if facts["step"] == "features":
            return f"{PHASES['features']}: {read}"
    most = "at most " if facts.get("at_most") else ""
    epochs = f"{PHASES[facts['phase']]}, epoch {facts['epoch']} of {most}{facts['of']} done{_updates(status, facts)}"
    return f"{epochs}; looking at held-out samples, {read}" if read else epochs


def _updates(status: dict[str, Any], facts: dict[str, Any]) -> str:
    """How many updates these epochs were; nothing for what is not trained in updates."""
    _, each = (status.get("updates") or {}).get(facts["phase"], (0, 0))
    return f" ({facts['epoch'] * each:,} of {facts['of'] * each:,} updates)" if each else ""


def _button(record: Record, label: str, action: str, icon: str, disabled: bool = False, help: str | None = None) -> None:
    st.button(label, key=f"control_{action}", icon=icon, on_click=_control, args=(record.id, action), disabled=disabled, help=help)
