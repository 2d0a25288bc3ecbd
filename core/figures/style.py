"""Colours that mean one thing everywhere, and the two Plotly templates."""

from __future__ import annotations

import plotly.graph_objects as go
import plotly.io as pio

CLASS_COLOURS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)  # Petroff 2021
SOURCE, TARGET = "#0072B2", "#D55E00"
GREY = "#8a8f98"
DIVERGING = ((0.0, SOURCE), (0.5, "#ffffff"), (1.0, TARGET))
DIVERGING_DARK = ((0.0, "#4aa3df"), (0.5, "#1b1f27"), (1.0, "#ff8a4c"))
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def ink(dark: bool) -> str:
    """The colour of text and of the oracle line."""
    return "#e8eaee" if dark else "#1d2129"


def ground(dark: bool) -> str:
    """The colour of the page, which is nothing's."""
    return "#12151b" if dark else "#ffffff"


def source_colour(dark: bool) -> str:
    """Source blue, lightened on dark ground so that it keeps a contrast of 3."""
    return "#4aa3df" if dark else SOURCE


def target_colour(dark: bool) -> str:
    return "#ff8a4c" if dark else TARGET


def figure(dark: bool, *, x: str, y: str) -> go.Figure:
    """An empty figure in the house style with named axes."""
    return go.Figure(
        layout={
            "template": "shiftscope-dark" if dark else "shiftscope-light",
            "xaxis": {"title": {"text": x}},
            "yaxis": {"title": {"text": y}},
        }
    )


def _template(dark: bool) -> go.layout.Template:
    text, grid = ink(dark), "rgba(160,168,180,0.22)"
    axis = {
        "gridcolor": grid,
        "linecolor": grid,
        "zeroline": False,
        "ticks": "",
        "title": {"standoff": 8, "font": {"size": 13}},
    }
    return go.layout.Template(
        layout={
            "font": {"family": '"Source Sans", "Source Sans 3", system-ui, sans-serif', "size": 13, "color": text},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": list(CLASS_COLOURS),
            "xaxis": axis,
            "yaxis": axis,
            "margin": {"l": 64, "r": 16, "t": 12, "b": 44},
            "hovermode": "x unified",
            "hoverlabel": {"bgcolor": "#262b35" if dark else "#ffffff", "font": {"color": text}},
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left", "bgcolor": "rgba(0,0,0,0)"},
        }
    )


pio.templates["shiftscope-light"] = _template(False)
pio.templates["shiftscope-dark"] = _template(True)
