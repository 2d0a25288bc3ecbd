"""Small figures as inline SVG, for pages that must not load a plotting library. Colours are CSS classes of the page.

Why no library draws them: Plotly makes pictures only in a browser. Matplotlib's SVG is three times as large, reads a ``$`` in the name of
a class as a formula, fixes its colours although the page follows its reader's light or dark theme, and draws letters as outlines of one
font, which lacks most scripts; letters that stay letters need a setting of the whole process, which formulas drawn in another thread
(`core.figures.formula`) would meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from core.reports.text import auc_value, fixed, percent

WIDTH = 560


def gauge(value: float, low: float, high: float, control: float | None) -> str:
    """A scale from 0.5 to 1 with the value, its interval, and the A/A control below it, where there is one."""
    left, right = 20, WIDTH - 20

    def at(v: float) -> float:
        return left + (min(max(v, 0.45), 1) - 0.45) / 0.55 * (right - left)

    ticks = "".join(
        f'<line class="grid" x1="{at(v):.1f}" x2="{at(v):.1f}" y1="12" y2="74"/>'
        f'<text x="{at(v):.1f}" y="90" text-anchor="middle">{name}</text>'
        for v, name in ((0.5, "0.5 alike"), (0.75, "0.75"), (1.0, "1"))
    )
    beside = "no A/A control" if control is None else f"A/A control {auc_value(control)}"
    below = ""
    if control is not None:
        x = at(control)
        below = f'<circle class="grey" cx="{x:.1f}" cy="58" r="6"/><text x="{x + 12:.1f}" y="62">{beside}</text>'
    return _svg(
        96,
        f"AUC {auc_value(value)}, {beside}",
        f'{ticks}<rect class="target soft" x="{at(low):.1f}" y="24" width="{max(at(high) - at(low), 1):.1f}" height="10" rx="5"/>'
        f'<circle class="target" cx="{at(value):.1f}" cy="29" r="7"/>'
        f'<text x="{at(value) - 12:.1f}" y="21" text-anchor="end">{auc_value(value)}</text>{below}',
    )


def histogram(null: np.ndarray, observed: float) -> str:
    """Values under the null, and the observed one as a line."""
    ends = min(null.min(), observed), max(null.max(), observed)
    space = (ends[1] - ends[0]) * 0.06 or 1.0
    low, high = ends[0] - space, ends[1] + space
    # Bins as narrow as the null needs: where the observed value is far away, the null is a spike, and shown as one.
    width = max((null.max() - null.min()) / 24, (high - low) / 180)
    counts, edges = np.histogram(null, bins=null.min() + width * np.arange(int(np.ptp(null) / width) + 2))

    def at(v: float) -> float:
        return 10 + (v - low) / (high - low) * (WIDTH - 20)

    bars = "".join(
        f'<rect class="grey" x="{at(a):.1f}" y="{130 - 104 * c / counts.max():.1f}" width="{max(at(a + width) - at(a) - 0.5, 1):.1f}" '
        f'height="{104 * c / counts.max():.1f}"/>'
        for c, a in zip(counts, edges[:-1], strict=True)
        if c
    )
    side = "end" if at(observed) > WIDTH / 2 else "start"
    return _svg(
        160,
        f"{len(null)} permutations, observed {fixed(observed, 4)}",
        f'{bars}<line class="grid" x1="10" x2="{WIDTH - 10}" y1="130" y2="130"/>'
        f'<line class="target" stroke-width="3" x1="{at(observed):.1f}" x2="{at(observed):.1f}" y1="14" y2="130"/>'
        f'<text x="{at(observed) + (-8 if side == "end" else 8):.1f}" y="24" text-anchor="{side}">observed {fixed(observed, 4)}</text>'
        f'<text x="{at(float(np.mean(null))):.1f}" y="148" text-anchor="middle">no shift</text>',
    )


def bars(rows: Sequence[tuple[str, float, float, float]]) -> str:
    """Horizontal bars from 0 to 100 %: (name, share, low, high), shares in [0, 1]."""
    left, right = 190, WIDTH - 60

    def at(v: float) -> float:
        return left + v * (right - left)

    body = "".join(
        f'<text x="{left - 10}" y="{26 * i + 20}" text-anchor="end">{escape(name[:26])}</text>'
        f'<rect class="target" x="{left}" y="{26 * i + 8}" width="{max(at(v) - left, 1):.1f}" height="16" rx="2"/>'
        f'<line class="ink" x1="{at(low):.1f}" x2="{at(high):.1f}" y1="{26 * i + 16}" y2="{26 * i + 16}"/>'
        f'<text x="{at(max(v, high)) + 8:.1f}" y="{26 * i + 21}">{percent(v, 0)}</text>'
        for i, (name, v, low, high) in enumerate(rows)
    )
    return _svg(26 * len(rows) + 12, "Share of the difference that each property explains alone", body)


def shares(names: Sequence[str], series: Sequence[tuple[str, Sequence[float]]]) -> str:
    """Grouped bars of class shares; each series has a CSS class and one value for each name."""
    top = max(0.05, *(max(values) for _, values in series))
    step = (WIDTH - 20) / len(names)
    width = step * 0.8 / len(series)
    body = ""
    for i, name in enumerate(names):
        for j, (style, values) in enumerate(series):
            height, x = 120 * max(values[i], 0) / top, 10 + i * step + j * width
            body += f'<rect class="{style}" x="{x:.1f}" y="{130 - height:.1f}" width="{width * 0.92:.1f}" height="{height:.1f}"/>'
        body += f'<text x="{10 + (i + 0.4) * step:.1f}" y="148" text-anchor="middle">{escape(name[: max(2, int(step / 8))])}</text>'
    return _svg(156, f"Class shares, up to {percent(top, 0)}", body + f'<line class="grid" x1="10" x2="{WIDTH - 10}" y1="130" y2="130"/>')


def scatter(positions: np.ndarray, target: np.ndarray) -> str:
    """Two clouds: source as discs, target as triangles. N×2 in [-1, 1], and which are target."""
    body = []
    for (x, y), there in zip(positions, target, strict=True):
        a, b = WIDTH / 2 + 260 * float(x), 190 - 180 * float(y)
        if there:
            body.append(f'<path class="hollow" d="M{a:.0f} {b - 4:.0f}l4 7h-8z"/>')
        else:
            body.append(f'<circle class="source soft" cx="{a:.0f}" cy="{b:.0f}" r="3"/>')
    return _svg(380, "Principal components of both domains: discs are source samples, triangles target samples", "".join(body))


def _svg(height: float, alt: str, body: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(alt)}">{body}</svg>'
