"""The small picture of a run on its card: its map before and after, as an SVG that needs no script."""

from __future__ import annotations

import numpy as np

from core.figures.style import CLASS_COLOURS, GREY, ground, source_colour, target_colour
from core.maps.data import MapData

WIDTH, HEIGHT, EDGE = 300, 140, 8
POINTS = 90  # of each domain in each half


def before_and_after(data: MapData, dark: bool) -> str:
    """Left the first epoch, right the last one; source filled, target hollow, in the colours of the true classes.

    Where the target's classes are not known, each domain has one colour.
    """
    shown = np.concatenate([np.flatnonzero(data.domain == side)[:POINTS] for side in (0, 1)])
    half = WIDTH / 2
    halves = "".join(_half(data, frame, shown, left, dark) for frame, left in ((0, 0.0), (len(data.epochs) - 1, half)))
    line = f'<path d="M{half:.0f} 12V{HEIGHT - 12}" stroke="{GREY}" stroke-opacity=".45"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{ground(dark)}"/>{halves}{line}</svg>'
    )


def _half(data: MapData, frame: int, shown: np.ndarray, left: float, dark: bool) -> str:
    """All points of one colour and domain are one path: a card stays small."""
    scale = min(WIDTH / 2, HEIGHT) / 2 - EDGE
    middle = np.array([left + WIDTH / 4, HEIGHT / 2])
    places = middle + data.positions[frame][shown] * np.array([scale, -scale])
    classed = (data.labels[data.domain == 1] >= 0).any()
    colours = [source_colour(dark), target_colour(dark)]
    groups: dict[tuple[int, str], list[str]] = {}
    for (x, y), i in zip(places, shown, strict=True):
        side, label = int(data.domain[i]), int(data.labels[i])
        if not np.isfinite((x, y)).all():
            continue
        colour = colours[side] if not classed else GREY if label < 0 else CLASS_COLOURS[label % len(CLASS_COLOURS)]
        mark = f"M{x:.0f} {y - 3:.0f}l3 5h-6z" if side else f"M{x:.0f} {y:.0f}h0"
        groups.setdefault((side, colour), []).append(mark)
    return "".join(
        f'<path d="{"".join(marks)}" fill="none" stroke="{colour}" '
        + ('stroke-width="1"/>' if side else 'stroke-width="5" stroke-linecap="round"/>')
        for (side, colour), marks in sorted(groups.items())
    )
