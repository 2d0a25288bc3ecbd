"""A run's maps: points stay where they were while a run is young, and everything that is drawn on them."""

from __future__ import annotations

import threading
from itertools import count

import numpy as np
import pytest

from core.errors import InputError
from core.maps import run_map
from core.maps.positions import LIVE as LIVE_MAPS
from core.maps.process import Mapper
from core.runs import store
from core.runs.execute import run_here
from core.runs.record import Record, Writer

N, D, K, G = 20, 6, 3, 8
LIVE = ("pca", "discriminant")
IDS = count(0xAAAA00000001)  # caches know a run by its id, and two runs never have the same
PLANE = np.array([1, -2, 4], np.float32)  # centre and half-extent


@pytest.fixture
def empty(home):
    """A run with neither samples nor snapshots."""
    made = store.writer(f"{next(IDS):012x}").open('{"seed": 3}')
    yield made
    made.close()


@pytest.fixture
def record(empty):
    """A run of points of a plane that has begun, without a snapshot."""
    labels = np.concatenate([np.arange(N) % K, np.full(N, -1)])
    empty.write_samples({"labels": labels, "rows": np.random.default_rng(0).uniform(-3, 3, (2 * N, 2)).astype(np.float32), "plane": PLANE})
    empty.update(state="running", class_names=["a", "b", "c"], held_out=[N, N])
    return empty


def add(record: Writer, *numbers: int, gap: float = 6, low: float = 0.4, high: float = 0.6, accuracy: float | None = 0.5) -> None:
    """Snapshots whose features drift, so that the basis of a joint map turns with every epoch; targets stand apart."""
    for number in numbers:
        features = np.random.default_rng(0).normal(size=(2 * N, D)) * np.roll([5, 3, 1, 1, 1, 1], number) + number
        features[N:, 2] += gap
        ramp = np.tile(np.linspace(0, 255, G).round().astype(np.uint8), (G, 1))  # the domain changes from left to right
        arrays = {
            "features": features.astype(np.float32),
            "probabilities": np.random.default_rng(number).dirichlet(np.ones(K), 2 * N).astype(np.float32),
            "grid_classes": np.full((G, G), number % K, np.uint8),
            "grid_confidence": np.full((G, G), 10 * number, np.uint8),
            "grid_domain": ramp,
        }
        measures = {"domain_auc": 0.75, "domain_auc_low": low, "domain_auc_high": high, "target_accuracy": accuracy}
        record.add({"phase": "adapt", "number": number, "measures": measures}, arrays)


def finish(record: Writer) -> Record:
    record.update(state="finished")
    return record


@pytest.mark.parametrize("kind", run_map.KINDS)
def test_before_the_first_snapshot_there_is_no_map(record, kind):
    assert run_map.run_map(record, kind) is None
    assert run_map.frames(record) is None
    assert run_map.quality(record, kind, [0]) == {}


def test_before_the_samples_there_is_no_map(empty):
    add(empty, 0)
    assert run_map.run_map(empty, "pca") is None
    assert run_map.kinds(empty) == ("pca", "umap", "discriminant")


@pytest.mark.parametrize("kind", LIVE)
def test_a_live_map_keeps_its_points_when_an_epoch_arrives(record, kind):
    before = None
    for number in range(5):
        add(record, number)
        found = run_map.run_map(record, kind)
        assert found.epochs == tuple(range(number + 1))
        assert found.positions.shape == (number + 1, 2 * N, 2)
        assert found.positions.dtype == np.float32
        if before is not None:
            np.testing.assert_array_equal(found.positions[:-1], before.positions)
            np.testing.assert_array_equal(found.centres[:-1], before.centres)
            assert found.identity == before.identity
            assert found.version != before.version
        before = found
    np.testing.assert_array_equal(run_map.run_map(record, kind).positions, before.positions)


@pytest.mark.parametrize("kind", LIVE)
def test_a_live_map_starts_over_with_its_run(record, kind):
    add(record, 0, 1, 2, 3)
    first = run_map.run_map(record, kind)
    record.keep_until("adapt", 1)
    kept = run_map.run_map(record, kind)
    assert kept.epochs == (0, 1)
    np.testing.assert_array_equal(kept.positions, first.positions[:2])
    add(record, 2)
    np.testing.assert_array_equal(run_map.run_map(record, kind).positions, first.positions[:3])


@pytest.mark.parametrize("kind", LIVE)
def test_a_map_that_was_forgotten_comes_back_the_same(record, kind):
    add(record, 0, 1, 2)
    first = run_map.run_map(record, kind)
    LIVE_MAPS.clear()
    np.testing.assert_array_equal(run_map.run_map(record, kind).positions, first.positions)


@pytest.mark.parametrize("kind", LIVE)
def test_two_viewers_see_the_same_live_map(record, kind):
    found, barrier = [], threading.Barrier(3)

    def look() -> None:
        for number in range(4):
            if barrier.wait() == 0:
                add(record, number)
            barrier.wait()
            found.append(run_map.run_map(record, kind))

    viewers = [threading.Thread(target=look) for _ in range(3)]
    for viewer in viewers:
        viewer.start()
    for viewer in viewers:
        viewer.join()
    assert len(found) == 12
    last = run_map.run_map(record, kind)
    for one in found:
        np.testing.assert_array_equal(one.positions, last.positions[: len(one.epochs)])


@pytest.mark.parametrize("kind", LIVE)
def test_a_finished_run_has_one_basis(record, kind):
    add(record, 0, 1, 2)
    live = run_map.run_map(record, kind)
    joint = run_map.run_map(finish(record), kind)
    assert joint.epochs == live.epochs
    assert joint.identity != live.identity  # a browser that holds the live map asks for all of this one
    assert np.abs(joint.positions).max() == pytest.approx(1)
    assert not np.allclose(joint.positions, live.positions)
    # One linear map for all epochs: features of length 1 determine the place.
    unit = np.concatenate([f / np.linalg.norm(f, axis=1, keepdims=True) for f in (record.snapshot(i)["features"] for i in range(3))])
    design = np.column_stack([unit, np.ones(len(unit))])
    placed = joint.positions.reshape(-1, 2)
    np.testing.assert_allclose(design @ np.linalg.lstsq(design, placed, rcond=None)[0], placed, atol=1e-4)


def test_the_discriminant_shows_the_target_on_the_right(record):
    add(record, 0, 1)
    for found in (run_map.run_map(record, "discriminant"), run_map.run_map(finish(record), "discriminant")):
        x = found.positions[0, :, 0]
        assert x[:N].mean() < x[N:].mean() - 0.5


def test_a_damaged_snapshot_is_left_out(record):
    add(record, 0, 1, 2)
    (record.folder / "snapshots" / "0001.safetensors").write_bytes(b"damaged")
    for kind in ("pca", "discriminant", "inputs"):
        assert run_map.run_map(record, kind).epochs == (0, 2)
    assert run_map.run_map(finish(record), "pca").epochs == (0, 2)
    assert run_map.frames(record).epochs == (0, 2)


def test_a_map_holds_what_the_network_says(record):
    add(record, 0, 2)
    found = run_map.run_map(record, "pca")
    probabilities = np.stack([record.snapshot(i)["probabilities"] for i in (0, 2)])
    np.testing.assert_array_equal(found.predictions, probabilities.argmax(2))
    np.testing.assert_array_equal(found.confidence, probabilities.max(2))
    np.testing.assert_array_equal(found.labels, record.samples()["labels"])
    np.testing.assert_array_equal(found.rows, record.samples()["rows"])
    np.testing.assert_array_equal(found.domain, [0] * N + [1] * N)
    assert found.pictures is None
    assert found.judged
    assert (found.titles, found.class_names) == (("before", "epoch 2"), ("a", "b", "c"))
    assert found.captions == ("Domain AUC 0.75 in the full space, target accuracy 50.0 %",) * 2


def test_without_target_labels_the_caption_tells_no_accuracy(record):
    add(record, 0, accuracy=None)
    assert run_map.run_map(record, "pca").captions == ("Domain AUC 0.75 in the full space",)


def test_centres_are_medians_of_true_classes_and_of_predicted_ones_where_none_is_known(record):
    add(record, 0, 1)
    found = run_map.run_map(record, "pca")
    for epoch in (0, 1):
        for k in range(K):
            source = found.positions[epoch][(found.labels == k) & (found.domain == 0)]
            target = found.positions[epoch][(found.predictions[epoch] == k) & (found.domain == 1)]
            np.testing.assert_array_equal(found.centres[epoch, 0, k], np.median(source, 0))
            np.testing.assert_array_equal(found.centres[epoch, 1, k], np.median(target, 0))


def test_both_domains_have_an_outline_at_every_epoch(record):
    add(record, 0, 1)
    for epoch in run_map.run_map(record, "pca").outlines:
        assert len(epoch) == 2
        for rings in epoch:
            assert rings
            assert all(ring.shape[1] == 2 and (ring[0] == ring[-1]).all() for ring in rings)


def test_a_map_says_how_its_samples_were_chosen(record):
    add(record, 0)
    drawn = "drawn at random with seed 3."
    assert run_map.run_map(record, "pca").note == f"Showing 20 of 20 held-out samples per domain, {drawn}"
    record.update(held_out=[1234, 30])
    expected = f"Showing 20 samples per domain, of 1,234 source and 30 target held-out ones, {drawn}"
    assert run_map.run_map(record, "pca").note == expected


def test_points_of_a_plane_have_a_map_of_themselves(record):
    add(record, 0, 1)
    assert run_map.kinds(record) == run_map.KINDS
    found = run_map.run_map(record, "inputs")
    for positions in found.positions:
        np.testing.assert_allclose(positions, (record.samples()["rows"] - [1, -2]) / 4, atol=1e-6)
    np.testing.assert_array_equal(found.ground.classes, [np.zeros((G, G)), np.ones((G, G))])
    np.testing.assert_array_equal(found.ground.confidence, [np.zeros((G, G)), np.full((G, G), 10)])
    for source, target, undecided in found.outlines:
        assert source
        assert target
        places = np.concatenate(undecided)
        np.testing.assert_allclose(places[:, 0], 0, atol=0.01)  # the ramp passes one half in the middle
        assert np.ptp(places[:, 1]) == pytest.approx(2, abs=0.01)


def test_a_map_of_inputs_stays_the_same_when_its_run_ends(record):
    add(record, 0, 1)
    live = run_map.run_map(record, "inputs")
    done = run_map.run_map(finish(record), "inputs")
    assert done.identity == live.identity
    np.testing.assert_array_equal(done.positions, live.positions)
    assert run_map.run_map(record, "pca").ground is None


def test_a_real_run_of_moons(home, tiny):
    record = run_here(tiny(), "cpu")
    assert run_map.kinds(record) == run_map.KINDS
    found = run_map.run_map(record, "inputs")
    assert found.epochs == (0, 1, 2)
    assert np.abs(found.positions).max() == pytest.approx(1 / 1.15, abs=1e-3)
    size = found.ground.classes.shape[1]
    # The ground is what the network says at the samples too.
    cells = np.rint((found.positions[-1] + 1) / 2 * (size - 1)).astype(int)
    said = found.ground.classes[-1][cells[:, 1], cells[:, 0]]
    assert (said == found.predictions[-1]).mean() > 0.9
    confidence = found.ground.confidence[-1][cells[:, 1], cells[:, 0]] / 255
    assert np.abs(confidence - found.confidence[-1]).mean() < 0.05
    assert all(len(epoch) == 3 for epoch in found.outlines)
    assert {tuple(np.round(row, 5)) for row in found.rows} == {tuple(np.round(row, 5)) for row in record.samples()["rows"]}
    quality = run_map.quality(record, "pca", [0, 1, 2])
    assert set(quality) == {0, 1, 2}
    assert all(0 < q["trustworthiness"] <= 1 for q in quality.values())


def test_quality_is_told_of_the_asked_epochs_that_have_a_map(record):
    add(record, 0, 1, 2)
    found = run_map.quality(record, "pca", [2, 0, 7])
    assert set(found) == {0, 2}
    for q in found.values():
        assert 0 < q["trustworthiness"] <= 1
        assert 0 <= q["purity_map"] <= 1
        assert 0 <= q["purity_full"] <= 1
        assert q["mixing_map"] >= 0
        assert q["mixing_full"] >= 0
    assert run_map.quality(record, "umap", [0]) == {}


def test_quality_warns_where_map_and_classifier_disagree(record, monkeypatch):
    add(record, 0, gap=60, low=0.4, high=0.6)  # the domains stand apart, and the classifier cannot tell them apart
    add(record, 1, gap=60, low=0.9, high=0.99)
    found = run_map.quality(record, "discriminant", [0, 1])
    assert all(q["mixing_map"] < 0.3 for q in found.values())
    assert (
        found[0]["warning"] == "The map looks apart, the features are not: a classifier cannot tell the domains apart (AUC 0.40 to 0.60)."
    )
    assert found[1]["warning"] is None
    monkeypatch.setattr(run_map, "dimensions", lambda of: 2)  # then the map is all there is
    assert run_map.quality(record, "discriminant", [0])[0]["warning"] is None


class FakeMapper:
    """Stands for the mapper: says what the test says."""

    def __init__(self, state: tuple[str, float], then: tuple[str, float] | None = None):
        self.said, self.then, self.asked = state, then, []

    def state(self, run_id: str) -> tuple[str, float]:
        return self.said

    def submit(self, run_id: str) -> None:
        self.asked.append(run_id)
        self.said = self.then


@pytest.mark.parametrize("state", [("queued", 0.0), ("computing", 0.4), ("failed", 0.2)])
def test_a_umap_that_is_known_is_not_asked_for_again(record, state):
    fake = FakeMapper(state)
    assert run_map.umap_state(record, fake) == state
    assert fake.asked == []


@pytest.mark.parametrize("state", [("unknown", 0.0), ("ready", 1.0)])
def test_a_umap_that_is_missing_is_asked_for(record, state):
    """Never asked for, or deleted with its run since."""
    fake = FakeMapper(state, ("queued", 0.0))
    assert run_map.umap_state(record, fake) == run_map.umap_state(record, fake) == ("queued", 0.0)
    assert fake.asked == [record.id]


def test_a_umap_that_is_stored_is_ready_and_drawn(record):
    nobody = FakeMapper(("unknown", 0.0))
    add(record, 0, 1, 2)
    finish(record)
    assert run_map.run_map(record, "umap") is None
    stored = np.random.default_rng(0).uniform(-1, 1, (2, 2 * N, 2)).astype(np.float32)
    record.write_map("umap", {"epochs": np.array([0, 2]), "positions": stored})
    assert run_map.umap_state(record, nobody) == ("ready", 1.0)
    assert nobody.asked == []
    found = run_map.run_map(record, "umap")
    assert found.epochs == (0, 2)
    np.testing.assert_array_equal(found.positions, stored)
    np.testing.assert_array_equal(found.predictions[1], record.snapshot(2)["probabilities"].argmax(1))
    assert set(run_map.quality(record, "umap", [0, 1, 2])) == {0, 2}


def test_a_full_queue_says_so(record):
    full = Mapper(waiting=0)
    with pytest.raises(InputError, match="0 maps are already waiting"):
        run_map.umap_state(record, full)
    assert full.state(record.id) == ("unknown", 0.0)


def test_a_run_without_a_snapshot_has_no_umap(record):
    with pytest.raises(InputError, match="no snapshot") as error:
        run_map.compute_umap(record)
    assert "Launch it again" in error.value.remedy


def test_umap_is_computed_and_stored(record, request):
    """Compiles for most of a minute on a new machine; pytest's cache keeps the result for the next time."""
    (store.home() / "numba").symlink_to(request.config.cache.mkdir("numba"))
    add(record, 0, 1, 2)
    told = []
    run_map.compute_umap(finish(record), told.append)
    found = run_map.run_map(record, "umap")
    assert found.epochs == (0, 1, 2)
    assert found.positions.shape == (3, 2 * N, 2)
    assert np.isfinite(found.positions).all()
    assert np.abs(found.positions).max() == pytest.approx(1)
    assert told == sorted(told)
    assert told[-1] == 1
