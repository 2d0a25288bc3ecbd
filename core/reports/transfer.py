"""What adaptation did, whom it helped and whom it hurt, and how one would have known without target labels: from a run's record alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest, false_discovery_control
from scipy.stats import t as student

from core.cache import Cache
from core.experiment.settings import question
from core.measures import MEASURED
from core.measures.accuracy import Gain, confusion, wilson
from core.measures.alignment import Alignment, class_alignment
from core.measures.calibration import Calibration, calibration
from core.measures.validators import VALIDATORS, chosen, nuclear_norm, soft_neighbourhood_density, weighted_validators
from core.runs import snapshots, store
from core.runs.record import Record

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
    target : tuple of Calibration or None
        None where the target has no labels; so are ``counts`` (K×K confusion, before and after) and ``alignment``.
    classes : tuple of ClassChange
        Those classes of which there are labelled target samples.
    """

    epoch: int
    n: int
    class_names: tuple[str, ...]
    predicted: tuple[np.ndarray, np.ndarray]
    source: tuple[Calibration, Calibration]
    target: tuple[Calibration, Calibration] | None
    counts: tuple[np.ndarray, np.ndarray] | None
    alignment: tuple[Alignment, Alignment] | None
    classes: tuple[ClassChange, ...]


@dataclass(frozen=True)
class Choice:
    """The epoch that a validator would have chosen, and what came of it.

    Attributes
    ----------
    validator : str
        A name of `VALIDATORS`.
    epoch : int
    values : dict of int to float
        The validator at each epoch that it could choose from: all, or those whose features were kept.
    accuracy : float or None
        Target accuracy at the chosen epoch, on all held-out samples; None without target labels.
    cost : float or None
        Accuracy of the oracle's choice, the best of all epochs, minus ``accuracy``.
    samples : float or None
        Of DEV and IWCV, at the chosen epoch: on how many equally weighted source samples they rest.
    """

    validator: str
    epoch: int
    values: dict[int, float]
    accuracy: float | None
    cost: float | None
    samples: float | None = None


def transfer_report(record: Record) -> TransferReport | None:
    """The report of a run so far; None before its first snapshot. Kept in memory until there is a new one."""
    marks = snapshots.readable(record)
    samples = record.samples()
    if not marks or samples is None:
        return None
    labels = samples["labels"]
    seed = record.experiment()["seed"]
    names = snapshots.class_names(record)
    stamp = (marks[0], marks[-1], names)
    # Without target labels it is another report, so whether they are hidden is a part of the key.
    return _REPORTS.get((str(record.folder), record.blind), lambda: _report(record, marks[0][0], marks[-1][0], labels, names, seed), stamp)


def _report(record: Record, first: int, last: int, labels: np.ndarray, names: tuple[str, ...], seed: int) -> TransferReport:
    n, k = len(labels) // 2, len(names)
    ends = [snapshots.snapshot(record, number) for number in (first, last)]
    of_source, of_target = labels[:n], labels[n:]
    known = of_target >= 0
    probabilities = [end["probabilities"] for end in ends]
    predicted = [p[n:].argmax(1) for p in probabilities]
    target = counts = alignment = None
    classes: tuple[ClassChange, ...] = ()
    if known.any():
        target = tuple(calibration(p[n:][known], of_target[known], seed) for p in probabilities)
        counts = tuple(confusion(of_target[known], guess[known], k) for guess in predicted)
        alignment = tuple(class_alignment(end["features"][:n], of_source, end["features"][n:], of_target, k) for end in ends)
        classes = class_changes(of_target[known], *(guess[known] for guess in predicted), names)
    return TransferReport(
        epoch=last,
        n=n,
        class_names=names,
        predicted=tuple(np.bincount(guess, minlength=k) for guess in predicted),
        source=tuple(calibration(p[:n], of_source, seed) for p in probabilities),
        target=target,
        counts=counts,
        alignment=alignment,
        classes=classes,
    )


def class_changes(labels: np.ndarray, before: np.ndarray, after: np.ndarray, names: tuple[str, ...]) -> tuple[ClassChange, ...]:
    """Every present class before and after, from labels and two predictions of the same N samples."""
    found = []
    for value in np.unique(labels):
        right = [predicted[labels == value] == value for predicted in (before, after)]
        shares = [(float(r.mean()), *wilson(int(r.sum()), len(r))) for r in right]
        fixed, broken = int((~right[0] & right[1]).sum()), int((right[0] & ~right[1]).sum())
        p = binomtest(fixed, fixed + broken).pvalue if fixed + broken else 1.0
        found.append((names[value], len(right[0]), *shares, fixed, broken, p))
    q = false_discovery_control([entry[-1] for entry in found])
    return tuple(ClassChange(*entry[:-1], float(value)) for entry, value in zip(found, q, strict=True))


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
        adapt = other.phase("adapt")
        if (
            adapt
            and adapt[-1]["measures"].get("gain") is not None
            and other.status()["state"] == "finished"
            and question(other.experiment()) == asked
        ):
            found[other.experiment()["seed"]] = adapt[-1]["measures"]["gain"]
    return dict(sorted(found.items()))


def choices(record: Record) -> list[Choice]:
    """What each validator would have chosen so far, `VALIDATORS` in order; a validator without a value is left out.

    Values come from the run's lines. What these lack (DEV and IWCV, and in records of earlier versions SND and BNM) is computed from
    the snapshots, and kept in memory.
    """
    adapt = record.phase("adapt")
    accuracy = {epoch["number"]: epoch["measures"].get("target_accuracy") for epoch in adapt}
    known = [value for value in accuracy.values() if value is not None]
    found = []
    for name, better in VALIDATORS.items():
        values = {epoch["number"]: _recorded(epoch, name) for epoch in adapt}
        if any(value is None for value in values.values()):
            values = _from_snapshots(record, name)
        best = chosen(values, better)
        if best is not None:
            reached = accuracy.get(best)
            cost = max(known) - reached if reached is not None else None
            resting = _from_snapshots(record, "samples").get(best) if name in ("dev", "iwcv") else None
            found.append(Choice(name, best, values, reached, cost, resting))
    return found


def _recorded(epoch: dict[str, Any], name: str) -> float | None:
    return epoch["gauges" if name == "entropy" else "measures"].get(name)


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
