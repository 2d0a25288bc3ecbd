"""How far apart two domains are before any training, in what, and whether that is more than chance: computed stage by stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias, TypeVar

import numpy as np
from scipy.stats import chi2_contingency
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from torch import Tensor

from core.domains.account import Account
from core.experiment import Experiment
from core.maps import class_centres, density_contour, pca_map
from core.maps.data import MapData
from core.measures import MEASURES, Measure
from core.measures.classifier import DomainAuc, classified, domain_auc
from core.measures.explained import Explained, explained
from core.measures.label_shift import LabelShift, label_shift, with_class_shares
from core.measures.mmd import MMDTest, compared_by_kernel, mmd_test
from core.measures.properties import properties
from core.measures.ridge import permuted
from core.reports.shift_data import Material, View, material
from core.reports.shift_kind import EVIDENCE, Kind, Matched, Overlap, kind_of_shift, overlap
from core.reports.text import auc_value
from core.samples.pictures import pictures
from core.samples.raw import Originals

TYPICAL = 6  # most source-like and most target-like samples
FEWEST_MATCHED = 50  # samples per domain for a comparison with equal class shares


@dataclass(frozen=True)
class Number:
    """A measure of the two domains, with its companions by their keys, and the same between two random sets of source samples."""

    measure: Measure
    values: Mapping[str, float]
    control: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Samples:
    """What is compared: n held-out samples of each domain, ``measured`` of them by the statistics, ``control_n`` a side by the control.

    Of images, ``pictures`` are shown; of tables, ``rows``; of texts and sounds what ``originals`` hold. ``labels`` are those of the 2n
    samples, −1 where unknown; ``source_labels`` and ``target_labels`` those of the whole domains, None where the target has none.
    ``accounts`` say what became of all rows of the files that the domains were read from.
    """

    doing: ClassVar[str] = "Loading both domains"
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
    accounts: tuple[Account, ...]
    blind: bool


@dataclass(frozen=True, eq=False)
class Classifier:
    """How well classifiers tell the domains apart, and by what chance.

    ``typical`` are the most source-like source samples and the most target-like target samples, as indices of the 2n shown ones.
    """

    doing: ClassVar[str] = "Asking a classifier"
    auc: DomainAuc
    control: DomainAuc
    p: float
    typical: tuple[np.ndarray, np.ndarray]
    numbers: tuple[Number, ...]


@dataclass(frozen=True, eq=False)
class Kernel:
    """The kernel test, with its values under the null."""

    doing: ClassVar[str] = "Comparing by kernel, 499 permutations"
    test: MMDTest
    numbers: tuple[Number, ...]


@dataclass(frozen=True)
class Explanation:
    """Whether there is evidence of a shift, and what simple properties explain it, the most telling first.

    ``differ`` rests on both permutation tests together; it is false in 95 % of all comparisons without a shift.
    """

    doing: ClassVar[str] = "Measuring simple properties"
    differ: bool
    properties: tuple[Explained, ...]


@dataclass(frozen=True)
class Distances:
    """Every other registered measure of a pair."""

    doing: ClassVar[str] = "Measuring distances and columns"
    numbers: tuple[Number, ...]


@dataclass(frozen=True, eq=False)
class Classes:
    """Class shares of the target, estimated without its labels, and what they say of the kind of shift.

    ``truth`` are the true ones where labels are known; ``matched`` is None where too few samples could be drawn with equal class shares,
    ``overlap`` where the target has no labels.
    """

    doing: ClassVar[str] = "Estimating class shares"
    shift: LabelShift
    truth: np.ndarray | None
    matched: Matched | None
    overlap: Overlap | None
    kind: Kind


@dataclass(frozen=True, eq=False)
class Positions:
    """The 2n samples on a plane, float32 2n×2 (PCA)."""

    doing: ClassVar[str] = "Drawing the map"
    positions: np.ndarray


Stage: TypeAlias = Samples | Classifier | Kernel | Explanation | Distances | Classes | Positions
STAGES: tuple[type[Stage], ...] = (Samples, Classifier, Kernel, Explanation, Distances, Classes, Positions)
Kept = TypeVar("Kept", bound=Stage)


@dataclass(frozen=True, eq=False)
class ShiftReport:
    """Everything that is known of the shift between two domains."""

    samples: Samples
    classifier: Classifier
    kernel: Kernel
    explanation: Explanation
    distances: Distances
    classes: Classes
    map: Positions

    @staticmethod
    def of(stages: Iterable[Stage]) -> ShiftReport:
        """From all stages."""
        done = list(stages)
        return ShiftReport(
            only(done, Samples),
            only(done, Classifier),
            only(done, Kernel),
            only(done, Explanation),
            only(done, Distances),
            only(done, Classes),
            only(done, Positions),
        )

    @property
    def numbers(self) -> tuple[Number, ...]:
        """Every registered measure of a pair."""
        return self.classifier.numbers + self.kernel.numbers + self.distances.numbers


def only(stages: Iterable[Stage], kind: type[Kept]) -> Kept:
    """The stage of this kind, which has come already."""
    return next(stage for stage in stages if isinstance(stage, kind))


def shift_report(experiment: Experiment, view: View = "raw", weights: Mapping[str, Tensor] | None = None) -> ShiftReport:
    """The whole report of an experiment's two domains; takes what `core.reports.shift_data.material` takes."""
    return ShiftReport.of(shift_stages(experiment, view, weights))


def shift_stages(
    experiment: Experiment, view: View = "raw", weights: Mapping[str, Tensor] | None = None, blind: bool = False
) -> Iterator[Stage]:
    """The report stage by stage, in the order of `STAGES`; each is complete when it comes.

    With ``blind`` the target is treated as if it had no labels, so nothing in the report rests on them.

    Raises
    ------
    InputError
        The domains cannot be loaded or do not fit together, or the network is not there.
    """
    m = material(experiment, view, weights, blind)
    yield _samples(m)
    classifier = _classifier(m)
    yield classifier
    kernel = _kernel(m)
    yield kernel
    smallest_p = min(classifier.p, kernel.test.p)
    yield _explanation(m, classifier.auc, smallest_p)
    yield _distances(m, {number.measure.name for number in classifier.numbers + kernel.numbers})
    yield _classes(m, classifier.auc, smallest_p)
    yield Positions(pca_map([m.rows], [0]).positions[0])


def _samples(m: Material) -> Samples:
    x, kind = m.samples.inputs, m.raw[0].kind
    known = np.full(m.n, -1) if m.target_labels is None else m.target_labels
    return Samples(
        view=m.view,
        kind=kind,
        n=m.n,
        measured=m.measured,
        control_n=len(m.control.source),
        seed=m.experiment.seed,
        columns=m.columns,
        labels=np.concatenate([m.pool_labels[: m.n], known]),
        pictures=pictures(x, sound=kind == "sound") if x.ndim == 4 else None,
        rows=x.numpy() if kind == "features" else None,
        originals=m.samples.originals,
        class_names=m.class_names,
        source_labels=m.class_shares[0],
        target_labels=m.class_shares[1],
        accounts=m.accounts,
        blind=m.blind,
    )


def _numbers(m: Material, names: Iterable[str]) -> tuple[Number, ...]:
    """The named measures, those among them that compare two populations."""
    entries = [(entry, entry.of_pair) for entry in map(MEASURES.get, names)]
    return tuple(Number(entry, compute(m.compared), compute(m.control)) for entry, compute in entries if compute is not None)


def _classifier(m: Material) -> Classifier:
    auc, n, measured = m.compared.once(classified), m.n, m.measured
    order = np.concatenate([np.arange(measured), n + np.arange(measured)])[np.argsort(auc.scores)]
    return Classifier(
        auc=auc,
        control=m.control.once(classified),
        p=m.compared.once(permuted).p,
        typical=(order[order < n][:TYPICAL], order[::-1][order[::-1] >= n][:TYPICAL]),
        numbers=_numbers(m, ("domain_auc", "domain_p")),
    )


def _kernel(m: Material) -> Kernel:
    return Kernel(m.compared.once(compared_by_kernel), _numbers(m, ["mmd2"]))


def _explanation(m: Material, auc: DomainAuc, smallest_p: float) -> Explanation:
    if smallest_p > EVIDENCE:
        return Explanation(False, ())
    entries, values = properties(m.raw)
    return Explanation(True, tuple(explained(entries, *values, auc.auc, m.experiment.seed)))


def _distances(m: Material, known: set[str]) -> Distances:
    return Distances(_numbers(m, [name for name in MEASURES.names() if name not in known]))


def _classes(m: Material, auc: DomainAuc, smallest_p: float) -> Classes:
    """Label shift, and what it says of the kind of shift. Both rest on a linear classifier of the classes, fitted on source samples."""
    k, size, seed = len(m.class_names), m.measured, m.experiment.seed
    target = m.compared.target
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(m.training, m.training_labels)
    predicted, there = np.asarray(model.predict(m.pool)), np.asarray(model.predict(target))
    labels = label_shift(m.pool_labels, predicted, there, k, seed)
    truth = None if m.target_labels is None else np.bincount(m.target_labels, minlength=k) / len(m.target_labels)
    matched = None
    if labels.estimated is not None:
        chosen = with_class_shares(m.pool_labels, labels.estimated, size, seed)
        if len(chosen) >= FEWEST_MATCHED:
            sides = m.pool[chosen], target[: len(chosen)]
            again = domain_auc(*sides, seed)
            matched = Matched(len(chosen), again.auc, again.low, mmd_test(*sides, m.compared.bandwidth, seed=seed).p)
    both = None
    if m.target_labels is not None:
        wrong = [np.not_equal(guess[:size], labels[:size]) for guess, labels in ((predicted, m.pool_labels), (there, m.target_labels))]
        both = overlap(wrong[0], auc.scores[:size], wrong[1], auc.scores[size:], seed)
    kind = kind_of_shift(auc, smallest_p, labels, matched, _shares_differ(predicted, there, k), both)
    return Classes(labels, truth, matched, both, kind)


def _shares_differ(source: np.ndarray, target: np.ndarray, k: int) -> bool:
    """Whether the classes are predicted in other proportions, by the χ² test at 1 %."""
    counts = np.stack([np.bincount(values, minlength=k) for values in (source, target)])
    counts = counts[:, counts.sum(0) > 0]
    if counts.shape[1] < 2:
        return False
    found: Any = chi2_contingency(counts)  # SciPy's types do not name the fields
    return bool(found.pvalue < 0.01)


def report_map(report: ShiftReport, name: str) -> MapData:
    """The PCA map of what was compared; ``name`` identifies the question that was asked."""
    samples, positions = report.samples, report.map.positions
    count = 2 * samples.n
    domain = (np.arange(count) >= samples.n).astype(np.uint8)
    what = "raw inputs" if samples.view == "raw" else "features"
    named = f"{name}-{samples.view}{'-blind' * samples.blind}-pca"
    auc, inputs = report.classifier.auc.auc, "inputs" if what == "raw inputs" else what
    return MapData(
        identity=named,
        version=named,
        epochs=(0,),
        positions=positions[None],
        domain=domain,
        labels=samples.labels.astype(np.int16),
        predictions=np.zeros((1, count), np.int16),
        confidence=np.zeros((1, count), np.float32),
        class_names=samples.class_names,
        titles=(what,),
        captions=(f"Domain AUC {auc_value(auc)} in the full space of {samples.columns} {inputs}",),
        centres=class_centres(positions, samples.labels, domain, len(samples.class_names))[None],
        outlines=(tuple(density_contour(positions[domain == side]) for side in (0, 1)),),
        pictures=samples.pictures,
        rows=samples.rows,
        originals=samples.originals,
        note=f"Showing {samples.n:,} held-out samples per domain, drawn with seed {samples.seed}, source classes in proportion.",
        judged=False,
    )
