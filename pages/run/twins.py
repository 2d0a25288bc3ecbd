"""Twins in pictures: source samples, and what lies nearest to each of them in the target, before and after adaptation."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core.measures.twins import Landing
from core.reports.text import percent
from core.reports.transfer import TransferReport
from core.runs.record import Record
from pages.elements import samples
from pages.elements.glossary import words

SHOWN = 8


def panel(record: Record, report: TransferReport) -> None:
    """Nothing where no sample has a twin, or where there are no pictures to show."""
    stored = record.samples()
    if report.twins is None or stored is None or "pictures" not in stored:
        return
    before, after = report.twins
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**Did each land on its twin?** · evaluation only")
        words("twin_found")
    shown = np.flatnonzero(after.twin >= 0)[:SHOWN]
    _row("Source", stored["pictures"], shown, [report.identities[i] for i in shown])
    for title, found in (("Nearest in the target, before", before), ("Nearest in the target, after", after)):
        names = [_named(report, found, i) for i in shown]
        _row(title, stored["pictures"], report.n + found.nearest[shown], names)
    st.caption(
        f"✓ the twin. The first {len(shown)} of {after.pairs} held-out samples that have one, in a random order. Of all of them "
        f"{percent(after.share)} found their twin, before adaptation {percent(before.share)}."
    )


def _row(title: str, pictures: np.ndarray, where: np.ndarray, names: list[str]) -> None:
    st.markdown(f":small[{title}]")
    samples.picture_row(pictures, where, names)


def _named(report: TransferReport, found: Landing, i: int) -> str:
    """What the nearest target sample is, with a tick where it is the twin."""
    name = report.identities[report.n + found.nearest[i]]
    return f"✓ {name}" if found.nearest[i] == found.twin[i] else name
