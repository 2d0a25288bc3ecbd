"""A run in pictures: the embedding, the confusion, the samples. Explore and Adapt draw the same parts."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core.figures import tables
from core.measures.accuracy import confusion
from core.runs import maps, summary
from core.runs.record import Record
from pages.parts.canvas import EmbeddingData, embedding
from pages.parts.chart import chart
from pages.parts.run_view import dark
from pages.parts.text import literal

THUMBNAILS = 12


def embedding_panel(record: Record, *, key: str, mode: str, finished: bool, follow: bool = False, height: int = 400) -> None:
    """The map of all epochs, with the full-space AUC under it."""
    kind = st.segmented_control(
        "Map",
        ["PCA", "UMAP"],
        default="PCA",
        key="map",
        bind="query-params",
        label_visibility="collapsed",
        required=True,
        help="PCA is instant. UMAP shows neighbourhoods; it is computed when the run is finished.",
    )
    found, note = maps.pca(record, finished), ""
    if kind == "UMAP":
        if not finished:
            note = "UMAP is computed when the run is finished. This is PCA."
        elif (state := maps.start_umap(record)) == "ready":
            found = maps.umap(record) or found
        else:
            note = (
                "UMAP could not be computed for this run. This is PCA."
                if state == "failed"
                else "UMAP is being computed in the background; the first time on a machine takes about half a minute. This is PCA."
            )
    frames = maps.frames(record)
    if found is None or frames is None:
        st.info("The map appears when the source model is trained.", icon=":material/scatter_plot:")
        return
    data = _embedding_data(record, found, frames)
    embedding(
        data,
        key=key,
        mode=mode,
        follow=follow,
        height=height,
        alt=f"Two-dimensional {found.method.upper()} map of source and target features before and after adaptation. {data.captions[-1]}",
    )
    st.caption(
        f"{note} A 2-D map cannot show all of a {_dimensions(record)}-dimensional space: trust the AUC under it more than the picture."
    )


def map_is_awaited(record: Record) -> bool:
    """Whether UMAP was asked for and is being computed."""
    return st.session_state.get("map") == "UMAP" and record.status()["state"] == "finished" and maps.start_umap(record) == "computing"


def _dimensions(record: Record) -> int:
    numbers = record.snapshot_numbers()
    return record.snapshot(numbers[0])["features"].shape[1]


def _embedding_data(record: Record, found: maps.EpochMap, frames: maps.Frames) -> EmbeddingData:
    shown = [frames.epochs.index(number) for number in found.epochs]
    lines = {e["number"]: e["measures"] for e in record.phase("adapt")}
    captions, names = [], []
    for number in found.epochs:
        m = lines.get(number)
        captions.append(
            ""
            if m is None
            else f"Domain AUC {m['domain_auc']:.2f} in the full space"
            + ("" if m["target_accuracy"] is None else f", target accuracy {summary.percent(m['target_accuracy'])}")
        )
        names.append("before" if number == 0 else f"epoch {number}")
    classes = class_names(record)
    return EmbeddingData(
        epochs=tuple(found.epochs),
        positions=found.positions,
        domain=frames.domain,
        labels=frames.labels,
        predictions=frames.predictions[shown],
        confidence=frames.confidence[shown],
        class_names=classes,
        captions=tuple(captions),
        sprites=frames.pictures,
        title_of_epoch=tuple(names),
        version=f"{record.id}-{found.method}-{len(found.epochs)}-{record.version()}",
    )


def class_names(record: Record) -> tuple[str, ...]:
    return tuple(record.status().get("class_names") or map(str, range(int(record.samples()["labels"].max()) + 1)))


def confusion_panel(record: Record) -> None:
    """Confusion on the snapshot's target samples before, after, and the difference."""
    frames = maps.frames(record)
    target = None if frames is None else (frames.domain == 1) & (frames.labels >= 0)
    if target is None or not target.any():
        st.info("The confusion matrix appears when the source model is trained and the target has labels.", icon=":material/grid_on:")
        return
    names = class_names(record)
    before, after = (confusion(frames.labels[target], frames.predictions[i][target], len(names)) for i in (0, -1))
    night = dark()
    builders = {
        "Before": lambda: tables.confusion(before, names, night),
        "After": lambda: tables.confusion(after, names, night),
        "Difference": lambda: tables.confusion_change(before, after, names, night),
    }
    for column, (title, build) in zip(st.columns(3), builders.items(), strict=True):
        with column:
            st.markdown(f"**{title}**")
            version, alt = f"{record.id}-{record.version()}-{night}", f"Confusion matrix of target samples, {title.lower()}."
            chart(build, key=f"confusion_{title}", version=version, revision=record.id, height=340, alt=alt)
    st.caption(
        f"Share of each true class, {int(target.sum())} held-out target samples, evaluation only. Difference: blue fewer, orange more."
    )


def samples_panel(record: Record) -> None:
    """Target samples that adaptation put right, and ones that it broke."""
    frames = maps.frames(record)
    target = None if frames is None else (frames.domain == 1) & (frames.labels >= 0)
    if target is None or not target.any():
        st.info("Samples appear when the source model is trained and the target has labels.", icon=":material/image:")
        return
    names = class_names(record)
    right = [(frames.predictions[i] == frames.labels) & target for i in (0, -1)]
    for title, chosen in (("Fixed", ~right[0] & right[1]), ("Broken", right[0] & ~right[1] & target)):
        where = np.flatnonzero(chosen & target)
        st.markdown(f"**{title}: {len(where)}**")
        captions = [f"{names[frames.labels[i]]}: {_change(frames, names, i)}" for i in where[:THUMBNAILS]]
        thumbnails(frames, where[:THUMBNAILS], captions)
        if not len(where):
            st.caption("None.")
    st.caption(f"True class: prediction before → after (confidence). Up to {THUMBNAILS} of each, evaluation only.")


def _change(frames: maps.Frames, names: tuple[str, ...], i: int) -> str:
    """ "8 → 3 (0.91)": prediction before, after, and the confidence after."""
    return f"{names[frames.predictions[0][i]]} → {names[frames.predictions[-1][i]]} ({frames.confidence[-1][i]:.2f})"


def thumbnails(frames: maps.Frames, where: np.ndarray, captions: list[str]) -> None:
    if not len(where):
        return
    if frames.pictures is None:
        st.dataframe(
            [
                {"sample": caption, **{f"x{j}": float(v) for j, v in enumerate(frames.rows[i][:8])}}
                for i, caption in zip(where, captions, strict=True)
            ],
            hide_index=True,
        )
        return
    picture_row(frames.pictures, where, captions)


def picture_row(pictures: np.ndarray, where: np.ndarray, captions: list[str], width: int = 88) -> None:
    """Some of the pictures in rows, enlarged without blurring."""
    st.image([enlarge(pictures[i]) for i in where], caption=[literal(text) for text in captions], width=width, alt=captions)


def enlarge(picture: np.ndarray, side: int = 112) -> np.ndarray:
    """The picture with each pixel repeated, so that the browser keeps it crisp."""
    factor = max(1, side // picture.shape[0])
    return picture.repeat(factor, 0).repeat(factor, 1)


def both_domains(record: Record) -> None:
    """Samples of source and target side by side, with what the network says of them before and after."""
    frames = maps.frames(record)
    if frames is None:
        return
    names = class_names(record)
    for column, domain, title in zip(st.columns(2), (0, 1), ("Source", "Target"), strict=True):
        with column:
            st.markdown(f"**{title} samples**")
            where = np.flatnonzero(frames.domain == domain)[:THUMBNAILS]
            captions = [_change(frames, names, i) for i in where]
            thumbnails(frames, where, captions)
    st.caption("Prediction before → after adaptation, and its confidence. Held-out samples.")
