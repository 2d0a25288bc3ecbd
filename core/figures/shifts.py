"""Figures of a shift report: the gauge of the domain classifier, what explains the difference, class shares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from core.figures import style
from core.measures.classifier import DomainAuc
from core.measures.explained import Explained
from core.measures.label_shift import LabelShift
from core.reports.shift_text import direction
from core.reports.text import auc_value

SHOWN = 8  # properties


def auc_gauge(auc: DomainAuc, control: DomainAuc | None, dark: bool = False) -> go.Figure:
    """From 0.5 (alike) to 1 (told apart): the AUC with its interval above, the A/A control, if any, below."""
    fig = style.figure(dark, x="", y="")
    rows = [("source and target", auc, style.target_colour(dark))]
    if control is not None:
        rows.insert(0, ("A/A control", control, style.GREY))
    for name, found, colour in rows:
        low, high = max(found.low, 0.4), found.high
        fig.add_trace(
            go.Scatter(x=[low, high], y=[name, name], mode="lines", line={"color": colour, "width": 9}, opacity=0.35, hoverinfo="skip")
        )
        fig.add_trace(
            go.Scatter(
                x=[max(found.auc, 0.4)],
                y=[name],
                mode="markers+text",
                text=[auc_value(found.auc)],
                textposition="top center" if found.auc < 0.96 else "top left",
                marker={"color": colour, "size": 13, "symbol": "circle" if name == "A/A control" else "diamond"},
                hovertemplate=f"AUC {found.auc:.3f}, 95 % interval {found.low:.3f} to {found.high:.3f}<extra>{name}</extra>",
            )
        )
    ticks = {0.5: "0.5 cannot be told apart", 0.75: "0.75", 1.0: "1 always"}
    fig.update_xaxes(range=[0.4, 1.02], tickvals=list(ticks), ticktext=list(ticks.values()))
    fig.update_yaxes(showgrid=False, range=[-0.5, 1.8])
    fig.add_vline(0.5, line={"color": style.GREY, "dash": "dot", "width": 1})
    fig.update_layout(showlegend=False, hovermode="closest", margin={"l": 120, "r": 16, "t": 8, "b": 32})
    return fig


def explained_bars(rows: Sequence[Explained], dark: bool = False) -> go.Figure:
    """Share of the difference that each property explains alone, in percent, with 95 % intervals; the largest on top."""
    rows = list(rows[:SHOWN])[::-1]
    share = np.array([100 * row.share for row in rows], np.float32)
    fig = style.figure(dark, x="explains this much of the difference, alone (%)", y="")
    fig.add_trace(
        go.Bar(
            x=share,
            y=[row.title for row in rows],
            orientation="h",
            marker={"color": style.target_colour(dark)},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": np.array([100 * (row.share_high - row.share) for row in rows], np.float32),
                "arrayminus": np.array([100 * (row.share - row.share_low) for row in rows], np.float32),
                "color": style.ink(dark),
                "thickness": 1.2,
                "width": 3,
            },
            customdata=[[direction(row), auc_value(row.auc), row.meaning] for row in rows],
            hovertemplate="<b>%{y}</b>: %{x:.0f} %<br>%{customdata[2]}<br>%{customdata[0]}"
            "<br>AUC of this alone %{customdata[1]}<extra></extra>",
        )
    )
    fig.update_xaxes(range=[0, 104])
    fig.update_yaxes(showgrid=False, type="category", automargin=True)
    fig.update_layout(hovermode="closest", bargap=0.35, margin={"l": 16})
    return fig


def class_shares(found: LabelShift, truth: np.ndarray | None, names: Sequence[str], dark: bool = False) -> go.Figure:
    """Share of each class in percent: source, estimated for the target with its interval, and true where it is known."""
    fig = style.figure(dark, x="class", y="share (%)")
    fig.add_trace(_shares("source", found.source, names, {"color": style.source_colour(dark)}))
    if found.estimated is not None and found.low is not None and found.high is not None:
        shown = found.estimated
        bar = _shares("target, estimated", shown, names, {"color": style.target_colour(dark)})
        bar.error_y = {
            "type": "data",
            "symmetric": False,
            "array": (100 * (found.high - shown)).astype(np.float32),
            "arrayminus": (100 * (shown - found.low)).astype(np.float32),
            "color": style.ink(dark),
            "thickness": 1.2,
            "width": 2,
        }
        fig.add_trace(bar)
    if truth is not None:
        hollow = {"color": "rgba(0,0,0,0)", "line": {"color": style.ink(dark), "width": 1.5}}
        fig.add_trace(_shares("target, true (evaluation only)", truth, names, hollow))
    fig.update_layout(barmode="group", bargap=0.25)
    fig.update_xaxes(type="category")
    return fig


def _shares(name: str, values: np.ndarray, names: Sequence[str], marker: dict) -> go.Bar:
    return go.Bar(x=list(names), y=(100 * values).astype(np.float32), name=name, marker=marker, hovertemplate="%{y:.1f} %")
