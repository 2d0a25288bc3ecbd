"""The parts of a shift report, each drawn as soon as its stage has come to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from core.figures import shifts, tables
from core.reports.measure_text import beside, control_of, written
from core.reports.shift import Classes, Classifier, Explanation, Kernel, Number, Samples, ShiftReport, report_map
from core.reports.shift_limits import warnings
from core.reports.shift_text import explained_by, nothing_explained
from core.reports.text import auc_value, fixed, p_value, percent
from pages.elements import routes, selection
from pages.elements.chart import chart
from pages.elements.embedding import embedding, read_selection
from pages.elements.glossary import tile, words
from pages.elements.samples import show
from pages.elements.text import literal
from pages.elements.theme import dark

SHOWN = 6


def tiles(numbers: Sequence[Number]) -> None:
    """Each number with its interval and the A/A control."""
    for number in numbers:
        measure, name = number.measure, number.measure.name
        control = control_of(measure, number.control)
        under = " · ".join(part for part in (beside(measure, number.values), control) if part)
        tile(name, written(measure, number.values[name]), under.removeprefix("95 % "))


def gauge(r: Classifier, version: str) -> None:
    st.markdown("**How well a classifier tells them apart**")
    control = "no A/A control" if r.control is None else f"A/A control {auc_value(r.control.auc)}"
    alt = f"Domain AUC {auc_value(r.auc.auc)} on a scale from 0.5 to 1; {control}."
    night = dark()
    chart(lambda: shifts.auc_gauge(r.auc, r.control, night), key="gauge", version=version, revision="gauge", height=150, alt=alt)
    about = " A/A control: two random sets of source samples, which is what no shift looks like." if r.control is not None else ""
    st.caption(f"Bars: 95 % intervals.{about}")


def null(r: Kernel, version: str) -> None:
    st.markdown("**MMD² if there were no shift**")
    test, night = r.test, dark()
    alt = f"Null distribution of MMD²; observed {fixed(test.mmd2, 4)}."
    chart(lambda: tables.null_histogram(test.null, test.mmd2, night), key="null", version=version, revision="null", height=220, alt=alt)
    st.caption(f"Domain labels permuted at random: {p_value(test.p)}.")


def samples(r: Samples, classifier: Classifier) -> None:
    """Random samples of each domain, and those that its classifier finds most typical of it."""
    for column, title, start, typical in zip(st.columns(2), ("Source", "Target"), (0, r.n), classifier.typical, strict=True):
        with column:
            other = "target" if title == "Source" else "source"
            st.markdown(f"**{title} samples**")
            _strip(r, np.arange(start, start + min(SHOWN, r.n)), title)
            st.caption(f"Most {title.lower()}-like: what the classifier finds least like the {other}.")
            _strip(r, typical, f"{title}-like")


def _strip(r: Samples, where: np.ndarray, key: str) -> None:
    show(r, where, [r.class_names[r.labels[i]] if r.labels[i] >= 0 else "?" for i in where], key, width=56)


def properties(r: Explanation, of: Samples, version: str) -> None:
    st.markdown("**What explains the difference**")
    words("explained")
    if not r.properties:
        st.info(literal(nothing_explained(of, r)), icon=":material/balance:")
        return
    rows, night = r.properties, dark()
    alt = "Share of the difference that each property explains alone: " + ", ".join(f"{e.title} {percent(e.share, 0)}" for e in rows[:5])
    height = 90 + 30 * min(len(rows), shifts.SHOWN)
    chart(lambda: shifts.explained_bars(rows, night), key="explained", version=version, revision="explained", height=height, alt=alt)
    st.caption(literal(explained_by(r)))


def giveaways(r: Explanation) -> None:
    """Columns that tell the class or the domain by themselves, where there are any."""
    if said := warnings(r.giveaways):
        st.warning("\n\n".join(map(literal, said)), icon=":material/key:")
        words("giveaways", label="How are these found?")


def limits(said: Sequence[str]) -> None:
    """What cannot be told from these samples, where there is something."""
    if said:
        st.info("**What this cannot tell**\n" + "".join(f"\n- {literal(text)}" for text in said), icon=":material/visibility_off:")


def classes(r: Classes, names: Sequence[str], version: str) -> None:
    st.markdown("**Class shares, estimated without target labels**")
    words("label_shift")
    found, night = r.shift, dark()
    alt = "Share of each class in the source, estimated in the target, and true where it is known."
    figure = lambda: shifts.class_shares(found, r.truth, names, night)  # noqa: E731
    chart(figure, key="classes", version=version, revision="classes", height=260, alt=alt)
    if found.refusal:
        st.info(literal(r.remark), icon=":material/block:")
    elif not r.trusted:
        st.warning(literal(r.remark), icon=":material/warning:")
    else:
        st.caption(literal(r.remark))
    if not found.refusal:
        st.caption(f"BBSE, bars: 95 % intervals. Condition number {fixed(found.condition, 1)}.")
        words("condition", label="Condition number?")


def kind(r: Classes) -> None:
    with st.container(border=True):
        st.markdown(f"**{r.kind.headline}**")
        words("kind")
        for sentence in r.kind.evidence:
            st.markdown(f"- {literal(sentence)}")
        for sentence in r.kind.needed:
            st.markdown(f"- *To know more:* {literal(sentence)}")


def more_numbers(r: Samples, numbers: Sequence[Number]) -> None:
    """The companions of AUC and MMD², each with its control."""
    with st.container(horizontal=True):
        tiles(numbers)
    if 0 < r.control_n < r.measured:
        st.caption(
            f"The A/A control has {r.control_n} samples a side, the comparison {r.measured}: fewer samples lie farther apart by chance."
        )


@st.fragment
def chart_map(r: ShiftReport, name: str) -> None:
    what = "raw inputs" if r.samples.view == "raw" else "features"
    st.markdown(f"**Map of the {what} (PCA)**")
    data = report_map(r, name)
    chosen = embedding(
        routes.publish(data),
        key="raw",
        of=data.identity,
        version=data.version,
        mode="single",
        height=420,
        alt=f"PCA map of the {what} of both domains. {data.captions[0]}.",
    )
    if r.samples.columns > 2:
        st.caption("A 2-D map cannot show all of a space with many dimensions: trust the AUC under it more than the picture.")
    selection.show(data, 0, read_selection(chosen.selection, len(data.domain)), key="raw")
