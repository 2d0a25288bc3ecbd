"""A run in pictures: the confusion and the samples. Explore and Adapt draw the same parts."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core.domains.titles import domain_licence
from core.figures import tables
from core.measures.accuracy import confusion
from core.runs import snapshots
from core.runs.record import Record
from pages.elements import samples
from pages.elements.chart import chart
from pages.elements.glossary import words
from pages.elements.text import literal
from pages.elements.theme import dark

THUMBNAILS = 12
ROW = 6  # samples of one domain in a line


def _labelled_target(record: Record) -> tuple[snapshots.Frames, np.ndarray] | None:
    """The predictions so far and which samples are labelled target ones; says why there is nothing, and gives None, where there is none."""
    frames = snapshots.frames(record)
    if frames is not None and (target := (frames.domain == 1) & (frames.labels >= 0)).any():
        return frames, target
    needed = "Blind: this needs target labels." if record.blind else "This appears when the source model is trained, for a labelled target."
    st.info(needed, icon=":material/visibility_off:" if record.blind else ":material/hourglass_empty:")
    return None


def confusion_panel(record: Record) -> None:
    """Confusion on the snapshot's target samples before, after, and the difference."""
    known = _labelled_target(record)
    if known is None:
        return
    frames, target = known
    names = snapshots.class_names(record)
    before, after = (confusion(frames.labels[target], frames.predictions[i][target], len(names)) for i in (0, -1))
    night = dark()

    def open_cell(row: int, column: int) -> None:
        st.session_state["cell"] = (row, column)

    builders = {
        "Before": lambda: tables.confusion(before, names, night),
        "After": lambda: tables.confusion(after, names, night),
        "Difference": lambda: tables.confusion_change(before, after, names, night),
    }
    for column, (title, build) in zip(st.columns(3), builders.items(), strict=True):
        with column:
            st.markdown(f"**{title}**")
            version, alt = f"{record.id}-{record.version()}-{night}", f"Confusion matrix of target samples, {title.lower()}."
            chart(build, key=f"confusion_{title}", version=version, revision=record.id, height=340, alt=alt, on_cell=open_cell)
    st.caption(
        f"Share of each true class, {int(target.sum())} held-out target samples, evaluation only. Difference: blue fewer, orange more. "
        "Click a cell to see its samples."
    )
    words("confusion")
    _open_cell(frames, target, names, before, after)


def _open_cell(frames: snapshots.Frames, target: np.ndarray, names: tuple[str, ...], before: np.ndarray, after: np.ndarray) -> None:
    """The samples of one cell of the confusion, before and after; the mistakes come first among the cells."""
    size = np.maximum(before, after)
    cells = sorted(((int(a), int(b)) for a, b in np.argwhere(size)), key=lambda cell: (cell[0] == cell[1], -size[cell]))
    if (wanted := st.session_state.get("cell")) is not None and wanted not in cells:
        st.session_state["cell"] = None
    cell = st.selectbox(
        "Open a cell",
        cells,
        index=None,
        key="cell",
        placeholder="Choose a cell: true class → prediction",
        format_func=lambda cell: f"{names[cell[0]]} → {names[cell[1]]}: {before[cell]:,} before, {after[cell]:,} after",
    )
    if cell is None:
        return
    for title, i in (("Before", 0), ("After", -1)):
        where = np.flatnonzero(target & (frames.labels == cell[0]) & (frames.predictions[i] == cell[1]))
        st.markdown(f"**{title}: {len(where)}**")
        samples.judged(frames, where[:THUMBNAILS], names, key=f"cell {title.lower()}")
    st.caption(f"True class, then prediction before → after: ✓ right, ✗ wrong. Up to {THUMBNAILS} of each.")


def samples_panel(record: Record) -> None:
    """Target samples that adaptation put right, and ones that it broke."""
    known = _labelled_target(record)
    if known is None:
        return
    frames, target = known
    names = snapshots.class_names(record)
    right = [(frames.predictions[i] == frames.labels) & target for i in (0, -1)]
    for title, chosen in (("Fixed", ~right[0] & right[1]), ("Broken", right[0] & ~right[1] & target)):
        where = np.flatnonzero(chosen & target)
        st.markdown(f"**{title}: {len(where)}**")
        samples.judged(frames, where[:THUMBNAILS], names, key=title.lower())
        if not len(where):
            st.caption("None.")
    st.caption(f"True class, then prediction before → after: ✓ right, ✗ wrong. Up to {THUMBNAILS} of each, evaluation only.")


def both_domains(record: Record) -> None:
    """Samples of source and target, one above the other, with what the network says of them before and after."""
    frames = snapshots.frames(record)
    if frames is None:
        return
    names = snapshots.class_names(record)
    for domain, title, count in ((0, "Source ● what the network learned from", ROW), (1, "Target ▲ where it is used", 2 * ROW)):
        st.markdown(f"**{title}**")
        samples.judged(frames, np.flatnonzero(frames.domain == domain)[:count], names, key=f"both_{domain}")
    said = "Below each picture" if frames.pictures is not None else "In each line"
    marks = "." if record.blind else ": ✓ right, ✗ wrong."
    licences = dict.fromkeys(domain_licence(record.experiment()[side]) for side in ("source", "target"))
    st.caption(
        f"{said} its true class, then the prediction before → after adaptation{marks} Held-out samples, the first of a random draw.  \n"
        f"Licence of the samples: {literal(' · '.join(filter(None, licences)))}"
    )
