"""The strip under a chosen shift: the same samples at severities from 0 to 1."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import streamlit as st

from core.domains.preview import SEVERITIES, Strip, strip
from core.errors import InputError
from core.figures.style import CLASS_COLOURS
from core.shifts import SHIFTS
from pages.elements.samples import enlarge

PLOT = 88  # pixels of a little plot of points
GAP = 12  # pixels between two steps
COLOURS = np.array([[*bytes.fromhex(colour[1:]), 255] for colour in CLASS_COLOURS], np.uint8)


@st.cache_resource(max_entries=64, show_spinner=False)
def _strip(name: str, params_json: str, above: tuple[tuple[str, float], ...], shift: str, seed: int) -> Strip | None:
    try:
        return strip(name, json.loads(params_json), list(above), shift, seed)
    except (InputError, ValueError):  # the page says elsewhere what does not fit
        return None


def show(domain: dict[str, Any], above: list[dict[str, Any]], shift: str) -> None:
    """Draw the strip of a domain (its name and parameters) after the shifts above; nothing where there are no samples to show yet."""
    before = tuple((one["name"], one["severity"]) for one in above)
    found = _strip(domain["name"], json.dumps(domain["params"], sort_keys=True), before, shift, int(st.session_state.get("seed", 0)))
    if found is None:
        return
    if found.pictures is not None:
        pictures = [_opaque(enlarge(np.concatenate(list(step), axis=0))) for step in found.pictures]
    elif found.points is not None:
        pictures = _plots(found.points, found.labels)
    else:
        st.caption(_words(found))
        return
    # One picture, not five columns: on a narrow page columns would stand below each other.
    gap = np.zeros((pictures[0].shape[0], GAP, 4), np.uint8)
    joined = [part for picture in pictures for part in (picture, gap)][:-1]
    words = ", ".join(f"{severity:g}" for severity in SEVERITIES)
    after = f"After {', '.join(SHIFTS.get(name).title.lower() for name, _ in before)}. " if before else ""
    what = f"{after}Severity {words}"
    st.image(np.concatenate(joined, axis=1), width="stretch", caption=what, alt=f"The same samples. {what}.")


def _opaque(picture: np.ndarray) -> np.ndarray:
    return np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])


def _plots(steps: np.ndarray, labels: np.ndarray | None) -> list[np.ndarray]:
    """The first two columns as dots, on one scale; the ground is the page's own."""
    low, high = np.nanmin(steps, (0, 1)), np.nanmax(steps, (0, 1))
    spread = max(float((high - low).max()), 1e-9)
    plots = []
    for points in steps:
        plot = np.zeros((PLOT, PLOT, 4), np.uint8)
        there = np.isfinite(points).all(1)  # rows that were not chosen are not
        place = ((points[there] - (low + high) / 2) / spread * 0.94 + 0.5) * (PLOT - 1)
        x, y = np.rint(place).astype(int).clip(0, PLOT - 2).T
        colour = COLOURS[0] if labels is None else COLOURS[labels[there] % len(COLOURS)]
        for dx, dy in ((0, 0), (0, 1), (1, 0), (1, 1)):
            plot[PLOT - 1 - y - dy, x + dx] = colour
        plots.append(plot)
    return plots


def _words(found: Strip) -> str:
    """Shifts of labels change nothing that one could see in a sample: they are told in numbers."""
    if found.wrong is not None:
        return (
            "Wrong training labels: " + ", ".join(f"{100 * w:.0f} % at {s:g}" for s, w in zip(SEVERITIES, found.wrong, strict=True)) + "."
        )
    if found.shares is None:
        return ""
    first, last = found.class_names[0], found.class_names[-1]
    return (
        "Training samples: "
        + ", ".join(
            f"{100 * shares[0]:.0f} % “{first}” and {100 * shares[-1]:.0f} % “{last}” at {s:g}"
            for s, shares in zip(SEVERITIES[::2], found.shares[::2], strict=True)
        )
        + "."
    )
