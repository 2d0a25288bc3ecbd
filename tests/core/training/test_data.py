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
from core.experiment import Experiment
from core.methods import METHODS
from core.training import train
from core.training.data import Data, Samples, held_out_rows
from core.training.estimate import estimate


def test_a_batch_must_fit_into_both_domains():
    experiment = tiny(target={"name": "moons", "params": {"n": 60}}, budget={"batch_size": 41})
    for attempt in (lambda: next(train(experiment)), lambda: estimate(experiment, "cpu")):
        with pytest.raises(InputError, match="at most 40") as error:
            attempt()
        assert error.value.where == "budget.batch_size"
    fits = tiny(target={"name": "moons", "params": {"n": 60}}, budget={"batch_size": 40, "source_epochs": 1, "epochs": 1})
    assert len(list(train(fits))) == 4


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
