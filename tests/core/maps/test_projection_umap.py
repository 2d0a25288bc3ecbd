"""The UMAP map: points hold still without change, and another process need not compile again."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

from core.errors import InputError
from core.maps import class_purity, joint, prepare_numba_cache, trustworthiness, umap_map

pytestmark = pytest.mark.slow


def drifting(n: int = 120, epochs: int = 14, d: int = 16, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Four classes that drift apart over the epochs; E×N×D and labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, n)
    centres, noise = 3 * rng.normal(size=(4, d)), rng.normal(size=(n, d))
    return np.stack([noise + centres[labels] * (0.2 + e / epochs) for e in range(epochs)]).astype(np.float32), labels


FRESH_PROCESS = """
import sys
from pathlib import Path
import numpy as np
from core.maps import prepare_numba_cache, umap_map
assert not {"torch", "umap"} & set(sys.modules), "core.maps must import neither"
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
    prepare_numba_cache(folder)
    return folder


def test_umap_map_keeps_points_and_classes(numba_folder, monkeypatch):
    monkeypatch.setattr(joint, "TRACKED", 90)  # 30 of the 120 rows are placed, at every epoch
    features, labels = drifting()
    features[10:] = features[-1]
    noise = np.random.default_rng(1).normal(size=features[-1].shape).astype(np.float32)
    features[12] += 0.01 * features[12].std() * noise  # a checkpoint is 13, the one before 10
    told = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = umap_map(features, range(14), seed=1, on_progress=told.append)
    positions = result.positions
    assert positions.shape == (14, 120, 2)
    assert np.isfinite(positions).all()
    assert np.abs(positions).max() == pytest.approx(1)
    np.testing.assert_array_equal(positions[10], positions[11])  # fitted, placed, or both
    np.testing.assert_allclose(positions[10], positions[13], atol=1e-6)
    moved = np.linalg.norm(positions[12] - positions[11], axis=1) / 2
    assert 0 < moved.max() < 0.02
    assert class_purity(positions[-1], labels) > 0.95
    assert trustworthiness(features[-1], positions[-1]) > 0.8
    np.testing.assert_array_equal(positions, umap_map(features, range(14), seed=1).positions)

    assert told == sorted(told)
    assert 0 < told[0] < 0.02
    assert told[-1] == pytest.approx(1)
    assert np.diff(told).max() < 0.1, "it moves steadily"


def test_a_placed_row_moves_without_jumps():
    """Along a line through the joint rows; the ones around it change, and its place changes little at each step."""
    rng = np.random.default_rng(2)
    rows, layout = rng.normal(size=(200, 5)).astype(np.float32), rng.normal(size=(200, 2)).astype(np.float32)
    np.testing.assert_allclose(joint.placed_by_neighbours(rows, rows, layout), layout, atol=1e-6)
    line = np.linspace(0, 1, 4001, dtype=np.float32)[:, None] * (rows[1] - rows[0]) + rows[0]
    along = joint.placed_by_neighbours(line, rows, layout)
    np.testing.assert_allclose(along[[0, -1]], layout[:2], atol=1e-6)
    assert np.linalg.norm(np.diff(along, axis=0), axis=1).max() < 0.02
    corners = np.stack(np.meshgrid(*[[-1.0, 1.0]] * 4), axis=-1).reshape(-1, 4).astype(np.float32)
    middle = joint.placed_by_neighbours(np.zeros((1, 4), np.float32), corners, np.ones((16, 2), np.float32))
    np.testing.assert_allclose(middle, [[1, 1]])  # all sixteen are equally far


def test_equal_rows_are_fitted_once():
    rows = np.array([[2, 1], [0.0, 1], [2, 1], [-0.0, 1]], dtype=np.float32)
    distinct, which = joint.distinct_rows(rows)
    np.testing.assert_array_equal(distinct, [[2, 1], [0, 1]])
    np.testing.assert_array_equal(which, [0, 1, 0, 1])


@pytest.mark.parametrize(("features", "found"), [(np.ones((2, 40, 4)), "1 different rows"), (np.eye(15)[None], "15 different")])
def test_umap_map_refuses_too_few_points(features, found):
    with pytest.raises(InputError, match=found):
        umap_map(features, range(len(features)), seed=0)


def test_umap_map_refuses_one_column():
    with pytest.raises(InputError, match="one column"):
        umap_map(np.arange(40.0).reshape(1, 40, 1), [0], seed=0)


def test_another_process_finds_the_compiled_functions(numba_folder):
    found = in_fresh_process(numba_folder).split()
    if found[1] != "0":  # a new machine, or a new umap: this one has compiled
        found = in_fresh_process(numba_folder).split()
    assert found == ["1", "0"]
