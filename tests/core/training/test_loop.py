"""The training loop: what a run consists of, what it tells, and how it ends."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from training_tools import assert_equal, data_of, run_of, snapshots, tiny, unlabelled

from core.domains.pair import load_pair
from core.errors import InputError
from core.training import train
from core.training.data import Samples
from core.training.estimate import estimate
from core.training.updates import decay

pytestmark = pytest.mark.slow


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
    samples = Samples.of(experiment, load_pair(*experiment.pair))
    assert samples.inputs.shape == (2 * n, 2)
    assert samples.labels.shape == (2 * n,)


def test_a_snapshot_shows_the_held_out_samples_in_their_order():
    experiment = tiny()
    pair = load_pair(*experiment.pair)
    samples, last = Samples.of(experiment, pair), run_of("dan")[0][-1]
    right = last.snapshot.probabilities.argmax(1) == samples.labels.numpy()
    held_out = {tuple(row) for d in (pair.source, pair.target) for row in d.inputs[d.test].tolist()}
    assert {tuple(row) for row in samples.inputs.tolist()} <= held_out
    assert right[:40].mean() == pytest.approx(last.measures["source_accuracy"], abs=0.15)
    assert right[40:].mean() == pytest.approx(last.measures["target_accuracy"], abs=0.15)


def test_each_batch_is_told():
    told = []
    list(train(tiny(), on_batch=lambda *facts: told.append(facts)))
    data = data_of(tiny())
    sizes = {"source": len(data.source.inputs), "oracle": len(data.target.inputs)}
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
    before = next(epoch for epoch in train(tiny(start="scratch")) if epoch.phase == "adapt")
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
    assert decay(schedule, progress) == pytest.approx(expected)


def test_schedules_reach_the_optimiser():
    finals = [snapshots(list(train(tiny(budget={"schedule": schedule}))))[-1] for schedule in ("constant", "inverse", "cosine")]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert not np.array_equal(finals[a], finals[b])


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


def test_a_joint_reference_is_trained_on_both_domains():
    told, experiment = [], tiny(joint=True)
    run = train(experiment, on_batch=lambda *facts: told.append(facts))
    while next(run).phase != "adapt":
        pass
    data = data_of(experiment)
    sizes = {"source": len(data.source.inputs), "oracle": len(data.target.inputs)}
    sizes["joint"] = sum(sizes.values())
    assert told == [(p, epoch, (i + 1) / (n // 16)) for p, n in sizes.items() for epoch in (1, 2) for i in range(n // 16)]

    moons = {"name": "moons", "params": {"n": 240}}
    rotated = moons | {"shifts": [{"name": "rotation", "severity": 1}]}  # turned by 90°, where the source's network is often wrong
    epochs = list(train(tiny(target=rotated, joint=True, budget={"source_epochs": 30, "epochs": 1})))
    last = {phase: next(e.measures for e in reversed(epochs) if e.phase == phase) for phase in ("source", "oracle", "joint")}
    assert last["joint"]["target_accuracy"] > last["source"]["target_accuracy"] + 0.1
    assert last["joint"]["source_accuracy"] > last["oracle"]["source_accuracy"] + 0.1


def test_without_target_labels_there_is_no_joint_reference_either(tmp_path):
    experiment = tiny(target=unlabelled(tmp_path), joint=True)
    assert [epoch.phase for epoch in train(experiment)] == ["source"] * 2 + ["adapt"] * 3
    assert estimate(experiment, "cpu").seconds > 0


def test_without_target_labels_there_is_no_oracle_and_no_accuracy(tmp_path):
    epochs = list(train(tiny(target=unlabelled(tmp_path))))
    assert [epoch.phase for epoch in epochs] == ["source"] * 2 + ["adapt"] * 3
    assert all(epoch.measures["target_accuracy"] is None for epoch in epochs)
    last = epochs[-1].measures
    assert all(last[key] is None for key in ("gain", "gain_low", "gain_high", "source_only_target_accuracy", "target_worst_class"))
    assert all(last[key] is not None for key in ("source_accuracy", "mmd2", "domain_auc", "infomax"))


def test_close_stops_the_run():
    told, references = [], {}
    run = train(tiny(), references=references, on_batch=lambda *facts: told.append(facts))
    next(run)
    before = len(told)
    run.close()
    assert list(run) == []
    assert len(told) == before == len(data_of(tiny()).source.inputs) // 16
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
