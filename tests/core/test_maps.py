"""A run's maps: points stay where they were while a run is young; UMAP is computed once, in a process of its own."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from core.runs import maps, store
from core.runs.execute import run_here
from core.runs.record import Writer

N, D = 20, 6


@pytest.fixture
def record(home):
    """A run with no snapshot yet, and no process of an earlier test."""
    maps._PROCESSES.clear()
    made = store.writer("aaaa00000001").open('{"seed": 0}')
    yield made
    made.close()
    maps._PROCESSES.clear()


def add(record: Writer, *numbers: int) -> None:
    """Snapshots whose features drift, so that the basis of a joint PCA turns with every epoch."""
    for number in numbers:
        generator = np.random.default_rng(0)
        features = generator.normal(size=(2 * N, D)) * np.roll([5, 3, 1, 1, 1, 1], number) + number
        probabilities = np.random.default_rng(number).dirichlet(np.ones(3), 2 * N)
        arrays = {"features": features.astype(np.float32), "probabilities": probabilities.astype(np.float32)}
        record.add({"phase": "adapt", "number": number}, arrays)


def test_before_the_first_snapshot_there_is_no_map(record):
    assert maps.pca(record, finished=False) is None
    assert maps.pca(record, finished=True) is None
    assert maps.frames(record) is None
    assert maps.umap(record) is None


def test_a_live_map_keeps_its_points_when_an_epoch_arrives(record):
    before = None
    for number in range(5):
        add(record, number)
        found = maps.pca(record, finished=False)
        assert found.epochs == tuple(range(number + 1))
        assert found.positions.shape == (number + 1, 2 * N, 2)
        assert found.positions.dtype == np.float32
        if before is not None:
            np.testing.assert_array_equal(found.positions[:-1], before)
        before = found.positions
    np.testing.assert_array_equal(maps.pca(record, finished=False).positions, before)


def test_a_live_map_starts_over_with_its_run(record):
    add(record, 0, 1, 2, 3)
    first = maps.pca(record, finished=False)
    record.keep_until("adapt", 1)
    kept = maps.pca(record, finished=False)
    assert kept.epochs == (0, 1)
    np.testing.assert_array_equal(kept.positions, first.positions[:2])


def test_two_viewers_see_the_same_live_map(record):
    found, barrier = [], threading.Barrier(4)

    def look() -> None:
        for number in range(6):
            if barrier.wait() == 0:
                add(record, number)
            barrier.wait()
            found.append(maps.pca(record, finished=False))

    viewers = [threading.Thread(target=look) for _ in range(4)]
    for viewer in viewers:
        viewer.start()
    for viewer in viewers:
        viewer.join()
    last = maps.pca(record, finished=False)
    for one in found:
        np.testing.assert_array_equal(one.positions, last.positions[: len(one.epochs)])


def test_a_finished_run_has_one_basis(record):
    add(record, 0, 1, 2)
    live, joint = maps.pca(record, finished=False), maps.pca(record, finished=True)
    assert joint.epochs == live.epochs
    assert joint.positions.shape == live.positions.shape
    assert np.abs(joint.positions).max() == pytest.approx(1)
    assert not np.allclose(joint.positions, live.positions)
    assert maps.pca(record, finished=True) is joint  # computed once


def test_a_damaged_snapshot_is_left_out(record):
    add(record, 0, 1, 2)
    (record.folder / "snapshots" / "0001.safetensors").write_bytes(b"damaged")
    for finished in (False, True):
        assert maps.pca(record, finished).epochs == (0, 2)
    record.write_samples({"labels": np.zeros(2 * N, np.int64)})
    assert maps.frames(record).epochs == (0, 2)


def test_frames_tell_predictions_of_source_then_target(record):
    add(record, 0, 1)
    assert maps.frames(record) is None  # no samples yet
    labels = np.concatenate([np.arange(N) % 3, np.full(N, -1)])
    record.write_samples({"labels": labels, "rows": np.zeros((2 * N, D), np.float32)})
    frames = maps.frames(record)
    assert frames.epochs == (0, 1)
    probabilities = record.snapshot(1)["probabilities"]
    np.testing.assert_array_equal(frames.predictions[1], probabilities.argmax(1))
    np.testing.assert_allclose(frames.confidence[1], probabilities.max(1))
    np.testing.assert_array_equal(frames.labels, labels)
    np.testing.assert_array_equal(frames.domain, [0] * N + [1] * N)
    assert frames.pictures is None
    assert frames.rows.shape == (2 * N, D)
    assert (frames.predictions.dtype, frames.confidence.dtype, frames.labels.dtype) == (np.int16, np.float32, np.int16)


class Process:
    """Stands for a process that computes a map."""

    made: list[Process] = []

    def __init__(self, command, **_):
        self.command, self.returncode = command, None
        Process.made.append(self)

    def poll(self):
        return self.returncode


@pytest.fixture
def processes(monkeypatch, record):
    monkeypatch.setattr(Process, "made", [])
    monkeypatch.setattr(maps.subprocess, "Popen", Process)
    return Process.made


def test_a_map_is_computed_by_one_process(record, processes):
    assert maps.start_umap(record) == "computing"
    assert maps.start_umap(record) == "computing"
    assert len(processes) == 1
    assert processes[0].command[1:] == ["-m", "core", "project", record.id]
    record.write_map("umap", {"epochs": np.arange(1), "positions": np.zeros((1, 2, 2), np.float32)})
    processes[0].returncode = 0
    assert maps.start_umap(record) == "ready"
    assert len(processes) == 1


def test_many_viewers_start_one_process(record, processes):
    barrier = threading.Barrier(8)

    def look() -> None:
        barrier.wait()
        maps.start_umap(record)

    viewers = [threading.Thread(target=look) for _ in range(8)]
    for viewer in viewers:
        viewer.start()
    for viewer in viewers:
        viewer.join()
    assert len(processes) == 1


def test_a_process_that_fails_is_not_started_again(record, processes):
    maps.start_umap(record)
    processes[0].returncode = 1
    assert maps.start_umap(record) == "failed"
    assert maps.start_umap(record) == "failed"
    assert len(processes) == 1


def test_a_map_that_was_deleted_with_its_run_is_computed_again(record, processes):
    maps.start_umap(record)
    processes[0].returncode = 0
    assert maps.start_umap(record) == "computing"
    assert len(processes) == 2


def test_few_maps_are_computed_at_once(record, processes):
    runs = [store.writer(f"aaaa0000001{i}").open('{"seed": 0}') for i in range(3)]
    assert [maps.start_umap(run) for run in runs] == ["computing"] * 3
    assert len(processes) == 2  # the third waits for its turn
    processes[0].returncode = 1
    assert maps.start_umap(runs[2]) == "computing"
    assert len(processes) == 3
    for run in runs:
        run.close()


def test_a_process_that_fails_says_failed(record, until):
    """For real: this run has no snapshots."""
    assert maps.start_umap(record) == "computing"
    until(lambda: maps.start_umap(record) == "failed")


def test_umap_is_stored_and_read(home, tiny, until, request):
    """Compiles for most of a minute on a new machine; pytest's cache keeps the result for the next time."""
    home.mkdir()
    (home / "numba").symlink_to(request.config.cache.mkdir("numba"))
    record = run_here(tiny(), "cpu")
    assert maps.umap(record) is None
    assert maps.start_umap(record) == "computing"
    until(lambda: maps.start_umap(record) != "computing", 400)
    assert maps.start_umap(record) == "ready"
    found = maps.umap(record)
    assert found.method == "umap"
    assert found.epochs == (0, 1, 2)
    assert found.positions.shape == (3, 60, 2)
    assert found.positions.dtype == np.float32
    assert np.isfinite(found.positions).all()
    assert any((home / "numba").resolve().rglob("*.nbi")), "a second map must not compile again"
