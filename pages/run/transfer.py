"""What adaptation did, what one would have known without target labels, and whether training was healthy."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from core.figures import transfer as figures
from core.measures import MEASURES
from core.measures.accuracy import Gain, gap_closed
from core.measures.alignment import Alignment
from core.measures.base import validators
from core.reports import scaling
from core.reports import transfer as transfer_module
from core.reports.doubts import last_of
from core.reports.health import findings
from core.reports.text import fixed, in_percent, interval, n_of_m, percent, points
from core.reports.transfer import Choice, TransferReport, outcomes
from core.reports.transfer_text import chosen_sentence, told
from core.reports.verdict import oracle_accuracy
from core.runs.record import Record
from pages.elements.chart import chart
from pages.elements.glossary import words
from pages.elements.link import bound
from pages.elements.text import literal
from pages.elements.theme import dark
from pages.run import twins

SIGNS = {"good": ":material/check_circle:", "look": ":material/visibility:", "bad": ":material/warning:"}
COLOURS: dict[str, Literal["green", "orange", "red"]] = {"good": "green", "look": "orange", "bad": "red"}


def transfer_panel(record: Record) -> None:
    """Gain, classes, alignment and calibration."""
    report = transfer_module.transfer_report(record)
    if report is None:
        st.info("This appears when the source model is trained.", icon=":material/hourglass_empty:")
        return
    last = record.phase("adapt")[-1]["measures"]
    oracle = oracle_accuracy(record.epochs())
    gap = gap_closed(last["source_only_target_accuracy"], last["target_accuracy"], oracle)
    gains = {} if record.blind else transfer_module.same_but_seed(record)
    seeds = transfer_module.seeds_gain(list(gains.values())) if len(gains) > 1 else None
    steps = scaling.parts(record)
    sentences = told(report, gap, oracle, seeds, len(gains))
    st.markdown("\n".join(f"- {literal(sentence)}" for sentence in sentences))
    _tiles(report, last, gap, seeds, len(gains), steps)
    version = f"{record.id}-{record.version()}-{dark()}"
    if report.alignment is not None:
        left, right = st.columns(2)
        with left:
            _classes(report, record.id, version)
        with right:
            _alignment(report.alignment, report.class_names, record.id, version)
        twins.panel(record, report)
    elif record.blind:
        st.caption("Blind: classes, alignment and the target's calibration need target labels.")
    else:
        st.caption("The target has no labels: classes, alignment and the target's calibration cannot be known.")
    _calibration(report, record.id, version)
    if report.target is not None:
        st.caption(
            f"On the {report.n} held-out target samples whose features were kept, before and after epoch {report.epoch}, "
            f"seed {record.experiment()['seed']}. Target labels are for evaluation only. Accuracy and gain: all held-out samples."
        )


def _tiles(report: TransferReport, last: dict, gap: float | None, seeds: Gain | None, runs: int, steps: scaling.Parts | None) -> None:
    with st.container(horizontal=True, key="transfer_tiles"):
        if last.get("gain") is not None:
            _tile("Gain over source-only", f"{points(last['gain'])} points", interval(last["gain_low"], last["gain_high"], points))
        if steps is not None and steps.scaling is not None and steps.method is not None:
            for title, gain in (("of it by scaling alone", steps.scaling), ("of it by the method", steps.method)):
                _tile(title.capitalize(), f"{points(gain.mean)} points", interval(gain.low, gain.high, points))
        if seeds is not None:
            _tile(f"Gain over {runs} seeds", f"{points(seeds.mean)} points", interval(seeds.low, seeds.high, points))
        if gap is not None:
            _tile("Gap closed", *((percent(gap, 0), "to the oracle") if gap >= 0 else ("none", "it became wider")))
        if report.classes:
            worst = min(report.classes, key=lambda c: c.after[0])
            _tile("Worst class", f"{worst.name}: {percent(worst.after[0])}", f"n = {worst.n} · before {percent(worst.before[0])}")
        for side, found in (("target", report.target), ("source", report.source)):
            if found is not None:
                ends = f"{interval(found[1].error_low, found[1].error_high, in_percent)} %"
                _tile(f"Calibration error, {side}", percent(found[1].error), ends)
    words("gain", "gain_over_seeds", "gap_closed", "target_worst_class", "calibration_error", label="What these numbers mean")


def _tile(title: str, value: str, beside: str) -> None:
    st.metric(title, value, beside, border=True, delta_color="off", delta_arrow="off")


def _classes(report: TransferReport, run_id: str, version: str) -> None:
    st.markdown("**Each class before and after**")
    words("class_change")
    height = max(280, 28 * len(report.classes) + 90)
    alt = "Accuracy of each class before and after: " + ", ".join(
        f"{c.name} {percent(c.before[0])} to {percent(c.after[0])}" for c in report.classes
    )
    chart(lambda: figures.dumbbells(report.classes, dark()), key="dumbbells", version=version, revision=run_id, alt=alt, height=height)
    st.caption("95 % Wilson intervals. * better or worse beyond chance: q < 0.05, McNemar's test corrected over the classes.")


def _alignment(ends: tuple[Alignment, Alignment], names: tuple[str, ...], run_id: str, version: str) -> None:
    st.markdown("**Where each source class landed** · evaluation only")
    words("class_alignment")
    when = st.segmented_control(
        "When",
        ["Before", "After"],
        default="After",
        key=bound("landed", ["Before", "After"]),
        bind="query-params",
        label_visibility="collapsed",
        required=True,
    )
    found = ends[when == "After"]
    alt = f"For each source class, the share of each target class among its neighbours, {when.lower()} adaptation."
    chart(
        lambda: figures.alignment(found, names, dark()),
        key="alignment",
        version=f"{version}-{when}",
        revision=run_id,
        alt=alt,
        height=340,
    )
    st.caption(
        f"Row: source class. Column: true class of its {found.neighbours} nearest target samples, in the full feature space. "
        "Boxed: landed there; orange box: on another class."
    )


def _calibration(report: TransferReport, run_id: str, version: str) -> None:
    st.markdown("**Can its confidence be believed?**")
    words("calibration_error")
    known = [(side, found) for side, found in (("target", report.target), ("source", report.source)) if found is not None]
    for column, (side, found) in zip(st.columns(2), known, strict=False):  # the target's is missing where it has no labels
        with column:
            parts = [(f"{side}, before", found[0]), (f"{side}, after", found[1])]
            after = found[1]
            alt = f"Reliability diagram of the {side}: calibration error {percent(after.error)}."
            chart(
                lambda parts=parts: figures.reliability(parts, dark()),
                key=f"reliability_{side}",
                version=version,
                revision=run_id,
                alt=alt,
                height=300,
            )
            st.caption(
                f"{side.capitalize()}, n = {after.n}, {len(after.counts)} bins of equal mass, 95 % Wilson intervals. Below the line: too "
                f"sure. Calibration error without bins {percent(after.error)} "
                f"({interval(after.error_low, after.error_high, in_percent)}). The ECE of Guo et al., over 15 bins of equal width, which "
                f"chance makes too large: {percent(after.binned)}."
            )


def without_labels_panel(record: Record) -> None:
    """Which epoch each label-free measure would have chosen, and what that would have cost."""
    with st.spinner("Looking at the snapshots…"):
        found = transfer_module.choices(record)
    adapt = record.phase("adapt")
    if not found or len(adapt) < 2:
        st.info("This appears after the first epochs of adaptation.", icon=":material/hourglass_empty:")
        return
    titles = {measure.name: measure.title for measure in validators()}
    known = adapt[-1]["measures"].get("target_accuracy") is not None
    if known:
        st.markdown(literal(chosen_sentence(found, adapt[-1]["measures"]["target_accuracy"], titles)))
        _named_accuracies(adapt, found)
    else:
        epochs = sorted({choice.epoch for choice in found})
        agree = (
            f"They all choose epoch {epochs[0]}."
            if len(epochs) == 1
            else f"Their choices lie between epoch {epochs[0]} and epoch {epochs[-1]}."
        )
        st.markdown(f"Without target labels nobody can say which of these is right. {agree}")
    version = f"{record.id}-{record.version()}-{dark()}"
    left, right = st.columns(2)
    with left:
        _table(found, titles)
        words("choice", *titles, label="What these measures are")
    with right:
        if known:
            alt = "Target accuracy over the epochs, with the epoch that each label-free measure would have chosen."
            chart(
                lambda: figures.choices(adapt, found, titles, dark()),
                key="choices",
                version=version,
                revision=record.id,
                alt=alt,
                height=340,
            )
            m = adapt[-1]["measures"]
            half = (m["target_accuracy_high"] - m["target_accuracy_low"]) / 2
            st.caption(
                "The curve needs target labels: evaluation only. The choices do not. The accuracy is known to about "
                f"± {in_percent(half)} points (95 %): smaller costs mean little."
            )
    name = st.segmented_control(
        "Measure",
        [choice.validator for choice in found],
        default="infomax",
        format_func=lambda name: titles[name],
        key="validator",
        label_visibility="collapsed",
        required=True,
    )
    shown = next(choice for choice in found if choice.validator == name)
    alt = f"{titles[name]} over the epochs; it chooses epoch {shown.epoch}."
    chart(
        lambda: figures.validator(shown, titles[name], dark()),
        key="validator_chart",
        version=f"{version}-{name}",
        revision=f"{record.id}-{name}",
        alt=alt,
        height=260,
        cursor=True,
    )
    resting = "" if shown.samples is None else f" There it rests on about {fixed(shown.samples, 0)} equally weighted source samples."
    st.caption(f"{MEASURES.get(name).meaning} Chosen: epoch {shown.epoch}.{resting}")


def _named_accuracies(adapt: list[dict], found: list[Choice]) -> None:
    infomax, outcome = next((one for one in outcomes(found) if one[0].validator == "infomax"), outcomes(found)[0])
    last, best = adapt[-1], max(adapt, key=lambda e: e["measures"]["target_accuracy"])
    with st.container(horizontal=True, key="named_accuracies"):
        _tile("Last epoch", percent(last["measures"]["target_accuracy"]), f"epoch {last['number']}")
        _tile("Label-free choice", percent(outcome.accuracy), f"epoch {infomax.epoch}, by InfoMax")
        _tile("Oracle's choice", percent(best["measures"]["target_accuracy"]), f"epoch {best['number']}, by target labels")


def _table(found: list[Choice], titles: dict[str, str]) -> None:
    rows = []
    for choice in found:
        row = {"measure": titles[choice.validator], "epoch": choice.epoch, "chosen from": len(choice.values)}
        if choice.outcome is not None:
            row |= {"accuracy there": 100 * choice.outcome.accuracy, "cost": 100 * choice.outcome.cost}
        rows.append(row)
    config = {
        "accuracy there": st.column_config.NumberColumn(format="%.1f", help="Target accuracy in percent; evaluation only."),
        "cost": st.column_config.NumberColumn(format="%.1f", help="Points below the best epoch."),
        "chosen from": st.column_config.NumberColumn(help="How many epochs it could choose from: all, or those whose features were kept."),
    }
    st.dataframe(rows, hide_index=True, alt="The epoch that each label-free measure would have chosen.", column_config=config)


def health_panel(record: Record) -> None:
    """What the gauges say, and which classes are predicted."""
    report = transfer_module.transfer_report(record)
    classes = None if report is None else len(report.class_names)
    found = findings(record.phase("adapt"), classes, last_of("linear", record.epochs()))
    if not found:
        st.info("This appears after the first epoch of adaptation.", icon=":material/monitor_heart:")
        return
    trouble = [finding for finding in found if finding.level != "good"]
    st.markdown("**Nothing looks wrong.**" if not trouble else f"**{n_of_m(len(trouble), len(found))} gauges look unusual.**")
    for finding in sorted(found, key=lambda f: ("bad", "look", "good").index(f.level)):
        st.badge(f"{finding.title}: {literal(finding.shown)}", icon=SIGNS[finding.level], color=COLOURS[finding.level])
        words(finding.name)
        st.markdown(literal(finding.sentence))
    if report is not None:
        st.markdown("**Classes predicted of the target**")
        chart(
            lambda: figures.predicted(*report.predicted, report.class_names, dark()),
            key="predicted",
            version=f"{record.id}-{record.version()}-{dark()}",
            revision=record.id,
            alt="Share of target samples predicted as each class, before and after.",
            height=260,
        )
        st.caption(f"n = {report.n} held-out target samples, before and after epoch {report.epoch}. It needs no target labels.")
