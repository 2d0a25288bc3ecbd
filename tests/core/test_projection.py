"""Maps keep a point where it is when its features do not change, and show what the features hold."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

from core.errors import InputError
from core.projection import checkpoints, class_purity, joint, live_pca, pca_map, prepare_numba_cache, trustworthiness, umap_map


def epochs_of_features(n: int = 120, epochs: int = 12, d: int = 16, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Four classes that drift apart over the epochs; E×N×D and labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, n)
    centres, noise = 3 * rng.normal(size=(4, d)), rng.normal(size=(n, d))
    return np.stack([noise + centres[labels] * (0.2 + e / epochs) for e in range(epochs)]).astype(np.float32), labels


def moved(a: np.ndarray, b: np.ndarray) -> float:
    """Largest displacement as a share of the map's extent."""
    return float(np.linalg.norm(a - b, axis=-1).max() / np.ptp(a, axis=0).max())


@pytest.mark.parametrize("count", [1, 2, 3, 9, 10, 11, 40, 500])
def test_checkpoints_hold_first_and_last_and_at_most_ten(count):
    chosen = checkpoints(count)
    assert chosen[0] == 0
    assert chosen[-1] == count - 1
    assert len(chosen) <= 10
    assert (np.diff(chosen) > 0).all()
    assert np.diff(chosen).max(initial=0) <= max(1, count // 2)


def test_pca_map_fits_the_frame_with_equal_aspect():
    features, _ = epochs_of_features()
    result = pca_map(list(features), range(12))
    assert result.positions.shape == (12, 120, 2)
    assert result.positions.dtype == np.float32
    assert result.epochs == tuple(range(12))
    flat = result.positions.reshape(-1, 2)
    np.testing.assert_allclose(flat.max(axis=0), -flat.min(axis=0), atol=1e-5)
    assert flat.max() == pytest.approx(1)

    # The same distances, up to one factor, as the singular value decomposition of the normalised rows gives.
    rows = features / np.linalg.norm(features, axis=2, keepdims=True)
    pooled = np.concatenate([rows[i] for i in checkpoints(12)]).astype(np.float64)
    basis = np.linalg.svd(pooled - pooled.mean(axis=0), full_matrices=False)[2][:2]
    expected = rows[5] @ basis.T
    factor = np.ptp(result.positions[5], axis=0).max() / np.ptp(expected, axis=0).max()
    got_distance = np.linalg.norm(result.positions[5][:, None] - result.positions[5], axis=-1)
    np.testing.assert_allclose(got_distance, factor * np.linalg.norm(expected[:, None] - expected, axis=-1), atol=1e-4)


def test_pca_map_holds_still_without_change_and_barely_moves_with_noise():
    features, _ = epochs_of_features()
    noise = 0.01 * features[-1].std() * np.random.default_rng(1).normal(size=features[-1].shape).astype(np.float32)
    positions = pca_map([features[-1], features[-1], features[-1] + noise], [0, 1, 2]).positions
    np.testing.assert_array_equal(positions[0], positions[1])
    assert 0 < moved(positions[0], positions[2]) < 0.02


def test_pca_map_does_not_depend_on_the_scale_of_the_features():
    features, _ = epochs_of_features()
    growing = features * np.linspace(1, 50, 12, dtype=np.float32)[:, None, None]
    np.testing.assert_allclose(pca_map(growing, range(12)).positions, pca_map(features, range(12)).positions, atol=1e-4)


def test_two_columns_are_their_own_map():
    points = np.array([[0, 0], [4, 0], [4, 1], [0, 1]], dtype=np.float32)
    positions = pca_map([points], [0]).positions[0]
    distances = np.linalg.norm(positions[:, None] - positions, axis=-1)
    np.testing.assert_allclose(distances, np.linalg.norm(points[:, None] - points, axis=-1) / 2, atol=1e-6)


@pytest.mark.parametrize("features", [np.ones((6, 4)), np.zeros((6, 4)), np.arange(6.0)[:, None], np.ones((1, 4))])
def test_degenerate_features_still_have_a_map(features):
    assert np.isfinite(pca_map([features, features], [0, 1]).positions).all()
    first = live_pca(features)
    np.testing.assert_allclose(live_pca(features, first), first, atol=1e-6)


def test_live_map_holds_still_without_change():
    features, _ = epochs_of_features()
    first = start = live_pca(features[3])
    assert np.abs(first).max() == pytest.approx(1)
    for _ in range(20):
        first = live_pca(features[3], first)
    np.testing.assert_allclose(first, start, atol=1e-5)


def test_live_map_undoes_rotations_and_barely_moves_with_noise():
    features, _ = epochs_of_features()
    rng = np.random.default_rng(2)
    previous = np.array([[0.0, -1.0], [1.0, 0.0]]) @ live_pca(features[-1]).T  # turned by a quarter
    turn, _ = np.linalg.qr(rng.normal(size=(16, 16)))
    np.testing.assert_allclose(live_pca(features[-1] @ turn.astype(np.float32), previous.T), previous.T, atol=1e-3)
    noise = 0.01 * features[-1].std() * rng.normal(size=features[-1].shape)
    assert moved(previous.T, live_pca(features[-1] + noise, previous.T)) < 0.02


def test_live_map_does_not_shrink_when_epochs_have_nothing_in_common():
    rng = np.random.default_rng(3)
    start = positions = live_pca(rng.normal(size=(100, 8)))
    for _ in range(30):
        positions = live_pca(rng.normal(size=(100, 8)), positions)
    assert np.linalg.norm(positions - positions.mean(axis=0)) == pytest.approx(np.linalg.norm(start - start.mean(axis=0)), rel=1e-3)


def test_live_map_refuses_other_samples():
    features, _ = epochs_of_features()
    with pytest.raises(ValueError, match="same samples"):
        live_pca(features[0], np.zeros((7, 2)))


def test_maps_refuse_broken_features():
    features, _ = epochs_of_features(epochs=3)
    with pytest.raises(ValueError, match="2 epochs"):
        pca_map(features, [0, 1])
    with pytest.raises(ValueError, match="shapes"):
        pca_map([features[0], features[1][:50]], [0, 1])
    features[1, 4, 2] = np.nan
    with pytest.raises(InputError, match="epoch 8"):
        pca_map(features, [4, 8, 9])


def test_quality_tells_a_good_map_from_a_shuffled_one():
    features, labels = epochs_of_features()
    positions = pca_map([features[-1]], [0]).positions[0]
    shuffled = np.random.default_rng(4).permutation(positions)
    assert trustworthiness(features[-1], positions) > 0.85 > 0.7 > trustworthiness(features[-1], shuffled)
    distances = np.linalg.norm(positions[:, None] - positions, axis=-1).astype(np.float64)
    np.fill_diagonal(distances, np.inf)
    expected = (labels[np.argsort(distances, axis=1)[:, :10]] == labels[:, None]).mean()
    assert class_purity(positions, labels) == pytest.approx(expected, abs=2e-3)
    assert class_purity(shuffled, labels) < 0.5 < expected


FRESH_PROCESS = """
import sys
from pathlib import Path
import numpy as np
from core.projection import prepare_numba_cache, umap_map
assert not {"torch", "umap"} & set(sys.modules), "core.projection must import neither"
import numba
stock = numba.njit
prepare_numba_cache(Path(sys.argv[1]))
assert numba.njit is stock
umap_map(np.random.default_rng(0).normal(size=(1, 120, 16)), [0], seed=0)
from umap.layouts import _nb_optimize_layout_euclidean_single_epoch as optimise
print(sum(optimise.stats.cache_hits.values()), sum(optimise.stats.cache_misses.values()))
"""


def in_fresh_process(folder) -> str:
    return subprocess.run([sys.executable, "-c", FRESH_PROCESS, str(folder)], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def numba_folder(request):
    """pytest's own cache: the half minute of compiling is paid once per checkout."""
    folder = request.config.cache.mkdir("numba")
    in_fresh_process(folder)
    prepare_numba_cache(folder)
    return folder


def test_umap_map_keeps_points_and_classes(numba_folder, monkeypatch):
    monkeypatch.setattr(joint, "TRACKED", 90)  # 30 of the 120 rows are placed, at every epoch
    features, labels = epochs_of_features(epochs=14)
    features[10:] = features[-1]
    told = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = umap_map(features, range(14), seed=1, on_progress=told.append)
    assert result.positions.shape == (14, 120, 2)
    assert np.isfinite(result.positions).all()
    assert np.abs(result.positions).max() == pytest.approx(1)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)
    for epoch in range(10, 14):  # fitted, placed, or both
        assert np.median(np.linalg.norm(result.positions[epoch] - result.positions[10], axis=1)) < 0.01
        assert moved(result.positions[10], result.positions[epoch]) < 0.05
    assert class_purity(result.positions[-1], labels) > 0.95
    assert trustworthiness(features[-1], result.positions[-1]) > 0.8
    np.testing.assert_array_equal(result.positions, umap_map(features, range(14), seed=1).positions)


def test_umap_map_refuses_too_few_points():
    with pytest.raises(InputError, match="more than 15"):
        umap_map(np.zeros((1, 15, 4)), [0], seed=0)


def test_another_process_finds_the_compiled_functions(numba_folder):
    hits, misses = in_fresh_process(numba_folder).split()
    assert (hits, misses) == ("1", "0")
