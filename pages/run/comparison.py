"""Finished runs side by side: who is best, in words and in numbers, and in which settings they differ."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from core.domains.titles import distinct
from core.experiment.settings import backbone_title, effective, pair_title, titled
from core.measures import MEASURES, Measure
from core.measures.accuracy import gap_closed
from core.reports.comparison import Group, told, winner
from core.reports.doubts import last_of
from core.reports.measure_text import interval_of, written
from core.reports.transfer import transfer_report
from core.reports.verdict import linear_accuracy, oracle_accuracy, separate
from core.runs.notes import note
from core.runs.record import Record
from pages.elements.glossary import words
from pages.elements.text import literal
from pages.frame import blind


def names(found: list[Group]) -> dict[str, str]:
    """Run → a name that is short, and different for each run: its own where it was given one, or else its method and what sets it apart."""
    short, long = {}, {}
    for group in found:
        pair = pair_title(group.experiment)
        for entry in group.entries:
            for seed, run in entry.runs.items():
                name = entry.name + (f", seed {seed}" if len(entry.runs) > 1 else "")
                short[run.id] = note(run).name or name
                long[run.id] = f"{short[run.id]}, {pair}", float(run.status().get("started", 0.0))
    alone = {run_id for run_id, name in short.items() if list(short.values()).count(name) == 1}
    return {run_id: short[run_id] if run_id in alone else name for run_id, name in distinct(long).items()}


def verdicts(found: list[Group]) -> None:
    """A sentence for each question that the runs answer; runs on different questions are not ranked against each other."""
    if blind.on():
        st.markdown("Blind: which run is best cannot be said without target labels. InfoMax is what one would have to go by.")
        return
    if len(found) == 1:
        st.markdown(_said(found[0]))
        return
    st.markdown(f"These runs answer {len(found)} different questions, so each is judged by itself.")
    for group in found:
        asked = group.experiment
        st.markdown(f"- {literal(pair_title(asked))}, {literal(backbone_title(asked))}: {_said(group)}")


def _said(group: Group) -> str:
    first, *more = map(literal, told(group))
    return " ".join([f"**{first}**", *more])


def table(runs: list[Record], named: dict[str, str], found: list[Group]) -> None:
    """A line for each run; bold what is best beyond doubt among those that answered the same question."""
    hidden = blind.on()
    above = st.container()
    measures = _shown(hidden)
    best = {} if hidden else _best(found)
    lines = pd.DataFrame([_line(run, named[run.id], measures) for run in runs])
    bold = {_column(m): [run.id in best[m.name] for run in runs] for m in measures if m.name in best}
    styled = lines.style.apply(lambda column: ["font-weight: bold" if b else "" for b in bold.get(str(column.name), [False] * len(runs))])
    config = {_column(m): st.column_config.NumberColumn(format=_format(m)) for m in measures if m.drawing.form != "points"}
    with above:
        st.dataframe(
            styled if any(map(any, bold.values())) else lines,
            hide_index=True,
            alt="Final measures of the chosen runs.",
            column_config={**config, "seconds": st.column_config.NumberColumn(format="%.0f")},
        )
        if hidden:
            st.caption("At the last epoch, on held-out samples. None of these needs target labels.")
        else:
            st.caption(
                "Percent, on held-out target samples, at the last epoch; the calibration error, which is not the binned ECE, on those "
                "whose features were kept. Bold, "
                "among runs on the same data and backbone only: the target accuracy that the sentence above calls highest, and a gain or "
                "calibration error whose 95 % interval touches no other's. Gain: over source-only, trained for as long; of methods that do "
                "not see the source, and of closed forms, over the network they start from."
            )
        words(*(m.name for m in measures), label="What these numbers mean")


def _shown(hidden: bool) -> list[Measure]:
    """The measures that are columns from the start, and those that somebody asks for, in the order of their registration."""
    open_to_see = [m for m in MEASURES if "run" in m.of and not (hidden and m.needs_target_labels)]
    first = {m.name for m in open_to_see if m.drawing.column == "shown" or (hidden and m.drawing.column == "blind")}
    more = {m.name: m.title for m in open_to_see if m.kept is not None and m.name not in first}
    asked = st.multiselect(
        "More measures",
        list(more),
        format_func=more.__getitem__,
        key="columns",
        placeholder="More measures: choose columns",
        label_visibility="collapsed",
    )
    return [m for m in open_to_see if m.name in first or m.name in asked]


def _column(measure: Measure) -> str:
    return f"{measure.label} (95 %)" if measure.drawing.form == "points" else measure.label


def _format(measure: Measure) -> str:
    digits = {"share": 1, "chance": 2, "p": 3}.get(measure.drawing.form, measure.drawing.digits)
    return "%.3g" if digits is None else f"%.{digits}f"


def _line(record: Record, name: str, measures: list[Measure]) -> dict[str, Any]:
    values, status = _values(record), record.status()
    line: dict[str, Any] = {"run": name}
    for measure in measures:
        value, drawing = values.get(measure.name), measure.drawing
        interval = interval_of(measure, values)
        if drawing.form == "points":
            line[_column(measure)] = "" if value is None else f"{written(measure, value)} ({interval.removeprefix('95 % ')})"
            continue
        line[_column(measure)] = None if value is None else drawing.factor * value
        if drawing.form == "share" and drawing.band is not None:
            line[f"{measure.label}, 95 %"] = interval.removeprefix("95 % ")
    return line | {"seconds": status.get("seconds"), "device": status.get("device")}


def _values(record: Record) -> dict[str, float | None]:
    """What a run came to, by the names of the measures: its last epoch, and, where target labels may be seen, what reports add to it."""
    last = record.phase("adapt")[-1]
    epochs = record.epochs()
    linear = last_of("linear", epochs)
    leads = {} if linear is None else {name: value for name, value in linear["measures"].items() if "_lead" in name}
    values = {**last["gauges"], **last["measures"], **leads}
    if record.blind:
        return values
    oracle, report = oracle_accuracy(epochs), transfer_report(record)
    closed = gap_closed(values["source_only_target_accuracy"], values["target_accuracy"], oracle)
    calibrated = None if report is None or report.target is None else report.target[1]
    if calibrated is not None:
        ends = {"calibration_error_low": calibrated.error_low, "calibration_error_high": calibrated.error_high}
        values |= {"calibration_error": calibrated.error} | ends
    return values | {"oracle_target_accuracy": oracle, "linear_target_accuracy": linear_accuracy(epochs), "gap_closed": closed}


def _best(found: list[Group]) -> dict[str, set[str]]:
    """Measure → the runs that are best in it beyond doubt, each among those that answered the same question."""
    best: dict[str, set[str]] = {"target_accuracy": set(), "gain": set(), "calibration_error": set()}
    for group in found:
        if top := winner(group):
            best["target_accuracy"] |= {run.id for run in top.runs.values()}
        ends: dict[str, dict[str, tuple[float, float]]] = {"gain": {}, "calibration_error": {}}
        same_baseline = len({bool(run.phase("continued")) for run in group.runs}) == 1
        for run in group.runs if group.labelled else []:
            last, report = run.phase("adapt")[-1]["measures"], transfer_report(run)
            if same_baseline:
                ends["gain"][run.id] = (last["gain_low"], last["gain_high"])
            if report is not None and report.target is not None:
                after = report.target[1]
                ends["calibration_error"][run.id] = (-after.error_high, -after.error_low)  # lower is better
        for name, intervals in ends.items():
            if (run_id := separate(intervals)) is not None:
                best[name].add(run_id)
    return best


def settings(experiments: dict[str, dict[str, Any]]) -> None:
    """The settings in which the runs differ, of those that had an effect."""
    shown = {name: titled(effective(experiment)) for name, experiment in experiments.items()}
    fields = list(dict.fromkeys(field for values in shown.values() for field in values))
    rows = [{"setting": field, **{name: values.get(field, "–") for name, values in shown.items()}} for field in fields]
    rows = [row for row in rows if len({row[name] for name in shown}) > 1]
    if rows:
        st.dataframe(rows, hide_index=True, alt="Settings in which the chosen runs differ.")
        st.caption("–: this method has no such setting, or it had no effect.")
    else:
        st.caption("Nothing: these runs have equal settings, or only one is chosen.")
