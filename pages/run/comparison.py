"""Finished runs side by side: who is best, in words and in numbers, and in which settings they differ."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from core.domains.titles import domain_title
from core.experiment.settings import effective, flat
from core.reports.comparison import Group, told, winner
from core.reports.text import points
from core.reports.transfer import transfer_report
from core.reports.verdict import gap_closed, oracle_accuracy, separate
from core.runs.record import Record
from pages.choose import picker
from pages.elements.glossary import words
from pages.elements.text import literal
from pages.frame import blind

PERCENT = ("target accuracy", "source accuracy", "source-only", "oracle", "gap closed", "worst class", "calibration error")


def names(found: list[Group], chosen: list[str]) -> dict[str, str]:
    """Run → a name that is short, and different for each of the chosen runs."""
    named, seeds = {}, {}
    for group in found:
        for entry in group.entries:
            for seed, run in entry.runs.items():
                named[run.id], seeds[run.id] = entry.name, (seed, len(entry.runs) > 1)
    shown = {run_id: name + (f", seed {seeds[run_id][0]}" if seeds[run_id][1] else "") for run_id, name in named.items()}
    return {run_id: name if list(shown.values()).count(name) == 1 else f"{name} {run_id[:4]}" for run_id, name in shown.items()}


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
        pair = " → ".join(domain_title(asked[side]) for side in ("source", "target"))
        st.markdown(f"- {literal(pair)}, {literal(picker.BACKBONE_TITLES[asked['backbone']['name']])}: {_said(group)}")


def _said(group: Group) -> str:
    first, *more = map(literal, told(group))
    return " ".join([f"**{first}**", *more])


def table(runs: list[Record], named: dict[str, str], found: list[Group]) -> None:
    """A line for each run; bold what is best beyond doubt among those that answered the same question."""
    best = {} if blind.on() else _best(found)
    lines = pd.DataFrame([_line(run, named[run.id]) for run in runs])
    column_of = {name: [run.id in best.get(name, ()) for run in runs] for name in lines}
    styled = lines.style.apply(lambda column: ["font-weight: bold" if bold else "" for bold in column_of[column.name]])
    st.dataframe(
        styled if any(map(any, column_of.values())) else lines,
        hide_index=True,
        alt="Final measures of the chosen runs.",
        column_config={
            **dict.fromkeys(PERCENT, st.column_config.NumberColumn(format="%.1f")),
            "InfoMax": st.column_config.NumberColumn(format="%.2f"),
            "MMD²": st.column_config.NumberColumn(format="%.4f"),
            "domain AUC": st.column_config.NumberColumn(format="%.2f"),
            "seconds": st.column_config.NumberColumn(format="%.0f"),
        },
    )
    if blind.on():
        st.caption("At the last epoch, on held-out samples. None of these needs target labels.")
        words("infomax", "mmd2", "domain_auc", label="What these numbers mean")
        return
    st.caption(
        "Percent, on held-out target samples, at the last epoch; the calibration error on those whose features were kept. Bold, among runs "
        "on the same data and backbone only: the target accuracy that the sentence above calls highest, and a gain or calibration error "
        "whose 95 % interval touches no other's."
    )
    words("target_accuracy", "gain", "gap_closed", "target_worst_class", "ece", label="What these numbers mean")


def _line(record: Record, name: str) -> dict[str, Any]:
    epochs, last, status = record.epochs(), record.phase("adapt")[-1]["measures"], record.status()
    shift = {
        "MMD²": last["mmd2"],
        "domain AUC": last["domain_auc"],
        "seconds": status.get("seconds"),
        "device": status.get("device"),
    }
    if record.blind:
        return {"run": name, "source accuracy": 100 * last["source_accuracy"], "InfoMax": last.get("infomax")} | shift
    oracle = oracle_accuracy(epochs)
    closed = gap_closed(last["source_only_target_accuracy"], last["target_accuracy"], oracle)
    known = last["target_accuracy"] is not None
    report = transfer_report(record)
    calibrated = None if report is None or report.target is None else report.target[1]
    return {
        "run": name,
        "target accuracy": 100 * last["target_accuracy"] if known else None,
        "95 % interval": f"{100 * last['target_accuracy_low']:.1f} – {100 * last['target_accuracy_high']:.1f}" if known else "",
        "source-only": 100 * last["source_only_target_accuracy"] if known else None,
        "gain (95 %)": f"{points(last['gain'])} ({points(last['gain_low'])} to {points(last['gain_high'])})" if known else "",
        "oracle": None if oracle is None else 100 * oracle,
        "gap closed": None if closed is None else 100 * closed,
        "worst class": None if last["target_worst_class"] is None else 100 * last["target_worst_class"],
        "calibration error": None if calibrated is None else 100 * calibrated.ece,
        "its 95 % interval": "" if calibrated is None else f"{100 * calibrated.ece_low:.1f} – {100 * calibrated.ece_high:.1f}",
    } | shift


def _best(found: list[Group]) -> dict[str, set[str]]:
    """Column → the runs that are best in it beyond doubt, each among those that answered the same question."""
    best: dict[str, set[str]] = {"target accuracy": set(), "gain (95 %)": set(), "calibration error": set()}
    for group in found:
        if top := winner(group):
            best["target accuracy"] |= {run.id for run in top.runs.values()}
        ends: dict[str, dict[str, tuple[float, float]]] = {"gain (95 %)": {}, "calibration error": {}}
        for run in group.runs if group.labelled else []:
            last, report = run.phase("adapt")[-1]["measures"], transfer_report(run)
            ends["gain (95 %)"][run.id] = (last["gain_low"], last["gain_high"])
            if report is not None and report.target is not None:
                ends["calibration error"][run.id] = (-report.target[1].ece_high, -report.target[1].ece_low)  # lower is better
        for column, intervals in ends.items():
            if (run_id := separate(intervals)) is not None:
                best[column].add(run_id)
    return best


def settings(experiments: dict[str, dict[str, Any]]) -> None:
    """The settings in which the runs differ, of those that had an effect."""
    shown = {name: flat(effective(experiment)) for name, experiment in experiments.items()}
    fields = list(dict.fromkeys(field for values in shown.values() for field in values))
    rows = [{"setting": field, **{name: values.get(field, "–") for name, values in shown.items()}} for field in fields]
    rows = [row for row in rows if len({row[name] for name in shown}) > 1]
    if rows:
        st.dataframe(rows, hide_index=True, alt="Settings in which the chosen runs differ.")
        st.caption("–: this method has no such setting, or it had no effect.")
    else:
        st.caption("Nothing: these runs have equal settings, or only one is chosen.")
