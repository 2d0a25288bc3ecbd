"""Every shallow method adapts: over three seeds it beats the same head without adaptation, on a pair that was made for it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.domains import Domain, Pair
from core.experiment import Experiment
from core.methods import METHODS
from core.training import train

pytestmark = pytest.mark.slow

SHALLOW = [m.info.name for m in METHODS if m.info.family == "shallow, on frozen features"]


def as_domain(x: np.ndarray, labels: np.ndarray, classes: int) -> Domain:
    cut = len(x) * 2 // 3
    names = tuple(f"class {c}" for c in range(classes))
    rows = torch.arange(len(x))
    return Domain("made here", torch.tensor(x, dtype=torch.float32), torch.tensor(labels), names, rows[:cut], rows[cut:], "here", "none")


def stretched(rng: np.random.Generator) -> Pair:
    """Three blobs; the target's features are moved and stretched, each for itself."""
    labels = rng.integers(0, 3, (2, 450))
    x = [3 * np.eye(3, 6)[one] + rng.normal(size=(450, 6)) for one in labels]
    x[1] = x[1] * [3, 0.4, 2, 1, 0.5, 2] + [4, 2, -3, 0, 1, 5]
    return Pair(*(as_domain(a, b, 3) for a, b in zip(x, labels, strict=True)))


def turned(rng: np.random.Generator) -> Pair:
    """Two long clouds across their axis in the plane, turned by 35°: no scaling of columns undoes that, covariances and plans do."""
    labels = rng.integers(0, 2, (2, 450))
    x = [np.stack([4 * rng.normal(size=450), 3.0 * one - 1.5 + 0.5 * rng.normal(size=450)], 1) for one in labels]
    angle = np.deg2rad(35)
    x[1] = x[1] @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return Pair(*(as_domain(a, b, 2) for a, b in zip(x, labels, strict=True)))


def sheared(rng: np.random.Generator) -> Pair:
    """Three blobs in three of twelve features and one long direction that carries no class; it is another one on the target."""
    labels = rng.integers(0, 3, (2, 450))
    x = [4 * np.eye(3, 12)[one] + 0.7 * rng.normal(size=(450, 12)) for one in labels]
    x[1] = x[1] + np.outer(rng.normal(size=450) + 1, 3 * np.eye(12)[4] + 3 * np.eye(12)[0] + 3 * np.eye(12)[1])
    return Pair(*(as_domain(a, b, 3) for a, b in zip(x, labels, strict=True)))


def moved(rng: np.random.Generator) -> Pair:
    """Three blobs in the plane, as many samples in each, carried along by half of their distance."""
    labels = [rng.permutation(np.arange(450) % 3) for _ in range(2)]
    x = [3 * np.eye(3, 2)[one] + 0.5 * rng.normal(size=(450, 2)) for one in labels]
    x[1] = x[1] + [1.6, 0.8]
    return Pair(*(as_domain(a, b, 3) for a, b in zip(x, labels, strict=True)))


def blended(rng: np.random.Generator) -> Pair:
    """Four classes in a plane that is mixed into 20 noisy features, and on the target mixed otherwise, under more noise."""
    fixed = np.random.default_rng(0)  # the same mixing for all seeds: with some there is nothing to repair
    corners, mixing = np.array([[2.5, 0.5], [0, 2], [-2, 0], [0, -3]]), fixed.normal(size=(2, 20))
    labels = [rng.permutation(np.arange(450) % 4) for _ in range(2)]
    x = [corners[labels[0]] @ mixing + rng.normal(size=(450, 20))]
    mixing = mixing + 0.8 * fixed.normal(size=(2, 20))
    x.append(corners[labels[1]] @ mixing + 3 * rng.normal(size=(450, 20)))
    return Pair(*(as_domain(a, b, 4) for a, b in zip(x, labels, strict=True)))


def elsewhere(rng: np.random.Generator) -> Pair:
    """One rule that is no line, y > 1.5 sin x, seen on a long stretch and asked about on a short one, where a line would do."""
    pair = []
    for x in (rng.uniform(-3.1, 3.1, 900), 2.3 + 0.45 * rng.normal(size=900)):
        above = rng.uniform(-1.2, 1.2, 900)
        pair.append(as_domain(np.stack([x, 1.5 * np.sin(x) + above], 1), (above > 0).astype(int), 2))
    return Pair(*pair)


PAIRS = {
    stretched: ("standardise", "easyadapt"),
    turned: ("coral",),
    sheared: ("tca",),
    moved: ("ot-emd", "ot-sinkhorn", "ot-class", "ot-linear"),
    blended: ("subspace-alignment", "gfk", "jda"),
    elsewhere: ("kmm", "kliep", "domain-classifier-weights"),
}
PAIR_OF = {name: pair for pair, names in PAIRS.items() for name in names}
SETTINGS = {"coral": {"regulariser": 0.01, "scaling": "source"}} | {name: {"dimensions": 2} for name in PAIRS[blended]}


def test_every_method_has_its_pair():
    assert set(PAIR_OF) == set(SHALLOW)


@pytest.mark.parametrize("name", SHALLOW)
def test_adapts(name):
    before, after, gauges = [], [], []
    for seed in range(3):
        pair = PAIR_OF[name](np.random.default_rng(seed))
        experiment = Experiment.parse(
            {
                "source": {"name": "moons"},
                "target": {"name": "moons", "params": {"n": 1000}},
                "backbone": {"name": "identity"},
                "method": {"name": name, "params": {"layer": "backbone"} | SETTINGS.get(name, {})},
                "shots": 5 if name == "easyadapt" else 0,
                "budget": {"source_epochs": 1, "epochs": 1},
                "snapshot": 50,
                "seed": seed,
            }
        )
        first, *_, last = [epoch for epoch in train(experiment, pair=pair) if epoch.phase == "adapt"]
        assert first.measures["target_accuracy"] == last.measures["source_only_target_accuracy"]
        before.append(first.measures["target_accuracy"])
        after.append(last.measures["target_accuracy"])
        gauges.append(last.gauges)
    assert (np.array(after) > np.array(before)).all()
    assert np.mean(after) > np.mean(before) + 0.05
    if METHODS.get(name).info.transfers == "instances":
        assert all(20 < one["effective_samples"] < 500 for one in gauges)
