"""A run in numbers: verdict, tiles, curves, table. Explore and Adapt draw the same parts."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.experiment.settings import method_title
from core.figures import curves
from core.measures import MEASURED
from core.reports.shift_text import auc_words
from core.reports.text import p_value, percent, points
from core.reports.verdict import oracle_accuracy, verdict
from core.runs.record import Record
from pages.elements.chart import chart
from pages.elements.glossary import words
from pages.elements.link import bound
from pages.elements.theme import dark

THUMBNAILS = 12


def headline(record: Record) -> None:
    experiment = record.experiment()
    st.markdown(f"#### {verdict(method_title(experiment), record.epochs(), record.blind)}")


def tiles(record: Record) -> None:
    """Target accuracy, gain, MMD² and domain AUC of the last epoch; each says what it is made of."""
    adapt = record.phase("adapt")
    latest = adapt[-1]["measures"] if adapt else {}
    before = adapt[0]["measures"] if adapt else {}
    with st.container(horizontal=True, key="tiles"):
        accuracy, gain = latest.get("target_accuracy"), latest.get("gain")
        if adapt and accuracy is None:
            hidden, why = ("hidden", "blind") if record.blind else ("unknown", "no target labels")
            st.metric("Target accuracy", hidden, border=True, delta=why, delta_color="off", delta_arrow="off")
        else:
            st.metric(
                "Target accuracy",
                percent(accuracy) if adapt else None,
                border=True,
                delta=_interval(latest, "target_accuracy") if adapt else "after source training",
                delta_color="off",
                delta_arrow="off",
                help="Share of held-out target samples classified rightly; 95 % Wilson interval. Labels are for evaluation only.",
            )
        st.metric(
            "Gain over source-only",
            None if gain is None else f"{points(gain)} points",
            border=True,
            delta="95 % " + points(latest["gain_low"]) + " to " + points(latest["gain_high"])
            if gain is not None
            else "blind"
            if record.blind
            else "not known yet",
            delta_color="off",
            delta_arrow="off",
            help="Paired on the same held-out samples; 95 % score interval (Tango).",
        )
        st.metric(
            "MMD²",
            _minus(f"{latest['mmd2']:.4f}") if adapt else None,
            border=True,
            delta=_minus(f"from {before['mmd2']:.4f} · {_short_p(latest['mmd2_p'])}") if adapt else "not known yet",
            delta_color="off",
            delta_arrow="off",
            help="Unbiased kernel distance of L2-normalised features, five Gaussian kernels fixed before adaptation. "
            + (f"Permutation {p_value(latest['mmd2_p'])}." if adapt else ""),
        )
        st.metric(
            "Domain AUC",
            f"{latest['domain_auc']:.2f}" if adapt else None,
            border=True,
            delta=f"{auc_words(latest['domain_auc_low'], latest['domain_auc_high'])} · 0.5 is no shift" if adapt else "not known yet",
            delta_color="off",
            delta_arrow="off",
            help="How well a logistic regression tells source from target features, out of fold: 0.5 cannot, 1 always. 95 % interval.",
        )
    words("target_accuracy", "gain", label="What these numbers mean")


def _interval(measures: dict[str, Any], name: str) -> str:
    low, high = (100 * measures[f"{name}_{end}"] for end in ("low", "high"))
    return f"95 % {low:.1f} to {high:.1f} %"


def _minus(text: str) -> str:
    return text.replace("-", "−")


def _short_p(p: float) -> str:
    return "p = 0.002 (smallest)" if p <= 0.00201 else f"p = {p:.3f}"


def main_curves(record: Record) -> None:
    """Accuracy with its two reference lines, and MMD² with its null band."""
    epochs, run_id, night = record.epochs(), record.id, dark()
    version = f"{run_id}-{record.version()}-{night}"
    left, right = st.columns(2)
    with left:
        st.markdown("**Accuracy**")
        oracle = oracle_accuracy(epochs)
        alt = _accuracy_alt(epochs, oracle)
        chart(lambda: curves.accuracy(epochs, night, oracle), key="accuracy", version=version, revision=run_id, alt=alt, cursor=True)
        lines = "Blind: source only." if record.blind else "Dashed: source-only. Dotted: oracle, trained on target labels."
        st.caption(f"Held-out samples. {lines} {_sizes(record)}")
    with right:
        st.markdown("**MMD² between source and target features**")
        alt = "MMD² over the epochs of adaptation with the band expected without a shift."
        chart(lambda: curves.mmd(epochs, night), key="mmd", version=version, revision=run_id, alt=alt, cursor=True)
        st.caption(f"Inside the band there is no evidence of a shift. B = 499 permutations. {_sizes(record)}")


def _sizes(record: Record) -> str:
    samples = record.samples()
    n = "" if samples is None else f"n = {min(len(samples['labels']) // 2, MEASURED)} per domain for MMD² and AUC, "
    return f"{n}seed {record.experiment()['seed']}."


def _accuracy_alt(epochs: list[dict[str, Any]], oracle: float | None) -> str:
    seen = [e["measures"] for e in epochs if e["phase"] in ("source", "adapt")]
    if not seen or seen[-1]["target_accuracy"] is None:
        return "Accuracy over the epochs; no target accuracy is known."
    source, target = (percent(seen[-1][f"{side}_accuracy"]) for side in ("source", "target"))
    return f"Accuracy over the epochs. Now: source {source}, target {target}" + ("." if oracle is None else f", oracle {percent(oracle)}.")


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
            format_func=curves.GAUGE_NAMES.get,
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
            "phase": e["phase"],
            "epoch": e["number"],
            **e["measures"],
            **{f"loss: {k}": v for k, v in e["losses"].items()},
            **{f"gauge: {k}": v for k, v in e["gauges"].items()},
            "seconds": e["seconds"],
        }
        for e in record.epochs()
    ]
    st.dataframe(rows, hide_index=True, height=320, alt="All measures, losses and gauges of all epochs.")
