"""Samples as pictures that stay crisp, with what is said of each below."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.parts.text import literal

SIDE = 112  # pixels to which a picture is enlarged


def picture_row(pictures: np.ndarray, where: np.ndarray, captions: list[str], width: int = 88) -> None:
    """Some of the pictures in rows, enlarged without blurring."""
    st.image([enlarge(pictures[i]) for i in where], caption=[literal(text) for text in captions], width=width, alt=captions)


def enlarge(picture: np.ndarray) -> np.ndarray:
    """The picture with each pixel repeated, so that the browser keeps it crisp."""
    factor = max(1, SIDE // picture.shape[0])
    return picture.repeat(factor, 0).repeat(factor, 1)
