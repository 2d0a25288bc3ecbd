"""A shift report as one self-contained page: no script, no network, under 3 MB."""

from __future__ import annotations

import base64
from html import escape
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from core.figures import svg
from core.figures.formula import formula_svg
from core.measures import MEASURES
from core.reports.measure_text import beside, control_of, written
from core.reports.shift import Number, Samples, ShiftReport
from core.reports.shift_text import conditions, explained_by, nothing_explained
from core.reports.text import in_percent, percent

STRIP = 8  # samples in a row
PICTURE = 64  # pixels
POINTS = 400  # of each domain on the map

STYLE = """
:root{--ink:#1d2129;--ground:#fff;--card:#f3f5f8;--source:#0072B2;--target:#D55E00;--grey:#8a8f98;--line:#d5d9e0}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaee;--ground:#12151b;--card:#1b1f27;--source:#4aa3df;--target:#ff8a4c;--line:#343a46}
img.formula{filter:invert(1)}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground);max-width:1080px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;line-height:1.3}h2{font-size:1.1rem;margin:2rem 0 .5rem}small,.note{color:var(--grey);font-size:.85rem}
.tiles,.two{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(230px,1fr))}.two{grid-template-columns:repeat(auto-fit,minmax(320px,1fr))}
.tile,.box{background:var(--card);border-radius:8px;padding:.8rem 1rem}.tile>b{display:block;font-size:1.6rem;font-weight:500}
details summary{cursor:pointer;color:var(--grey);font-size:.85rem}details p{font-size:.9rem;margin:.4rem 0}
img.formula{max-width:100%}.strip img{width:56px;height:56px;image-rendering:pixelated;margin:2px;border-radius:3px}
table{border-collapse:collapse;font-size:.85rem}td,th{padding:.15rem .6rem;text-align:right}
svg{width:100%;height:auto;max-width:640px}
svg text{fill:var(--ink);font-size:13px}.grid{stroke:var(--line)}line.ink{stroke:var(--ink);stroke-width:1.5}
.source{fill:var(--source)}.target{fill:var(--target);stroke:none}line.target{stroke:var(--target)}.grey{fill:var(--grey)}
.soft{opacity:.45}.hollow{fill:none;stroke:var(--target)}.truth{fill:none;stroke:var(--ink);stroke-width:1.5}
"""


def page(found: dict[str, Any], r: ShiftReport) -> str:
    """HTML of the whole report.

    Parameters
    ----------
    found : dict
        ``core.reports.shift_text.facts(experiment, r)``.
    r : ShiftReport
    """
    title = f"{found['source']} → {found['target']}"
    auc, null = r.classifier.auc, r.kernel.test
    control = None if r.classifier.control is None else r.classifier.control.auc
    parts = [
        f"<p class=note>{escape(title)}</p><h1>{escape(found['verdict'])}</h1><p class=note>{escape(conditions(r.samples))}</p>",
        f"<div class=tiles>{''.join(map(_tile, r.numbers))}</div>",
        "<div class=two>",
        f"<div><h2>How well a classifier tells them apart</h2>{svg.gauge(auc.auc, auc.low, auc.high, control)}</div>",
        f"<div><h2>MMD² if there were no shift</h2>{svg.histogram(null.null, null.mmd2)}</div></div>",
        _kind(found["kind"]),
        _listed("Columns that give it away", found["giveaways"]["warnings"]),
        _listed("What this cannot tell", found["cannot_tell"]),
        _samples(r),
        f"<div class=two><div>{_properties(r)}</div><div>{_classes(found['label_shift'])}</div></div>",
        _map(r),
        _accounts(r.samples),
        "<p class=note>Made by Shiftscope. Everything on this page was computed on the machine that made it.</p>",
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>'


def _tile(number: Number) -> str:
    measure, name = number.measure, number.measure.name
    control = control_of(measure, number.control, "A/A control")
    under = " · ".join(part for part in (beside(measure, number.values), control) if part)
    value = written(measure, number.values[name])
    return f"<div class=tile>{escape(measure.title)}<b>{escape(value)}</b><small>{escape(under)}</small>{words(name)}</div>"


def words(name: str) -> str:
    """Meaning, formula, limits and reference of a number, folded away."""
    said = MEASURES.get(name)
    formula = "<br>".join(_formula(part) for part in said.formula.split(r",\quad"))
    return (
        f"<details><summary>What is this?</summary><p>{escape(said.meaning)}</p><p>{formula}</p>"
        f"<p><b>Its limits.</b> {escape(said.limits)}</p><p class=note>{escape(said.source)}</p></details>"
    )


def _formula(latex: str) -> str:
    drawn = formula_svg(latex)
    if drawn is None:
        return f"<code>{escape(latex)}</code>"
    return f'<img class=formula alt="{escape(latex)}" src="data:image/svg+xml;base64,{base64.b64encode(drawn.encode()).decode()}">'


def _kind(kind: dict[str, Any]) -> str:
    lines = [escape(text) for text in kind["evidence"]] + [f"<i>To know more:</i> {escape(text)}" for text in kind["needed"]]
    items = "".join(f"<li>{line}</li>" for line in lines)
    return f"<h2>Which kind of shift</h2><div class=box><b>{escape(kind['headline'])}</b><ul>{items}</ul>{words('kind')}</div>"


def _accounts(samples: Samples) -> str:
    """What became of the rows of the files; nothing where the domains come from none."""
    lines = [line for account in samples.accounts for line in account.lines]
    return f"<h2>Rows in, used and left out</h2><p class=note>{'<br>'.join(map(escape, lines))}</p>" if lines else ""


def _samples(r: ShiftReport) -> str:
    samples, (ours, theirs) = r.samples, r.classifier.typical
    parts = []
    for name, start, typical in (("Source", 0, ours), ("Target", samples.n, theirs)):
        some, most = _strip(samples, np.arange(start, start + min(STRIP, samples.n))), _strip(samples, typical)
        parts.append(f"<div><h2>{name} samples</h2>{some}<p class=note>Most {name.lower()}-like, by the domain classifier:</p>{most}</div>")
    return f"<div class=two>{''.join(parts)}</div>"


def _strip(samples: Samples, where: np.ndarray) -> str:
    names = [samples.class_names[samples.labels[i]] if samples.labels[i] >= 0 else "?" for i in where]
    if samples.pictures is not None:
        images = "".join(
            f'<img alt="{escape(name)}" title="{escape(name)}" src="{_png(samples.pictures[i])}">'
            for i, name in zip(where, names, strict=True)
        )
        return f"<div class=strip>{images}</div>"
    if samples.originals.texts:
        return "".join(f"<p><b>{escape(name)}</b> {escape(samples.originals.texts[i])}</p>" for i, name in zip(where, names, strict=True))
    rows = [] if samples.rows is None else samples.rows[where][:, :6]
    lines = "".join(
        f"<tr><th>{escape(name)}</th>{''.join(f'<td>{v:.3g}</td>' for v in row)}</tr>" for row, name in zip(rows, names, strict=True)
    )
    return f"<table>{lines}</table>"


def _png(picture: np.ndarray) -> str:
    image = Image.fromarray(picture)
    if max(image.size) > PICTURE:
        image = image.resize((PICTURE, PICTURE), Image.Resampling.BOX)
    out = BytesIO()
    image.save(out, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"


def _listed(title: str, sentences: list[str]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in sentences)
    return f"<h2>{title}</h2><div class=box><ul>{items}</ul></div>" if items else ""


def _properties(r: ShiftReport) -> str:
    head, rows = "<h2>What explains the difference</h2>", r.explanation.properties
    if not rows:
        return f"{head}<div class=box>{escape(nothing_explained(r.samples, r.explanation))}</div>"
    figure = svg.bars([(e.title, e.share, e.share_low, e.share_high) for e in rows[:STRIP]])
    return f"{head}{figure}<p class=note>{escape(explained_by(r.explanation))}</p>{words('explained')}"


def _classes(shift: dict[str, Any]) -> str:
    series = [("source", shift["source"])]
    legend = ["blue: source"]
    lines = ""
    if shift["estimated"] is not None:
        series.append(("target", shift["estimated"]))
        legend.append("orange: target, estimated without its labels")
        lines = "".join(
            f"<tr><th>{escape(name)}</th><td>{percent(value)}</td><td>{in_percent(low)} to {percent(high)}</td></tr>"
            for name, value, low, high in zip(shift["classes"], shift["estimated"], shift["low"], shift["high"], strict=True)
        )
        lines = f"<table><tr><th>class</th><td>estimated</td><td>95 % interval</td></tr>{lines}</table>"
    if shift["true"] is not None:
        series.append(("truth", shift["true"]))
        legend.append("outlined: target, true (evaluation only)")
    figure = svg.shares(shift["classes"], series)
    remark = f"<p><b>{escape(shift['remark'])}</b></p>"
    return f"<h2>Class shares</h2>{figure}<p class=note>{'; '.join(legend)}.</p>{lines}{remark}{words('label_shift')}"


def _map(r: ShiftReport) -> str:
    n = r.samples.n
    few = min(n, POINTS)
    chosen = np.r_[np.arange(few), n + np.arange(few)]
    figure = svg.scatter(r.map.positions[chosen], chosen >= n)
    note = f"● source, △ target. Trust the AUC more than this picture: two directions cannot show {r.samples.columns:,} columns."
    return f"<h2>Map (PCA)</h2>{figure}<p class=note>{note}</p>"
