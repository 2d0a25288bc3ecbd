"""The map of a run: which projection, how it is laid out, what was selected on it, and its data as a table."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
import streamlit as st

from core.errors import InputError
from core.maps import run_map
from core.maps.data import MapData
from core.maps.process import mapper
from core.runs import snapshots
from core.runs.record import ACTIVE, Record
from pages.elements import routes, selection
from pages.elements.embedding import Chosen, embedding, read_selection
from pages.elements.link import bound
from pages.elements.text import literal, whole_number

TITLES: dict[run_map.Kind, str] = {"inputs": "Inputs", "pca": "PCA", "umap": "UMAP", "discriminant": "Discriminant"}
MEANINGS = {
    "inputs": "The two inputs themselves. Below the points: what the network says of the plane at each epoch; dotted, where a domain "
    "classifier on its features cannot decide.",
    "pca": "PCA: the two directions in which the features vary most. Instant, linear.",
    "umap": "UMAP: keeps neighbours together; distances between groups mean little. One layout for all epochs.",
    "discriminant": "Across: the direction that tells the domains apart best (linear discriminant). Upwards: what varies most besides. "
    "It is fitted on the points shown, so it exaggerates a small shift.",
}
LAYOUTS: dict[str, Literal["pair", "single"]] = {"Side by side": "pair", "One map": "single"}
HEIGHT, PICTURE = 400, 530  # of one map in pixels; where it is the page's picture
POLL = 1.0  # seconds between two looks at a UMAP map that is being computed
HELP = (
    "PCA is instant. UMAP shows neighbourhoods; it is computed when the run is finished. "
    "The discriminant looks for the shift itself. Two-dimensional inputs can be shown as they are."
)


def fragment(record: Record, *, key: str, beside: Callable[[Callable[[], None] | None], None] | None = None) -> None:
    """The map as a fragment, which looks again by itself while its UMAP is being computed.

    What is selected on the map is answered beside it. With ``beside``, which draws what stands there and is given that answer (None
    where nothing is selected), the map is the picture of its page: larger, one instead of two, and it moves once by itself.
    """
    awaited = _is_awaited(record)

    def draw() -> None:
        with st.container(key=f"beside_{key}"):
            with st.container(key=f"map_{key}"):
                shown = _panel(record, key, picture=beside is not None)
            answer = partial(selection.show, *shown, key=key) if shown is not None and len(shown[2]) else None
            if draw_beside := partial(beside, answer) if beside else answer:
                with st.container(key=f"answer_{key}"):
                    draw_beside()
        if _is_awaited(record) != awaited:
            st.rerun()  # starts or ends the timer

    st.fragment(draw, run_every=POLL if awaited else None, key=f"{key}_fragment")()


def _panel(record: Record, key: str, picture: bool) -> tuple[MapData, int, np.ndarray] | None:
    """Draw a run's map; what it shows, at which of its epochs, and which of its points are selected. None where there is no map yet."""
    epoch, marked = _from_link(record)
    above, controls = (st.container(), st.container()) if picture else reversed((st.container(), st.container()))
    with controls:
        asked, layout = _choices(record, "One map" if picture else "Side by side")
        kind, note = (asked, "") if asked != "umap" else _umap(record)
    data = run_map.run_map(record, kind)
    with above:
        if data is None:
            st.info("The map appears when the source model is trained.", icon=":material/scatter_plot:")
            return None
        running = record.status()["state"] in ACTIVE
        chosen = embedding(
            routes.address_of(record, kind),
            key=key,
            of=record.id,
            version=data.version,
            mode=LAYOUTS[layout],
            alt=f"Two-dimensional {TITLES[kind]} map of source and target features before and after adaptation. {data.captions[-1]}.",
            epoch=epoch,
            selection=marked,
            run=record.id if running else None,
            follow=running,
            height=PICTURE if picture else HEIGHT,
            export=True,
            perform=picture,
        )
    _to_link(chosen)
    with controls if picture else above:
        st.caption(f"{note}{MEANINGS[kind]} {_limits(record, kind)}")
        # The nearest one: a long run has no picture of every epoch.
        epoch = data.epochs[-1] if chosen.epoch is None else chosen.epoch
        frame = min(range(len(data.epochs)), key=lambda i: abs(data.epochs[i] - epoch))
        _table(data, frame, key)
    return data, frame, read_selection(chosen.selection, len(data.domain))


def _choices(record: Record, default: str) -> tuple[run_map.Kind, str]:
    """Which projection, and how it is laid out."""
    kinds = sorted(run_map.kinds(record), key=list(TITLES).index)
    options = [TITLES[kind] for kind in kinds]
    for name, allowed in (("map", options), ("layout", list(LAYOUTS))):
        if st.session_state.get(name) not in (None, *allowed):  # another run's, or a hand-edited link's
            del st.session_state[name]
    with st.container(horizontal=True):
        title = st.segmented_control(
            "Map",
            options,
            default=options[0],
            key=bound("map", options),
            bind="query-params",
            label_visibility="collapsed",
            required=True,
            help=HELP,
        )
        layout = st.segmented_control(
            "Layout",
            list(LAYOUTS),
            default=default,
            key=bound("layout", LAYOUTS),
            bind="query-params",
            label_visibility="collapsed",
            required=True,
        )
    return kinds[options.index(title)], layout


def _limits(record: Record, kind: run_map.Kind) -> str:
    dimensions = snapshots.dimensions(record)
    if kind != "umap" and dimensions <= 2:
        return "The features have no more than two dimensions: the map shows all of them."
    return f"A 2-D map cannot show all of a {dimensions}-dimensional space: trust the AUC under it more."


def _is_awaited(record: Record) -> bool:
    """Whether UMAP was asked for and is being computed."""
    return st.session_state.get("map") == TITLES["umap"] and mapper().state(record.id)[0] in ("queued", "computing")


def _umap(record: Record) -> tuple[run_map.Kind, str]:
    """Which map is shown for UMAP, and why it is another one."""
    if record.status()["state"] != "finished":
        return "pca", "UMAP is computed when the run is finished; until then this is PCA. "
    try:
        state, fraction = run_map.umap_state(record)
    except InputError as error:
        st.caption(literal(f"{error.what} {error.remedy}"))
        return "pca", "This is PCA. "
    if state == "ready":
        return "umap", ""
    if state == "failed":
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(literal(f"UMAP could not be computed for this run. {mapper().reason(record.id) or ''}"))
            st.button("Try again", key="umap_again", icon=":material/refresh:", on_click=run_map.ask_for_umap, args=(record,))
        return "pca", "This is PCA. "
    st.progress(fraction, "UMAP is being computed in the background; until then this is PCA. The first time on a machine takes a minute.")
    return "pca", "This is PCA. "


def _from_link(record: Record) -> tuple[int | None, str]:
    """Epoch and selection of the URL, dropped when another run comes to be shown."""
    if st.session_state.setdefault("mapped", record.id) != record.id:
        st.session_state["mapped"] = record.id
        for name in ("epoch", "selected"):
            st.query_params.pop(name, None)
    return whole_number(st.query_params.get(bound("epoch"), "")), st.query_params.get(bound("selected"), "")


def _to_link(chosen: Chosen) -> None:
    for name, value in (("epoch", chosen.epoch), ("selected", chosen.selection)):
        if value is None or value == "":
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != str(value):
            st.query_params[name] = str(value)


def _table(data: MapData, frame: int, key: str) -> None:
    with st.expander("The map as a table", key=f"{key}_table", on_change="rerun") as part:
        if not part.open:
            return
        names = [*data.class_names, "unknown"]
        x, y = data.positions[frame].T.astype(float)
        st.dataframe(
            {
                "sample": range(len(data.domain)),
                "domain": ["target" if d else "source" for d in data.domain],
                "true class": [names[i] for i in data.labels],
                "predicted": [names[i] for i in data.predictions[frame]],
                "confidence": data.confidence[frame].astype(float),
                "x": x,
                "y": y,
            },
            hide_index=True,
            height=320,
            alt=f"Positions, classes and confidences, {data.titles[frame]}.",
        )
        st.caption(literal(f"{data.titles[frame]}. {data.note} The download menu of the map saves it as CSV."))
