"""A run in numbers: verdict, tiles, curves, table. Explore and Adapt draw the same parts."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.experiment.settings import method_title
from core.figures import curves
from core.measures import MEASURED, MEASURES, in_runs
from core.reports import scaling, story
from core.reports.measure_text import interval_of
from core.reports.text import auc_value, auc_words, fixed, p_value, percent, points, short_p
from core.reports.verdict import linear_accuracy, oracle_accuracy, verdict
from core.runs.progress import PHASES
from core.runs.record import ACTIVE, Record
from pages.elements.chart import chart
from pages.elements.glossary import meaning, words
from pages.elements.link import bound
from pages.elements.theme import dark

THUMBNAILS = 12


def headline(record: Record) -> None:
    """The verdict: its first line in everyday words, the numbers below."""
    status = record.status()
    facts = status.get("progress") or {}
    phase = "queued" if status["state"] == "queued" else "features" if facts.get("step") == "features" else facts.get("phase")
    first, _, more = verdict(method_title(record.experiment()), record.epochs(), record.blind, phase).partition("\n")
    if status["state"] in ACTIVE and phase == "adapt" and facts["epoch"]:
        first = f"{PHASES[phase]} goes on, epoch {facts['epoch']} of {facts['of']}. So far: {first}"
    steps = scaling.parts(record)
    with st.container():  # one element, however many lines: what stands below keeps its place, and is not mounted anew
        st.markdown(f"#### {first}")
        for text in (more, " ".join(scaling.told(steps)) if steps else ""):
            if text:
                st.markdown(text)


def in_short(record: Record) -> None:
    """The verdict in two tiers: what everybody asks for, large, and below it one sentence on whether that is the method's doing."""
    first, _, more = verdict(method_title(record.experiment()), record.epochs(), record.blind).partition("\n")
    with st.container(key="verdict", gap="xsmall"):
        st.header(story.in_short(record), anchor=False)
        st.markdown(first)
        with st.expander("What this rests on, in numbers", type="compact", icon=":material/functions:"):
            st.markdown(more)


def tiles(record: Record) -> None:
    """Target accuracy, gain, MMD² and domain AUC of the last epoch; each opens what it means, below all four."""
    adapt = record.phase("adapt")
    with st.container(key="tiles"):
        for name, title, value, under in _tiles(adapt, record.blind):
            with st.container(border=True, gap="xsmall", key=f"tile_{name}"):
                st.metric(title, value, under, delta_color="off", delta_arrow="off")
                opened = st.session_state.get(MEANING) == name
                icon = ":material/expand_less:" if opened else ":material/help:"
                label = "Close" if opened else "What is this?"
                st.button(label, key=f"meaning_{name}", type="tertiary", icon=icon, on_click=_explain, args=(None if opened else name,))
    if (name := st.session_state.get(MEANING)) in _MADE_OF:
        with st.container(border=True, key="meaning"):
            _meaning(name, adapt)


MEANING = "explained_tile"  # of which the meaning is open


def _explain(name: str | None) -> None:
    st.session_state[MEANING] = name


def _meaning(name: str, adapt: list[dict[str, Any]]) -> None:
    st.markdown(f"**Here.** {_MADE_OF[name]}")
    p = adapt[-1]["measures"].get("mmd2_p") if adapt else None
    if name == "mmd2" and p is not None:
        st.markdown(f"**p.** How often shuffled domains are this far apart: permutation {p_value(p)}. Small: hardly ever by chance.")
    meaning(name)


def _tiles(adapt: list[dict[str, Any]], blind: bool) -> list[tuple[str, str, str | None, str]]:
    """Name, title, value and what stands below it."""
    if not adapt:
        when = {"target_accuracy": "after source training"}
        return [(name, title, None, when.get(name, "not known yet")) for name, title in _TITLES.items()]
    first, last = adapt[0]["measures"], adapt[-1]["measures"]
    hidden, why = ("hidden", "blind") if blind else ("unknown", "no target labels")
    right, gain = last.get("target_accuracy"), last.get("gain")
    ends = auc_words(last["domain_auc_low"], last["domain_auc_high"])
    said = {
        "target_accuracy": (hidden if right is None else percent(right), interval_of(MEASURES.get("target_accuracy"), last) or why),
        "gain": (None if gain is None else f"{points(gain)} points", interval_of(MEASURES.get("gain"), last) or why),
        "mmd2": (fixed(last["mmd2"], 4), f"from {fixed(first['mmd2'], 4)} · {short_p(last['mmd2_p'])}"),
        "domain_auc": (auc_value(last["domain_auc"]), f"{ends} · 0.5 is no shift"),
    }
    return [(name, title, *said[name]) for name, title in _TITLES.items()]


_TITLES = {"target_accuracy": "Target accuracy", "gain": "Gain over source-only", "mmd2": "MMD²", "domain_auc": "Domain AUC"}
_MADE_OF = {
    "target_accuracy": "Share of held-out target samples classified rightly; 95 % Wilson interval. Labels are for evaluation only.",
    "gain": "Over the same network, trained for as long with the source alone (methods that do not see the source, and "
    "closed forms: over the network they start from). Paired on the same held-out samples; 95 % score interval (Tango).",
    "mmd2": "Unbiased kernel distance of features, five Gaussian kernels; kernels and the columns' scale are fixed before adaptation.",
    "domain_auc": "How well a logistic regression tells source from target features, out of fold: 0.5 cannot, 1 always. 95 % interval.",
}


def main_curves(record: Record) -> None:
    """Accuracy with its reference lines, and MMD² with its null band."""
    epochs, run_id, night = record.epochs(), record.id, dark()
    version = f"{run_id}-{record.version()}-{night}"
    left, right = st.columns(2)
    with left:
        st.markdown("**Accuracy**")
        oracle = oracle_accuracy(epochs)
        alt = _accuracy_alt(epochs, oracle)
        chart(lambda: curves.accuracy(epochs, night, oracle), key="accuracy", version=version, revision=run_id, alt=alt, cursor=True)
        lines = "Blind: source only." if record.blind else _reference_lines(epochs)
        st.caption(f"Held-out samples. {lines} {_sizes(record)}")
    with right:
        st.markdown("**MMD² between source and target features**")
        alt = "MMD² over the epochs of adaptation with the band expected without a shift."
        chart(
            lambda: curves.measure(epochs, MEASURES.get("mmd2"), night), key="mmd", version=version, revision=run_id, alt=alt, cursor=True
        )
        st.caption(f"Inside the band there is no evidence of a shift. B = 499 permutations. {_sizes(record)}")
    _more_measures(record, version)


def _more_measures(record: Record, version: str) -> None:
    """The curve of any other registered measure, for those who ask for it."""
    offered = {m.name: m.title for m in in_runs(record.blind) if m.kept == "measures" and not m.drawing.picture}
    with st.container(key="more_measures"):
        name = st.selectbox(
            "More measures",
            list(offered),
            index=None,
            format_func=offered.__getitem__,
            key="measure",
            placeholder="More measures: choose one to see its curve",
            label_visibility="collapsed",
        )
        if name is None:
            return
        measure, epochs, night = MEASURES.get(name), record.epochs(), dark()
        st.markdown(f"**{measure.title}**")
        words(name)
        if all(measure.value(epoch) is None for epoch in record.phase("adapt")):
            st.caption("This run has no value of it: it was stored before there was this measure, or it cannot be computed here.")
            return
        chart(
            lambda: curves.measure(epochs, measure, night),
            key="more_chart",
            version=f"{version}-{name}",
            revision=f"{record.id}-{name}",
            alt=f"{measure.title} over the epochs of adaptation.",
            height=280,
            cursor=True,
        )
        good = f" The {measure.better} the better." if measure.better else ""
        st.caption(f"{measure.meaning}{good} Range: {measure.range}. {_sizes(record)}")


def _sizes(record: Record) -> str:
    samples = record.samples()
    n = "" if samples is None else f"n = {min(len(samples['labels']) // 2, MEASURED)} per domain for MMD² and AUC, "
    return f"{n}seed {record.experiment()['seed']}."


def _reference_lines(epochs: list[dict[str, Any]]) -> str:
    """What each line beside the curves is."""
    phases = {epoch["phase"] for epoch in epochs}
    dashed = "source-only, trained on for as long" if "continued" in phases else "source-only"
    linear = "Thin: logistic regression, which needs no network. " if "linear" in phases else ""
    return f"Dashed: {dashed}. {linear}Dotted: oracle, trained on target labels."


def _accuracy_alt(epochs: list[dict[str, Any]], oracle: float | None) -> str:
    seen = [e["measures"] for e in epochs if e["phase"] in ("source", "adapt")]
    if not seen or seen[-1]["target_accuracy"] is None:
        return "Accuracy over the epochs; no target accuracy is known."
    source, target = (percent(seen[-1][f"{side}_accuracy"]) for side in ("source", "target"))
    beside = {"source-only": seen[-1].get("source_only_target_accuracy"), "linear": linear_accuracy(epochs), "oracle": oracle}
    others = "".join(f", {name} {percent(value)}" for name, value in beside.items() if value is not None)
    return f"Accuracy over the epochs. Now: source {source}, target {target}{others}."


def losses_and_gauges(record: Record) -> None:
    epochs, run_id, night = record.epochs(), record.id, dark()
    version = f"{run_id}-{record.version()}-{night}"
    left, right = st.columns(2)
    with left:
        st.markdown("**Losses**")
        steps = [epoch for epoch in epochs if epoch["phase"] == "adapt" and epoch["number"]]
        if steps and not any(epoch["losses"] for epoch in steps):
            st.caption("A closed form: it is computed at once, not minimised step by step, so there are no losses to follow.")
        else:
            alt = "Each loss term over the epochs of adaptation."
            chart(lambda: curves.losses(epochs, night), key="losses", version=version, revision=run_id, alt=alt, height=280, cursor=True)
            st.caption("Each term as it enters the sum, mean over the epoch's batches.")
    with right:
        st.markdown("**Gauges**")
        offered = curves.gauge_names(epochs)
        picked = st.pills(
            "Gauges",
            offered,
            selection_mode="multi",
            default=[name for name in ("gradient_ratio", "discriminator_accuracy", "largest_class") if name in offered],
            format_func=lambda name: MEASURES.get(name).label,
            key=bound("gauges"),
            bind="query-params",
            label_visibility="collapsed",
        )
        alt = "Chosen gauges over the epochs of adaptation."
        st.caption(
            "Gradient ratio: alignment ÷ task, at the features. Largest class: share of the most predicted class; near 100 % the network "
            "has collapsed. Entropy of predictions in nats. Norm and effective rank of target features."
        )
        words(*offered)
        version += "".join(picked)
        chart(
            lambda: curves.gauges(epochs, picked, night),
            key="gauge_chart",
            version=version,
            revision=run_id,
            alt=alt,
            height=280,
            cursor=True,
        )


def numbers_table(record: Record) -> None:
    """All measures of all epochs: the figures' data as a table."""
    rows = [
        {
            "phase": PHASES[e["phase"]],
            "epoch": e["number"],
            **{_measure_title(k): v for k, v in e["measures"].items()},
            **{f"loss: {k.replace('_', ' ')}": v for k, v in e["losses"].items()},
            **{f"gauge: {_measure_title(k)}": v for k, v in e["gauges"].items()},
            "seconds": e["seconds"],
        }
        for e in record.epochs()
    ]
    st.dataframe(rows, hide_index=True, height=320, alt="All measures, losses and gauges of all epochs.")


def _measure_title(name: str) -> str:
    """A measure's label; of an end of an interval, that of the measure with the end."""
    for end in ("_low", "_high"):
        if name not in MEASURES and name.removesuffix(end) in MEASURES:
            return f"{MEASURES.get(name.removesuffix(end)).label}, 95 % {end[1:]}"
    return MEASURES.get(name).label if name in MEASURES else name.replace("_", " ")
