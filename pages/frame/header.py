"""The line of chips that every page begins with, and the ways to take a run elsewhere."""

from __future__ import annotations

import json
import shlex
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from core.domains.titles import domain_title
from core.experiment.settings import backbone_title, method_title
from core.runs.worker import worker
from pages.elements.text import literal


def pair_title(experiment: dict[str, Any]) -> str:
    """ "Printed digits → Handwritten digits, rotation 0.5"."""
    return " → ".join(domain_title(experiment[side]) for side in ("source", "target"))


def run_title(experiment: dict[str, Any]) -> str:
    return f"{method_title(experiment)} · {pair_title(experiment)} · seed {experiment['seed']}"


def chips(experiment: dict[str, Any], run_id: str | None = None, ask_only: bool = False) -> None:
    """Source → target, backbone, method, seed, the queue, and sharing; ``ask_only`` shows the data alone."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="chips"):
        st.badge(
            literal(pair_title(experiment)),
            icon=":material/compare_arrows:",
            color="gray",
        )
        if not ask_only:
            st.badge(backbone_title(experiment), icon=":material/hub:", color="gray")
            st.badge(method_title(experiment), icon=":material/auto_fix_high:", color="gray")
            st.badge(f"seed {experiment.get('seed', 0)}", icon=":material/casino:", color="gray")
        queue_badge()
        share(experiment, run_id)


def queue_badge() -> None:
    jobs = worker().jobs()
    if jobs:
        waiting = sum(job["state"] == "queued" for job in jobs)
        busy = len(jobs) - waiting
        st.badge(f"{jobs[0]['device']}: {busy} running, {waiting} waiting", icon=":material/memory:", color="blue")
    else:
        st.badge(f"{best_device()}: idle", icon=":material/memory:", color="gray", help="Nothing is being computed on this server.")


@st.cache_data(show_spinner=False)
def best_device() -> str:
    from core import devices

    return devices.available()[0]


def share(experiment: dict[str, Any], run_id: str | None) -> None:
    """The link, the command that repeats the run without a browser, and the experiment as a file."""
    with st.popover("Share", icon=":material/share:", type="tertiary"):
        st.markdown("**Link.** Opens this page with the same choices and the same run.")
        st.code(_link(run_id), language=None, wrap_lines=True)
        st.markdown("**Command.** Repeats the run without a browser, with the file below.")
        st.code(f"uv run python -m core run {shlex.quote(_file(run_id))}", language="bash", wrap_lines=True)
        st.download_button(
            "Experiment as JSON",
            json.dumps(experiment, indent=2, sort_keys=True),
            _file(run_id),
            "application/json",
            icon=":material/download:",
            on_click="ignore",
            width="stretch",
        )


def _file(run_id: str | None) -> str:
    return f"shiftscope-{run_id or 'experiment'}.json"


def _link(run_id: str | None) -> str:
    parts = urlsplit(st.context.url or "http://localhost:8501")
    query = st.query_params.to_dict() | ({"run": run_id} if run_id else {})
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(query), ""))
