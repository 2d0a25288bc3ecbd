"""What a run looks like: verdict, tiles, curves, embedding, confusion, samples. Explore and Adapt draw the same parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from core.figures import curves, tables
from core.measures.accuracy import confusion
from core.runs import maps, summary
from core.runs.record import Record
from pages.parts.canvas import EmbeddingData, embedding
from pages.parts.chart import chart
from pages.parts.header import method_title
from pages.parts.text import literal

THUMBNAILS = 12


def dark() -> bool:
    return st.context.theme.type == "dark"


def verdict(record: Record) -> None:
    experiment = record.experiment()
    st.markdown(f"#### {summary.verdict(method_title(experiment), record.epochs())}")


def tiles(record: Record) -> None:
    """Target accuracy, gain, MMD² and domain AUC of the last epoch; each says what it is made of."""
    adapt = record.phase("adapt")
    latest = adapt[-1]["measures"] if adapt else {}
    before = adapt[0]["measures"] if adapt else {}
    with st.container(horizontal=True, key="tiles"):
        accuracy, gain = latest.get("target_accuracy"), latest.get("gain")
        if adapt and accuracy is None:
            st.metric("Target accuracy", "unknown", border=True, delta="no target labels", delta_color="off", delta_arrow="off")
        else:
            st.metric(
                "Target accuracy",
                summary.percent(accuracy) if adapt else None,
                border=True,
                delta=_interval(latest, "target_accuracy") if adapt else "after source training",
                delta_color="off",
                delta_arrow="off",
                help="Share of held-out target samples classified rightly, with its 95 % Wilson interval. Labels are used for evaluation only.",
            )
        st.metric(
            "Gain over source-only",
            None if gain is None else f"{summary.points(gain)} points",
            border=True,
            delta="95 % " + summary.points(latest["gain_low"]) + " to " + summary.points(latest["gain_high"])
            if gain is not None
            else "not known yet",
            delta_color="off",
            delta_arrow="off",
            help="Paired on the same held-out samples; 95 % bootstrap interval, 2,000 draws.",
        )
        st.metric(
            "MMD²",
            f"{latest['mmd2']:.4f}" if adapt else None,
            border=True,
            delta=f"from {before['mmd2']:.4f} · {_short_p(latest['mmd2_p'])}" if adapt else "not known yet",
            delta_color="off",
            delta_arrow="off",
            help="Unbiased kernel distance of L2-normalised features, five Gaussian kernels fixed before adaptation. "
            + (f"Permutation {summary.p_value(latest['mmd2_p'])}." if adapt else ""),
        )
        st.metric(
            "Domain AUC",
            f"{latest['domain_auc']:.2f}" if adapt else None,
            border=True,
            delta=f"{latest['domain_auc_low']:.2f} to {latest['domain_auc_high']:.2f} · 0.5 is no shift" if adapt else "not known yet",
            delta_color="off",
            delta_arrow="off",
            help="How well a logistic regression tells source from target features, out of fold: 0.5 cannot, 1 always. 95 % interval.",
        )


def _interval(measures: dict[str, Any], name: str) -> str:
    low, high = (100 * measures[f"{name}_{end}"] for end in ("low", "high"))
    return f"95 % {low:.1f} to {high:.1f} %"


def _short_p(p: float) -> str:
    return "p = 0.002 (smallest)" if p <= 0.00201 else f"p = {p:.3f}"


def main_curves(record: Record) -> None:
    """Accuracy with its two reference lines, and MMD² with its null band."""
    epochs, run_id = record.epochs(), record.id
    left, right = st.columns(2)
    with left:
        st.markdown("**Accuracy**")
        oracle = summary.oracle_accuracy(epochs)
        chart(curves.accuracy(epochs, dark(), oracle), key="accuracy", revision=run_id, alt=_accuracy_alt(epochs, oracle))
        st.caption(f"Held-out samples. Dashed: source-only. Dotted: oracle, trained on target labels. {_sizes(record)}")
    with right:
        st.markdown("**MMD² between source and target features**")
        chart(
            curves.mmd(epochs, dark()),
            key="mmd",
            revision=run_id,
            alt="MMD² over the epochs of adaptation with the band expected without a shift.",
        )
        st.caption(f"Inside the band there is no evidence of a shift. B = 499 permutations. {_sizes(record)}")


def _sizes(record: Record) -> str:
    samples = record.samples()
    n = "" if samples is None else f"n = {len(samples['labels']) // 2} per domain for maps, MMD² and AUC, "
    return f"{n}seed {record.experiment()['seed']}."


def _accuracy_alt(epochs: list[dict[str, Any]], oracle: float | None) -> str:
    seen = [e for e in epochs if e["phase"] != "oracle"]
    if not seen or seen[-1]["measures"]["target_accuracy"] is None:
        return "Accuracy over the epochs; no target accuracy is known."
    last = seen[-1]["measures"]
    return (
        f"Accuracy over the epochs. Now: source {summary.percent(last['source_accuracy'])}, target {summary.percent(last['target_accuracy'])}"
        + (f", oracle {summary.percent(oracle)}." if oracle is not None else ".")
    )


def embedding_panel(record: Record, *, key: str, mode: str, finished: bool, follow: bool = False, height: int = 400) -> None:
    """The map of all epochs, with the full-space AUC under it."""
    kind = st.segmented_control(
        "Map",
        ["PCA", "UMAP"],
        default="PCA",
        key="map",
        bind="query-params",
        label_visibility="collapsed",
        required=True,
        help="PCA is instant. UMAP shows neighbourhoods; it is computed when the run is finished.",
    )
    found, note = maps.pca(record, finished), ""
    if kind == "UMAP":
        if not finished:
            note = "UMAP is computed when the run is finished. This is PCA."
        elif (state := maps.start_umap(record)) == "ready":
            found = maps.umap(record) or found
        else:
            note = (
                "UMAP could not be computed for this run. This is PCA."
                if state == "failed"
                else "UMAP is being computed in the background; the first time on a machine takes about half a minute. This is PCA."
            )
    frames = maps.frames(record)
    if found is None or frames is None:
        st.info("The map appears when the source model is trained.", icon=":material/scatter_plot:")
        return
    data = _embedding_data(record, found, frames)
    embedding(
        data,
        key=key,
        mode=mode,
        follow=follow,
        height=height,
        alt=f"Two-dimensional {found.method.upper()} map of source and target features before and after adaptation. {data.captions[-1]}",
    )
    st.caption(
        f"{note} A 2-D map cannot show all of a {frames_width(record)}-dimensional space: trust the AUC under it more than the picture."
    )


def frames_width(record: Record) -> int:
    numbers = record.snapshot_numbers()
    return record.snapshot(numbers[0])["features"].shape[1]


def _embedding_data(record: Record, found: maps.EpochMap, frames: maps.Frames) -> EmbeddingData:
    shown = [frames.epochs.index(number) for number in found.epochs]
    lines = {e["number"]: e["measures"] for e in record.phase("adapt")}
    captions, names = [], []
    for number in found.epochs:
        m = lines.get(number)
        captions.append(
            ""
            if m is None
            else f"Domain AUC {m['domain_auc']:.2f} in the full space"
            + ("" if m["target_accuracy"] is None else f", target accuracy {summary.percent(m['target_accuracy'])}")
        )
        names.append("before" if number == 0 else f"epoch {number}")
    classes = class_names(record)
    return EmbeddingData(
        epochs=tuple(found.epochs),
        positions=found.positions,
        domain=frames.domain,
        labels=frames.labels,
        predictions=frames.predictions[shown],
        confidence=frames.confidence[shown],
        class_names=classes,
        captions=tuple(captions),
        sprites=frames.pictures,
        title_of_epoch=tuple(names),
        version=f"{record.id}-{found.method}-{len(found.epochs)}-{record.version()}",
    )


def class_names(record: Record) -> tuple[str, ...]:
    return tuple(record.status().get("class_names") or map(str, range(int(record.samples()["labels"].max()) + 1)))


def losses_and_gauges(record: Record) -> None:
    epochs, run_id = record.epochs(), record.id
    left, right = st.columns(2)
    with left:
        st.markdown("**Losses**")
        chart(curves.losses(epochs, dark()), key="losses", revision=run_id, alt="Each loss term over the epochs of adaptation.", height=280)
        st.caption("Each term as it enters the sum, mean over the epoch's batches.")
    with right:
        st.markdown("**Gauges**")
        options = {name: text for name, text in curves.GAUGE_NAMES.items() if any(name in e["gauges"] for e in record.phase("adapt"))}
        if options:
            picked = st.multiselect(
                "Gauges",
                list(options),
                default=[n for n in ("gradient_ratio", "discriminator_accuracy", "largest_class") if n in options],
                format_func=options.get,
                key="gauges",
                label_visibility="collapsed",
                max_selections=4,
            )
            chart(
                curves.gauges(epochs, picked, dark()),
                key="gauge_chart",
                revision=run_id,
                alt="Chosen gauges over the epochs of adaptation.",
                height=280,
            )


def confusion_panel(record: Record) -> None:
    """Confusion on the snapshot's target samples before, after, and the difference."""
    frames = maps.frames(record)
    target = None if frames is None else (frames.domain == 1) & (frames.labels >= 0)
    if target is None or not target.any():
        st.info("The confusion matrix appears when the source model is trained and the target has labels.", icon=":material/grid_on:")
        return
    names = class_names(record)
    before, after = (confusion(frames.labels[target], frames.predictions[i][target], len(names)) for i in (0, -1))
    columns = st.columns(3)
    figures = (
        ("Before", tables.confusion(before, names, dark())),
        ("After", tables.confusion(after, names, dark())),
        ("Difference", tables.confusion_change(before, after, names, dark())),
    )
    for column, (title, figure) in zip(columns, figures, strict=True):
        with column:
            st.markdown(f"**{title}**")
            chart(
                figure,
                key=f"confusion_{title}",
                revision=record.id,
                height=340,
                alt=f"Confusion matrix of target samples, {title.lower()}.",
            )
    st.caption(
        f"Share of each true class, {int(target.sum())} held-out target samples, evaluation only. Difference: blue fewer, orange more."
    )


def samples_panel(record: Record) -> None:
    """Target samples that adaptation put right, and ones that it broke."""
    frames = maps.frames(record)
    target = None if frames is None else (frames.domain == 1) & (frames.labels >= 0)
    if target is None or not target.any():
        st.info("Samples appear when the source model is trained and the target has labels.", icon=":material/image:")
        return
    names = class_names(record)
    right = [(frames.predictions[i] == frames.labels) & target for i in (0, -1)]
    for title, chosen in (("Fixed", ~right[0] & right[1]), ("Broken", right[0] & ~right[1] & target)):
        where = np.flatnonzero(chosen & target)
        st.markdown(f"**{title}: {len(where)}**")
        captions = [
            f"{names[frames.labels[i]]}: {names[frames.predictions[0][i]]} → {names[frames.predictions[-1][i]]} ({frames.confidence[-1][i]:.2f})"
            for i in where[:THUMBNAILS]
        ]
        thumbnails(frames, where[:THUMBNAILS], captions)
        if not len(where):
            st.caption("None.")
    st.caption(f"True class: prediction before → after (confidence). Up to {THUMBNAILS} of each, evaluation only.")


def thumbnails(frames: maps.Frames, where: np.ndarray, captions: list[str]) -> None:
    if not len(where):
        return
    if frames.pictures is None:
        st.dataframe(
            [
                {"sample": caption, **{f"x{j}": float(v) for j, v in enumerate(frames.rows[i][:8])}}
                for i, caption in zip(where, captions, strict=True)
            ],
            hide_index=True,
        )
        return
    picture_row(frames.pictures, where, captions)


def picture_row(pictures: np.ndarray, where: np.ndarray, captions: list[str], width: int = 88) -> None:
    """Some of the pictures in rows, enlarged without blurring."""
    st.image([enlarge(pictures[i]) for i in where], caption=[literal(text) for text in captions], width=width, alt=captions)


def enlarge(picture: np.ndarray, side: int = 112) -> np.ndarray:
    """The picture with each pixel repeated, so that the browser keeps it crisp."""
    factor = max(1, side // picture.shape[0])
    return picture.repeat(factor, 0).repeat(factor, 1)


def both_domains(record: Record) -> None:
    """Samples of source and target side by side, with what the network says of them before and after."""
    frames = maps.frames(record)
    if frames is None:
        return
    names = class_names(record)
    for column, domain, title in zip(st.columns(2), (0, 1), ("Source", "Target"), strict=True):
        with column:
            st.markdown(f"**{title} samples**")
            where = np.flatnonzero(frames.domain == domain)[:THUMBNAILS]
            captions = [
                f"{names[frames.predictions[0][i]]} → {names[frames.predictions[-1][i]]} ({frames.confidence[-1][i]:.2f})" for i in where
            ]
            thumbnails(frames, where, captions)
    st.caption("Prediction before → after adaptation, and its confidence. Held-out samples.")


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
