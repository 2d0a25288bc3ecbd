"""The training loop: repeatable, resumable bit for bit, honest about labels; and what is said before a run."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import torch

from core.domains import Pair
from core.domains.pair import load_pair
from core.errors import InputError
from core.experiment import Experiment
from core.methods import METHODS, conditional
from core.training import Epoch, train
from core.training.estimate import estimate
from core.training.evaluation import Bench, batches
from core.training.loop import _decay

NAMES = METHODS.names()
ITERATIVE = [name for name in NAMES if not METHODS.get(name).info.instant]
SOURCE_EPOCHS, EPOCHS = 2, 2


def tiny(method: str = "dan", **more: Any) -> Experiment:
    """Two epochs of source training and two of adaptation on few samples: points, or images for a method that needs images."""
    budget = {"source_epochs": SOURCE_EPOCHS, "epochs": EPOCHS, "batch_size": 16, "lr": 0.02} | more.pop("budget", {})
    info = METHODS.get(method).info
    name, shift = ("printed-digits", "contrast") if info.kinds == ("image",) else ("moons", "rotation")
    return Experiment.parse(
        {
            "source": {"name": name, "params": {"n": 200}},
            "target": {"name": name, "params": {"n": 240}, "shifts": [{"name": shift, "severity": 0.3}]},
            "backbone": {"name": "mlp", "params": {"width": 16, "depth": 1, "bottleneck": 8}},
            "shots": 2 if info.setting == "semi-supervised" else 0,
            "method": {"name": method, "params": more.pop("params", {})},
            "budget": budget,
            "snapshot": 40,
            **more,
        }
    )


def numbers(epoch: Epoch) -> dict[str, Any]:
    """Everything but the time it took."""
    return {key: value for key, value in epoch.as_dict().items() if key != "seconds"}


def assert_equal(found: list[Epoch], expected: list[Epoch]) -> None:
    assert [numbers(epoch) for epoch in found] == [numbers(epoch) for epoch in expected]
    for a, b in zip(found, expected, strict=True):
        assert (a.snapshot is None) == (b.snapshot is None)
        if a.snapshot:
            np.testing.assert_array_equal(a.snapshot.features, b.snapshot.features)
            np.testing.assert_array_equal(a.snapshot.probabilities, b.snapshot.probabilities)


def snapshots(epochs: list[Epoch]) -> list[np.ndarray]:
    return [epoch.snapshot.features for epoch in epochs if epoch.snapshot]


def recorded(experiment: Experiment) -> tuple[list[Epoch], list, list[dict]]:
    """An uninterrupted run: its epochs, their checkpoints, and the references as they were at each of them."""
    references, epochs, checkpoints, stores = {}, [], [], []
    for epoch in train(experiment, references=references):
        epochs.append(epoch)
        checkpoints.append(epoch.checkpoint())
        stores.append(dict(references))
    return epochs, checkpoints, stores


@lru_cache
def run_of(method: str, optimizer: str = "adam") -> tuple[list[Epoch], list, list[dict]]:
    return recorded(tiny(method, budget={"optimizer": optimizer}))


# What a run consists of


@pytest.mark.parametrize("role", ["source-only", "oracle", "joint"])
def test_references_learn_smoothed_labels_and_methods_their_own(role):
    experiment = tiny("dan", params={"trade_off": 0}, budget={"label_smoothing": 0.3})
    bench = Bench(experiment, load_pair(*experiment.pair), "cpu")
    batch = next(batches(bench.seen(bench.method("dan", {}, "adapt")), 16, 1, bench.generator("x")))
    for name, share in ((role, 0.3), ("dan", 0.0)):
        method = bench.method(name, experiment.method.params if name == "dan" else {}, "reference").eval()
        found = method.step(batch, 0.0).losses["task"]
        p = method.network(batch.source)[1].double().softmax(1)
        wanted = torch.full_like(p, share / 2).scatter_(1, batch.labels[:, None], 1 - share / 2)  # two classes
        assert found.item() == pytest.approx(-(wanted * p.log()).sum(1).mean().item(), rel=1e-5)


def test_a_run_has_two_references_and_the_adaptation():
    epochs, _, stores = run_of("dan")
    counted = [(epoch.phase, epoch.number, epoch.total) for epoch in epochs]
    assert counted == [
        ("source", 1, 2),
        ("source", 2, 2),
        ("oracle", 1, 2),
        ("oracle", 2, 2),
        ("adapt", 0, 2),
        ("adapt", 1, 2),
        ("adapt", 2, 2),
    ]
    assert [epoch.snapshot is not None for epoch in epochs] == [False] * 4 + [True] * 3
    assert set(stores[-1]) == {tiny().reference_id("source"), tiny().reference_id("oracle")}
    assert set(epochs[-1].losses) == {"task", "align"}
    assert set(epochs[0].losses) == {"task"}
    assert epochs[4].losses == {}


def test_epoch_zero_is_the_source_trained_network_and_its_line_stays():
    epochs, _, _ = run_of("dan")
    before, after = epochs[4].measures, epochs[-1].measures
    trained = epochs[1].measures["target_accuracy"]
    assert before["target_accuracy"] == before["source_only_target_accuracy"] == after["source_only_target_accuracy"] == trained
    assert before["gain"] == 0
    assert before["gain_low"] == pytest.approx(-before["gain_high"])  # as after an adaptation that changed no prediction
    assert after["gain"] == pytest.approx(after["target_accuracy"] - trained)
    assert after["gain_low"] <= after["gain"] <= after["gain_high"]


def test_training_learns_the_source():
    *_, last = train(tiny("source-only", budget={"source_epochs": 8}))
    assert last.measures["source_accuracy"] > 0.8


def test_gauges_are_reported():
    gauges = run_of("dann")[0][-1].gauges
    assert {"gradient_ratio", "discriminator_accuracy", "entropy", "largest_class", "feature_norm", "effective_rank"} <= set(gauges)
    assert gauges["gradient_ratio"] > 0
    assert "gradient_ratio" not in run_of("source-only")[0][-1].gauges


@pytest.mark.parametrize(("snapshot", "n"), [(20, 20), (10_000, 30)])
def test_a_snapshot_holds_as_many_source_as_target_samples(snapshot, n):
    target = {"name": "moons", "params": {"n": 90}}
    experiment = tiny(target=target, snapshot=snapshot, budget={"source_epochs": 1, "epochs": 1})
    *_, last = train(experiment)
    assert last.snapshot.features.shape == (2 * n, 8)
    assert last.snapshot.probabilities.shape == (2 * n, 2)
    assert last.snapshot.features.dtype == last.snapshot.probabilities.dtype == np.float32
    np.testing.assert_allclose(last.snapshot.probabilities.sum(1), 1, atol=1e-6)
    samples = Bench(experiment, load_pair(*experiment.pair), "cpu").samples()
    assert samples.inputs.shape == (2 * n, 2)
    assert samples.labels.shape == (2 * n,)


def test_a_snapshot_shows_the_held_out_samples_in_their_order():
    experiment = tiny()
    pair = load_pair(*experiment.pair)
    samples, last = Bench(experiment, pair, "cpu").samples(), run_of("dan")[0][-1]
    right = last.snapshot.probabilities.argmax(1) == samples.labels.numpy()
    held_out = {tuple(row) for d in (pair.source, pair.target) for row in d.inputs[d.test].tolist()}
    assert {tuple(row) for row in samples.inputs.tolist()} <= held_out
    assert right[:40].mean() == pytest.approx(last.measures["source_accuracy"], abs=0.15)
    assert right[40:].mean() == pytest.approx(last.measures["target_accuracy"], abs=0.15)


def test_each_batch_is_told():
    told = []
    list(train(tiny(), on_batch=lambda *facts: told.append(facts)))
    bench = Bench(tiny(), load_pair(*tiny().pair), "cpu")
    sizes = {"source": len(bench.source.inputs), "oracle": len(bench.target.inputs)}
    sizes["adapt"] = max(sizes.values())  # adaptation passes once over the larger domain, a reference over its own
    batches = {phase: n // 16 for phase, n in sizes.items()}
    assert told == [(p, epoch, (i + 1) / n) for p, n in batches.items() for epoch in (1, 2) for i in range(n)]


def test_from_scratch_the_adapted_network_is_a_fresh_one():
    def first_weights(start: str) -> tuple[dict, dict]:
        references = {}
        for epoch in train(tiny(start=start), references=references):
            if epoch.phase == "adapt":
                tensors = epoch.checkpoint().tensors
                weights = {k.removeprefix("method/network."): v for k, v in tensors.items() if k.startswith("method/network.")}
                return weights, references[tiny().reference_id("source")].model
        raise AssertionError

    adapted, trained = first_weights("source-model")
    assert adapted.keys() == trained.keys()
    assert all(torch.equal(adapted[key], trained[key]) for key in trained)
    fresh, trained = first_weights("scratch")
    assert not torch.equal(fresh["head.weight"], trained["head.weight"])
    assert fresh["bottleneck.1.num_batches_tracked"] == 0
    before = [epoch for epoch in train(tiny(start="scratch")) if epoch.phase == "adapt"][0]
    np.testing.assert_array_equal(before.snapshot.features, run_of("dan")[0][4].snapshot.features)  # "before" is the source model


@pytest.mark.parametrize(
    ("schedule", "progress", "expected"),
    [
        ("constant", 0.7, 1),
        ("inverse", 0, 1),
        ("inverse", 0.1, 2**-0.75),
        ("inverse", 1, 11**-0.75),
        ("cosine", 0, 1),
        ("cosine", 0.5, 0.5),
        ("cosine", 1, 0),
    ],
)
def test_schedules(schedule, progress, expected):
    assert _decay(schedule, progress) == pytest.approx(expected)


def test_schedules_reach_the_optimiser():
    finals = [snapshots(list(train(tiny(budget={"schedule": schedule}))))[-1] for schedule in ("constant", "inverse", "cosine")]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert not np.array_equal(finals[a], finals[b])


# Repeatable and resumable


@pytest.mark.parametrize("method", NAMES)
def test_two_runs_are_equal_bit_for_bit(method):
    torch.manual_seed(5)
    again = list(train(tiny(method)))
    assert_equal(again, run_of(method)[0])


def test_another_seed_is_another_run():
    other = list(train(tiny(seed=1)))
    assert not np.array_equal(snapshots(other)[-1], snapshots(run_of("dan")[0])[-1])


POINTS = {"source 1": 0, "source 2": 1, "oracle 1": 2, "oracle 2": 3, "adapt 0": 4, "adapt 1": 5, "adapt 2": 6}


def assert_resumes(method: str, point: str, stored: bool) -> None:
    epochs, checkpoints, stores = run_of(method)
    at = POINTS[point]
    checkpoint = checkpoints[at]
    assert f"{checkpoint.phase} {checkpoint.number}" == point
    torch.manual_seed(at)
    references = dict(stores[at]) if stored else {}
    assert_equal(list(train(tiny(method), references=references, checkpoint=checkpoint)), epochs[at + 1 :])


@pytest.mark.parametrize("method", ITERATIVE)
@pytest.mark.parametrize("point", ["adapt 0", "adapt 1"])
def test_a_resumed_adaptation_equals_an_uninterrupted_one(method, point):
    assert_resumes(method, point, stored=True)


@pytest.mark.parametrize("method", sorted(set(NAMES) - set(ITERATIVE)))
def test_an_instant_method_takes_one_epoch_and_resumes(method):
    assert [epoch.number for epoch in run_of(method)[0] if epoch.phase == "adapt"] == [0, 1]
    assert_resumes(method, "adapt 0", stored=True)


@pytest.mark.parametrize("method", ["dan", "dann", "oracle"])
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("stored", [True, False])
def test_a_run_resumes_in_every_phase(method, point, stored):
    assert_resumes(method, point, stored)


def test_half_precision_is_the_backbones_alone():
    experiment = tiny("dan", budget={"precision": "bfloat16"})
    bench = Bench(experiment, load_pair(*experiment.pair), "cpu")
    network = bench.method("source-only", {}, "reference").network
    assert network.body(bench.source.inputs[:4]).dtype == torch.float32  # its weights are kept whole
    kinds = []
    network.body.register_forward_hook(lambda body, inputs, output: kinds.append(output.dtype))
    features, logits = network(bench.source.inputs[:8])
    assert (kinds, features.dtype, logits.dtype) == ([torch.bfloat16], torch.float32, torch.float32)
    epochs, checkpoints, stores = recorded(experiment)
    assert not np.array_equal(snapshots(epochs)[-1], snapshots(run_of("dan")[0])[-1])
    assert_equal(list(train(experiment, references=dict(stores[5]), checkpoint=checkpoints[5])), epochs[6:])


def test_resuming_keeps_the_random_maps(monkeypatch):
    product = snapshots(run_of("cdan")[0])[-1]
    monkeypatch.setattr(conditional, "LARGEST_PRODUCT", 4)
    epochs, checkpoints, stores = recorded(tiny("cdan"))
    maps = {name for name in checkpoints[5].tensors if name.endswith("_map")}
    assert maps == {"method/feature_map", "method/probability_map"}
    assert_equal(list(train(tiny("cdan"), references=dict(stores[5]), checkpoint=checkpoints[5])), epochs[6:])
    assert not np.array_equal(snapshots(epochs)[-1], product)


@pytest.mark.parametrize("method", ["swd", "wdgrl"])
def test_resuming_goes_on_with_the_same_stream_of_random_numbers(method):
    _, checkpoints, stores = run_of(method)
    state = "method/draws._extra_state"
    assert not torch.equal(checkpoints[5].tensors[state], checkpoints[4].tensors[state])
    rewound = replace(checkpoints[5], tensors=checkpoints[5].tensors | {state: checkpoints[4].tensors[state]})
    resumed = list(train(tiny(method), references=dict(stores[5]), checkpoint=rewound))
    assert not np.array_equal(snapshots(resumed)[-1], snapshots(run_of(method)[0])[-1])


@pytest.mark.parametrize("point", POINTS)
def test_resuming_with_momentum(point):
    epochs, checkpoints, stores = run_of("dann", "sgd")
    at = POINTS[point]
    resumed = train(tiny("dann", budget={"optimizer": "sgd"}), references=dict(stores[at]), checkpoint=checkpoints[at])
    assert_equal(list(resumed), epochs[at + 1 :])


def test_resuming_from_a_resumed_run():
    epochs, checkpoints, _ = run_of("dann")
    first = next(train(tiny("dann"), checkpoint=checkpoints[4]))
    resumed = [(e, e.checkpoint()) for e in train(tiny("dann"), checkpoint=checkpoints[4])]
    assert_equal([first], epochs[5:6])
    assert_equal(list(train(tiny("dann"), checkpoint=resumed[0][1])), epochs[6:])


def test_a_resumed_reference_is_stored_whole():
    _, checkpoints, stores = run_of("dan")
    for at, role in ((0, "source"), (2, "oracle")):
        references = dict(stores[at])
        list(train(tiny(), references=references, checkpoint=checkpoints[at]))
        found, expected = (store[tiny().reference_id(role)] for store in (references, stores[-1]))
        assert [line | {"seconds": 0} for line in found.epochs] == [line | {"seconds": 0} for line in expected.epochs]
        assert all(torch.equal(found.model[key], expected.model[key]) for key in expected.model)


@pytest.mark.parametrize("point", ["source 1", "source 2", "oracle 1", "oracle 2"])
def test_resuming_where_another_run_has_finished_the_reference_meanwhile(point):
    epochs, checkpoints, stores = run_of("dan")
    at = POINTS[point]
    assert_equal(list(train(tiny(), references=dict(stores[-1]), checkpoint=checkpoints[at])), epochs[at + 1 :])


def test_a_checkpoint_is_a_copy():
    run = train(tiny())
    checkpoint = next(run).checkpoint()
    kept = {name: tensor.clone() for name, tensor in checkpoint.tensors.items()}
    list(run)
    assert all(torch.equal(checkpoint.tensors[name], kept[name]) for name in kept)
    assert len(checkpoint.past) == 1


def test_references_are_used_by_the_next_method():
    references, told = {}, []
    first = list(train(tiny("dan"), references=references))
    kept = dict(references)
    second = list(train(tiny("deepcoral"), references=references, on_batch=lambda phase, *_: told.append(phase)))
    assert set(told) == {"adapt"}
    assert references == kept
    assert [epoch.as_dict() for epoch in second[:4]] == [epoch.as_dict() for epoch in first[:4]]
    assert [epoch.checkpoint is None for epoch in second] == [True] * 4 + [False] * 3
    assert_equal(second, run_of("deepcoral")[0])


# The joint reference

JOINT_POINTS = {"oracle 2": 3, "joint 1": 4, "joint 2": 5, "adapt 0": 6, "adapt 1": 7}


@lru_cache
def joint_run() -> tuple[list[Epoch], list, list[dict]]:
    return recorded(tiny(joint=True))


def test_a_joint_reference_is_a_phase_of_its_own():
    epochs, _, stores = joint_run()
    counted = [(epoch.phase, epoch.number, epoch.total) for epoch in epochs]
    assert counted == [(phase, n, 2) for phase in ("source", "oracle", "joint") for n in (1, 2)] + [("adapt", n, 2) for n in range(3)]
    assert set(stores[-1]) == {tiny().reference_id(role) for role in ("source", "oracle", "joint")}
    joint = epochs[5]
    assert joint.snapshot is None
    assert set(joint.losses) == {"task"}
    assert joint.measures["source_accuracy"] > 0.5
    assert_equal([epoch for epoch in epochs if epoch.phase != "joint"], run_of("dan")[0])  # it changes nothing else


def test_a_joint_reference_is_trained_on_both_domains():
    told, experiment = [], tiny(joint=True)
    run = train(experiment, on_batch=lambda *facts: told.append(facts))
    while next(run).phase != "adapt":
        pass
    bench = Bench(experiment, load_pair(*experiment.pair), "cpu")
    sizes = {"source": len(bench.source.inputs), "oracle": len(bench.target.inputs)}
    sizes["joint"] = sum(sizes.values())
    assert told == [(p, epoch, (i + 1) / (n // 16)) for p, n in sizes.items() for epoch in (1, 2) for i in range(n // 16)]

    moons = {"name": "moons", "params": {"n": 240}}
    rotated = moons | {"shifts": [{"name": "rotation", "severity": 1}]}  # turned by 90°, where the source's network is often wrong
    epochs = list(train(tiny(target=rotated, joint=True, budget={"source_epochs": 30, "epochs": 1})))
    last = {phase: next(e.measures for e in reversed(epochs) if e.phase == phase) for phase in ("source", "oracle", "joint")}
    assert last["joint"]["target_accuracy"] > last["source"]["target_accuracy"] + 0.1
    assert last["joint"]["source_accuracy"] > last["oracle"]["source_accuracy"] + 0.1


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("point", JOINT_POINTS)
def test_resuming_a_run_with_a_joint_reference(point, stored):
    epochs, checkpoints, stores = joint_run()
    at = JOINT_POINTS[point]
    checkpoint = checkpoints[at]
    assert f"{checkpoint.phase} {checkpoint.number}" == point
    references = dict(stores[at]) if stored else {}
    assert_equal(list(train(tiny(joint=True), references=references, checkpoint=checkpoint)), epochs[at + 1 :])
    if point.startswith("joint"):
        key = tiny().reference_id("joint")
        assert all(torch.equal(references[key].model[name], tensor) for name, tensor in stores[-1][key].model.items())


def test_a_stored_joint_reference_is_read_and_not_trained():
    told, (epochs, _, stores) = [], joint_run()
    again = list(train(tiny("deepcoral", joint=True), references=dict(stores[-1]), on_batch=lambda phase, *_: told.append(phase)))
    assert set(told) == {"adapt"}
    assert [e.as_dict() for e in again[:6]] == [e.as_dict() for e in epochs[:6]]


def test_without_target_labels_there_is_no_joint_reference_either(tmp_path):
    experiment = tiny(target=unlabelled(tmp_path), joint=True)
    assert [epoch.phase for epoch in train(experiment)] == ["source"] * 2 + ["adapt"] * 3
    assert estimate(experiment, "cpu").seconds > 0


# Labels


def unlabelled(tmp_path) -> dict:
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, 180)
    np.savez(tmp_path / "rows.npz", X=np.stack([np.cos(angles), np.sin(angles)], 1))
    return {"name": "file", "params": {"path": str(tmp_path / "rows.npz")}}


def test_without_target_labels_there_is_no_oracle_and_no_accuracy(tmp_path):
    epochs = list(train(tiny(target=unlabelled(tmp_path))))
    assert [epoch.phase for epoch in epochs] == ["source"] * 2 + ["adapt"] * 3
    assert all(epoch.measures["target_accuracy"] is None for epoch in epochs)
    last = epochs[-1].measures
    assert all(last[key] is None for key in ("gain", "gain_low", "gain_high", "source_only_target_accuracy", "target_worst_class"))
    assert all(last[key] is not None for key in ("source_accuracy", "mmd2", "domain_auc", "infomax"))


def test_the_oracle_refuses_a_target_without_labels(tmp_path):
    experiment = tiny("oracle", target=unlabelled(tmp_path))
    for attempt in (lambda: list(train(experiment)), lambda: estimate(experiment, "cpu")):
        with pytest.raises(InputError, match="oracle needs target labels") as error:
            attempt()
        assert error.value.where == "method"


@pytest.mark.parametrize("method", [name for name in NAMES if METHODS.get(name).info.setting == "semi-supervised"])
def test_shots_of_a_target_without_labels_are_refused(method, tmp_path):
    experiment = tiny(method, target=unlabelled(tmp_path))
    for attempt in (lambda: list(train(experiment)), lambda: estimate(experiment, "cpu")):
        with pytest.raises(InputError, match="no labels to give away") as error:
            attempt()
        assert error.value.where == "shots"


@pytest.mark.parametrize("method", NAMES)
def test_target_labels_reach_nothing_but_the_oracle_the_shots_and_the_score(method, monkeypatch):
    experiment = tiny(method)
    pair = load_pair(*experiment.pair)
    shuffled = pair.target.labels[torch.randperm(len(pair.target.labels), generator=torch.Generator().manual_seed(0))]
    if experiment.shots:  # all labels but theirs, which are the same shots again: who is chosen depends on labels by its nature
        shots = Bench(experiment, pair, "cpu").shot_rows
        monkeypatch.setattr(Bench, "shot_rows", shots)
        given = pair.target.train[shots]
        assert len(given) == experiment.shots * len(pair.class_names)
        assert not set(given.tolist()) & set(pair.target.test.tolist())
        shuffled = pair.target.labels.clone()
        others = torch.tensor(sorted(set(range(len(shuffled))) - set(given.tolist())))
        shuffled[others] = 1 - shuffled[others] if len(pair.class_names) == 2 else (shuffled[others] + 1) % len(pair.class_names)
    told, true = ([e for e in train(tiny(method), pair=p)] for p in (Pair(pair.source, replace(pair.target, labels=shuffled)), pair))
    equal = [np.array_equal(a, b) for a, b in zip(snapshots(told), snapshots(true), strict=True)]
    assert equal == ([True] + [False] * EPOCHS if method in ("oracle", "joint") else [True] * len(equal))
    assert told[-1].measures["target_accuracy"] != true[-1].measures["target_accuracy"]
    if method not in ("oracle", "joint"):
        assert [e.losses for e in told if e.phase != "oracle"] == [e.losses for e in true if e.phase != "oracle"]
        unaware = ("source_accuracy", "mmd2", "mmd2_p", "domain_auc", "infomax")
        assert all(told[-1].measures[key] == true[-1].measures[key] for key in unaware)


# Stopping and failing


def test_close_stops_the_run():
    told, references = [], {}
    run = train(tiny(), references=references, on_batch=lambda *facts: told.append(facts))
    next(run)
    before = len(told)
    run.close()
    assert list(run) == []
    assert len(told) == before == len(Bench(tiny(), load_pair(*tiny().pair), "cpu").source.inputs) // 16
    assert references == {}


def test_an_exception_of_on_batch_ends_the_run():
    class Stop(Exception):
        pass

    def stop(phase, number, fraction):
        if (phase, number, fraction) == ("adapt", 2, 0.4):
            raise Stop

    run = train(tiny(), on_batch=stop)
    expected = run_of("dan")[0][:-1]
    assert_equal([next(run) for _ in expected], expected)
    with pytest.raises(Stop):
        next(run)
    assert list(run) == []


def test_a_diverging_loss_says_what_to_do():
    deep = {"name": "mlp", "params": {"width": 16, "depth": 2, "bottleneck": 8}}
    experiment = tiny("deepcoral", params={"trade_off": 100_000}, backbone=deep, budget={"optimizer": "sgd"})
    with pytest.raises(InputError) as error:
        list(train(experiment))
    assert error.value.where == "training"
    assert "nan" in error.value.what
    assert "Lower the learning rate" in error.value.remedy


def test_a_batch_must_fit_into_both_domains():
    experiment = tiny(target={"name": "moons", "params": {"n": 60}}, budget={"batch_size": 41})
    for attempt in (lambda: next(train(experiment)), lambda: estimate(experiment, "cpu")):
        with pytest.raises(InputError, match="at most 40") as error:
            attempt()
        assert error.value.where == "budget.batch_size"
    fits = tiny(target={"name": "moons", "params": {"n": 60}}, budget={"batch_size": 40, "source_epochs": 1, "epochs": 1})
    assert len(list(train(fits))) == 4


def test_one_domain_on_both_sides_is_cut_into_disjoint_halves():
    same = {"name": "moons", "params": {"n": 400}}
    pair = load_pair(*tiny(source=same, target=same).pair)
    parts = [{tuple(row) for row in d.inputs[part].tolist()} for d in (pair.source, pair.target) for part in (d.train, d.test)]
    assert len(set.union(*parts)) == sum(map(len, parts)) == 400
    assert abs(len(parts[0]) - len(parts[2])) <= 2
    assert abs(len(parts[1]) - len(parts[3])) <= 2
    for d in (pair.source, pair.target):
        assert d.labels[d.train].float().mean() == pytest.approx(0.5, abs=0.02)
    turned = load_pair(*tiny(source=same, target=same | {"shifts": [{"name": "rotation", "severity": 1}]}).pair)
    assert torch.equal(turned.source.inputs[turned.source.train], pair.source.inputs[pair.source.train])
    quarter = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    torch.testing.assert_close(turned.target.inputs, pair.target.inputs @ quarter)


# Before a run


def test_an_estimate_counts_what_a_run_will_use():
    experiment = tiny("dann")
    found = estimate(experiment, "cpu")
    assert 0 < found.seconds < float("inf")
    assert found.train == (134, 160)
    assert found.held_out == (66, 80)
    assert found.shown == 40
    network = 2 * 16 + 16 + 16 * 8 + 8 + 2 * 8 + 8 * 2 + 2
    discriminator = 8 * 128 + 128 + 128 * 128 + 128 + 128 + 1
    assert found.weights == network + discriminator
    assert found.data_bytes == (200 + 240) * 2 * 4
    assert len(found.warnings) == 1
    assert "40 held-out samples" in found.warnings[0]


def test_an_estimate_warns_of_missing_labels(tmp_path):
    found = estimate(tiny(target=unlabelled(tmp_path)), "cpu")
    assert any("no labels" in warning for warning in found.warnings)


def test_an_estimate_counts_the_references():
    long = {"source_epochs": 1000, "epochs": 1}
    without, with_joint = (estimate(tiny(budget=long, joint=joint), "cpu").seconds for joint in (False, True))
    assert with_joint > 1.3 * without  # twice as many labelled samples in all


def test_an_estimate_grows_with_the_epochs_and_changes_no_run():
    short, long = (estimate(tiny(budget={"epochs": epochs}), "cpu").seconds for epochs in (1, 1000))
    assert long > short
    assert_equal(list(train(tiny())), run_of("dan")[0])
