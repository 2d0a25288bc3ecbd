"""Heat maps, bars and histograms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from core.figures import style
from core.reports.text import fixed


def confusion(counts: np.ndarray, class_names: tuple[str, ...], dark: bool = False) -> go.Figure:
    """Row-normalised confusion matrix in percent: rows true, columns predicted; hover gives the counts."""
    scale = [[0, style.ground(dark)], [1, style.target_colour(dark)]]
    return _confusion(_shares(counts), counts, class_names, dark, scale, 0, "%{z:.1f} % (%{customdata} samples)")


def confusion_change(before: np.ndarray, after: np.ndarray, class_names: tuple[str, ...], dark: bool = False) -> go.Figure:
    """After minus before in percentage points, centred at 0."""
    scale = [list(stop) for stop in (style.DIVERGING_DARK if dark else style.DIVERGING)]
    change = _shares(after) - _shares(before)
    return _confusion(change, after - before, class_names, dark, scale, -100, "%{z:+.1f} points (%{customdata:+d} samples)")


def _shares(counts: np.ndarray) -> np.ndarray:
    """Of each row, in percent; 0 where a row is empty."""
    return 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)


def _confusion(values: np.ndarray, counts: np.ndarray, names: Sequence[str], dark: bool, scale: list, low: float, hover: str) -> go.Figure:
    fig = style.figure(dark, x="predicted class", y="true class")
    heat(fig, values, names, scale, low, "true %{y} → predicted %{x}: " + hover, counts)
    return fig


def heat(
    fig: go.Figure, values: np.ndarray, names: Sequence[str], scale: list, low: float, hover: str, counts: np.ndarray | None = None
) -> None:
    """Put K×K percentages of classes by classes into a figure, the first row on top, coloured from ``low`` to 100."""
    fig.add_trace(
        go.Heatmap(
            z=values.astype(np.float32),
            x=list(names),
            y=list(names),
            customdata=None if counts is None else counts.astype(np.int32),
            colorscale=scale,
            zmin=low,
            zmax=100,
            xgap=1,
            ygap=1,
            showscale=False,
            hovertemplate=hover + "<extra></extra>",
        )
    )
    fig.update_xaxes(type="category", showgrid=False, automargin=True)
    fig.update_yaxes(type="category", autorange="reversed", showgrid=False, automargin=True)
    fig.update_layout(hovermode="closest")


def class_histogram(source: np.ndarray | None, target: np.ndarray | None, class_names: Sequence[str], dark: bool = False) -> go.Figure:
    """Share of each class in both domains, in percent."""
    fig = style.figure(dark, x="class", y="share of samples (%)")
    for name, labels, colour in (("source", source, style.source_colour(dark)), ("target", target, style.target_colour(dark))):
        if labels is not None:
            share_bars(fig, name, np.bincount(labels, minlength=len(class_names)), class_names, colour)
    fig.update_xaxes(automargin=True)  # names stand upright where the page is narrow
    return fig


def share_bars(fig: go.Figure, name: str, counts: np.ndarray, class_names: tuple[str, ...], colour: str) -> None:
    """Add bars beside those that a figure has: the share of each class, in percent."""
    share = counts * (100 / max(counts.sum(), 1))
    fig.add_trace(go.Bar(x=list(class_names), y=share.astype(np.float32), name=name, marker={"color": colour}, hovertemplate="%{y:.1f} %"))
    fig.update_layout(barmode="group", bargap=0.25)
    fig.update_xaxes(type="category")


def null_histogram(null: np.ndarray, observed: float, dark: bool = False) -> go.Figure:
    """MMD² over permutations of the domain labels, and the observed value as a line."""
    fig = style.figure(dark, x="MMD²", y="permutations")
    fig.add_trace(go.Histogram(x=null.astype(np.float32), nbinsx=40, name="no shift (permutations)", marker={"color": style.GREY}))
    fig.add_vline(
        observed,
        line={"color": style.target_colour(dark), "width": 3},
        annotation={"text": f"observed {fixed(observed, 4)}", "font": {"color": style.target_colour(dark)}, "xanchor": "right"},
    )
    fig.update_layout(hovermode="closest", showlegend=True)
    return fig
