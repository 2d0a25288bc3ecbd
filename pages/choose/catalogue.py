"""The dialog with every method: grouped by what is transferred, by what the method is given, or by family, and filtered."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import streamlit as st

from core.experiment import Experiment
from core.experiment.presets import SITUATIONS, posed
from core.methods import METHODS, Family, MethodInfo

TRANSFERS = {
    "features": "Features: source and target are made alike",
    "instances": "Instances: samples are re-weighted, labelled or redrawn",
    "model": "The model: its weights go on learning",
    "nothing": "Nothing: to compare with",
}
SETTINGS = {
    "unsupervised": "Unsupervised: labelled source, target without labels",
    "semi-supervised": "Semi-supervised: a few target labels",
    "source-free": "Source-free: the source's network, no source data",
    "test-time": "Test-time: the source's network, adapted in passing",
    "none": "No adaptation: to compare with",
}
GROUPS: dict[str, Callable[[MethodInfo], str]] = {
    "What is transferred": lambda info: TRANSFERS[info.transfers],
    "Setting": lambda info: SETTINGS[info.setting],
    "Family": lambda info: info.family.capitalize(),
}
FILTERS: dict[str, Callable[[MethodInfo], bool]] = {
    "need no source data": lambda info: not info.sees_source,
    "need no target labels": lambda info: info.setting != "semi-supervised",
    "work on features": lambda info: not info.kinds,
    "are instant": lambda info: info.instant,
}
FAMILIES = get_args(Family)
# The oldest idea of a family first.
CHOICES = sorted(
    (m.info for m in METHODS if m.info.setting != "supervised"), key=lambda info: (FAMILIES.index(info.family), info.year or 0, info.title)
)


def fitting(filters: list[str]) -> list[MethodInfo]:
    """The methods that pass every named filter, in the catalogue's order."""
    return [info for info in CHOICES if all(FILTERS[name](info) for name in filters)]


def grouped(infos: list[MethodInfo], by: str) -> dict[str, list[MethodInfo]]:
    """``infos`` by the text of their group; groups in the order of `TRANSFERS` and `SETTINGS`, families as they come."""
    order = {"What is transferred": TRANSFERS, "Setting": SETTINGS}.get(by)
    found: dict[str, list[MethodInfo]] = {text: [] for text in order.values()} if order else {}
    for info in infos:
        found.setdefault(GROUPS[by](info), []).append(info)
    return {text: members for text, members in found.items() if members}


@st.dialog("All methods", width="large")
def catalogue() -> None:
    """Browse, filter, choose; the choice lands in the page's method box."""
    by = st.segmented_control("Group by", list(GROUPS), default="What is transferred", required=True, key="catalogue_by")
    filters = st.pills("Only methods that …", list(FILTERS), selection_mode="multi", key="catalogue_filters")
    infos = fitting(filters)
    st.caption(f"{len(infos)} of {len(CHOICES)} methods.")
    if not infos:
        st.info("No method does all of this. Take one filter away.", icon=":material/filter_alt_off:")
    for text, members in grouped(infos, by).items():
        st.markdown(f"##### {text}")
        for info in members:
            _row(info)


def _row(info: MethodInfo) -> None:
    with st.container(border=True):
        text, button = st.columns([8, 1], vertical_alignment="center")
        text.markdown(
            f"**{info.title}**{f' ({info.year})' if info.year else ''} · {info.summary}  \n"
            f":small[**Helps:** {info.helps} **Hurts:** {info.hurts}]"
        )
        if button.button("Choose", key=f"choose_{info.name}", on_click=_choose, args=(info.name,), width="stretch"):
            st.rerun()


def _choose(name: str) -> None:
    st.session_state["method"] = name


def presets(info: MethodInfo, run: Callable[[Experiment], None]) -> None:
    """Two buttons: the method where it shines, and where it fails."""
    shown = [(word, SITUATIONS.get(name)) for word, name in (("Shines", info.shines), ("Fails", info.fails)) if name]
    with st.container(horizontal=True, gap="small"):
        for word, situation in shown:
            st.button(
                f"{word}: {situation.title}",
                key=f"preset_{word}",
                icon=":material/play_arrow:",
                on_click=run,
                args=(posed(situation, info.name),),
                help=f"{situation.summary} Sets all choices and runs it, in seconds.",
                width="stretch",
            )


def labels(info: MethodInfo) -> None:
    """What kind of method this is, as badges."""
    with st.container(horizontal=True, gap="xsmall"):
        st.badge(info.family, color="gray")
        st.badge(SETTINGS[info.setting].split(":")[0].lower(), color="gray", help=SETTINGS[info.setting] + ".")
        st.badge(
            f"transfers {'the ' if info.transfers == 'model' else ''}{info.transfers}", color="gray", help=TRANSFERS[info.transfers] + "."
        )
        if info.instant:
            st.badge("instant", color="gray", help="A closed form: one or two steps instead of epochs.")
