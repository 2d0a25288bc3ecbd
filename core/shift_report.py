"""How far apart two domains are before any training: statistics of their raw inputs, each beside its A/A control."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F

from core.bench import Bench, load_pair
from core.experiment import Experiment
from core.measures import classifier, mmd
from core.measures.mmd import MMDTest, random_halves
from core.projection import pca_map

SIDE = 16  # pixels: larger images are reduced to this before they are compared
TYPICAL = 6  # most source-like and most target-like samples


@dataclass(frozen=True)
class ShiftReport:
    """Statistics of n held-out samples per domain, on columns standardised over both domains.

    ``control`` values compare two random halves of the source: what no shift looks like. ``positions`` is 2n×2 (PCA).
    ``most_source_like`` and ``most_target_like`` index the 2n samples by the classifier's out-of-fold score.
    """

    n: int
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
    if inputs.ndim == 4:
        pictures = inputs[:, 0].numpy() if inputs.shape[1] == 1 else inputs.permute(0, 2, 3, 1).numpy()
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
    source, target, seed = z[:n], z[n:], experiment.seed
    # The mean squared distance between two rows; at least one column varies, or any kernel width will do.
    bandwidth = float(2 * z.var(0, ddof=1).sum()) or 1.0
    halves = random_halves(source, seed)
    auc = classifier.domain_auc(source, target, seed)
    order = np.argsort(auc.scores)
    labels = samples.labels.numpy()
    known = pair.target.labels
    return ShiftReport(
        n=n,
        seed=seed,
        columns=flat.shape[1],
        mmd=mmd.mmd_test(source, target, bandwidth, seed=seed),
        mmd_control=mmd.mmd_test(*halves, bandwidth, seed=seed),
        auc=auc,
        auc_control=classifier.a_a_control(source, seed),
        positions=pca_map([z], [0]).positions[0],
        labels=labels,
        pictures=pictures,
        rows=None if pictures is not None else inputs.numpy(),
        class_names=pair.class_names,
        source_labels=pair.source.labels.numpy()[pair.source.train.numpy()],
        target_labels=None if known is None else known.numpy()[pair.target.train.numpy()],
        most_source_like=order[:TYPICAL],
        most_target_like=order[::-1][:TYPICAL],
    )
