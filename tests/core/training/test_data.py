"""An experiment's data: who is held out and shown, what a method may see, and where target labels go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from training_tools import EPOCHS, NAMES, data_of, snapshots, tiny, unlabelled

from core.domains import Pair
from core.domains.pair import load_pair
from core.errors import InputError
from core.experiment import Budget, Experiment
from core.methods import METHODS, Seen
from core.training import train
from core.training.data import Data, Samples, batch_plan, batches, held_back, held_out_rows
from core.training.estimate import estimate

GENERATOR = torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    ("size", "sizes", "expected"),
    [
        (64, (1000, 700), (64, 20)),
        (64, (2000, 700), (64, 31)),
        (64, (1000, 40), (40, 25)),  # no larger than the smallest domain
        (64, (0, 40), (40, 20)),  # a domain that is not seen does not count
        (64, (73,), (64, 20)),  # one pass would be one update
    ],
)
def test_a_batch_shrinks_to_the_smallest_domain_and_an_epoch_has_enough_updates(size, sizes, expected):
    assert batch_plan(Budget(batch_size=size, least_updates=20), *sizes) == expected


def test_a_domain_smaller_than_a_batch_is_trained_on():
    small = tiny(target={"name": "moons", "params": {"n": 60}}, budget={"batch_size": 1024, "source_epochs": 1, "epochs": 1})
    seen = [
        len(batch.source) for batch in batches(data_of(small).seen(METHODS.get("dan").info), *batch_plan(small.budget, 133, 40), GENERATOR)
    ]
    assert seen == [40] * 3
    assert [epoch.phase for epoch in train(small)] == ["source", "linear", "oracle", "continued", "adapt", "adapt"]


def test_too_few_samples_to_train_on_are_refused(tmp_path):
    rows = np.random.default_rng(0).normal(size=(5, 3))
    np.savez(tmp_path / "few.npz", X=rows)
    np.savez(tmp_path / "source.npz", X=np.random.default_rng(1).normal(size=(60, 3)), y=np.arange(60) % 2)
    few, source = ({"name": "file", "params": {"path": str(tmp_path / name)}} for name in ("few.npz", "source.npz"))
    asked = tiny(source=source, target=few)
    for attempt in (lambda: next(train(asked)), lambda: estimate(asked, "cpu")):
        with pytest.raises(InputError, match="4 or more"):
            attempt()


@pytest.mark.parametrize(("n", "back"), [(4, 1), (12, 3), (73, 10), (400, 40), (60_000, 500)])
def test_samples_are_held_back_to_see_when_to_stop(n, back):
    seen = Seen(torch.zeros(n, 1), torch.zeros(n, dtype=torch.int64), torch.zeros(5, 1), torch.zeros(0, 1), torch.zeros(0))
    fit, kept = held_back(seen, torch.Generator().manual_seed(0))
    assert len(kept) == back
    assert sorted([*fit.tolist(), *kept.tolist()]) == list(range(n))


def other_labels(experiment: Experiment, pair: Pair) -> torch.Tensor:
    """Labels of the target of which nearly all are wrong, while the same samples are the shots: who is chosen depends on labels."""
    labels = pair.target.labels
    if not experiment.shots:
        return labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
    data = Data.of(experiment, pair, "cpu")
    order = torch.randperm(len(pair.target.train), generator=data.generator("shots"))
    last = max(order.tolist().index(row) for row in data.shot_rows.tolist())
    later = torch.cat([pair.target.train[order[last + 1 :]], pair.target.test])
    changed = labels.clone()
    changed[later] = (labels[later] + 1) % len(pair.class_names)
    other = Data.of(experiment, Pair(pair.source, replace(pair.target, labels=changed)), "cpu")
    assert torch.equal(other.shot_rows, data.shot_rows)
    assert len(data.shot_rows) == experiment.shots * len(pair.class_names)
    return changed


@pytest.mark.slow
@pytest.mark.parametrize("method", NAMES)
def test_target_labels_reach_nothing_but_the_oracle_the_shots_and_the_score(method):
    experiment = tiny(method)
    pair = load_pair(*experiment.pair)
    shuffled = other_labels(experiment, pair)
    told, true = ([e for e in train(tiny(method), pair=p)] for p in (Pair(pair.source, replace(pair.target, labels=shuffled)), pair))
    equal = [np.array_equal(a, b) for a, b in zip(snapshots(told), snapshots(true), strict=True)]
    assert equal == ([True] + [False] * EPOCHS if method in ("oracle", "joint") else [True] * len(equal))
    assert told[-1].measures["target_accuracy"] != true[-1].measures["target_accuracy"]
    if method not in ("oracle", "joint"):
        assert [e.losses for e in told if e.phase != "oracle"] == [e.losses for e in true if e.phase != "oracle"]
        unaware = ("source_accuracy", "mmd2", "mmd2_p", "domain_auc", "infomax")
        assert all(told[-1].measures[key] == true[-1].measures[key] for key in unaware)


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


def test_the_plane_holds_all_shown_inputs_with_a_margin():
    experiment = tiny(snapshot=50)
    samples = Samples.of(experiment, load_pair(*experiment.pair))
    low, high = samples.inputs.numpy().min(0), samples.inputs.numpy().max(0)
    assert samples.plane is not None
    *centre, half = samples.plane
    np.testing.assert_allclose(centre, (low + high) / 2, atol=1e-6)
    assert half == pytest.approx(1.15 * (high - low).max() / 2)
    np.testing.assert_array_equal(samples.plane, data_of(experiment).plane)


def test_samples_are_the_first_held_out_ones_of_the_data(tmp_path):
    """Those that are written before training are those of its snapshots."""
    for target in ({"name": "moons", "params": {"n": 90}}, unlabelled(tmp_path)):
        experiment = tiny(target=target)
        data, samples = data_of(experiment), Samples.of(experiment, load_pair(*experiment.pair))
        n, sides = data.shown, (data.source, data.target)
        assert torch.equal(samples.inputs, torch.cat([side.held_out[:n] for side in sides]))
        labels = [np.full(n, -1) if side.held_out_labels is None else side.held_out_labels[:n] for side in sides]
        np.testing.assert_array_equal(samples.labels, np.concatenate(labels))


def test_target_labels_do_not_choose_the_held_out_samples():
    experiment = tiny()
    pair = load_pair(*experiment.pair)
    unknown = Pair(pair.source, replace(pair.target, labels=None))
    for rows, expected in zip(held_out_rows(unknown, 0), held_out_rows(pair, 0), strict=True):
        assert torch.equal(rows, expected)


def test_the_shots_are_a_few_of_each_class_from_the_training_part():
    chosen = {}
    for seed in (0, 1):
        experiment = tiny("mme", shots=3, seed=seed)
        pair, data = load_pair(*experiment.pair), data_of(experiment)
        rows = pair.target.train[data.shot_rows]
        assert pair.target.labels[rows].tolist() == [0, 0, 0, 1, 1, 1]
        assert not set(rows.tolist()) & set(pair.target.test.tolist())
        seen = data.seen(METHODS.get("mme").info)
        assert torch.equal(seen.shots, pair.target.inputs[rows])
        assert torch.equal(seen.shot_labels, pair.target.labels[rows])
        assert not {tuple(row) for row in seen.shots.tolist()} & {tuple(row) for row in data.target.held_out.tolist()}
        assert torch.equal(data_of(experiment).shot_rows, data.shot_rows)
        chosen[seed] = data.shot_rows
    assert not torch.equal(*chosen.values())


def test_a_class_with_fewer_samples_gives_all_of_them():
    moons = {"name": "moons", "params": {"n": 1800}}
    experiment = tiny("mme", source=moons, target=moons, shots=50)
    pair = load_pair(*experiment.pair)
    rare = pair.target.labels[pair.target.train].argsort(stable=True)[2:600]  # of class 0, 2 and the last ones stay
    labels = pair.target.labels.clone()
    labels[pair.target.train[rare[labels[pair.target.train[rare]] == 0]]] = 1
    data = Data.of(experiment, replace(pair, target=replace(pair.target, labels=labels)), "cpu")
    assert labels[pair.target.train[data.shot_rows]].bincount().tolist() == [min(50, int((labels[pair.target.train] == 0).sum())), 50]
    assert (labels[pair.target.train] == 0).sum() == 2
