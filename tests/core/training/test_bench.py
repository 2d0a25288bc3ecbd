"""What is measured on an experiment's data: the plane around two-dimensional inputs, and samples that any snapshot size shares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.domains.pair import load_pair
from core.experiment import Experiment
from core.measures import MEASURED
from core.runs.execute import SNAPSHOTS, snapshot_epochs
from core.training.evaluation import GRID, Bench

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


def bench_of(asked: Experiment) -> tuple[Bench, object]:
    """A bench, and an untrained method that it has looked at."""
    bench = Bench(asked, load_pair(*asked.pair), "cpu")
    method = bench.method("dan", {}, "adapt")
    bench.fix_before(method)
    return bench, method


def shift_of(bench: Bench, **changed) -> tuple:
    """MMD², its p value and the domain AUC of what the bench has seen, with some arrays exchanged."""
    measures, _ = bench.measure(replace(bench.before, **changed), "adapt")
    return tuple(measures[name] for name in ("mmd2", "mmd2_p", "domain_auc", "domain_auc_low", "domain_auc_high"))


def test_the_plane_holds_all_shown_inputs_with_a_margin():
    asked = experiment(snapshot=50)
    bench = Bench(asked, load_pair(*asked.pair), "cpu")
    samples = bench.samples()
    low, high = samples.inputs.numpy().min(0), samples.inputs.numpy().max(0)
    *centre, half = samples.plane
    np.testing.assert_allclose(centre, (low + high) / 2, atol=1e-6)
    assert half == pytest.approx(1.15 * (high - low).max() / 2)


def test_a_snapshot_of_points_says_what_the_network_sees_everywhere():
    bench, method = bench_of(experiment(snapshot=60))
    _, snapshot = bench.measure(bench.evaluate(method), "adapt")
    assert set(snapshot.plane) == {"grid_classes", "grid_confidence", "grid_domain"}
    assert all(grid.shape == (GRID, GRID) and grid.dtype == np.uint8 for grid in snapshot.plane.values())
    x, y, half = bench.plane
    for row, column in ((0, 0), (0, GRID - 1), (GRID - 1, 0), (20, 45)):  # first row at the bottom
        place = [x + half * (2 * column / (GRID - 1) - 1), y + half * (2 * row / (GRID - 1) - 1)]
        probabilities = bench.predict(method, torch.tensor([place], dtype=torch.float32), "target")[1][0]
        assert snapshot.plane["grid_classes"][row, column] == probabilities.argmax()
        assert snapshot.plane["grid_confidence"][row, column] == pytest.approx(255 * probabilities.max(), abs=1)


def test_the_grid_says_where_target_samples_are():
    bench, method = bench_of(experiment(snapshot=200))
    _, snapshot = bench.measure(bench.evaluate(method), "adapt")
    x, y, half = bench.plane
    at = np.rint(((bench.samples().inputs.numpy() - [x, y]) / half + 1) / 2 * (GRID - 1)).astype(int)
    domain = snapshot.plane["grid_domain"][at[:, 1], at[:, 0]] / 255
    assert domain[:200].mean() < 0.5 < domain[200:].mean()


def test_inputs_that_are_no_plane_have_no_grid(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "rows.npz", X=rng.normal(size=(120, 3)).astype(np.float32), y=np.arange(120) % 2)
    file = {"name": "file", "params": {"path": str(tmp_path / "rows.npz")}}
    bench, method = bench_of(experiment(file, file, snapshot=20))
    evaluation = bench.evaluate(method)
    assert bench.plane is bench.samples().plane is evaluation.grid is None
    assert bench.measure(evaluation, "adapt")[1].plane == {}


def test_the_shift_is_measured_on_the_first_500_samples():
    bench, _ = bench_of(experiment())
    assert MEASURED == 500
    source, target = bench.before.source_features, bench.before.target_features
    assert len(source) == len(target) == bench.shown > MEASURED
    told = shift_of(bench)
    assert told == shift_of(bench, source_features=source[:MEASURED], target_features=target[:MEASURED])
    far = target.copy()
    far[MEASURED - 1] *= -100
    assert shift_of(bench, target_features=far) != told


def test_a_larger_snapshot_measures_the_same_shift():
    large, small = (bench_of(experiment(snapshot=n))[0] for n in (600, 500))
    assert large.shown > small.shown
    assert large.bandwidth == small.bandwidth
    assert shift_of(large) == pytest.approx(shift_of(small), abs=1e-6)


def test_a_snapshot_holds_all_shown_samples():
    bench, _ = bench_of(experiment())
    _, snapshot = bench.measure(bench.before, "adapt")
    assert len(snapshot.features) == len(snapshot.probabilities) == len(bench.samples().labels) == 2 * bench.shown


def test_the_shots_are_a_few_of_each_class_from_the_training_part():
    chosen = {}
    for seed in (0, 1):
        asked = Experiment.parse(experiment().model_dump() | {"method": {"name": "mme"}, "shots": 3, "seed": seed})
        pair = load_pair(*asked.pair)
        bench = Bench(asked, pair, "cpu")
        rows = pair.target.train[bench.shot_rows]
        assert pair.target.labels[rows].tolist() == [0, 0, 0, 1, 1, 1]
        assert not set(rows.tolist()) & set(pair.target.test.tolist())
        seen = bench.seen(bench.method("mme", {}, "adapt"))
        assert torch.equal(seen.shots, pair.target.inputs[rows])
        assert torch.equal(seen.shot_labels, pair.target.labels[rows])
        assert not {tuple(row) for row in seen.shots.tolist()} & {tuple(row) for row in bench.target.held_out.tolist()}
        assert torch.equal(Bench(asked, pair, "cpu").shot_rows, bench.shot_rows)
        chosen[seed] = bench.shot_rows
    assert not torch.equal(*chosen.values())


def test_a_class_with_fewer_samples_gives_all_of_them():
    asked = Experiment.parse(experiment().model_dump() | {"method": {"name": "mme"}, "shots": 50})
    pair = load_pair(*asked.pair)
    rare = pair.target.labels[pair.target.train].argsort(stable=True)[2:600]  # of class 0, 2 and the last ones stay
    labels = pair.target.labels.clone()
    labels[pair.target.train[rare[labels[pair.target.train[rare]] == 0]]] = 1
    counts = Bench(asked, replace(pair, target=replace(pair.target, labels=labels)), "cpu")
    assert labels[pair.target.train[counts.shot_rows]].bincount().tolist() == [min(50, int((labels[pair.target.train] == 0).sum())), 50]
    assert (labels[pair.target.train] == 0).sum() == 2


def test_few_pictures_of_a_long_run_are_kept():
    assert snapshot_epochs(3) == {0, 1, 2, 3}
    assert snapshot_epochs(60) == set(range(61))
    kept = sorted(snapshot_epochs(1000))
    assert (kept[0], kept[-1], len(kept)) == (0, 1000, SNAPSHOTS)
    assert set(np.diff(kept)) <= {16, 17}
