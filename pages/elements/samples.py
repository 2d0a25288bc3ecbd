"""Samples as what they are: pictures that stay crisp, sounds, texts, rows; with what is said of each."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from pages.elements.text import literal

SIDE = 112  # pixels to which a picture is enlarged
COLUMNS = 8  # of a row that are shown


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
        _players(samples, where, captions, key, width)
    elif samples.pictures is not None:
        picture_row(samples.pictures, where, captions, width)
    else:
        names = originals.columns or [f"x{j}" for j in range(COLUMNS)]
        lines = [
            {"sample": caption}
            | ({"text": originals.texts[i]} if originals.texts else dict(zip(names[:COLUMNS], samples.rows[i].tolist(), strict=False)))
            for i, caption in zip(where, captions, strict=True)
        ]
        columns = {"text": st.column_config.TextColumn(width="large")} if originals.texts else None
        st.dataframe(
            lines,
            hide_index=True,
            height=min(36 * (len(lines) + 1), 320),
            column_config=columns,
            alt="Samples with their text or first columns.",
        )


def _players(samples: Any, where: np.ndarray, captions: list[str], key: str, width: int) -> None:
    """Spectrograms, and a player for the one that is chosen: a dozen players would push everything else off the page."""
    picture_row(samples.pictures, where, captions, width)
    place = st.selectbox("Listen to", range(len(where)), key=f"{key}.listen", format_func=lambda i: f"{i + 1}: {captions[i]}")
    st.audio(samples.originals.wav(int(where[min(place or 0, len(where) - 1)])), format="audio/wav")


def enlarge(picture: np.ndarray) -> np.ndarray:
    """The picture with each pixel repeated, so that the browser keeps it crisp."""
    factor = max(1, SIDE // picture.shape[0])
    return picture.repeat(factor, 0).repeat(factor, 1)
