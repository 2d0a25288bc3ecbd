"""How far apart two domains are before any training: statistics of their raw inputs, each beside its A/A control."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F

from core.bench import Bench, load_pair
from core.experiment import Experiment
from core.map_data import MapData
from core.measures import MEASURED, classifier, mmd
from core.measures.mmd import MMDTest, random_halves
from core.originals import Originals
from core.projection import class_centres, density_contour, pca_map
from core.words import word_shares

SIDE = 16  # pixels: larger images are reduced to this before they are compared
WORDS = 256  # of a text's buckets, the most frequent ones
TYPICAL = 6  # most source-like and most target-like samples


@dataclass(frozen=True)
class ShiftReport:
    """Statistics of the first ``measured`` of n held-out samples per domain, on columns standardised over both domains.

    ``control`` values compare two random halves of the source: what no shift looks like. ``positions`` is 2n×2 (PCA).
    Of images, ``pictures`` are shown; of tables, ``rows``; of texts and sounds what ``originals`` hold.
    ``most_source_like`` and ``most_target_like`` index the 2n samples by the classifier's out-of-fold score.
    """

    n: int
    measured: int
    seed: int
    columns: int
    mmd: MMDTest
    mmd_control: MMDTest
    auc: classifier.DomainAuc
    auc_control: classifier.DomainAuc
    positions: np.ndarray
    labels: np.ndarray
    pictures: np.ndarray | None
    rows: np.ndarray | None
    class_names: tuple[str, ...]
    source_labels: np.ndarray
    target_labels: np.ndarray | None
    most_source_like: np.ndarray
    most_target_like: np.ndarray
    originals: Originals


def shift_report(experiment: Experiment) -> ShiftReport:
    """Compare the raw inputs of an experiment's two domains.

    Raises
    ------
    InputError
        The domains cannot be loaded or do not fit together.
    """
    pair = load_pair(experiment)
    samples = Bench(experiment, pair, "cpu").samples()
    inputs, n = samples.inputs, len(samples.inputs) // 2
    pictures = None
    if pair.source.kind == "text":
        flat = word_shares(inputs).numpy().astype(np.float64)
        # Rare words are noise here, and thousands of columns would make the page wait.
        flat = flat[:, np.sort(np.argsort(-np.count_nonzero(flat, axis=0), kind="stable")[:WORDS])]
    elif inputs.ndim == 4:
        pictures = inputs[:, 0].numpy() if inputs.shape[1] == 1 else inputs.permute(0, 2, 3, 1).numpy()
        if pair.source.kind == "sound":
            pictures = np.ascontiguousarray(pictures[:, ::-1])  # low bands below, as one draws them
        small = inputs.float()
        if small.shape[-1] > SIDE:
            small = F.interpolate(small, (SIDE, SIDE), mode="bilinear", antialias=True)
        flat = small.flatten(1).numpy().astype(np.float64)
    else:
        flat = inputs.numpy().astype(np.float64)
    spread = flat.std(0)
    z = ((flat - flat.mean(0)) / np.where(spread > 0, spread, 1))[:, spread > 0].astype(np.float32)
    if z.shape[1] == 0:
        z = np.zeros((2 * n, 1), np.float32)
    m = min(n, MEASURED)
    source, target, seed = z[:m], z[n : n + m], experiment.seed
    # The mean squared distance between two rows; at least one column varies, or any kernel width will do.
    bandwidth = float(2 * z.var(0, ddof=1).sum()) or 1.0
    halves = random_halves(source, seed)
    auc = classifier.domain_auc(source, target, seed)
    order = np.concatenate([np.arange(m), n + np.arange(m)])[np.argsort(auc.scores)]
    labels = samples.labels.numpy()
    known = pair.target.labels
    return ShiftReport(
        n=n,
        measured=m,
        seed=seed,
        columns=flat.shape[1],
        mmd=mmd.mmd_test(source, target, bandwidth, seed=seed),
        mmd_control=mmd.mmd_test(*halves, bandwidth, seed=seed),
        auc=auc,
        auc_control=classifier.a_a_control(source, seed),
        positions=pca_map([z], [0]).positions[0],
        labels=labels,
        pictures=pictures,
        rows=inputs.numpy() if pair.source.kind == "features" else None,
        class_names=pair.class_names,
        source_labels=pair.source.labels.numpy()[pair.source.train.numpy()],
        target_labels=None if known is None else known.numpy()[pair.target.train.numpy()],
        most_source_like=order[:TYPICAL],
        most_target_like=order[::-1][:TYPICAL],
        originals=samples.originals,
    )


def report_map(report: ShiftReport, name: str) -> MapData:
    """The PCA map of the raw inputs; ``name`` identifies the question that was asked."""
    count = 2 * report.n
    domain = (np.arange(count) >= report.n).astype(np.uint8)
    return MapData(
        identity=f"{name}-raw-pca",
        version=f"{name}-raw-pca",
        epochs=(0,),
        positions=report.positions[None],
        domain=domain,
        labels=report.labels.astype(np.int16),
        predictions=np.zeros((1, count), np.int16),
        confidence=np.zeros((1, count), np.float32),
        class_names=report.class_names,
        titles=("raw inputs",),
        captions=(f"Domain AUC {report.auc.auc:.2f} in the full space of {report.columns} inputs",),
        centres=class_centres(report.positions, report.labels, domain, len(report.class_names))[None],
        outlines=(tuple(density_contour(report.positions[domain == side]) for side in (0, 1)),),
        pictures=report.pictures,
        rows=report.rows,
        originals=report.originals,
        note=f"Showing {report.n:,} held-out samples per domain, drawn with seed {report.seed}, source classes in proportion.",
        judged=False,
    )
