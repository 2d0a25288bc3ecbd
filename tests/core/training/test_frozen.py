"""Frozen backbones: features are computed once for all methods, estimated from a few, and what does not fit is said."""

from __future__ import annotations

import pytest
import torch

from core.domains.pair import load_pair
from core.errors import InputError
from core.experiment import Experiment
from core.reports.shift_data import material
from core.training import evaluation as bench_module
from core.training import train
from core.training.estimate import estimate
from core.training.evaluation import Bench
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


@pytest.fixture
def embedded(monkeypatch):
    """The number of samples of each call that computes features."""
    calls, real = [], bench_module.embed
    monkeypatch.setattr(bench_module, "embed", lambda *a: calls.append(len(a[2].inputs)) or real(*a))
    return calls


def test_the_second_method_finds_the_features(embedded):
    first = [epoch.measures for epoch in train(experiment("mcc"))]
    assert len(embedded) == 2
    again = list(train(experiment("mcc")))
    list(train(experiment("dan", bottleneck=12)))
    assert len(embedded) == 2
    assert [epoch.measures for epoch in again] == first
    list(train(experiment("mcc", seed=1)))
    list(train(experiment("mcc", side=48)))
    assert len(embedded) == 6, "other samples, or another size, have other features"


def test_the_bytes_of_what_is_kept_are_counted():
    one = experiment()
    train, held_out = frozen_features(one, "source", "cpu", lambda: torch.zeros(60, 16), (40, 20), None)
    assert (len(train), len(held_out)) == (40, 20)
    assert (FEATURES.statistics.size, FEATURES.statistics.unit) == (60 * 16 * 4, "bytes")


def test_an_estimate_computes_a_few_and_stands_for_all(embedded):
    one = experiment("mme", shots=2)
    bench = Bench(one, load_pair(*one.pair), "cpu")
    sizes = [(len(side.inputs), len(side.held_out)) for side in (bench.source, bench.target)]
    bench.freeze(samples=3)
    assert embedded == [6, 6]
    assert [(len(side.inputs), len(side.held_out)) for side in (bench.source, bench.target)] == sizes
    assert torch.equal(bench.source.inputs[:3], bench.source.inputs[3:6])
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
    bench = Bench(one, load_pair(*one.pair), "cpu")
    bench.freeze()
    method = bench.method("source-only", {}, "reference", references[one.reference_id("source")].model).eval()
    with torch.inference_mode():
        both = torch.cat([method.network.features(side.held_out[: found.n]).double() for side in (bench.source, bench.target)])
    varies = both.std(0, correction=0) > 1e-9
    scaled = ((both - both.mean(0)) / both.std(0, correction=0))[:, varies]
    correlation = (scaled[:, 0] * torch.from_numpy(found.rows[: 2 * found.n, 0]).double()).mean()
    assert abs(float(correlation)) > 0.99
