"""What adaptation did, whom it helped and whom it hurt, and how one would have known without target labels: from a run's record alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy.stats import binomtest, false_discovery_control
from scipy.stats import t as student

from core.cache import Cache
from core.experiment.settings import question
from core.measures import MEASURED
from core.measures.accuracy import Gain, wilson
from core.measures.alignment import Alignment, class_alignment
from core.measures.base import validators
from core.measures.calibration import Calibration, calibration
from core.measures.twins import Landing, landing
from core.measures.validators import chosen, nuclear_norm, soft_neighbourhood_density, weighted_validators
from core.runs import snapshots, store
from core.runs.record import Record
from core.samples.raw import Originals

Look = TypeVar("Look")
_REPORTS: Cache[TransferReport] = Cache("transfer reports", entries=64)
_VALUES: Cache[dict[str, float]] = Cache("validators of snapshots", entries=4096)


@dataclass(frozen=True)
class ClassChange:
    """Accuracy on one true class before and after, on the same n target samples.

    ``before`` and ``after`` are (share, low, high) with 95 % Wilson intervals. ``q`` is the p value of McNemar's exact test on the
    ``fixed`` and ``broken`` samples (McNemar 1947), corrected over the classes by Benjamini & Hochberg (1995).
    """

    name: str
    n: int
    before: tuple[float, float, float]
    after: tuple[float, float, float]
    fixed: int
    broken: int
    q: float

    @property
    def change(self) -> float:
        return self.after[0] - self.before[0]


@dataclass(frozen=True)
class TransferReport:
    """A run before adaptation and at its last snapshot, on the held-out samples whose features were kept.

    Attributes
    ----------
    epoch : int
        Of the last snapshot.
    n : int
        Kept samples per domain.
    class_names : tuple of str
    predicted : tuple of ndarray
        int64, K each: how often each class is predicted of the target before and after; needs no labels.
    source : tuple of Calibration
        Before and after.
    target, alignment : tuple or None
        Before and after; None where the target has no labels.
    twins : tuple of Landing, or None
        Before and after; None where it is not known which samples show the same thing, or may not be.
    identities : tuple of str
        Of the n source samples, then the n target ones, where both domains show the same things; else empty.
    classes : tuple of ClassChange
        Those classes of which there are labelled target samples.
    """

    epoch: int
    n: int
    class_names: tuple[str, ...]
    predicted: tuple[np.ndarray, np.ndarray]
    source: tuple[Calibration, Calibration]
    target: tuple[Calibration, Calibration] | None
    alignment: tuple[Alignment, Alignment] | None
    classes: tuple[ClassChange, ...]
    twins: tuple[Landing, Landing] | None = None
    identities: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What came of a choice, by the target's labels, on all held-out samples.

    ``accuracy`` is that of the chosen epoch; ``cost`` is the accuracy of the oracle's choice, the best of all epochs, minus that.
    """

    accuracy: float
    cost: float


@dataclass(frozen=True)
class Choice:
    """The epoch that a validator would have chosen.

    Attributes
    ----------
    validator : str
        The name of one of the measures that validate.
    epoch : int
    values : dict of int to float
        The validator at each epoch that it could choose from: all, or those whose features were kept.
    outcome : Outcome or None
        None without target labels.
    samples : float or None
        Of DEV and IWCV, at the chosen epoch: on how many equally weighted source samples they rest.
    """

    validator: str
    epoch: int
    values: dict[int, float]
    outcome: Outcome | None
    samples: float | None = None


def transfer_report(record: Record) -> TransferReport | None:
    """The report of a run so far; None before its first snapshot. Kept in memory until there is a new one."""
    marks = snapshots.readable(record)
    samples = record.samples()
    if not marks or samples is None:
        return None
    names = snapshots.class_names(record)
    stamp = (marks[0], marks[-1], names)
    # Without target labels it is another report, so whether they are hidden is a part of the key.
    return _REPORTS.get((str(record.folder), record.blind), lambda: _report(record, marks[0][0], marks[-1][0], samples, names), stamp)


def _report(record: Record, first: int, last: int, samples: dict[str, np.ndarray], names: tuple[str, ...]) -> TransferReport:
    labels, identities, seed = samples["labels"], Originals.read(samples).identities, record.experiment()["seed"]
    n, k = len(labels) // 2, len(names)
    of_source, of_target = labels[:n], labels[n:]
    before, after = (snapshots.snapshot(record, number) for number in (first, last))

    def both(look: Callable[[np.ndarray, np.ndarray], Look]) -> tuple[Look, Look]:
        """What is seen in the probabilities and features of each end."""
        return look(before["probabilities"], before["features"]), look(after["probabilities"], after["features"])

    known = of_target >= 0
    target = alignment = twins = None
    classes: tuple[ClassChange, ...] = ()
    if known.any():
        target = both(lambda p, _: calibration(p[n:][known], of_target[known], seed))
        alignment = both(lambda _, features: class_alignment(features[:n], of_source, features[n:], of_target, k))
        classes = class_changes(of_target[known], *both(lambda p, _: p[n:][known].argmax(1)), names)
        if set(identities[:n]) & set(identities[n:]):
            twins = both(lambda _, features: landing(features[:n], features[n:], identities[:n], identities[n:]))
    return TransferReport(
        epoch=last,
        n=n,
        class_names=names,
        predicted=both(lambda p, _: np.bincount(p[n:].argmax(1), minlength=k)),
        source=both(lambda p, _: calibration(p[:n], of_source, seed)),
        target=target,
        alignment=alignment,
        classes=classes,
        twins=twins,
        identities=identities,
    )


def class_changes(labels: np.ndarray, before: np.ndarray, after: np.ndarray, names: tuple[str, ...]) -> tuple[ClassChange, ...]:
    """Every present class before and after, from labels and two predictions of the same N samples."""
    present = np.unique(labels)
    rights = [(before[labels == value] == value, after[labels == value] == value) for value in present]
    changed = [(int((~was & now).sum()), int((was & ~now).sum())) for was, now in rights]
    q = false_discovery_control([binomtest(fixed, fixed + broken).pvalue if fixed + broken else 1.0 for fixed, broken in changed])
    return tuple(
        ClassChange(names[value], len(was), _share(was), _share(now), fixed, broken, float(corrected))
        for value, (was, now), (fixed, broken), corrected in zip(present, rights, changed, q, strict=True)
    )


def _share(right: np.ndarray) -> tuple[float, float, float]:
    """The share of right ones with its interval."""
    return float(right.mean()), *wilson(int(right.sum()), len(right))


def seeds_gain(gains: list[float]) -> Gain:
    """Mean gain over independent seeds with its 95 % interval mean ± t₀.₉₇₅(n−1) · s/√n (Student 1908); at least two seeds."""
    values = np.asarray(gains, np.float64)
    mean, half = values.mean(), student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return Gain(float(mean), float(mean - half), float(mean + half))


def same_but_seed(record: Record) -> dict[int, float]:
    """Seed → gain of all finished labelled runs that differ from this one in nothing but the seed (and how much of them is kept)."""
    asked = question(record.experiment())
    found = {}
    for other in store.records():
        # The question first: the lines of the few runs that answer it are read, not those of all.
        if question(other.experiment()) == asked and other.complete:
            gain = other.phase("adapt")[-1]["measures"].get("gain")
            if gain is not None:
                found[other.experiment()["seed"]] = gain
    return dict(sorted(found.items()))


def choices(record: Record) -> list[Choice]:
    """What each validator would have chosen so far, in the order of their registration; a validator without a value is left out.

    Values come from the run's lines. What these lack (DEV and IWCV, and in records of earlier versions SND and BNM) is computed from
    the snapshots, and kept in memory.
    """
    adapt = record.phase("adapt")
    accuracy = {epoch["number"]: epoch["measures"].get("target_accuracy") for epoch in adapt}
    top = max((value for value in accuracy.values() if value is not None), default=0.0)
    found = []
    for measure in validators():
        name = measure.name
        values = {epoch["number"]: value for epoch in adapt if (value := measure.value(epoch)) is not None}
        if len(values) < len(adapt):
            values = _from_snapshots(record, name)
        best = chosen(values, measure.better)
        if best is not None:
            reached = accuracy.get(best)
            outcome = None if reached is None else Outcome(reached, top - reached)
            resting = _from_snapshots(record, "samples").get(best) if name in ("dev", "iwcv") else None
            found.append(Choice(name, best, values, outcome, resting))
    return found


def outcomes(found: list[Choice]) -> list[tuple[Choice, Outcome]]:
    """The choices with what came of them; none without target labels."""
    return [(choice, choice.outcome) for choice in found if choice.outcome is not None]


def _from_snapshots(record: Record, name: str) -> dict[int, float]:
    samples = record.samples()
    if samples is None or name not in ("snd", "bnm", "dev", "iwcv", "samples"):
        return {}
    labels, seed = samples["labels"][: len(samples["labels"]) // 2], record.experiment()["seed"]
    found = {}
    for number, mark in snapshots.readable(record):
        key = (str(record.folder), number)
        found[number] = _VALUES.get(key, lambda number=number: _validators(snapshots.snapshot(record, number), labels, seed), mark)[name]
    return found


def _validators(arrays: dict[str, np.ndarray], labels: np.ndarray, seed: int) -> dict[str, float]:
    n = len(labels)
    m = min(n, MEASURED)
    p, f = arrays["probabilities"], arrays["features"]
    values = {"snd": soft_neighbourhood_density(p[n : n + m]), "bnm": nuclear_norm(p[n:])}
    return values | weighted_validators(p[:m], labels[:m], f[:m], f[n : n + m], seed)
