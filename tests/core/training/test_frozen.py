"""Frozen backbones: features are computed once for all methods, estimated from a few, and what does not fit is said."""

from __future__ import annotations

import pytest
import torch
from training_tools import data_of

from core.errors import InputError
from core.experiment import Experiment
from core.reports.shift_data import material
from core.training import Epoch, train
from core.training.build import make_method
from core.training.estimate import estimate
from core.training.frozen import FEATURES, frozen_features


@pytest.fixture(autouse=True)
def nothing_kept():
    FEATURES.clear()


def experiment(method: str = "mcc", seed: int = 0, lr: float = 2e-3, shots: int = 0, **params) -> Experiment:
    few = {"name": "printed-digits", "params": {"n": 200}}
    return Experiment.parse(
        {
            "source": few,
            "target": few | {"shifts": [{"name": "contrast", "severity": 0.4}]},
            "backbone": {"name": "squeezenet", "params": {"weights": "none", "side": 32, "bottleneck": 16} | params},
            "method": {"name": method},
            "budget": {"source_epochs": 1, "epochs": 1, "batch_size": 32, "lr": lr},
            "snapshot": 30,
            "seed": seed,
            "shots": shots,
        }
    )


def computed(asked: Experiment) -> tuple[list[float], list[Epoch]]:
    """What is told of the computing of features, and the epochs of the run."""
    told: list[float] = []
    epochs = list(train(asked, on_step=lambda phase, step, done, of: told.append(done / of) if step == "features" else None))
    return told, epochs


def test_the_second_method_finds_the_features():
    shares, first = computed(experiment("mcc"))
    assert shares == sorted(shares)
    assert shares[-1] == 1
    told, again = computed(experiment("mcc"))
    assert not told
    assert [epoch.measures for epoch in again] == [epoch.measures for epoch in first]
    assert not computed(experiment("dan", bottleneck=12))[0]
    for other in (experiment("mcc", seed=1), experiment("mcc", side=48)):
        assert computed(other)[0], "other samples, or another size, have other features"


def test_the_bytes_of_what_is_kept_are_counted():
    one = experiment()
    train, held_out = frozen_features(one, "source", "cpu", lambda: torch.zeros(60, 16), (40, 20), None)
    assert (len(train), len(held_out)) == (40, 20)
    assert (FEATURES.statistics.size, FEATURES.statistics.unit) == (60 * 16 * 4, "bytes")


def test_an_estimate_computes_a_few_and_stands_for_all():
    one = experiment("mme", shots=2)
    raw, shares = data_of(one), []
    data = raw.embedded(shares.append, samples=3)
    assert shares == [0.5, 1], "six of each domain are one batch"
    for side, whole in ((data.source, raw.source), (data.target, raw.target)):
        assert (len(side.inputs), len(side.held_out)) == (len(whole.inputs), len(whole.held_out))
        assert torch.equal(side.inputs[:3], side.inputs[3:6])
        assert not torch.equal(side.inputs[0], side.inputs[1])
    assert estimate(one, "cpu").seconds > 0, "also where a method wants labelled samples of each class"
    assert FEATURES.statistics.held == 0, "a few are not all"


@pytest.mark.parametrize("method", ["fda", "cycada"])
def test_methods_that_change_pictures_are_refused(method):
    with pytest.raises(InputError, match="changes the pictures") as caught:
        experiment(method)
    assert "part or none" in caught.value.remedy
    assert experiment(method, freeze="part").method.name == method


def test_what_one_should_know_is_said():
    said = " ".join(estimate(experiment(), "cpu").warnings)
    assert "random, and frozen they stay so" in said
    assert "random" not in " ".join(estimate(experiment(freeze="none"), "cpu").warnings)


def test_a_learning_rate_that_overwrites_the_weights_is_said(shared_data, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(shared_data / "torch_home"))
    weights = {"weights": "IMAGENET1K_V1", "side": 64}
    for changes, warned in (({"freeze": "part"}, True), ({"freeze": "part", "lr": 1e-4}, False), ({"freeze": "all"}, False)):
        said = " ".join(estimate(experiment(**weights | changes), "cpu").warnings)
        assert ("0.0001 is usual" in said) == warned, changes


def test_a_frozen_network_that_was_trained_can_be_looked_through():
    references = {}
    one = experiment()
    list(train(one, references=references))
    found = material(one, "trained", references[one.reference_id("source")].model)
    assert found.rows.shape[1] <= 16
    data = data_of(one).embedded()
    method = make_method(data, "source-only", {}, "reference", references[one.reference_id("source")].model).eval()
    with torch.inference_mode():
        both = torch.cat([method.network.features(side.held_out[: found.n]).double() for side in (data.source, data.target)])
    varies = both.std(0, correction=0) > 1e-9
    scaled = ((both - both.mean(0)) / both.std(0, correction=0))[:, varies]
    correlation = (scaled[:, 0] * torch.from_numpy(found.rows[: 2 * found.n, 0]).double()).mean()
    assert abs(float(correlation)) > 0.99
