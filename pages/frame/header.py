"""The line of chips that every page begins with, and the ways to take a run elsewhere."""

from __future__ import annotations

import json
import shlex
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from core.experiment.settings import backbone_title, method_title, pair_title, run_title, slug
from pages.elements.text import literal
from pages.frame import queue


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
        queue.button()
        share(experiment, run_id)


def share(experiment: dict[str, Any], run_id: str | None) -> None:
    """The link, the command that repeats the run without a browser, and the experiment as a file."""
    with st.popover("Share", icon=":material/share:", type="tertiary"):
        st.markdown("**Link.** Opens this page with the same choices and the same run.")
        st.code(_link(run_id), language=None, wrap_lines=True)
        st.markdown("**Command.** Repeats the run without a browser, with the file below.")
        st.code(f"uv run python -m core run {shlex.quote(_file(experiment))}", language="bash", wrap_lines=True)
        st.download_button(
            "Experiment as JSON",
            json.dumps(experiment, indent=2, sort_keys=True),
            _file(experiment),
            "application/json",
            icon=":material/download:",
            on_click="ignore",
            width="stretch",
        )


def _file(experiment: dict[str, Any]) -> str:
    return f"{slug(run_title(experiment))}.json"


def _link(run_id: str | None) -> str:
    parts = urlsplit(st.context.url or "http://localhost:8501")
    query = st.query_params.to_dict() | ({"run": run_id} if run_id else {})
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(query), ""))
