"""What is measured on held-out samples: the plane around two-dimensional inputs, the shift that any snapshot size shares, the gain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from training_tools import data_of

from core.domains.pair import load_pair
from core.experiment import Experiment
from core.measures import MEASURED, Evaluation, measure_all
from core.methods import Method
from core.training.build import make_method
from core.training.data import Data, Samples
from core.training.evaluation import GRID, Evaluator, Snapshot, evaluate, predict

MOONS, OTHERS = ({"name": "moons", "params": {"n": n}} for n in (1800, 1740))  # 600 and 580 held-out samples


def experiment(source: dict | None = None, target: dict | None = None, snapshot: int = 600) -> Experiment:
    return Experiment.parse(
        {
            "source": source or MOONS,
            "target": target or OTHERS | {"shifts": [{"name": "translation", "severity": 1}]},
            "backbone": {"name": "mlp", "params": {"width": 16, "bottleneck": 8}},
            "budget": {"source_epochs": 1, "epochs": 1, "batch_size": 16},
            "snapshot": snapshot,
        }
    )


def untrained(asked: Experiment) -> tuple[Data, Method, Evaluator, Evaluation]:
    """Data, a method that has not been trained, and who measures it, with what it says."""
    data = data_of(asked)
    method = make_method(data, "dan", {}, "adapt")
    before = evaluate(data, method)
    return data, method, Evaluator(data, measure_all, before), before


def snapshot_of(evaluator: Evaluator, evaluation: Evaluation) -> Snapshot:
    snapshot = evaluator.measure(evaluation)[1]
    assert snapshot is not None
    return snapshot


def shift_of(evaluator: Evaluator, evaluation: Evaluation, **changed) -> tuple:
    """MMD², its p value and the domain AUC of an evaluation, with some arrays exchanged."""
    measures, _ = evaluator.measure(replace(evaluation, **changed))
    return tuple(measures[name] for name in ("mmd2", "mmd2_p", "domain_auc", "domain_auc_low", "domain_auc_high"))


def test_a_snapshot_of_points_says_what_the_network_sees_everywhere():
    data, method, evaluator, _ = untrained(experiment(snapshot=60))
    snapshot = snapshot_of(evaluator, evaluator.evaluate(method))
    assert set(snapshot.plane) == {"grid_classes", "grid_confidence", "grid_domain"}
    assert all(grid.shape == (GRID, GRID) and grid.dtype == np.uint8 for grid in snapshot.plane.values())
    x, y, half = data.plane
    for row, column in ((0, 0), (0, GRID - 1), (GRID - 1, 0), (20, 45)):  # first row at the bottom
        place = [x + half * (2 * column / (GRID - 1) - 1), y + half * (2 * row / (GRID - 1) - 1)]
        probabilities = predict(method, torch.tensor([place], dtype=torch.float32), "target")[1][0]
        assert snapshot.plane["grid_classes"][row, column] == probabilities.argmax()
        assert snapshot.plane["grid_confidence"][row, column] == pytest.approx(255 * probabilities.max(), abs=1)


def test_the_grid_says_where_target_samples_are():
    asked = experiment(snapshot=200)
    data, _, evaluator, before = untrained(asked)
    x, y, half = data.plane
    inputs = Samples.of(asked, load_pair(*asked.pair)).inputs.numpy()
    at = np.rint(((inputs - [x, y]) / half + 1) / 2 * (GRID - 1)).astype(int)
    domain = snapshot_of(evaluator, before).plane["grid_domain"][at[:, 1], at[:, 0]] / 255
    assert domain[:200].mean() < 0.5 < domain[200:].mean()


def test_inputs_that_are_no_plane_have_no_grid(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "rows.npz", X=rng.normal(size=(120, 3)).astype(np.float32), y=np.arange(120) % 2)
    file = {"name": "file", "params": {"path": str(tmp_path / "rows.npz")}}
    asked = experiment(file, file, snapshot=20)
    data, _, evaluator, before = untrained(asked)
    assert data.plane is Samples.of(asked, load_pair(*asked.pair)).plane is before.grid is None
    assert snapshot_of(evaluator, before).plane == {}


def test_the_shift_is_measured_on_the_first_500_samples():
    data, _, evaluator, before = untrained(experiment())
    assert MEASURED == 500
    source, target = before.source_features, before.target_features
    assert len(source) == len(target) == data.shown > MEASURED
    told = shift_of(evaluator, before)
    assert told == shift_of(evaluator, before, source_features=source[:MEASURED], target_features=target[:MEASURED])
    far = target.copy()
    far[MEASURED - 1] *= -100
    assert shift_of(evaluator, before, target_features=far) != told


def test_a_larger_snapshot_measures_the_same_shift():
    (large, _, *first), (small, _, *second) = (untrained(experiment(snapshot=n)) for n in (600, 500))
    assert large.shown > small.shown
    assert first[1].scale.bandwidth == second[1].scale.bandwidth
    assert shift_of(*first) == pytest.approx(shift_of(*second), abs=1e-6)


def test_the_scale_stays_as_it_was_before_adaptation():
    data, _, evaluator, before = untrained(experiment(snapshot=100))
    other = make_method(data, "dan", {}, "another")
    assert evaluator.evaluate(other).scale is before.scale
    assert (evaluate(data, other).scale.mean != before.scale.mean).any()


def test_while_nothing_adapts_there_are_accuracies_and_no_picture():
    data, method, _, before = untrained(experiment(snapshot=100))
    reference = Evaluator(data)
    measures, snapshot = reference.measure(reference.evaluate(method))
    assert snapshot is None
    assert measures["target_accuracy"] == (before.target_probabilities.argmax(1) == before.target_labels).mean()
    assert not {"mmd2", "gain"} & set(measures)


def test_a_snapshot_holds_all_shown_samples():
    asked = experiment()
    data, _, evaluator, before = untrained(asked)
    snapshot = snapshot_of(evaluator, before)
    samples = Samples.of(asked, load_pair(*asked.pair))
    assert len(snapshot.features) == len(snapshot.probabilities) == len(samples.labels) == 2 * data.shown
