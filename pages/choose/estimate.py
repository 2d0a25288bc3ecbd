"""The box above the Run button: device, time, sizes, and what one should know before."""

from __future__ import annotations

import streamlit as st

from core import devices
from core.errors import InputError
from core.experiment import Experiment
from core.reports.text import duration, planned
from core.training.estimate import Estimate, estimate
from pages.elements.text import literal


@st.cache_data(max_entries=64, show_spinner="Timing three batches…")
def _estimate(experiment_json: str, device: str) -> Estimate | str:
    try:
        return estimate(Experiment.parse(experiment_json), device)
    except InputError as error:
        return str(error)


def box(experiment: Experiment) -> str | None:
    """Draw the box; what stands against the run, if anything does."""
    device = devices.choose()
    found = _estimate(experiment.canonical_json(), device)
    if isinstance(found, str):
        st.error(literal(found), title="This cannot be run", icon=":material/error:")
        return found
    with st.container(border=True):
        st.caption(
            f"**{literal(devices.title(device))}** · about **{duration(found.seconds)}** for a new run, from 3 real batches  \n"
            f"Source: {found.train[0]:,} to train, {found.held_out[0]:,} held out  \n"
            f"Target: {found.train[1]:,} to train (labels unseen), {found.held_out[1]:,} held out  \n"
            + "".join(f"{line}  \n" for line in planned(found.updates))
            + f"{found.weights:,} weights, {found.data_bytes / 1e6:.1f} MB of data"
        )
        for warning in found.warnings:
            st.warning(warning, icon=":material/warning:")
    return None
