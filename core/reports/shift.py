"""How far apart two domains are before any training, in what, and whether that is more than chance: computed stage by stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import chi2_contingency
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from torch import Tensor

from core.experiment import Experiment
from core.maps import class_centres, density_contour, pca_map
from core.maps.data import MapData
from core.measures import classifier, mmd
from core.measures.columns import ColumnTests, column_tests
from core.measures.distances import coral_distance, energy_distance, sliced_wasserstein
from core.measures.explained import Explained, explained
from core.measures.label_shift import LabelShift, label_shift, with_class_shares
from core.measures.mmd import MMDTest
from core.measures.properties import properties
from core.measures.ridge import RidgeTest, ridge_test
from core.reports.shift_data import Material, View, material
from core.reports.shift_kind import EVIDENCE, Kind, Matched, Overlap, kind_of_shift, overlap
from core.samples.raw import Originals

TYPICAL = 6  # most source-like and most target-like samples
FEWEST_MATCHED = 50  # samples per domain for a comparison with equal class shares


@dataclass(frozen=True, eq=False)
class ShiftReport:
    """What is known so far of the shift between two domains; what its stage has not come to is None.

    ``…_control`` compares two random sets of source samples, ``control_n`` each: what no shift looks like. ``typical`` are the
    most source-like source samples and the most target-like target samples, as indices of the 2n shown ones. Of images, ``pictures``
    are shown; of tables, ``rows``; of texts and sounds what ``originals`` hold. ``truth`` are the
    class shares of the target where its labels are known. ``positions`` is 2n×2 (PCA).
    """

    view: View
    kind: str
    n: int
    measured: int
    control_n: int
    seed: int
    columns: int
    labels: np.ndarray
    pictures: np.ndarray | None
    rows: np.ndarray | None
    originals: Originals
    class_names: tuple[str, ...]
    source_labels: np.ndarray
    target_labels: np.ndarray | None
    blind: bool = False
    auc: classifier.DomainAuc | None = None
    auc_control: classifier.DomainAuc | None = None
    ridge: RidgeTest | None = None
    ridge_control: RidgeTest | None = None
    typical: tuple[np.ndarray, np.ndarray] | None = None
    mmd: MMDTest | None = None
    mmd_control: MMDTest | None = None
    distances: dict[str, tuple[float, float]] | None = None
    column_tests: ColumnTests | None = None
    column_control: ColumnTests | None = None
    properties: tuple[Explained, ...] | None = None
    label_shift: LabelShift | None = None
    truth: np.ndarray | None = None
    matched: Matched | None = None
    overlap: Overlap | None = None
    kind_of_shift: Kind | None = None
    positions: np.ndarray | None = None

    @property
    def differ(self) -> bool:
        """Whether the two permutation tests together give evidence of a shift; false in 95 % of all comparisons without one."""
        return min(self.ridge.p, self.mmd.p) <= EVIDENCE


Stage = Callable[[Material, ShiftReport], ShiftReport]


def shift_report(experiment: Experiment, view: View = "raw", weights: Mapping[str, Tensor] | None = None) -> ShiftReport:
    """The whole report of an experiment's two domains; takes what `core.reports.shift_data.material` takes."""
    *_, last = shift_reports(experiment, view, weights)
    return last


def shift_reports(
    experiment: Experiment, view: View = "raw", weights: Mapping[str, Tensor] | None = None, blind: bool = False
) -> Iterator[ShiftReport]:
    """The report as it grows: first the samples, then with each stage more of it. The stages' names are in `STAGES`.

    With ``blind`` the target is treated as if it had no labels, so nothing in the report rests on them.

    Raises
    ------
    InputError
        The domains cannot be loaded or do not fit together, or the network is not there.
    """
    m = material(experiment, view, weights, blind)
    report = _samples(m)
    yield report
    for stage in STAGES.values():
        report = stage(m, report)
        yield report


def _samples(m: Material) -> ShiftReport:
    x, kind = m.samples.inputs, m.raw[0].kind
    pictures = None
    if x.ndim == 4:
        pictures = x[:, 0].numpy() if x.shape[1] == 1 else x.permute(0, 2, 3, 1).numpy()
        if kind == "sound":
            pictures = np.ascontiguousarray(pictures[:, ::-1])  # low bands below, as one draws them
    known = np.full(m.n, -1) if m.target_labels is None else m.target_labels
    return ShiftReport(
        view=m.view,
        kind=kind,
        n=m.n,
        measured=m.measured,
        control_n=len(m.control[0]),
        seed=m.experiment.seed,
        columns=m.columns,
        labels=np.concatenate([m.pool_labels[: m.n], known]),
        pictures=pictures,
        rows=x.numpy() if kind == "features" else None,
        originals=m.samples.originals,
        class_names=m.class_names,
        source_labels=m.class_shares[0],
        target_labels=m.class_shares[1],
        blind=m.blind,
    )


def _classifier(m: Material, r: ShiftReport) -> ShiftReport:
    (source, target), control, seed = m.compared, m.control, r.seed
    auc = classifier.domain_auc(source, target, seed)
    order = np.concatenate([np.arange(r.measured), r.n + np.arange(r.measured)])[np.argsort(auc.scores)]
    return replace(
        r,
        auc=auc,
        auc_control=classifier.domain_auc(*control, seed),
        ridge=ridge_test(source, target, seed=seed),
        ridge_control=ridge_test(*control, seed=seed),
        typical=(order[order < r.n][:TYPICAL], order[::-1][order[::-1] >= r.n][:TYPICAL]),
    )


def _bandwidth(m: Material) -> float:
    """The mean squared distance between two rows; if no column varies among those compared, any kernel width will do."""
    return float(2 * np.concatenate(m.compared).var(0, ddof=1, dtype=np.float64).sum()) or 1.0


def _kernel(m: Material, r: ShiftReport) -> ShiftReport:
    bandwidth = _bandwidth(m)
    return replace(
        r,
        mmd=mmd.mmd_test(*m.compared, bandwidth, seed=r.seed),
        mmd_control=mmd.mmd_test(*m.control, bandwidth, seed=r.seed),
    )


def _distances(m: Material, r: ShiftReport) -> ShiftReport:
    seed = r.seed
    found = {
        "sliced_wasserstein": tuple(sliced_wasserstein(*sides, seed) for sides in (m.compared, m.control)),
        "energy_distance": tuple(energy_distance(*sides) for sides in (m.compared, m.control)),
        "coral_distance": tuple(coral_distance(*sides) for sides in (m.compared, m.control)),
    }
    return replace(r, distances=found, column_tests=column_tests(*m.compared), column_control=column_tests(*m.control))


def _properties(m: Material, r: ShiftReport) -> ShiftReport:
    if not r.differ:
        return replace(r, properties=())
    entries, values = properties(m.raw)
    return replace(r, properties=tuple(explained(entries, *values, r.auc.auc, r.seed)))


def _classes(m: Material, r: ShiftReport) -> ShiftReport:
    """Label shift, and what it says of the kind of shift. Both rest on a linear classifier of the classes, fitted on source samples."""
    k, size = len(m.class_names), r.measured
    source, target = m.compared
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(m.training, m.training_labels)
    predicted, there = model.predict(m.pool), model.predict(target)
    labels = label_shift(m.pool_labels, predicted, there, k, r.seed)
    truth = None if m.target_labels is None else np.bincount(m.target_labels, minlength=k) / len(m.target_labels)
    matched = None
    if labels.estimated is not None:
        chosen = with_class_shares(m.pool_labels, labels.estimated, size, r.seed)
        if len(chosen) >= FEWEST_MATCHED:
            sides = m.pool[chosen], target[: len(chosen)]
            again = classifier.domain_auc(*sides, r.seed)
            matched = Matched(len(chosen), again.auc, again.low, mmd.mmd_test(*sides, _bandwidth(m), seed=r.seed).p)
    both = None
    if m.target_labels is not None:
        wrong = predicted[:size] != m.pool_labels[:size], there != m.target_labels[:size]
        both = overlap(wrong[0], r.auc.scores[:size], wrong[1], r.auc.scores[size:], r.seed)
    return replace(
        r,
        label_shift=labels,
        truth=truth,
        matched=matched,
        overlap=both,
        kind_of_shift=kind_of_shift(r.auc, min(r.ridge.p, r.mmd.p), labels, matched, _shares_differ(predicted, there, k), both),
    )


def _shares_differ(source: np.ndarray, target: np.ndarray, k: int) -> bool:
    """Whether the classes are predicted in other proportions, by the χ² test at 1 %."""
    counts = np.stack([np.bincount(values, minlength=k) for values in (source, target)])
    counts = counts[:, counts.sum(0) > 0]
    return counts.shape[1] > 1 and bool(chi2_contingency(counts).pvalue < 0.01)


def _map(m: Material, r: ShiftReport) -> ShiftReport:
    return replace(r, positions=pca_map([m.rows], [0]).positions[0])


STAGES: dict[str, Stage] = {
    "Asking a classifier": _classifier,
    "Comparing by kernel, 499 permutations": _kernel,
    "Measuring simple properties": _properties,
    "Measuring distances and columns": _distances,
    "Estimating class shares": _classes,
    "Drawing the map": _map,
}


def report_map(report: ShiftReport, name: str) -> MapData:
    """The PCA map of what was compared; ``name`` identifies the question that was asked."""
    count = 2 * report.n
    domain = (np.arange(count) >= report.n).astype(np.uint8)
    what = "raw inputs" if report.view == "raw" else "features"
    return MapData(
        identity=f"{name}-{report.view}{'-blind' * report.blind}-pca",
        version=f"{name}-{report.view}{'-blind' * report.blind}-pca",
        epochs=(0,),
        positions=report.positions[None],
        domain=domain,
        labels=report.labels.astype(np.int16),
        predictions=np.zeros((1, count), np.int16),
        confidence=np.zeros((1, count), np.float32),
        class_names=report.class_names,
        titles=(what,),
        captions=(f"Domain AUC {report.auc.auc:.2f} in the full space of {report.columns} {'inputs' if what == 'raw inputs' else what}",),
        centres=class_centres(report.positions, report.labels, domain, len(report.class_names))[None],
        outlines=(tuple(density_contour(report.positions[domain == side]) for side in (0, 1)),),
        pictures=report.pictures,
        rows=report.rows,
        originals=report.originals,
        note=f"Showing {report.n:,} held-out samples per domain, drawn with seed {report.seed}, source classes in proportion.",
        judged=False,
    )
