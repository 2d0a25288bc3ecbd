"""What an upload holds, shown before it is used: samples, classes, sizes, and what was left out."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core.domains.base import NOUNS
from core.domains.reading import Population, Reading
from core.figures import tables
from pages.elements.chart import chart
from pages.elements.samples import picture_row
from pages.elements.text import literal
from pages.elements.theme import dark

SHOWN = 12  # thumbnails of a domain
ROWS = 5
PLAYERS = 3
COLUMNS = 20


def show(reading: Reading, names: list[str], stamp: str) -> None:
    """Samples of one or two domains, their classes over each other, and the sizes of all."""
    shown = [reading.find(name, "domain") for name in names]
    st.markdown(f"**{_sentence(reading, shown)}**")
    st.caption(" · ".join(literal(f"{name}: {value}") for name, value in reading.facts.items()))
    for column, population in zip(st.columns(len(shown)), shown, strict=True):
        with column:
            st.markdown(f"**{literal(population.name)}**, {len(population):,} {NOUNS[reading.kind]}")
            _samples(reading, population)
    if reading.class_names and any(p.labels is not None for p in shown):
        _histogram(reading, shown, stamp)
    if len(reading.populations) > 2:
        sizes = [{"domain": p.name, "samples": len(p), "labels": "no" if p.labels is None else "yes"} for p in reading.populations]
        st.dataframe(sizes, hide_index=True, alt="The size of each domain.")
    if reading.account:
        st.markdown(f"**{literal(reading.account.sentence)}.**")
    if reading.notes:
        with st.expander(f"What was left out or changed, and why ({len(reading.notes)})", expanded=True, icon=":material/content_cut:"):
            st.dataframe(
                [{"where": note.where, "left out": note.rows or None, "what": note.what} for note in reading.notes],
                hide_index=True,
                column_config={"where": st.column_config.TextColumn(width="small"), "what": st.column_config.TextColumn(width="large")},
                alt="What was left out or changed on reading.",
            )
    else:
        st.caption("Nothing was left out.")


def _sentence(reading: Reading, shown: list[Population]) -> str:
    """How the label sets compare, in plain words."""
    total = f"{len(reading.populations)} domain{'s' * (len(reading.populations) > 1)}"
    if not reading.class_names:
        return f"{total} without labels: to be used as a target."
    held = [set(np.unique(p.labels).tolist()) for p in shown if p.labels is not None]
    without = [p.name for p in shown if p.labels is None]
    count = f"{total}, {len(reading.class_names)} classes"
    if without:
        return literal(f"{count}; {', '.join(without)} has no labels, so accuracy on it will be unknown.")
    if len(held) == 2 and held[0] != held[1]:
        missing = [[reading.class_names[k] for k in sorted(held[a] - held[b])] for a, b in ((0, 1), (1, 0))]
        parts = [f"only {p.name} has {', '.join(m[:5])}" for p, m in zip(shown, missing, strict=True) if m]
        return literal(f"{count}; {'; '.join(parts)}.")
    return literal(f"{count}" + (", the same in both." if len(held) == 2 else "."))


def _samples(reading: Reading, population: Population) -> None:
    n = len(population)
    spread = spread_sample(population)
    labels = [_label(reading, population, i) for i in range(n)] if n <= SHOWN else {int(i): _label(reading, population, i) for i in spread}
    if reading.kind == "image":
        pictures = population.inputs[spread].transpose(0, 2, 3, 1)
        pictures = pictures[..., 0] if pictures.shape[-1] == 1 else pictures
        picture_row(pictures, np.arange(len(spread)), [labels[int(i)] for i in spread], width=72)
    elif reading.kind == "sound":
        for i in spread[:: max(1, len(spread) // PLAYERS)][:PLAYERS]:
            st.caption(literal(labels[int(i)]))
            st.audio(population.inputs[i], sample_rate=reading.rate, alt=f"A sound of class {labels[int(i)]}.")
    elif reading.kind == "text":
        rows = [{"class": labels[int(i)], "text": population.inputs[i][:300]} for i in spread[: 2 * ROWS]]
        st.dataframe(rows, hide_index=True, alt="Some of the texts.")
    else:
        names = reading.columns or tuple(f"x{j}" for j in range(population.inputs.shape[1]))
        rows = [
            {"class": labels[int(i)]} | dict(zip(names[:COLUMNS], _cells(population, i), strict=True))  # what was filled in is empty
            for i in spread[: 2 * ROWS]
        ]
        st.dataframe(rows, hide_index=True, alt="Some of the rows.")


def _cells(population: Population, i: int) -> list[float | None]:
    """The first numbers of a row, None where the file had none."""
    values = population.inputs[i][:COLUMNS]
    gone = np.zeros(len(values), bool) if population.missing is None else population.missing[i][:COLUMNS]
    return [None if gap else float(value) for value, gap in zip(values, gone, strict=True)]


def spread_sample(population: Population) -> np.ndarray:
    """At most `SHOWN` samples: the same number of each class, as far as that goes; of what has no labels, evenly spread ones."""
    n = len(population)
    if population.labels is None:
        return np.unique(np.linspace(0, n - 1, min(n, SHOWN)).astype(int))
    turn = np.empty(n, int)  # the how manieth of its class a sample is
    for k in np.unique(population.labels):
        members = np.flatnonzero(population.labels == k)
        turn[members] = np.arange(len(members))
    return np.sort(np.lexsort((np.arange(n), turn))[:SHOWN])


def _label(reading: Reading, population: Population, i: int) -> str:
    return "?" if population.labels is None else reading.class_names[population.labels[i]]


def _histogram(reading: Reading, shown: list[Population], stamp: str) -> None:
    night = dark()
    first, second = shown[0].labels, shown[1].labels if len(shown) > 1 else None
    chart(
        lambda: tables.class_histogram(first, second, reading.class_names, night),
        key="upload_classes",
        version=f"{stamp}-{[p.name for p in shown]}-{hash(str(reading.options))}-{night}",
        revision=stamp,
        height=260,
        alt="Share of each class in the chosen domains.",
    )
