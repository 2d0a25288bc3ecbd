"""The bar at the foot of Adapt: what is chosen, what stands against it, and Run, which never leaves the screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from core.experiment import Experiment
from core.experiment.settings import backbone_title, method_title, pair_title
from core.runs import store
from core.runs.record import ACTIVE, Record
from core.runs.worker import worker
from pages.elements.text import literal

NAMED = 3  # differences that are told
DIM = "<style>.st-key-shown_run { opacity: 0.4; filter: grayscale(0.7); }</style>"

Differing = Sequence[tuple[str, str, str]]


def bar(
    experiment: Experiment | None, record: Record | None, differing: Differing, against: str | None, launch: Callable[[], None]
) -> None:
    """Run, with what is chosen beside it, or why it cannot be run.

    ``differing`` is what the shown run has other than the choices; ``against`` what stands against these.
    """
    shown = record.status()["state"] if record and experiment and record.id == experiment.id else None
    with st.bottom, st.container(horizontal=True, vertical_alignment="center", key="launch_bar"):
        st.caption(_said(experiment, record, differing, against))
        st.button(
            _label(experiment, shown),
            key="launch",
            type="primary",
            icon=":material/play_arrow:",
            on_click=launch,
            disabled=experiment is None or against is not None or shown in (*ACTIVE, "finished"),
            help="Runs in the background. You can close this page; the link finds the run again.",
        )


def _label(experiment: Experiment | None, shown: str | None) -> str:
    if experiment and store.finished(experiment.id):
        return "Already shown" if shown else "Show the finished run"
    place = worker().next_place()
    return "Run" if shown or not place else f"Queue as number {place}"


def _said(experiment: Experiment | None, record: Record | None, differing: Differing, against: str | None) -> str:
    if against is not None:
        return f":material/block: **This cannot be run.** {literal(against)}"
    if record and differing:
        return f":material/history: {sentence(differing)}"
    if experiment is None:
        return ""
    asked = experiment.model_dump(mode="json")
    return literal(f"{pair_title(asked)} · {backbone_title(asked)} · {method_title(asked)}")


def sentence(differing: Differing) -> str:
    """ "The run above shows severity 0.5; you chose 0.7." """
    told = [f"{title[0].lower()}{title[1:]} **{literal(old)}**; you chose **{literal(new)}**" for title, old, new in differing[:NAMED]]
    more = f", and {len(differing) - NAMED} more settings" if len(differing) > NAMED else ""
    return f"The run on this page shows {', '.join(told)}{more}."


def stale(record: Record, differing: Differing, back: Callable[[Record], None]) -> None:
    """Dim a run that is not the one chosen, and say so above it."""
    with st.container(key="stale"):
        if not differing:
            return
        st.html(DIM)
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            st.markdown(f":material/history: **Not what you chose.** {sentence(differing)}")
            st.button("Back to its settings", key="back", icon=":material/undo:", on_click=back, args=(record,))
