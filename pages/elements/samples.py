"""Samples as what they are: pictures that stay crisp, sounds, texts, rows; with what is said of each."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from pages.elements.text import literal

SIDE = 112  # pixels to which a picture is enlarged
COLUMNS = 8  # of a row that are shown
SMOOTH = 48  # pixels of height from which on a picture is a photograph, which is smoothed and not shown as squares
MARKS = {True: "✓", False: "✗", None: ""}


def picture_row(pictures: np.ndarray, where: np.ndarray, captions: list[str], width: int = 88) -> None:
    """Some of the pictures in rows, enlarged without blurring."""
    st.image([enlarge(pictures[i]) for i in where], caption=[literal(text) for text in captions], width=width, alt=captions)


def show(samples: Any, where: np.ndarray, captions: list[str], key: str, width: int = 88) -> None:
    """Some of the samples as what they are: pictures, sounds to play, texts, or rows with the names of their columns.

    ``samples`` has ``pictures``, ``rows`` and ``originals``, as `core.maps.data.MapData` does.
    """
    if not len(where):
        return
    originals = samples.originals
    if originals.waves is not None:
        picture_row(samples.pictures, where, captions, width)
        _listen(samples, where, captions, key)
    elif samples.pictures is not None:
        picture_row(samples.pictures, where, captions, width)
    else:
        lines = [{"sample": caption} | content for caption, content in zip(captions, _contents(samples, where), strict=True)]
        columns = {"text": st.column_config.TextColumn(width="large")} if originals.texts else None
        st.dataframe(
            lines,
            hide_index=True,
            height=min(36 * (len(lines) + 1), 320),
            column_config=columns,
            alt="Samples with their text or first columns.",
        )


def judged(seen: Any, where: np.ndarray, names: Sequence[str], key: str, frame: int = -1, numbers: Sequence[int] | None = None) -> None:
    """Samples with their true class and what the network says of them before and at the ``frame``-th epoch: ✓ right, ✗ wrong.

    ``seen`` has ``predictions``, ``labels``, ``domain``, ``pictures``, ``rows`` and ``originals``, as `core.runs.snapshots.Frames` does.
    ``numbers`` are written beside them: those of their trails on a map.
    """
    if not len(where):
        return
    said = [_verdict(seen, int(i), names, frame) for i in where]
    marked = [f"{number} · " for number in numbers] if numbers is not None else [""] * len(where)
    if seen.pictures is None:
        _judged_rows(seen, where, said, marked)
        return
    figures = [_figure(seen.pictures[i], one, mark, bool(seen.domain[i])) for i, one, mark in zip(where, said, marked, strict=True)]
    st.html(f'<div class="samples">{"".join(figures)}</div>')
    if seen.originals.waves is not None:
        _listen(seen, where, [f"{mark}{true}" for mark, (true, *_) in zip(marked, said, strict=True)], key)


def _verdict(seen: Any, i: int, names: Sequence[str], frame: int) -> tuple[str, str, str, bool | None]:
    """True class, prediction before and after, each with its mark; and whether it is right now."""
    label = int(seen.labels[i])
    known = label >= 0
    before, after = (int(seen.predictions[at][i]) for at in (0, frame))
    first, now = (prediction == label if known else None for prediction in (before, after))
    return names[label] if known else "?", f"{names[before]} {MARKS[first]}".strip(), f"{names[after]} {MARKS[now]}".strip(), now


def _figure(picture: np.ndarray, said: tuple[str, str, str, bool | None], mark: str, target: bool) -> str:
    true, before, after, now = said
    kind = {True: "right", False: "wrong", None: "unknown"}[now]
    state = {True: ", now right", False: ", now wrong", None: ""}[now]
    words = f"{'Target' if target else 'Source'} sample, true class {true}: predicted {before} before, {after} after{state}"
    crisp = "" if picture.shape[0] >= SMOOTH else ' class="crisp"'
    return (
        f'<figure class="{kind}"><div><img src="{_data_url(picture)}" alt="{escape(words)}"{crisp}>'
        + (f"<i aria-hidden='true'>{MARKS[now]}</i>" if now is not None else "")
        + f"</div><figcaption><b>{escape(mark + true)}</b><span>{escape(before)} → {escape(after)}</span></figcaption></figure>"
    )


def _data_url(picture: np.ndarray) -> str:
    packed = io.BytesIO()
    Image.fromarray(picture).save(packed, "PNG")
    return f"data:image/png;base64,{b64encode(packed.getvalue()).decode()}"


def _judged_rows(seen: Any, where: np.ndarray, said: Sequence[tuple[str, str, str, bool | None]], marked: Sequence[str]) -> None:
    lines = [
        {"true class": mark + true, "before": before, "after": after} | content
        for mark, (true, before, after, _), content in zip(marked, said, _contents(seen, where), strict=True)
    ]
    st.dataframe(
        lines,
        hide_index=True,
        height=min(36 * (len(lines) + 1), 320),
        column_config={"text": st.column_config.TextColumn(width="large")},
        alt="Samples with their true class, and the prediction before and after; ✓ is right, ✗ wrong.",
    )


def _contents(samples: Any, where: np.ndarray) -> list[dict[str, Any]]:
    """Each sample's text, or its first columns by their names."""
    if samples.originals.texts:
        return [{"text": samples.originals.texts[i]} for i in where]
    names = samples.originals.columns or [f"x{j}" for j in range(COLUMNS)]
    return [dict(zip(names[:COLUMNS], samples.rows[i].tolist(), strict=False)) for i in where]


def _listen(samples: Any, where: np.ndarray, captions: list[str], key: str) -> None:
    """A player for the one that is chosen: a dozen players would push everything else off the page."""
    place = st.selectbox("Listen to", range(len(where)), key=f"{key}.listen", format_func=lambda i: f"{i + 1}: {captions[i]}")
    st.audio(samples.originals.wav(int(where[min(place or 0, len(where) - 1)])), format="audio/wav")


def enlarge(picture: np.ndarray) -> np.ndarray:
    """The picture with each pixel repeated, so that the browser keeps it crisp."""
    factor = max(1, SIDE // picture.shape[0])
    return picture.repeat(factor, 0).repeat(factor, 1)
