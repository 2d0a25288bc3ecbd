"""Kinds of shift on generated populations whose kind is known, in domains that are told apart always."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.domains import Domain, Pair
from core.experiment import Experiment
from core.measures.classifier import classified
from core.reports.shift_classes import Classes, classes, shares_differ
from core.reports.shift_data import material

pytestmark = pytest.mark.slow
PAIRS = 12
MOONS = {"name": "moons", "params": {"n": 400}}
ASKED = Experiment.parse({"source": MOONS, "target": MOONS, "backbone": {"name": "mlp"}})


def population(rng: np.random.Generator, share: float, elsewhere: float, n: int = 1200) -> Domain:
    """Two Gaussian classes, told apart by three columns; ``elsewhere`` moves four others."""
    labels = (rng.random(n) < share).astype(np.int64)
    rows = rng.normal(size=(n, 7)).astype(np.float32)
    rows[:, :3] += 2 * labels[:, None]
    rows[:, 3:] += np.float32(elsewhere)
    order, third = torch.from_numpy(rng.permutation(n)), n // 3
    return Domain("gauss", torch.from_numpy(rows), torch.from_numpy(labels), ("a", "b"), order[third:], order[:third], "", "")


def found(monkeypatch, seed: int, share: float = 0.5, elsewhere: float = 0.0) -> Classes:
    """What the report says of a source of two equal classes and such a target."""
    rng = np.random.default_rng([seed, 77])
    pair = Pair(population(rng, 0.5, 0), population(rng, share, elsewhere))
    monkeypatch.setattr("core.reports.shift_data.load_pair", lambda *_: pair)
    m = material(ASKED)
    return classes(m, m.compared.once(classified), 0.002)


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        ({"share": 0.85, "elsewhere": 6.0}, "label and covariate"),
        ({"share": 0.5, "elsewhere": 6.0}, "covariate"),
    ],
    ids=["both", "looks alone"],
)
def test_true_shares_tell_the_kind_where_a_classifier_is_never_mistaken(monkeypatch, shift, expected):
    """An AUC of 1 before and after shares are made equal once hid label shift: 0 of 12."""
    names = [found(monkeypatch, seed, **shift).kind.name for seed in range(PAIRS)]
    assert names.count(expected) >= PAIRS - 1, names


def test_true_shares_differ_from_five_points_on():
    many = np.repeat([0, 1], 20_000)
    assert not shares_differ(many, np.repeat([0, 1], [20_800, 19_200]), 2, least=0.05)
    assert shares_differ(many, np.repeat([0, 1], [23_000, 17_000]), 2, least=0.05)
    assert not shares_differ(np.repeat([0, 1], 10), np.repeat([0, 1], [12, 8]), 2, least=0.05)
