"""Lines over the epochs of one run or of several.

The epoch axis has 0 where adaptation starts; source training lies to the left of it, as many epochs as it really took.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from core.figures import style
from core.measures import MEASURES, Measure, in_runs

Epochs = list[dict[str, Any]]
LOSS_NAMES = {
    "task": "task (cross-entropy)",
    "held_back": "cross-entropy on samples held back from training",
    "align": "alignment × trade-off",
    "domain": "domain discriminator",
    "spectral": "spectral penalty",
    "disparity": "rival classifier",
    "classifiers": "classifiers, driven apart",
    "critic": "critic",
    "shots": "labelled target samples (cross-entropy)",
    "anchor": "distance from the start",
    "shrinkage": "smallest singular values",
    "pseudo": "labels given to the target",
    "consistency": "agreement with the teacher",
    "views": "overlap of the two labellers",
    "information": "sure and diverse predictions",
    "neighbours": "agreement with neighbours",
    "expanded": "agreement with neighbours' neighbours",
    "itself": "agreement with its own past",
    "diversity": "diverse predictions",
    "entropy": "entropy on the target",
    "translators": "translators (realism)",
    "cycle": "there and back again",
    "semantic": "class kept in translation",
}


def accuracy(epochs: Epochs, dark: bool = False, oracle: float | None = None) -> go.Figure:
    """Source and target accuracy with what they are judged by, in percent.

    Source-only is dashed: a curve where it was trained on beside the method, a level in runs without that. The oracle's level is dotted,
    the joint one dash-dotted, that of the linear classifier thin.
    """
    shown = _without_repeat([e for e in epochs if e["phase"] in ("source", "adapt")])
    ran = max((e["number"] for e in epochs if e["phase"] == "source"), default=0)
    fig = style.figure(dark, x="epoch of adaptation", y="held-out accuracy (%)")
    x = _array(e["number"] - (ran if e["phase"] == "source" else 0) for e in shown)
    _band(
        fig,
        x,
        [e["measures"].get("target_accuracy_low") for e in shown],
        [e["measures"].get("target_accuracy_high") for e in shown],
        style.target_colour(dark),
        "95 % interval",
        100,
    )
    for side, colour in (("source", style.source_colour(dark)), ("target", style.target_colour(dark))):
        y = _array((e["measures"][f"{side}_accuracy"] for e in shown), 100)
        if not np.isnan(y).all():
            fig.add_trace(
                go.Scatter(
                    x=x,
                    y=y,
                    name=side,
                    mode="lines+markers",
                    line={"color": colour, "width": 2.5},
                    marker={"size": 5},
                    hovertemplate="%{y:.1f} %",
                )
            )
    continued = [e for e in epochs if e["phase"] == "continued"]
    start = next((e["measures"].get("source_only_target_accuracy") for e in shown if e["phase"] == "adapt"), None)
    marks = [
        _source_only(fig, _before(epochs), continued) if continued else _level(start, "source-only", style.GREY, "dash"),
        _level(_reached("linear", epochs), "linear", style.GREY, "solid", width=0.8),
        _level(oracle, "oracle", style.ink(dark), "dot"),
        _level(_reached("joint", epochs), "joint", style.GREY, "dashdot"),
        _start(shown),
    ]
    _mark(fig, [line for lines, _ in marks for line in lines], [text for _, texts in marks for text in texts])
    fig.update_yaxes(range=[0, 103])
    return _epochs_axis(fig)


def _before(epochs: Epochs) -> Epochs:
    """The line of the network that adaptation starts from: epoch 0, or, until there is one, the last of source training."""
    start = [e for e in epochs if e["phase"] == "adapt" and e["number"] == 0]
    return start or [e for e in epochs if e["phase"] == "source"][-1:]


def _source_only(fig: go.Figure, before: Epochs, continued: Epochs) -> tuple[list, list]:
    """The curve of the source's network that is trained on with the source alone; its name stands at its end."""
    x = [0 for _ in before] + [e["number"] for e in continued]
    y = _array((e["measures"].get("target_accuracy") for e in (*before, *continued)), 100)
    if np.isnan(y).all():
        return [], []
    line = {"color": style.GREY, "dash": "dash", "width": 1.5}
    name = "source-only, trained on"
    fig.add_trace(go.Scatter(x=_array(x), y=y, name=name, mode="lines", line=line, hovertemplate="%{y:.1f} %"))
    return [], [{"x": x[-1], "xanchor": "right", "y": float(y[-1]), "text": "source-only", "font": {"size": 12, "color": style.GREY}}]


def _reached(phase: str, epochs: Epochs) -> float | None:
    """Target accuracy at the end of a phase; None before it, and in blind runs or those stored without it."""
    return next((e["measures"].get("target_accuracy") for e in epochs if e["phase"] == phase and e["number"] == e["total"]), None)


def measure(epochs: Epochs, shown: Measure, dark: bool = False) -> go.Figure:
    """One registered measure over adaptation, with its band where it has one; empty for a run that was stored without it."""
    adapt = [e for e in epochs if e["phase"] == "adapt"]
    drawing = shown.drawing
    fig = style.figure(dark, x="epoch of adaptation", y=axis_title(shown))
    x = _array(e["number"] for e in adapt)
    if band := drawing.band:
        low, high = ([e["measures"].get(end) for e in adapt] for end in (band.low, band.high))
        _band(fig, x, low, high, style.GREY, band.title, drawing.factor)
    y = _array((shown.value(e) for e in adapt), drawing.factor)
    hover = "%{y:.3g}" if drawing.digits is None else f"%{{y:.{drawing.digits}f}}"
    p = _array(e["measures"].get(drawing.p) for e in adapt) if drawing.p else None
    fig.add_trace(
        go.Scatter(
            x=x,
            y=y,
            name=shown.title,
            mode="lines+markers",
            customdata=p,
            line={"color": style.ink(dark), "width": 2.5},
            marker={"size": 5},
            hovertemplate=hover if p is None else f"{hover}, p = %{{customdata:.3f}}",
        )
    )
    if drawing.from_zero:
        fig.update_yaxes(rangemode="tozero")
    return _epochs_axis(fig)


def axis_title(shown: Measure) -> str:
    """What stands beside the curve of a measure: its own words, or its title with the unit."""
    unit = {"share": " (%)", "points": " (points)"}.get(shown.drawing.form, "")
    return shown.drawing.axis or f"{shown.label}{unit}"


def losses(epochs: Epochs, dark: bool = False) -> go.Figure:
    """Every loss term of the adaptation, as it enters the sum."""
    return _several(epochs, "losses", LOSS_NAMES, dark, "loss")


def gauge_names(epochs: Epochs) -> list[str]:
    """What there is to choose from: the gauges of every method, and those that this run has reported so far."""
    seen = {name for e in epochs for name in e["gauges"]}
    return [entry.name for entry in in_runs() if entry.kept == "gauges" and (entry.every_run or entry.name in seen)]


def gauges(epochs: Epochs, names: list[str], dark: bool = False) -> go.Figure:
    """Chosen gauges over the adaptation."""
    fig = _several(epochs, "gauges", {name: MEASURES.get(name).label for name in names}, dark, "gauge")
    if any("discriminator_accuracy" in e["gauges"] for e in epochs) and "discriminator_accuracy" in names:
        _mark(fig, *_level(0.5, "chance", style.GREY, "dash", 1))
    return fig


def compare(runs: list[tuple[str, Epochs]], measure: str, title: str, dark: bool = False, factor: float = 1) -> go.Figure:
    """One measure of several runs over each other; ``runs`` are (label, epochs)."""
    fig = style.figure(dark, x="epoch of adaptation", y=title)
    for i, (label, epochs) in enumerate(runs):
        adapt = [e for e in epochs if e["phase"] == "adapt"]
        fig.add_trace(
            go.Scatter(
                x=_array(e["number"] for e in adapt),
                y=_array((e["measures"].get(measure) for e in adapt), factor),
                name=label,
                mode="lines+markers",
                marker={"size": 5},
                line={"color": style.CLASS_COLOURS[i], "dash": style.DASHES[i], "width": 2.5},
            )
        )
    return _epochs_axis(fig)


def accuracy_against_mmd(runs: list[tuple[str, Epochs]], dark: bool = False) -> go.Figure:
    """Each epoch of each run as a point: lower MMD² is not higher accuracy."""
    fig = style.figure(dark, x="MMD² (unbiased)", y="target accuracy (%)")
    for i, (label, epochs) in enumerate(runs):
        adapt = [e for e in epochs if e["phase"] == "adapt"]
        fig.add_trace(
            go.Scatter(
                x=_array(e["measures"]["mmd2"] for e in adapt),
                y=_array((e["measures"]["target_accuracy"] for e in adapt), 100),
                name=label,
                mode="lines+markers",
                line={"width": 1, "color": style.CLASS_COLOURS[i]},
                marker={"size": _array(np.linspace(5, 11, max(len(adapt), 1))), "color": style.CLASS_COLOURS[i]},
                customdata=_array(e["number"] for e in adapt),
                hovertemplate="epoch %{customdata}: MMD² %{x:.4f}, accuracy %{y:.1f} %",
            )
        )
    fig.update_layout(hovermode="closest")
    return fig


def _several(epochs: Epochs, field: str, names: dict[str, str], dark: bool, title: str) -> go.Figure:
    adapt = [e for e in epochs if e["phase"] == "adapt"]
    fig = style.figure(dark, x="epoch of adaptation", y=title)
    present = list(dict.fromkeys(name for e in adapt for name in e[field]))
    wanted = present if field == "losses" else [name for name in names if name in present]
    for i, name in enumerate(wanted):
        fig.add_trace(
            go.Scatter(
                x=_array(e["number"] for e in adapt),
                y=_array(e[field].get(name) for e in adapt),
                name=names.get(name, name),
                mode="lines+markers",
                marker={"size": 4},
                hovertemplate="%{y:.3f}",
                line={"color": style.CLASS_COLOURS[(0, 6, 4, 1)[i % 4]], "dash": style.DASHES[i % 6], "width": 2},
            )
        )
    fig.update_layout(showlegend=True)
    return _epochs_axis(fig)


def _epochs_axis(fig: go.Figure) -> go.Figure:
    """Whole epochs as ticks, also while there are few."""
    traces: Any = fig.data  # Plotly's types say that these are names
    known = [trace.x for trace in traces if len(trace.x)]
    if known and max(float(np.max(x)) for x in known) - min(float(np.min(x)) for x in known) <= 8:
        fig.update_xaxes(dtick=1)
    return fig


def _without_repeat(epochs: Epochs) -> Epochs:
    """The last source epoch and adaptation's epoch 0 show the same network; keep the latter, which says more."""
    if any(e["phase"] == "adapt" for e in epochs):
        return [e for e in epochs if not (e["phase"] == "source" and e["number"] == e["total"])]
    return epochs


def _array(values, factor: float = 1) -> np.ndarray:
    """float32, with NaN for None: numpy arrays travel to the browser as typed arrays."""
    return np.array([np.nan if value is None else value * factor for value in values], np.float32)


def _band(fig: go.Figure, x: np.ndarray, low: list, high: list, colour: str, name: str, factor: float = 1) -> None:
    known = [i for i, value in enumerate(low) if value is not None]
    if not known:
        return
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    for values, fill, shown in ((high, None, False), (low, "tonexty", True)):
        fig.add_trace(
            go.Scatter(
                x=x[known],
                y=_array((values[i] for i in known), factor),
                mode="lines",
                line={"width": 0},
                fill=fill,
                name=name,
                fillcolor=f"rgba({red},{green},{blue},0.2)",
                showlegend=shown,
                hoverinfo="skip",
            )
        )


def _mark(fig: go.Figure, lines: list[dict[str, Any]], texts: list[dict[str, Any]]) -> None:
    """Add straight lines and texts at once: each `add_hline` of its own takes as long as all the rest of a figure."""
    fig.layout.shapes = [{"type": "line"} | line for line in lines]
    fig.layout.annotations = [{"showarrow": False, "yanchor": "bottom"} | text for text in texts]


def _level(value: float | None, name: str, colour: str, dash: str, factor: float = 100, width: float = 1.5) -> tuple[list, list]:
    """A named horizontal line over the whole width; nothing for None."""
    if value is None:
        return [], []
    y = factor * value
    line = {"xref": "paper", "x0": 0, "x1": 1, "y0": y, "y1": y, "line": {"color": colour, "dash": dash, "width": width}}
    return [line], [{"xref": "paper", "x": 0.01, "xanchor": "left", "y": y, "text": name, "font": {"size": 12, "color": colour}}]


def _start(shown: Epochs) -> tuple[list, list]:
    """Where source training ends and adaptation starts; nothing where there is no source training."""
    if not any(e["phase"] == "source" for e in shown):
        return [], []
    line = {"x0": 0, "x1": 0, "yref": "paper", "y0": 0, "y1": 1, "line": {"color": style.GREY, "dash": "dot", "width": 1}}
    text = {"x": 0, "yref": "paper", "y": 0.02, "font": {"size": 11, "color": style.GREY}}
    return [line], [text | {"xanchor": "right", "text": "source training "}, text | {"xanchor": "left", "text": " adaptation"}]
