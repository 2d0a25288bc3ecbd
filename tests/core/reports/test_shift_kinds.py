"""Kinds of shift on generated populations whose kind is known, with and without target labels, up to domains that are told apart always."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.domains import Domain, Pair
from core.experiment import Experiment
from core.measures.classifier import classified
from core.measures.mmd import mmd2_of_pair, mmd2_of_run
from core.reports.shift_classes import Classes, classes, shares_differ
from core.reports.shift_data import material
from core.training.build import make_method
from core.training.data import Data
from core.training.evaluation import evaluate

pytestmark = pytest.mark.slow
PAIRS = 12
MOONS = {"name": "moons", "params": {"n": 400}}
ASKED = Experiment.parse({"source": MOONS, "target": MOONS, "backbone": {"name": "mlp"}})


def population(rng: np.random.Generator, share: float, elsewhere: float, towards: float, n: int = 1200) -> Domain:
    """Two Gaussian classes, told apart by three columns; ``elsewhere`` moves four others, ``towards`` moves along the classes."""
    labels = (rng.random(n) < share).astype(np.int64)
    rows = rng.normal(size=(n, 7)).astype(np.float32)
    rows[:, :3] += 2 * labels[:, None] + np.float32(towards)
    rows[:, 3:] += np.float32(elsewhere)
    order, third = torch.from_numpy(rng.permutation(n)), n // 3
    return Domain("gauss", torch.from_numpy(rows), torch.from_numpy(labels), ("a", "b"), order[third:], order[:third], "", "")


def found(
    monkeypatch, seed: int, share: float = 0.5, elsewhere: float = 0.0, towards: float = 0.0, blind: bool = False, n: int = 1200
) -> Classes:
    """What the report says of a source of two equal classes and such a target."""
    rng = np.random.default_rng([seed, 77])
    pair = Pair(population(rng, 0.5, 0, 0, n), population(rng, share, elsewhere, towards, n))
    monkeypatch.setattr("core.reports.shift_data.load_pair", lambda *_: pair)
    m = material(ASKED, blind=blind)
    return classes(m, m.compared.once(classified), 0.002)


@pytest.mark.parametrize("blind", [False, True], ids=["labels known", "no labels"])
@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        ({"share": 0.85, "elsewhere": 6.0}, "label and covariate"),
        ({"share": 0.5, "elsewhere": 6.0}, "covariate"),
        ({"share": 0.85}, "label"),
        ({"share": 0.85, "elsewhere": 0.5}, "label and covariate"),
    ],
    ids=["both, never mistaken", "looks, never mistaken", "shares", "both"],
)
def test_the_kind_is_named_in_eleven_of_twelve_pairs(monkeypatch, shift, expected, blind):
    """An AUC of 1 before and after shares are made equal once hid label shift: 0 of 12."""
    names = [found(monkeypatch, seed, **shift, blind=blind).kind.name for seed in range(PAIRS)]
    assert names.count(expected) >= PAIRS - 1, names


def test_a_classifier_that_other_looks_mislead_proves_no_label_shift(monkeypatch):
    """Moved along the classes themselves, one class looks like the other: predictions come in other shares, the classes do not."""
    kinds = [found(monkeypatch, seed, elsewhere=6.0, towards=1.0, blind=True).kind for seed in range(PAIRS)]
    names = [kind.name for kind in kinds]
    assert names.count("covariate") >= PAIRS - 1, names
    assert "misled" in " ".join(kinds[names.index("covariate")].needed)


def test_labels_tell_the_kind_where_the_classifier_is_misled(monkeypatch):
    kinds = [found(monkeypatch, seed, share=0.85, elsewhere=6.0, towards=1.0).kind for seed in range(PAIRS)]
    names = [kind.name for kind in kinds]
    assert names.count("label and covariate") >= PAIRS - 1, names
    assert "By the labels, the classes come in other shares" in " ".join(kinds[0].evidence)


def test_other_shares_alone_are_no_concept_shift(monkeypatch):
    """What lies between the classes is more often of the common one, so errors there change with the shares alone: 4 of 12 before."""
    kinds = [found(monkeypatch, seed, share=0.85) for seed in range(PAIRS)]
    assert sum("concept" in one.kind.name for one in kinds) <= 1
    assert "Where both domains have samples, and with equal class shares, a classifier" in " ".join(kinds[0].kind.evidence)
    few = found(monkeypatch, 0, share=0.999)
    assert few.overlap is None or few.overlap.n >= 50


def test_a_source_without_the_targets_class_cannot_tell_concept_shift(monkeypatch):
    """Of thirty held-out source samples too few remain in shares of 5 to 95 %."""
    kind = found(monkeypatch, 0, share=0.97, n=210).kind
    assert kind.name == "label"
    assert "too few source samples of some class remain to compare errors with equal class shares" in " ".join(kind.needed)


def test_true_shares_differ_from_five_points_on():
    many = np.repeat([0, 1], 20_000)
    assert not shares_differ(many, np.repeat([0, 1], [20_800, 19_200]), 2, least=0.05)
    assert shares_differ(many, np.repeat([0, 1], [23_000, 17_000]), 2, least=0.05)
    assert not shares_differ(np.repeat([0, 1], 10), np.repeat([0, 1], [12, 8]), 2, least=0.05)


def test_a_run_and_a_report_mean_the_same_by_mmd2(monkeypatch):
    """Of raw features a network sees what the report compares."""
    rng = np.random.default_rng(5)
    pair = Pair(population(rng, 0.5, 0, 0), population(rng, 0.7, 0.3, 0))
    pair = replace(pair, target=replace(pair.target, inputs=3 * pair.target.tensor))
    monkeypatch.setattr("core.reports.shift_data.load_pair", lambda *_: pair)
    asked = Experiment.parse({"source": MOONS, "target": MOONS, "backbone": {"name": "identity"}})
    data = Data.of(asked, pair, "cpu")
    run = mmd2_of_run(evaluate(data, make_method(data, "source-only", {}, "reference")))
    report = mmd2_of_pair(material(asked).compared)
    assert run == pytest.approx(report, abs=1e-6)
    assert run["mmd2_p"] == 1 / 500
