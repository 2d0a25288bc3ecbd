"""What the page says of the points that were selected on a map."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core.figures import tables
from core.maps.data import MapData
from core.reports.selection import Selection, summarise
from core.reports.text import percent
from pages.elements import samples
from pages.elements.chart import chart
from pages.elements.text import literal
from pages.elements.theme import dark

THUMBNAILS = 24
NUMBERED = 10  # selected points whose trails carry a number, as in assets/embedding/overlay.js


def show(data: MapData, frame: int, indices: np.ndarray, key: str) -> None:
    """Draw a panel on the selected samples at the ``frame``-th epoch; how to select is said by the map."""
    if len(indices) == 0:
        return
    with st.container(border=True, key=f"selection_{key}"):
        found = summarise(data, frame, indices)
        st.markdown(f"**{len(indices):,} selected: {found.source:,} source ●, {found.target:,} target ▲**")
        _numbers(found)
        st.caption(literal(_classes(found)))
        _samples(data, frame, indices, key)
        if found.confusion is not None:
            _confusion(data, frame, indices, found.confusion, key)


def _numbers(found: Selection) -> None:
    entries = []
    for name, accuracy in (("Target accuracy", found.target_accuracy), ("Source accuracy", found.source_accuracy)):
        if accuracy is not None:
            entries.append((name, percent(accuracy[1]), f"before {percent(accuracy[0])}"))
    if found.displacement is not None:
        entries.append(("Mean way on the map", percent(found.displacement), "of the map's width"))
    if entries:
        with st.container(horizontal=True):
            for name, value, beside in entries:
                st.metric(name, value, beside, border=True, delta_color="off", delta_arrow="off")


def _classes(found: Selection) -> str:
    parts = [f"{name}: {source} + {target}" for name, source, target in found.classes[:12]]
    more = f" and {len(found.classes) - 12} more classes" if len(found.classes) > 12 else ""
    return "Classes, source + target: " + ", ".join(parts) + more + "."


def _samples(data: MapData, frame: int, indices: np.ndarray, key: str) -> None:
    # Target samples first: they are what adaptation is about.
    shown = indices[np.argsort(data.domain[indices] == 0, kind="stable")][:THUMBNAILS]
    if not data.judged:
        names = np.array([*data.class_names, "?"], dtype=object)
        captions = [f"{'▲' if data.domain[i] else '●'} {names[data.labels[i]]}" for i in shown]
        samples.show(data, shown, captions, key=f"selected_{key}", width=64)
        said = "True class"
    else:
        numbers = (np.searchsorted(indices, shown) + 1).tolist() if len(indices) <= NUMBERED else None
        samples.judged(data, shown, data.class_names, f"selected_{key}", frame, numbers)
        said = "True class, then prediction before → now" + ("" if numbers is None else "; the number is that of its trail on the map")
    st.caption(f"{said}, {data.titles[frame]}. {len(shown)} of {len(indices):,}, target samples first. Labels are for evaluation only.")


def _confusion(data: MapData, frame: int, indices: np.ndarray, counts: tuple[np.ndarray, np.ndarray], key: str) -> None:
    with st.expander(
        f"Confusion of the {int(counts[1].sum()):,} selected target samples", key=f"{key}_confusion", on_change="rerun"
    ) as part:
        if not part.open:
            return
        night = dark()
        for column, end, title, table in zip(st.columns(2), ("before", "after"), ("before", data.titles[frame]), counts, strict=True):
            with column:
                st.markdown(f"**{title.capitalize()}**")
                chart(
                    lambda table=table: tables.confusion(table, data.class_names, night),
                    key=f"{key}_confusion_{end}",
                    version=f"{data.version}-{frame}-{hash(indices.tobytes())}-{night}",
                    revision=data.identity,
                    height=340,
                    alt=f"Confusion matrix of the selected target samples, {title}.",
                )
