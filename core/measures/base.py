"""The one registry of measures: what a number means, how it is computed and drawn, and whether it needs target labels.

A measure is registered once, beside its function: ``MEASURES.add(Measure(name=…, …, of_run=…, of_pair=…))``. Every view (curves, tables,
the shift report, the command line, the glossary, blind mode) asks `MEASURES` and lists nothing itself. What has a meaning and is no
function of an evaluation or a pair, such as a finding of a report, is registered in the same way, without a function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np

from core.measures.scale import Scale
from core.registry import Registry

MEASURED = 500  # samples per domain in MMD² and domain AUC: the snapshot's first ones, so that both cost the same at any snapshot size
Z = 1.959963984540054  # 97.5 % point of the standard normal: the half of every 95 % interval that rests on it
Result = TypeVar("Result")


@dataclass(frozen=True)
class Evaluation:
    """What a model says about held-out samples of both domains at one epoch.

    Attributes
    ----------
    source_probabilities, target_probabilities : ndarray
        float32, N×K: softmax outputs for *all* held-out samples of a domain; accuracy comes from these.
    source_labels, target_labels : ndarray or None
        int64, N; the target's are None where unknown and are used for evaluation only.
    source_features, target_features : ndarray
        float32, n×D with the same n on both sides (the snapshot sample): the shift measures come from these.
    scale : Scale
        How features are standardised, and the kernel's width, for MMD²: fixed once per run, on the features before adaptation, so that
        the curve means one thing.
    seed : int
        Source of every random draw.
    grid : tuple of ndarray, optional
        Features and probabilities at the points of a grid over the plane, for two-dimensional inputs.
    identities : tuple of sequences, optional
        What the held-out samples of source and target are, where both show the same things: twins have the same text.
    """

    source_probabilities: np.ndarray
    target_probabilities: np.ndarray
    source_labels: np.ndarray
    target_labels: np.ndarray | None
    source_features: np.ndarray
    target_features: np.ndarray
    scale: Scale
    seed: int
    grid: tuple[np.ndarray, np.ndarray] | None = None
    identities: tuple[Sequence[str], Sequence[str]] | None = None


@dataclass(frozen=True, eq=False)
class Populations:
    """Two samples to be compared, without labels: source and target, or two random sets of source samples as a control.

    Attributes
    ----------
    source, target : ndarray
        float32, n×D with the same n on both sides, standardised over both domains.
    bandwidth : float
        Base bandwidth of the MMD kernel in squared distance; the same for a comparison and its control.
    seed : int
        Source of every random draw.
    things : ndarray, optional
        int64, 2n: of which thing each row is a sample, where both domains show the same things.
    """

    source: np.ndarray
    target: np.ndarray
    bandwidth: float
    seed: int
    things: np.ndarray | None = None
    _known: dict[Callable[[Any], Any], Any] = field(default_factory=dict, repr=False)

    def once(self, compute: Callable[[Populations], Result]) -> Result:
        """``compute(self)``, computed by the first who asks: several measures rest on one classifier."""
        if compute not in self._known:
            self._known[compute] = compute(self)
        return self._known[compute]


def numbered(identities: tuple[Sequence[str], Sequence[str]], n: int) -> np.ndarray:
    """int64, 2n: a number for each thing among the first n samples of source and target; twins have the same."""
    return np.unique([*identities[0][:n], *identities[1][:n]], return_inverse=True)[1]


@dataclass(frozen=True)
class Band:
    """A range that is drawn around or behind a measure's curve: the keys of its two ends, and what it is.

    ``around`` the values it is their 95 % interval; otherwise it stands by itself, such as what there would be without a shift.
    """

    low: str
    high: str
    title: str = "95 % interval"
    around: bool = True


@dataclass(frozen=True)
class Drawing:
    """How a measure is written and drawn.

    Attributes
    ----------
    form : str
        "number" is written as it is, "share" in percent, "points" as a signed difference in percentage points, "chance" (an AUC) with
        two digits, "p" with three.
    digits : int, optional
        After the point; three significant ones if None.
    axis : str
        Beside the curve; title and unit if empty.
    band : Band, optional
    p : str
        Key of a p value that belongs to each value.
    picture : str
        The picture of a run that shows it already, such as "accuracy". Where there is none, a reader finds its curve under "More measures".
    from_zero : bool
        Whether the axis of its curve begins at 0.
    column : str
        In the table of runs: "shown" from the start, "blind" only where target labels are hidden, "asked" if somebody asks for it.
    beside : str
        Of two populations: what stands under the number, with the companions' last words as fields: ``"p = {p:.3f}"``.
    """

    form: Literal["number", "share", "points", "chance", "p"] = "number"
    digits: int | None = None
    axis: str = ""
    band: Band | None = None
    p: str = ""
    picture: str = ""
    from_zero: bool = False
    column: Literal["shown", "blind", "asked"] = "asked"
    beside: str = ""

    @property
    def factor(self) -> float:
        """From the value as it is stored to the one that is drawn."""
        return 100 if self.form in ("share", "points") else 1


@dataclass(frozen=True)
class Measure:
    """One number: what it means, how it is computed, and how it is shown.

    Attributes
    ----------
    name : str
        Its key in records, reports and JSON, for example ``"domain_auc"``.
    title : str
        What stands above the number.
    meaning : str
        One sentence for a reader who knows no statistics: what it says, from where to where, and which end is good.
    formula : str
        LaTeX without dollar signs.
    source : str
        Authors, year, and where it was published.
    limits : str
        What the number cannot say, and what deceives it: one to three sentences.
    range : str
        Its values in words, for example "0 to 1"; empty for a finding that is no single number.
    better : {"higher", "lower"}, optional
        Which end is good, where one is.
    label : str
        In a legend or as the head of a column; the title if empty.
    needs_target_labels : bool
        Then blind mode hides it and its companions.
    companions : tuple of str
        Keys that stand beside it, such as the ends of its interval. Each begins with the measure's name, or is no other measure's.
    drawing : Drawing
    finding_of : {"run", "pair"}, optional
        What a finding of a report is about, which is no number of an epoch and has no function here.
    kept : {"measures", "gauges"}, optional
        Where each epoch of a run keeps it. None: it stands in no epoch, but in a report.
    every_run : bool
        False for what only some methods report.
    validates : bool
        Whether one would choose an epoch by it if there were no target labels.
    of_run : callable, optional
        ``of_run(evaluation)`` returns the measure and its companions; a value is None where it cannot be computed.
    of_pair : callable, optional
        ``of_pair(populations)`` returns the measure and its companions. It never sees a label.
    """

    name: str
    title: str
    meaning: str
    formula: str
    source: str
    limits: str
    range: str = ""
    better: Literal["higher", "lower"] | None = None
    label: str = ""
    needs_target_labels: bool = False
    companions: tuple[str, ...] = ()
    drawing: Drawing = Drawing()
    finding_of: Literal["run", "pair"] | None = None
    kept: Literal["measures", "gauges"] | None = None
    every_run: bool = True
    validates: bool = False
    of_run: Callable[[Evaluation], Mapping[str, float | None]] | None = None
    of_pair: Callable[[Populations], Mapping[str, float]] | None = None

    def __post_init__(self) -> None:
        if not self.label:
            object.__setattr__(self, "label", self.title)
        if self.of_run is not None:
            object.__setattr__(self, "kept", "measures")

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.name, *self.companions)

    @property
    def of(self) -> tuple[str, ...]:
        """Whether it belongs to a run, to a comparison of two populations (a pair), or to both."""
        belongs = {"run": self.kept is not None, "pair": self.of_pair is not None}
        return tuple(what for what, here in belongs.items() if here or self.finding_of == what)

    def value(self, epoch: dict[str, Any]) -> float | None:
        """Its value in the line of an epoch; None where it has none, as in a run that was stored before there was this measure."""
        return epoch[self.kept].get(self.name) if self.kept is not None else None


MEASURES: Registry[Measure] = Registry("measure")


def measure_all(evaluation: Evaluation) -> dict[str, float | None]:
    """Every registered measure of one evaluation, in one flat dictionary."""
    return measure_some(evaluation, MEASURES.names())


def measure_accuracy(evaluation: Evaluation) -> dict[str, float | None]:
    """The accuracies on both domains alone."""
    return measure_some(evaluation, ["source_accuracy", "target_accuracy", "target_worst_class"])


def measure_some(evaluation: Evaluation, names: list[str]) -> dict[str, float | None]:
    """The named measures of one evaluation, those among them that are computed from one."""
    values: dict[str, float | None] = {}
    for name in names:
        if (compute := MEASURES.get(name).of_run) is not None:
            values.update(compute(evaluation))
    return values


def in_runs(blind: bool = False) -> list[Measure]:
    """What epochs of runs keep, in the order of registration; with ``blind``, what needs no target labels."""
    return [entry for entry in MEASURES if entry.kept is not None and not (blind and entry.needs_target_labels)]


def validators() -> list[Measure]:
    """What one could choose an epoch by without target labels."""
    return [entry for entry in MEASURES if entry.validates]


def without_target_labels() -> frozenset[str]:
    """The keys of an epoch's measures that need no target labels. Whatever else stands there may rest on them."""
    return frozenset(key for entry in in_runs(blind=True) for key in entry.keys)
