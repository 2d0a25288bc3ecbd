"""The chosen question before it has been run: what is true of it already, and what will happen."""

from __future__ import annotations

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.domains.titles import domain_title
from core.errors import InputError
from core.experiment import Experiment
from core.figures import tables
from core.reports.question import Glimpse, glimpse, steps
from pages.elements import samples
from pages.elements.chart import chart
from pages.elements.text import literal
from pages.elements.theme import dark
from pages.frame import blind


@st.cache_resource(max_entries=16, show_spinner=False)
def _glimpse(question: str) -> Glimpse | None:
    try:
        return glimpse(Experiment.parse(question))
    except InputError:  # said beside the choice that it is about
        return None


def unfit(problem: InputError) -> None:
    """What stands where a result would, as long as the choices do not fit together."""
    st.markdown("#### These choices do not fit together yet")
    st.markdown(literal(f"{problem.what} {problem.remedy}"))


def show(experiment: Experiment) -> DeltaGenerator:
    """Samples of both domains, class shares, and the steps of the run; returns the place for how long these take."""
    asked = experiment.model_dump(mode="json")
    st.markdown("#### This question has not been run yet")
    st.caption("Below is what is known before: the data, and what will happen. Results appear here when you press **Run**.")
    found = _glimpse(experiment.canonical_json())
    if found is None:
        st.info("The samples are fetched when this is run for the first time.", icon=":material/cloud_download:")
    else:
        hidden = blind.on()
        for side, column in enumerate(st.columns(2)):
            with column:
                _samples(found, side, domain_title(asked[("source", "target")[side]]), hidden)
        _shares(found, experiment, hidden)
    st.markdown("**What will happen**")
    known = found is None or found.target is not None
    st.markdown("\n".join(f"{i}. **{title}.** {literal(said)}" for i, (title, said) in enumerate(steps(experiment, known), 1)))
    return st.container()


def _samples(found: Glimpse, side: int, title: str, hidden: bool) -> None:
    name = ("Source", "Target")[side]
    st.markdown(f"**{name}: {literal(title)}**")
    where = np.arange(side * found.n, (side + 1) * found.n)
    unknown = side == 1 and hidden
    captions = ["?" if unknown or found.labels[i] < 0 else found.class_names[found.labels[i]] for i in where]
    samples.show(found, where, captions, key=f"asked_{name.lower()}", width=72)


def _shares(found: Glimpse, experiment: Experiment, hidden: bool) -> None:
    st.markdown("**Class shares**")
    target, night = None if hidden else found.target, dark()
    chart(
        lambda: tables.class_histogram(found.source, target, found.class_names, night),
        key="asked_classes",
        version=f"{experiment.id}-{hidden}-{night}",
        revision=experiment.id,
        height=240,
        alt="Share of each class in the training samples of source and target.",
    )
    sizes = f"{len(found.source):,} training samples of the source" + ("" if target is None else f", {len(target):,} of the target")
    why = "" if target is not None else " Those of the target are hidden." if hidden else " The target has no labels."
    st.caption(f"{sizes}. The method never sees labels of the target; they are shown for comparison only.{why}")
