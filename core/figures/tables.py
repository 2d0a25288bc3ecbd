"""Heat maps, bars and histograms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from core.figures import style


def confusion(counts: np.ndarray, class_names: tuple[str, ...], dark: bool = False) -> go.Figure:
    """Row-normalised confusion matrix in percent: rows true, columns predicted; hover gives the counts."""
    share = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    ground = "#12151b" if dark else "#ffffff"
    return _heat(
        share, counts, class_names, dark, [[0, ground], [1, style.target_colour(dark)]], 0, 100, "%{z:.1f} % (%{customdata} samples)"
    )


def confusion_change(before: np.ndarray, after: np.ndarray, class_names: tuple[str, ...], dark: bool = False) -> go.Figure:
    """After minus before in percentage points, centred at 0."""
    share = [100 * c / np.maximum(c.sum(1, keepdims=True), 1) for c in (before, after)]
    scale = [list(stop) for stop in (style.DIVERGING_DARK if dark else style.DIVERGING)]
    return _heat(share[1] - share[0], after - before, class_names, dark, scale, -100, 100, "%{z:+.1f} points (%{customdata:+d} samples)")


def class_histogram(source: np.ndarray | None, target: np.ndarray | None, class_names: Sequence[str], dark: bool = False) -> go.Figure:
    """Share of each class in both domains, in percent."""
    fig = style.figure(dark, x="class", y="share of samples (%)")
    for name, labels, colour in (("source", source, style.source_colour(dark)), ("target", target, style.target_colour(dark))):
        if labels is not None:
            share = np.bincount(labels, minlength=len(class_names)) * (100 / max(len(labels), 1))
            fig.add_trace(
                go.Bar(x=list(class_names), y=share.astype(np.float32), name=name, marker={"color": colour}, hovertemplate="%{y:.1f} %")
            )
    fig.update_layout(barmode="group", bargap=0.25)
    fig.update_xaxes(type="category", automargin=True)  # names stand upright where the page is narrow
    return fig


def null_histogram(null: np.ndarray, observed: float, dark: bool = False) -> go.Figure:
    """MMD² over permutations of the domain labels, and the observed value as a line."""
    fig = style.figure(dark, x="MMD²", y="permutations")
    fig.add_trace(go.Histogram(x=null.astype(np.float32), nbinsx=40, name="no shift (permutations)", marker={"color": style.GREY}))
    fig.add_vline(
        observed,
        line={"color": style.target_colour(dark), "width": 3},
        annotation={"text": f"observed {observed:.4f}", "font": {"color": style.target_colour(dark)}, "xanchor": "right"},
    )
    fig.update_layout(hovermode="closest", showlegend=True)
    return fig


def _heat(values: np.ndarray, counts: np.ndarray, class_names, dark: bool, scale, low: float, high: float, hover: str) -> go.Figure:
    fig = style.figure(dark, x="predicted class", y="true class")
    names = list(class_names)
    fig.add_trace(
        go.Heatmap(
            z=values.astype(np.float32),
            x=names,
            y=names,
            customdata=counts.astype(np.int32),
            colorscale=scale,
            zmin=low,
            zmax=high,
            xgap=1,
            ygap=1,
            showscale=False,
            hovertemplate="true %{y} → predicted %{x}: " + hover + "<extra></extra>",
        )
    )
    fig.update_xaxes(type="category", showgrid=False, automargin=True)
    fig.update_yaxes(type="category", autorange="reversed", showgrid=False, automargin=True)
    fig.update_layout(hovermode="closest")
    return fig
