"""The training loop: what a run consists of, what it tells, and how it ends."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from training_tools import assert_equal, batch_counts, numbers, run_of, snapshots, tiny, unlabelled

from core.domains.pair import load_pair
from core.errors import InputError
from core.training import train
from core.training.data import Samples
from core.training.estimate import estimate
from core.training.loop import GAIN, PATIENCE, settled
from core.training.updates import decay

pytestmark = pytest.mark.slow


def test_a_run_has_references_and_the_adaptation():
    epochs, _, stores = run_of("dan")
    counted = [(epoch.phase, epoch.number, epoch.total) for epoch in epochs]
    assert counted == [
        ("source", 1, 2),
        ("source", 2, 2),
        ("linear", 1, 1),
        ("oracle", 1, 2),
        ("oracle", 2, 2),
        ("continued", 1, 2),
        ("continued", 2, 2),
        ("adapt", 0, 2),
        ("adapt", 1, 2),
        ("adapt", 2, 2),
    ]
    assert [epoch.snapshot is not None for epoch in epochs] == [False] * 7 + [True] * 3
    assert set(stores[-1]) == {tiny().reference_id(role) for role in ("source", "linear", "oracle", "continued")}
    assert set(epochs[-1].losses) == {"task", "align"}
    assert set(epochs[0].losses) == {"task", "held_back"}
    assert epochs[7].losses == {}


def test_epoch_zero_is_the_source_trained_network_and_the_gain_is_over_one_trained_as_long():
    epochs, _, _ = run_of("dan")
    before, after = epochs[7].measures, epochs[-1].measures
    assert before["target_accuracy"] == epochs[1].measures["target_accuracy"]
    continued = epochs[6].measures["target_accuracy"]
    assert before["source_only_target_accuracy"] == after["source_only_target_accuracy"] == continued
    assert after["gain"] == pytest.approx(after["target_accuracy"] - continued)
    assert after["gain_low"] <= after["gain"] <= after["gain_high"]


def test_source_only_trained_on_is_what_the_method_would_be_without_its_part():
    """A run of source-only itself makes the same updates; and one without alignment, whose batch norm sees the source alone, gains none."""
    continued = [numbers(epoch)["measures"]["target_accuracy"] for epoch in run_of("dan")[0] if epoch.phase == "continued"]
    of_its_own = [epoch.measures["target_accuracy"] for epoch in run_of("source-only")[0] if epoch.phase == "adapt"]
    assert of_its_own[1:] == continued
    assert "continued" not in tiny("source-only").phases
    assert "continued" not in tiny("shot").phases
    assert "continued" not in tiny("adabn").phases


def test_training_on_labels_ends_when_samples_held_back_gain_no_more():
    epochs = [epoch for epoch in train(tiny(budget={"source_epochs": 60})) if epoch.phase == "source"]
    assert epochs[-1].number == epochs[-1].total < 60
    assert {epoch.total for epoch in epochs[:-1]} == {60}
    values = [epoch.losses["held_back"] for epoch in epochs]
    assert min(values[-PATIENCE:]) > min(values[:-PATIENCE]) - GAIN
    for end in range(PATIENCE + 1, len(values)):
        assert min(values[end - PATIENCE : end]) <= min(values[: end - PATIENCE]) - GAIN


@pytest.mark.parametrize(
    ("values", "ends"),
    [([1.0], False), ([1, 0.9, 0.8, 0.7], False), ([1, 1, 1, 1], True), ([1, 1, 0.985, 1], False), ([0.5, 0.6, 0.7, 0.8], True)],
)
def test_when_it_is_settled(values, ends):
    assert settled([{"losses": {"held_back": value}} for value in values]) is ends


def test_few_samples_are_trained_on_until_they_are_learned():
    """Seventy rows are one batch; an epoch of it would be one update."""
    few = {"name": "moons", "params": {"n": 110, "noise": 0.1}}
    *_, last = train(tiny(source=few, target=few, budget={"batch_size": 64, "least_updates": 20, "source_epochs": 30, "lr": 0.005}))
    assert last.measures["source_accuracy"] > 0.85


def test_the_linear_reference_says_when_a_network_is_undertrained():
    lazy = {"lr": 1e-6, "source_epochs": 1, "epochs": 1}
    leads = {}
    for name, budget in (("undertrained", lazy), ("trained", {"source_epochs": 20, "least_updates": 20, "epochs": 1})):
        line = next(epoch for epoch in train(tiny(budget=budget)) if epoch.phase == "linear").measures
        assert line["source_accuracy"] > 0.75
        assert line["linear_lead_low"] <= line["linear_lead"] <= line["linear_lead_high"]
        leads[name] = line
    assert leads["undertrained"]["linear_lead_low"] > 0
    assert leads["trained"]["linear_lead_low"] <= 0


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
    assert told == [(p, epoch, (i + 1) / n) for p, n in batch_counts(tiny()).items() for epoch in (1, 2) for i in range(n)]


def test_every_phase_tells_that_it_begins_and_what_it_reads():
    told = []
    list(train(tiny(), on_step=lambda *facts: told.append(facts)))
    assert [phase for phase, step, *_ in told if step == "begins"] == ["source", "linear", "oracle", "continued", "adapt"]
    held_out = {of for _, step, _, of in told if step == "held out"}
    assert len(held_out) == 1
    assert {phase for phase, step, done, of in told if step == "held out" and done == of} == {"source", "oracle", "continued", "adapt"}


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
    np.testing.assert_array_equal(before.snapshot.features, run_of("dan")[0][7].snapshot.features)  # "before" is the source model


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
    assert [epoch.as_dict() for epoch in second[:7]] == [epoch.as_dict() for epoch in first[:7]]
    assert [epoch.checkpoint is None for epoch in second] == [True] * 7 + [False] * 3
    assert_equal(second, run_of("deepcoral")[0])


def test_a_joint_reference_is_trained_on_both_domains():
    told, experiment = [], tiny(joint=True)
    run = train(experiment, on_batch=lambda *facts: told.append(facts))
    while next(run).phase != "continued":
        pass
    counts = {phase: n for phase, n in batch_counts(experiment).items() if phase in ("source", "oracle", "joint")}
    asked = [(p, epoch, (i + 1) / n) for p, n in counts.items() for epoch in (1, 2) for i in range(n)]
    assert [facts for facts in told if facts[0] != "continued"] == asked

    moons = {"name": "moons", "params": {"n": 240}}
    moved = moons | {"shifts": [{"name": "translation", "severity": 1}]}  # each domain's network is often wrong on the other
    epochs = list(train(tiny(target=moved, joint=True, budget={"source_epochs": 30, "epochs": 1})))
    last = {phase: next(e.measures for e in reversed(epochs) if e.phase == phase) for phase in ("source", "oracle", "joint")}
    assert last["joint"]["target_accuracy"] > last["source"]["target_accuracy"] + 0.1
    assert last["joint"]["source_accuracy"] > last["oracle"]["source_accuracy"] + 0.1


def test_without_target_labels_there_is_no_joint_reference_either(tmp_path):
    experiment = tiny(target=unlabelled(tmp_path), joint=True)
    assert [epoch.phase for epoch in train(experiment)] == ["source"] * 2 + ["linear"] + ["continued"] * 2 + ["adapt"] * 3
    assert estimate(experiment, "cpu").seconds > 0


def test_without_target_labels_there_is_no_oracle_and_no_accuracy(tmp_path):
    epochs = list(train(tiny(target=unlabelled(tmp_path))))
    assert [epoch.phase for epoch in epochs] == ["source"] * 2 + ["linear"] + ["continued"] * 2 + ["adapt"] * 3
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
    assert len(told) == before == batch_counts(tiny())["source"]
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
