"""Home: one finished run as a picture, what it came to, and the cards of the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from core.domains.titles import domain_title
from core.experiment.settings import method_title
from core.figures.cards import before_and_after
from core.maps import run_map
from core.reports import story
from core.runs import store
from core.runs.record import Record
from pages.elements.link import bound, go_to_adapt
from pages.elements.text import literal
from pages.elements.theme import dark
from pages.frame import blind, header
from pages.run import map_view, numbers, pictures


def show() -> None:
    """The run that the link names, or the first one that ships."""
    named = names(store.shipped())
    if not named:
        st.error("The gallery is missing.", title="assets/gallery is empty", icon=":material/error:")
        st.caption("Make it with `uv run python -m core gallery`, or choose “Any shift” above.")
        return
    asked = st.query_params.get(bound("story", named), "")
    name = asked if asked in named else next(iter(named))
    record = blind.seen(named[name])

    def beside(answer: Callable[[], None] | None) -> None:
        if answer is None:
            pictures.both_domains(record)
        else:
            answer()
        numbers.in_short(record)

    map_view.fragment(record, key="story", beside=beside)
    st.fragment(numbers.tiles, key="story_tiles")(record)
    header.chips(record.experiment())
    if st.button("Adapt this yourself", type="primary", icon=":material/auto_fix_high:"):
        go_to_adapt({"run": record.id})
    st.subheader("Other stories, other endings", anchor=False)
    _cards(named, name)
    with st.expander("Curves of this run", key="story_curves", on_change="rerun") as part:
        if part.open:
            numbers.main_curves(record)


def names(records: list[Record]) -> dict[str, Record]:
    """What each run is called in a link: its method, and its data too where two runs have one method."""
    methods = [method_title(record.experiment()) for record in records]
    return {
        method if methods.count(method) == 1 else f"{method}: {_pair(record)}": record
        for method, record in zip(methods, records, strict=True)
    }


def _pair(record: Record) -> str:
    asked = record.experiment()
    return " → ".join(domain_title(asked[side]) for side in ("source", "target"))


def _cards(named: Mapping[str, Record], shown: str) -> None:
    """A card for each run: its map before and after, what happened in words, and the way to see it."""
    with st.container(key="stories"):
        for i, (name, one) in enumerate(named.items()):
            record = blind.seen(one)
            with st.container(border=True, gap="xsmall", key=f"story_{i}"):
                picture = _picture(record, dark())
                title = story.title(record)
                if picture is not None:
                    st.image(picture, width="stretch", alt=f"Map before and after: {title}")
                st.markdown(f"**{title}**")
                st.caption(literal(f"{story.in_short(record)} · {method_title(record.experiment())} · {_pair(record)}"))
                st.button(
                    "Shown above" if name == shown else "Show this",
                    key=f"show_{i}",
                    disabled=name == shown,
                    icon=":material/play_arrow:",
                    on_click=_choose,
                    args=(name,),
                )


def _choose(name: str) -> None:
    st.query_params["story"] = name


def _picture(record: Record, night: bool) -> str | None:
    return _drawn(str(record.folder), record.version(), night, record)


@st.cache_data(max_entries=64, show_spinner=False)
def _drawn(folder: str, version: str, night: bool, _record: Record) -> str | None:
    data = run_map.run_map(_record, "pca")
    return None if data is None else before_and_after(data, night)
