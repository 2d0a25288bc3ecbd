"""Pictures of more than 8 bits a pixel: which values are black and white is told by what they hold, for all of them alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from core.domains.reading.archives import Unreadable

Deep = Literal["I", "F"]  # whole numbers of 16 or 32 bits, and floats
FULL = {"I": tuple(2**bits - 1 for bits in (8, 10, 12, 14, 16)), "F": (1, *(2**bits - 1 for bits in (8, 10, 12, 14, 16)))}


@dataclass(frozen=True)
class Span:
    """The values that become black and white."""

    black: float
    white: float

    @property
    def words(self) -> str:
        return f"{self.black:,g} is black and {self.white:,g} is white"


Spans = dict[Deep, Span]


def deep(picture: Image.Image) -> Deep | None:
    """The kind of its pixels, where they have more than 8 bits."""
    return "F" if picture.mode == "F" else "I" if picture.mode.startswith("I") else None


def extremes(picture: Image.Image) -> tuple[float, float] | None:
    """Its lowest and its highest value; None where some are missing or infinite."""
    values = np.asarray(picture)
    return (float(values.min()), float(values.max())) if np.isfinite(values).all() else None


def spans(found: Iterable[tuple[Deep, tuple[float, float]]]) -> Spans:
    """From the extremes of many pictures: from 0 to the largest value of 8, 10, 12, 14 or 16 bits (of floats also 1) that holds them.

    Where that isn't enough, or some values are negative, from the lowest to the highest value there is.
    """
    held: Spans = {}
    for kind, (low, high) in found:
        before = held.get(kind, Span(low, high))
        held[kind] = Span(min(before.black, low), max(before.white, high))
    return {kind: _rounded(kind, span) for kind, span in held.items()}


def _rounded(kind: Deep, span: Span) -> Span:
    fitting = [full for full in FULL[kind] if span.white <= full]
    if span.black >= 0 and fitting:
        return Span(0, fitting[0])
    return span if span.white > span.black else Span(span.black, span.black + 1)


def reduced(picture: Image.Image, kind: Deep, chosen: Spans, remarks: list[str]) -> Image.Image:
    """The picture with 8 bits a pixel."""
    if (held := extremes(picture)) is None:
        raise Unreadable("some of its pixels are missing or infinite")
    span = chosen[kind] if kind in chosen else spans([(kind, held)])[kind]
    remarks.append(f"{'floats' if kind == 'F' else 'more than 8 bits'} were reduced to 8 bits: {span.words}")
    if held[0] < span.black or held[1] > span.white:
        remarks.append("some pixels are darker or brighter than those by which black and white were chosen, and were cut off")
    values = (np.asarray(picture).astype(np.float64) - span.black) * (255 / (span.white - span.black))
    return Image.fromarray(np.rint(np.clip(values, 0, 255)).astype(np.uint8))
