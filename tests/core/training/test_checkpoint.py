"""Training is repeatable, and a run that goes on from a checkpoint equals an uninterrupted one bit for bit."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from training_tools import ITERATIVE, NAMES, assert_equal, recorded, run_of, snapshots, tiny

from core.training import Epoch, train

pytestmark = pytest.mark.slow

POINTS = ("source 1", "source 2", "oracle 1", "oracle 2", "continued 1", "continued 2", "adapt 0", "adapt 1", "adapt 2")
JOINT_POINTS = ("oracle 2", "joint 1", "joint 2", "adapt 0", "adapt 1")


def position(epochs: list[Epoch], point: str) -> int:
    """Where this epoch stands among a run's."""
    return next(i for i, epoch in enumerate(epochs) if f"{epoch.phase} {epoch.number}" == point)


@pytest.mark.parametrize("method", NAMES)
def test_two_runs_are_equal_bit_for_bit(method):
    torch.manual_seed(5)
    again = list(train(tiny(method)))
    assert_equal(again, run_of(method)[0])


def test_another_seed_is_another_run():
    other = list(train(tiny(seed=1)))
    assert not np.array_equal(snapshots(other)[-1], snapshots(run_of("dan")[0])[-1])


def assert_resumes(method: str, point: str, stored: bool) -> None:
    epochs, checkpoints, stores = run_of(method)
    at = position(epochs, point)
    checkpoint = checkpoints[at]
    torch.manual_seed(at)
    references = dict(stores[at]) if stored else {}
    assert_equal(list(train(tiny(method), references=references, checkpoint=checkpoint)), epochs[at + 1 :])


@pytest.mark.parametrize("method", ITERATIVE)
@pytest.mark.parametrize("point", ["adapt 0", "adapt 1"])
def test_a_resumed_adaptation_equals_an_uninterrupted_one(method, point):
    assert_resumes(method, point, stored=True)


@pytest.mark.parametrize("method", sorted(set(NAMES) - set(ITERATIVE)))
def test_an_instant_method_takes_an_epoch_for_each_stage_and_resumes(method):
    stages = tiny(method).epochs
    assert stages == (2 if "scaling" in tiny(method).method.params else 1)
    assert [epoch.number for epoch in run_of(method)[0] if epoch.phase == "adapt"] == [*range(stages + 1)]
    for number in range(stages):
        assert_resumes(method, f"adapt {number}", stored=True)


@pytest.mark.parametrize(
    ("method", "point"),
    [(method, point) for method in ("dan", "dann", "oracle") for point in POINTS if point.split()[0] in tiny(method).phases],
)
@pytest.mark.parametrize("stored", [True, False])
def test_a_run_resumes_in_every_phase(method, point, stored):
    assert_resumes(method, point, stored)


def test_resuming_keeps_the_random_maps():
    wide = {"name": "mlp", "params": {"width": 16, "depth": 1, "bottleneck": 512}}  # times ten classes: too many for the whole product
    digits = {"name": "printed-digits", "params": {"n": 200}}
    experiment = tiny("cdan", source=digits, target=digits, backbone=wide)
    epochs, checkpoints, stores = recorded(experiment)
    at = position(epochs, "adapt 1")
    maps = {name for name in checkpoints[at].tensors if name.endswith("_map")}
    assert maps == {"method/feature_map", "method/probability_map"}
    assert_equal(list(train(experiment, references=dict(stores[at]), checkpoint=checkpoints[at])), epochs[at + 1 :])


@pytest.mark.parametrize("method", ["swd", "wdgrl"])
def test_resuming_goes_on_with_the_same_stream_of_random_numbers(method):
    epochs, checkpoints, stores = run_of(method)
    at, state = position(epochs, "adapt 1"), "method/draws._extra_state"
    assert not torch.equal(checkpoints[at].tensors[state], checkpoints[at - 1].tensors[state])
    rewound = replace(checkpoints[at], tensors=checkpoints[at].tensors | {state: checkpoints[at - 1].tensors[state]})
    resumed = list(train(tiny(method), references=dict(stores[at]), checkpoint=rewound))
    assert not np.array_equal(snapshots(resumed)[-1], snapshots(run_of(method)[0])[-1])


@pytest.mark.parametrize("point", POINTS)
def test_resuming_with_momentum(point):
    epochs, checkpoints, stores = run_of("dann", "sgd")
    at = position(epochs, point)
    resumed = train(tiny("dann", budget={"optimizer": "sgd"}), references=dict(stores[at]), checkpoint=checkpoints[at])
    assert_equal(list(resumed), epochs[at + 1 :])


def test_resuming_from_a_resumed_run():
    epochs, checkpoints, _ = run_of("dann")
    at = position(epochs, "adapt 0")
    first = next(train(tiny("dann"), checkpoint=checkpoints[at]))
    resumed = [(e, e.checkpoint()) for e in train(tiny("dann"), checkpoint=checkpoints[at])]
    assert_equal([first], epochs[at + 1 : at + 2])
    assert_equal(list(train(tiny("dann"), checkpoint=resumed[0][1])), epochs[at + 2 :])


def test_a_resumed_reference_is_stored_whole():
    epochs, checkpoints, stores = run_of("dan")
    for role in ("source", "oracle", "continued"):
        at = position(epochs, f"{role} 1")
        references = dict(stores[at])
        list(train(tiny(), references=references, checkpoint=checkpoints[at]))
        found, expected = (store[tiny().reference_id(role)] for store in (references, stores[-1]))
        assert [line | {"seconds": 0} for line in found.epochs] == [line | {"seconds": 0} for line in expected.epochs]
        assert all(torch.equal(found.model[key], expected.model[key]) for key in expected.model)


@pytest.mark.parametrize("point", ["source 1", "source 2", "oracle 1", "oracle 2", "continued 1"])
def test_resuming_where_another_run_has_finished_the_reference_meanwhile(point):
    epochs, checkpoints, stores = run_of("dan")
    at = position(epochs, point)
    assert_equal(list(train(tiny(), references=dict(stores[-1]), checkpoint=checkpoints[at])), epochs[at + 1 :])


def test_a_checkpoint_is_a_copy():
    run = train(tiny())
    checkpoint = next(run).checkpoint()
    kept = {name: tensor.clone() for name, tensor in checkpoint.tensors.items()}
    list(run)
    assert all(torch.equal(checkpoint.tensors[name], kept[name]) for name in kept)
    assert len(checkpoint.past) == 1


@lru_cache
def joint_run() -> tuple[list[Epoch], list, list[dict]]:
    return recorded(tiny(joint=True))


def test_a_joint_reference_is_a_phase_of_its_own():
    epochs, _, stores = joint_run()
    counted = [(epoch.phase, epoch.number, epoch.total) for epoch in epochs]
    trained = [(phase, n, 2) for phase in ("source", "oracle", "joint", "continued") for n in (1, 2)]
    assert counted == [*trained[:2], ("linear", 1, 1), *trained[2:], *(("adapt", n, 2) for n in range(3))]
    assert set(stores[-1]) == {tiny().reference_id(role) for role in ("source", "linear", "oracle", "joint", "continued")}
    joint = epochs[position(epochs, "joint 2")]
    assert joint.snapshot is None
    assert set(joint.losses) == {"task", "held_back"}
    assert joint.measures["source_accuracy"] > 0.5
    assert_equal([epoch for epoch in epochs if epoch.phase != "joint"], run_of("dan")[0])  # it changes nothing else


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("point", JOINT_POINTS)
def test_resuming_a_run_with_a_joint_reference(point, stored):
    epochs, checkpoints, stores = joint_run()
    at = position(epochs, point)
    checkpoint = checkpoints[at]
    references = dict(stores[at]) if stored else {}
    assert_equal(list(train(tiny(joint=True), references=references, checkpoint=checkpoint)), epochs[at + 1 :])
    if point.startswith("joint"):
        key = tiny().reference_id("joint")
        assert all(torch.equal(references[key].model[name], tensor) for name, tensor in stores[-1][key].model.items())


def test_a_stored_joint_reference_is_read_and_not_trained():
    told, (epochs, _, stores) = [], joint_run()
    again = list(train(tiny("deepcoral", joint=True), references=dict(stores[-1]), on_batch=lambda phase, *_: told.append(phase)))
    assert set(told) == {"adapt"}
    assert [e.as_dict() for e in again[:9]] == [e.as_dict() for e in epochs[:9]]
