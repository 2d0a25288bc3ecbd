"""Finished runs side by side."""

from typing import Any

import pandas as pd
import streamlit as st

from core.errors import InputError
from core.figures import curves
from core.runs import store, summary
from core.runs.record import Record
from core.transfer_report import transfer_report
from pages.parts import header, picker
from pages.parts.chart import chart
from pages.parts.run_view import dark
from pages.parts.text import literal
from pages.parts.words import words

MOST = 6

records = {record.id: record for record in store.records() if record.phase("adapt") and record.status()["state"] == "finished"}
experiments = {run_id: record.experiment() for run_id, record in records.items()}


def title(run_id: str) -> str:
    last = records[run_id].phase("adapt")[-1]["measures"]["target_accuracy"]
    return f"{header.run_title(experiments[run_id])} · {'unlabelled' if last is None else summary.percent(last)} · {run_id[:4]}"


def label(run_id: str, chosen: list[str]) -> str:
    """Short, and different for each of the chosen runs."""
    name = header.method_title(experiments[run_id])
    same = [other for other in chosen if header.method_title(experiments[other]) == name]
    return name if len(same) == 1 else f"{name} {run_id[:4]}"


def row(record: Record, name: str) -> dict[str, Any]:
    epochs, adapt = record.epochs(), record.phase("adapt")
    last = adapt[-1]["measures"]
    oracle = summary.oracle_accuracy(epochs)
    closed = summary.gap_closed(last["source_only_target_accuracy"], last["target_accuracy"], oracle)
    known = last["target_accuracy"] is not None
    report = transfer_report(record)
    calibrated = None if report is None or report.target is None else report.target[1]
    return {
        "run": name,
        "target accuracy": 100 * last["target_accuracy"] if known else None,
        "95 % interval": f"{100 * last['target_accuracy_low']:.1f} – {100 * last['target_accuracy_high']:.1f}" if known else "",
        "source-only": 100 * last["source_only_target_accuracy"] if known else None,
        "gain (95 %)": f"{summary.points(last['gain'])} ({summary.points(last['gain_low'])} to {summary.points(last['gain_high'])})"
        if known
        else "",
        "oracle": None if oracle is None else 100 * oracle,
        "gap closed": None if closed is None else 100 * closed,
        "worst class": None if last["target_worst_class"] is None else 100 * last["target_worst_class"],
        "calibration error": None if calibrated is None else 100 * calibrated.ece,
        "its 95 % interval": "" if calibrated is None else f"{100 * calibrated.ece_low:.1f} – {100 * calibrated.ece_high:.1f}",
        "MMD²": last["mmd2"],
        "domain AUC": last["domain_auc"],
        "seconds": record.status().get("seconds"),
        "device": record.status().get("device"),
    }


def clearly_best(chosen: list[str]) -> dict[str, str]:
    """Column → the run that is best in it beyond doubt, among runs on the same data: its 95 % interval touches no other run's."""
    if any(experiments[run_id][side] != experiments[chosen[0]][side] for run_id in chosen for side in ("source", "target")):
        return {}
    ends: dict[str, dict[str, tuple[float, float]]] = {"target accuracy": {}, "gain (95 %)": {}, "calibration error": {}}
    for run_id in chosen:
        last, report = records[run_id].phase("adapt")[-1]["measures"], transfer_report(records[run_id])
        if last["target_accuracy"] is not None:
            ends["target accuracy"][run_id] = (last["target_accuracy_low"], last["target_accuracy_high"])
            ends["gain (95 %)"][run_id] = (last["gain_low"], last["gain_high"])
        if report is not None and report.target is not None:
            ends["calibration error"][run_id] = (-report.target[1].ece_high, -report.target[1].ece_low)  # lower is better
    found = {column: summary.separate(intervals) for column, intervals in ends.items()}
    return {column: names[run_id] for column, run_id in found.items() if run_id is not None}


def best_of(chosen: list[str]) -> str:
    """Which run is best, if the intervals say so."""
    accuracies = {r: records[r].phase("adapt")[-1]["measures"] for r in chosen}
    accuracies = {r: m for r, m in accuracies.items() if m["target_accuracy"] is not None}
    if len(accuracies) < 2:
        return "Choose at least two labelled runs to see which is better."
    top, second = sorted(accuracies, key=lambda r: -accuracies[r]["target_accuracy"])[:2]
    if accuracies[top]["target_accuracy_low"] > accuracies[second]["target_accuracy_high"]:
        return f"**{literal(label(top, chosen))}** has the highest target accuracy; its 95 % interval lies above that of the next."
    return "The intervals of the two best runs overlap: there is no clear winner here."


def delete(run_id: str) -> None:
    try:
        store.delete(run_id)
    except InputError as error:
        st.session_state["refused"] = error


if not records:
    st.info("No finished run yet. Launch one on the Adapt page.", icon=":material/stacked_line_chart:")
    st.stop()
if error := st.session_state.pop("refused", None):
    st.error(literal(f"{error.what} {error.remedy}"), title="This was not done", icon=":material/error:")

with st.container(horizontal=True, vertical_alignment="center"):
    header.queue_badge()
    st.caption(
        f"{len(records)} finished runs: the newest {store.LISTED} of your own and those that come with Shiftscope. Compare up to {MOST}."
    )
chosen = st.multiselect(
    "Runs",
    list(records),
    default=list(records)[:3],
    format_func=title,
    key="runs",
    bind="query-params",
    max_selections=MOST,
    placeholder="Choose runs",
)
if not chosen:
    st.info("Choose one or more runs above.", icon=":material/checklist:")
    st.stop()

names = {run_id: label(run_id, chosen) for run_id in chosen}
st.markdown(best_of(chosen))
percent = st.column_config.NumberColumn(format="%.1f")
best = clearly_best(chosen)
table = pd.DataFrame([row(records[run_id], names[run_id]) for run_id in chosen])
bold = table.style.apply(
    lambda column: ["font-weight: bold" if best.get(column.name) == run else "" for run in table["run"]], subset=list(best) or None
)
st.dataframe(
    bold if best else table,
    hide_index=True,
    alt="Final measures of the chosen runs.",
    column_config={
        **dict.fromkeys(("target accuracy", "source-only", "oracle", "gap closed", "worst class", "calibration error"), percent),
        "MMD²": st.column_config.NumberColumn(format="%.4f"),
        "domain AUC": st.column_config.NumberColumn(format="%.2f"),
        "seconds": st.column_config.NumberColumn(format="%.0f"),
    },
)
st.caption(
    "Percent, on held-out target samples, at the last epoch; the calibration error on those whose features were kept. Bold: the best of "
    "runs on the same data, where its 95 % interval touches no other's."
)
words("target_accuracy", "gain", "gap_closed", "target_worst_class", "ece", label="What these numbers mean")

pairs = [(names[run_id], records[run_id].epochs()) for run_id in chosen]
revision, night = "-".join(chosen), dark()
version = "-".join([*(f"{run_id}{records[run_id].version()}" for run_id in chosen), str(night)])


def overlay(measure: str, axis: str, factor: float = 1) -> None:
    alt = f"{axis} of the chosen runs over epochs."
    chart(
        lambda: curves.compare(pairs, measure, axis, night, factor), key=f"compare_{measure}", version=version, revision=revision, alt=alt
    )


left, right = st.columns(2)
with left:
    st.markdown("**Target accuracy**")
    overlay("target_accuracy", "target accuracy (%)", 100)
with right:
    st.markdown("**MMD²**")
    overlay("mmd2", "MMD² (unbiased)")
left, right = st.columns(2)
with left:
    st.markdown("**Accuracy against MMD²**")
    alt = "Target accuracy against MMD² over all epochs of the chosen runs."
    chart(lambda: curves.accuracy_against_mmd(pairs, night), key="compare_both", version=version, revision=revision, alt=alt)
    st.caption("Each point is an epoch, larger is later. Lower MMD² is not higher accuracy.")
with right:
    st.markdown("**What differs**")
    settings = {names[run_id]: picker.flat(experiments[run_id]) for run_id in chosen}
    fields = list(dict.fromkeys(field for values in settings.values() for field in values))
    rows = [{"setting": field, **{name: values.get(field, "–") for name, values in settings.items()}} for field in fields]
    rows = [r for r in rows if len({r[name] for name in settings}) > 1]
    if rows:
        st.dataframe(rows, hide_index=True, alt="Settings in which the chosen runs differ.")
    else:
        st.caption("Nothing: these runs have equal settings, or only one is chosen.")

with st.expander("Open or delete a run", key="manage"):
    for run_id in chosen:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(literal(title(run_id)))
            if st.button("Open", key=f"open_{run_id}", icon=":material/open_in_new:"):
                st.switch_page("pages/adapt.py", query_params={"run": run_id})
            if (store.runs_folder() / run_id).exists():
                with st.popover("Delete", icon=":material/delete:"):
                    st.markdown("Its record is removed from this machine for good.")
                    st.button("Delete for good", key=f"delete_{run_id}", type="primary", on_click=delete, args=(run_id,))
