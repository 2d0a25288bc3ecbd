"""How far apart two domains are before any training, in what, and whether that is more than chance: computed stage by stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias, TypeVar

import numpy as np
from torch import Tensor

from core.domains.account import Account
from core.experiment import Experiment
from core.maps import class_centres, density_contour, pca_map
from core.maps.data import MapData
from core.measures import MEASURES, Measure
from core.measures.classifier import DomainAuc, classified
from core.measures.explained import Explained, explained
from core.measures.giveaways import Giveaway, giveaways
from core.measures.mmd import MMDTest, compared_by_kernel
from core.measures.properties import missing, properties
from core.measures.ridge import permuted
from core.reports.shift_classes import Classes, classes
from core.reports.shift_data import Material, View, material
from core.reports.shift_kind import EVIDENCE
from core.reports.text import auc_value
from core.samples.pictures import pictures
from core.samples.raw import Originals

POWER = 0.84  # standard deviations: 80 % of a normal distribution lie below
TYPICAL = 6  # most source-like and most target-like samples


@dataclass(frozen=True)
class Number:
    """A measure of the two domains, with its companions by their keys, and the same between two random sets of source samples.

    ``control`` is None where the source has too few samples for two sets.
    """

    measure: Measure
    values: Mapping[str, float]
    control: Mapping[str, float] | None


@dataclass(frozen=True, eq=False)
class Samples:
    """What is compared: n samples of each domain, ``measured`` of them by the statistics, ``control_n`` a side by the control.

    They are held out, or, where ``all_rows`` says so, any of the samples of each domain. There is no control where ``control_n`` is 0.
    Of images, ``pictures`` are shown; of tables, ``rows``; of texts and sounds what ``originals`` hold. ``labels`` are those of the 2n
    samples, −1 where unknown. ``accounts`` say what became of all rows of the files that the domains were read from.
    """

    doing: ClassVar[str] = "Loading both domains"
    view: View
    kind: str
    n: int
    measured: int
    control_n: int
    all_rows: bool
    sizes: tuple[int, int]
    seed: int
    columns: int
    labels: np.ndarray
    pictures: np.ndarray | None
    rows: np.ndarray | None
    originals: Originals
    class_names: tuple[str, ...]
    target_labelled: bool
    accounts: tuple[Account, ...]
    blind: bool


@dataclass(frozen=True, eq=False)
class Classifier:
    """How well classifiers tell the domains apart, and by what chance.

    ``typical`` are the most source-like source samples and the most target-like target samples, as indices of the 2n shown ones.
    ``seen`` is the AUC that the domains must have to be told apart by the permutation test in four of five samples of this size;
    above 1 where no difference is that sure to be seen.
    """

    doing: ClassVar[str] = "Asking a classifier"
    auc: DomainAuc
    control: DomainAuc | None
    p: float
    seen: float
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

    ``differ`` rests on both permutation tests together; it is false in 95 % of all comparisons without a shift. ``giveaways`` are the
    columns that tell the class or the domain by themselves, shift or no shift.
    """

    doing: ClassVar[str] = "Measuring simple properties"
    differ: bool
    properties: tuple[Explained, ...]
    giveaways: tuple[Giveaway, ...]


@dataclass(frozen=True)
class Distances:
    """Every other registered measure of a pair."""

    doing: ClassVar[str] = "Measuring distances and columns"
    numbers: tuple[Number, ...]


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
    yield classes(m, classifier.auc, smallest_p)
    yield Positions(pca_map([m.rows], [0]).positions[0])


def _samples(m: Material) -> Samples:
    x, kind = m.inputs, m.raw[0].kind
    known = np.full(m.n, -1) if m.target_labels is None else m.target_labels
    return Samples(
        view=m.view,
        kind=kind,
        n=m.n,
        measured=m.measured,
        control_n=0 if m.control is None else len(m.control.source),
        all_rows=m.training is None,
        sizes=m.sizes,
        seed=m.experiment.seed,
        columns=m.columns,
        labels=np.concatenate([m.pool_labels[: m.n], known]),
        pictures=pictures(x, sound=kind == "sound") if x.ndim == 4 else None,
        rows=x.numpy() if kind == "features" else None,
        originals=m.originals,
        class_names=m.class_names,
        target_labelled=m.target_labels is not None,
        accounts=m.accounts,
        blind=m.blind,
    )


def _numbers(m: Material, names: Iterable[str]) -> tuple[Number, ...]:
    """The named measures, those among them that compare two populations."""
    entries = [(entry, entry.of_pair) for entry in map(MEASURES.get, names)]
    return tuple(
        Number(entry, compute(m.compared), None if m.control is None else compute(m.control))
        for entry, compute in entries
        if compute is not None
    )


def _classifier(m: Material) -> Classifier:
    auc, n, measured = m.compared.once(classified), m.n, m.measured
    permutations = m.compared.once(permuted)
    order = np.concatenate([np.arange(measured), n + np.arange(measured)])[np.argsort(auc.scores)]
    return Classifier(
        auc=auc,
        control=None if m.control is None else m.control.once(classified),
        p=permutations.p,
        seen=_seen(permutations.null),
        typical=(order[order < n][:TYPICAL], order[::-1][order[::-1] >= n][:TYPICAL]),
        numbers=_numbers(m, ("domain_auc", "domain_p")),
    )


def _kernel(m: Material) -> Kernel:
    return Kernel(m.compared.once(compared_by_kernel), _numbers(m, ["mmd2"]))


def _seen(null: np.ndarray) -> float:
    """The AUC whose test comes out at `EVIDENCE` in four of five samples, if it scatters like one without a shift."""
    return float(np.quantile(null, 1 - EVIDENCE) + POWER * null.std())


def _explanation(m: Material, auc: DomainAuc, smallest_p: float) -> Explanation:
    named = _giveaways(m)
    if smallest_p > EVIDENCE:
        return Explanation(False, (), named)
    entries, values = properties(m.raw)
    filled = missing(entries, m.raw[0]), missing(entries, m.raw[1])
    return Explanation(True, tuple(explained(entries, *values, auc.auc, m.experiment.seed, filled)), named)


def _giveaways(m: Material) -> tuple[Giveaway, ...]:
    """Of rows of numbers; what holds for pixels and counts of words says nothing to anybody."""
    if m.view != "raw" or m.raw[0].kind != "features":
        return ()
    entries, values = properties(m.raw)
    titles = [entry.title for entry in entries]
    source, target = (np.where(missing(entries, raw), np.nan, side) for raw, side in zip(m.raw, values, strict=True))
    domains = np.repeat([0, 1], [len(source), len(target)])
    return (
        *giveaways(titles, source, m.pool_labels[: len(source)], "label"),
        *giveaways(titles, np.concatenate([source, target]), domains, "domain"),
    )


def _distances(m: Material, known: set[str]) -> Distances:
    return Distances(_numbers(m, [name for name in MEASURES.names() if name not in known]))


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
        note=f"Showing {samples.n:,} {'' if samples.all_rows else 'held-out '}samples per domain, drawn at random with seed "
        f"{samples.seed}.",
        judged=False,
    )
