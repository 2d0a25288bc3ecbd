"""The shift between two chosen domains, before any training: samples, classes, statistics with their A/A control."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core.errors import InputError
from core.experiment import Experiment
from core.figures import tables
from core.runs.summary import p_value
from core.shift_report import ShiftReport, report_map, shift_report
from pages.parts import header, map_server, picker, samples, selection_view
from pages.parts.canvas import embedding, read_selection
from pages.parts.chart import chart
from pages.parts.run_view import dark
from pages.parts.text import literal

SHOWN = 12


@st.cache_resource(max_entries=32, show_spinner="Comparing the two domains…")
def _report(experiment_json: str) -> ShiftReport | str:
    try:
        return shift_report(Experiment.parse(experiment_json))
    except InputError as error:
        return f"{error.what} {error.remedy}"


def report() -> None:
    """Draw the report for the widgets' source and target."""
    data = {side: picker.chosen()[side] for side in ("source", "target")}
    kind = picker.DOMAINS.get(data["source"]["name"]).kind
    backbone = picker.fitting_backbone(kind)
    try:
        experiment = Experiment.parse(data | {"backbone": {"name": backbone}, "seed": st.session_state.get("seed", 0)})
    except InputError as error:
        st.error(literal(f"{error.what} {error.remedy}"), title="These two do not fit together", icon=":material/error:")
        return
    header.chips(experiment.model_dump(mode="json"), ask_only=True)
    found = _report(experiment.canonical_json())
    if isinstance(found, str):
        st.error(literal(found), title="These domains cannot be compared", icon=":material/error:")
        return
    st.markdown(f"#### {_verdict(found)}")
    _tiles(found)
    _samples(found)
    night = dark()
    version = f"{experiment.id}-{night}"
    left, right = st.columns(2)
    with left:
        st.markdown("**Classes of the training samples**")
        alt = "Share of each class in source and target."

        def classes():
            return tables.class_histogram(found.source_labels, found.target_labels, found.class_names, night)

        chart(classes, key="classes", version=version, revision="classes", height=260, alt=alt)
    with right:
        st.markdown("**MMD² if there were no shift**")
        alt = f"Null distribution of MMD²; observed {found.mmd.mmd2:.4f}."
        chart(
            lambda: tables.null_histogram(found.mmd.null, found.mmd.mmd2, night),
            key="null",
            version=version,
            revision="null",
            height=260,
            alt=alt,
        )
        st.caption(f"Domain labels permuted 499 times, {p_value(found.mmd.p)}.")
    _map(found, experiment)
    if st.button("Adapt this", type="primary", icon=":material/auto_fix_high:", help="Opens Adapt with these two domains."):
        keep = {key: value for key, value in st.query_params.to_dict().items() if key not in ("view", "story", "run")}
        more = {} if kind == "image" else {"backbone": picker.BACKBONE_TITLES[backbone]}
        st.switch_page("pages/adapt.py", query_params=keep | more)


def _verdict(r: ShiftReport) -> str:
    found = r.auc.low > 0.5 or r.mmd.p < 0.05
    if not found:
        return f"No evidence of a shift in the inputs: AUC {r.auc.auc:.2f}, MMD² inside its null band."
    strength = (
        "A classifier tells the domains apart" if r.auc.low > 0.5 else "The kernel test sees a shift that a linear classifier does not"
    )
    return f"{strength}: AUC {r.auc.auc:.2f} (no shift would give {r.auc_control.auc:.2f}), MMD² {r.mmd.mmd2:.4f} ({p_value(r.mmd.p)})."


def _tiles(r: ShiftReport) -> None:
    off = {"delta_color": "off", "delta_arrow": "off", "border": True}
    with st.container(horizontal=True):
        st.metric(
            "Domain AUC", f"{r.auc.auc:.2f}", f"A/A control {r.auc_control.auc:.2f}", **off, help="0.5: cannot be told apart. 1: always."
        )
        st.metric(
            "Proxy A-distance",
            f"{r.auc.a_distance:.2f}",
            f"A/A control {r.auc_control.a_distance:.2f}",
            **off,
            help="2(1 − 2ε), from 0 to 2.",
        )
        st.metric("MMD²", f"{r.mmd.mmd2:.4f}", f"A/A control {r.mmd_control.mmd2:.4f}", **off, help=f"Unbiased. {p_value(r.mmd.p)}.")
        st.metric(
            "Samples",
            f"{r.measured} + {r.measured}",
            f"{r.columns} inputs, seed {r.seed}",
            **off,
            help="Held-out samples compared, the same n per domain.",
        )
    st.caption("On raw inputs, each column standardised over both domains. A/A: the same measure between two random halves of the source.")


def _samples(r: ShiftReport) -> None:
    left, right = st.columns(2)
    for column, title, start, typical in ((left, "Source", 0, r.most_source_like), (right, "Target", r.n, r.most_target_like)):
        with column:
            st.markdown(f"**{title} samples**")
            _row(r, np.arange(start, start + min(SHOWN, r.n)), title)
            st.caption(f"Most {title.lower()}-like, by the domain classifier:")
            _row(r, typical, f"{title}-like")


def _row(r: ShiftReport, where: np.ndarray, key: str) -> None:
    samples.show(r, where, [r.class_names[r.labels[i]] if r.labels[i] >= 0 else "?" for i in where], key, width=56)


@st.fragment
def _map(r: ShiftReport, experiment: Experiment) -> None:
    st.markdown("**Map of the raw inputs (PCA)**")
    data = report_map(r, experiment.id)
    chosen = embedding(
        map_server.publish(data),
        key="raw",
        of=experiment.id,
        version=data.version,
        mode="single",
        height=420,
        alt=f"PCA map of the raw inputs of both domains. {data.captions[0]}.",
    )
    st.caption("A 2-D map cannot show all of a space with many dimensions: trust the AUC under it more than the picture.")
    selection_view.show(data, 0, read_selection(chosen.selection, len(data.domain)), key="raw")
