"""What adaptation did to each class, to confidence, and to the choice of an epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from core.figures import style
from core.figures.tables import heat, share_bars
from core.measures.alignment import Alignment
from core.measures.calibration import Calibration
from core.reports.transfer import Choice, ClassChange, outcomes


def dumbbells(classes: tuple[ClassChange, ...], dark: bool = False) -> go.Figure:
    """Accuracy of each class before (hollow) and after (filled) with its 95 % Wilson interval, the most helped class on top."""
    ranked = sorted(classes, key=lambda c: c.change)
    fig = style.figure(dark, x="accuracy on held-out target samples (%)", y="true class")
    names = [f"{c.name}{' *' if c.q < 0.05 else ''}" for c in ranked]
    rows = np.arange(len(ranked), dtype=np.float32)
    gap = np.full(len(ranked), np.nan)
    bars = np.stack([[100 * c.before[0] for c in ranked], [100 * c.after[0] for c in ranked], gap], axis=1)
    fig.add_trace(
        go.Scatter(
            x=bars.ravel().astype(np.float32),
            y=np.repeat(rows, 3),
            mode="lines",
            line={"color": style.GREY, "width": 3},
            hoverinfo="skip",
            showlegend=False,
        )
    )
    for end, name, colour, symbol in (
        ("before", "before", style.GREY, "circle-open"),
        ("after", "after", style.target_colour(dark), "circle"),
    ):
        share, low, high = 100 * np.array([getattr(c, end) for c in ranked], np.float32).T
        fig.add_trace(
            go.Scatter(
                x=share,
                y=rows + (0.14 if end == "before" else -0.14),
                mode="markers",
                name=name,
                marker={"size": 9, "color": colour, "symbol": symbol, "line": {"width": 2}},
                error_x={"type": "data", "symmetric": False, "array": high - share, "arrayminus": share - low, "thickness": 1, "width": 2},
                customdata=np.stack([low, high, [c.n for c in ranked]], axis=1).astype(np.float32),
                hovertemplate=f"{name} %{{x:.1f}} % (95 % %{{customdata[0]:.1f}} to %{{customdata[1]:.1f}}), "
                "n = %{customdata[2]}<extra></extra>",
            )
        )
    fig.update_yaxes(tickvals=rows, ticktext=names)
    fig.update_xaxes(range=[-3, 103])
    fig.update_layout(hovermode="closest")
    return fig


def alignment(found: Alignment, class_names: tuple[str, ...], dark: bool = False) -> go.Figure:
    """Source classes (rows) by target classes (columns): the share of neighbours, in percent; a box where a class landed."""
    fig = style.figure(dark, x="target class (true)", y="source class")
    scale = [[0, style.ground(dark)], [1, style.source_colour(dark)]]
    heat(fig, 100 * found.shares, class_names, scale, 0, "of source %{y}'s neighbours %{z:.1f} % are target %{x}")
    ink = style.ink(dark)
    fig.layout.shapes = [
        {
            "type": "rect",
            "x0": b - 0.46,
            "x1": b + 0.46,
            "y0": a - 0.46,
            "y1": a + 0.46,
            "line": {"color": ink if a == b else style.target_colour(dark), "width": 1.5 if a == b else 3},
        }
        for a, b in enumerate(found.landed)
        if b >= 0
    ]
    return fig


def reliability(parts: list[tuple[str, Calibration]], dark: bool = False) -> go.Figure:
    """Accuracy against confidence in bins of equal mass with Wilson intervals; on the diagonal confidence can be believed."""
    fig = style.figure(dark, x="confidence (%)", y="right (%)")
    fig.layout.shapes = [
        {"type": "line", "x0": 0, "y0": 0, "x1": 100, "y1": 100, "line": {"color": style.GREY, "dash": "dash", "width": 1}}
    ]
    for name, found in parts:
        colour = style.target_colour(dark) if name.startswith("target") else style.source_colour(dark)
        past = name.endswith("before")
        low, middle, high = (100 * values.astype(np.float32) for values in (found.low, found.accuracy, found.high))
        fig.add_trace(
            go.Scatter(
                x=(100 * found.confidence).astype(np.float32),
                y=middle,
                name=name,
                mode="lines+markers",
                line={"color": colour, "width": 1 if past else 2.5, "dash": "dot" if past else "solid"},
                marker={"size": 7, "symbol": "circle-open" if past else "circle"},
                error_y=None
                if past
                else {"type": "data", "symmetric": False, "array": high - middle, "arrayminus": middle - low, "thickness": 1, "width": 2},
                customdata=found.counts.astype(np.int32),
                hovertemplate=f"{name}: %{{x:.1f}} % sure, %{{y:.1f}} % right, n = %{{customdata}}<extra></extra>",
            )
        )
    fig.update_xaxes(range=[-2, 102])
    fig.update_yaxes(range=[-2, 102])
    fig.update_layout(hovermode="closest")
    return fig


def choices(adapt: list[dict[str, Any]], found: list[Choice], titles: dict[str, str], dark: bool = False) -> go.Figure:
    """Target accuracy over the epochs, with the epoch that each validator would have chosen."""
    fig = style.figure(dark, x="epoch of adaptation", y="target accuracy (%)")
    fig.add_trace(
        go.Scatter(
            x=np.array([e["number"] for e in adapt], np.float32),
            y=np.array([100 * e["measures"]["target_accuracy"] for e in adapt], np.float32),
            mode="lines",
            name="target accuracy",
            line={"color": style.target_colour(dark), "width": 2},
            hovertemplate="%{y:.1f} %",
            showlegend=False,
        )
    )
    together: dict[int, list[str]] = {}
    for choice in found:
        together.setdefault(choice.epoch, []).append(titles[choice.validator])
    reached = {choice.epoch: 100 * outcome.accuracy for choice, outcome in outcomes(found)}
    fig.add_trace(
        go.Scatter(
            x=np.array(list(together), np.float32),
            y=np.array([reached[epoch] for epoch in together], np.float32),
            mode="markers",
            name="chosen",
            marker={"size": 11, "color": style.ink(dark), "symbol": "diamond"},
            text=[", ".join(names) for names in together.values()],
            hovertemplate="%{text}: epoch %{x}, %{y:.1f} %<extra></extra>",
            showlegend=False,
        )
    )
    fig.layout.annotations = [
        {
            "x": epoch,
            "y": reached[epoch],
            "text": "<br>".join(names),
            "showarrow": True,
            "arrowwidth": 1,
            "arrowcolor": style.GREY,
            "arrowhead": 0,
            "ax": 0,
            "ay": _side(i),
            "font": {"size": 11},
        }
        for i, (epoch, names) in enumerate(sorted(together.items()))
    ]
    fig.update_yaxes(range=[0, 103])
    fig.update_layout(hovermode="closest")
    return fig


def _side(i: int) -> int:
    """Where a label stands beside its point, in pixels: below, by turns nearer and farther, where the curve leaves most room."""
    return (34, 74, 114)[i % 3]


def validator(found: Choice, title: str, dark: bool = False) -> go.Figure:
    """One validator over the epochs that it could choose from, and its choice."""
    fig = style.figure(dark, x="epoch of adaptation", y=title)
    x, y = np.array(list(found.values), np.float32), np.array(list(found.values.values()), np.float32)
    line = {"color": style.ink(dark), "width": 2}
    fig.add_trace(go.Scatter(x=x, y=y, mode="lines+markers", line=line, marker={"size": 5}, hovertemplate="%{y:.4f}", showlegend=False))
    fig.add_trace(
        go.Scatter(
            x=np.array([found.epoch], np.float32),
            y=np.array([found.values[found.epoch]], np.float32),
            mode="markers",
            marker={"size": 13, "color": style.ink(dark), "symbol": "diamond"},
            hovertemplate="chosen: epoch %{x}<extra></extra>",
            showlegend=False,
        )
    )
    return fig


def predicted(before: np.ndarray, after: np.ndarray, class_names: tuple[str, ...], dark: bool = False) -> go.Figure:
    """Share of target samples predicted as each class, before and after, in percent."""
    fig = style.figure(dark, x="predicted class", y="share of target samples (%)")
    share_bars(fig, "before", before, class_names, style.GREY)
    share_bars(fig, "after", after, class_names, style.target_colour(dark))
    return fig
