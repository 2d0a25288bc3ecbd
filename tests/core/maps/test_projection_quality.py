"""Measures of a map, checked against other implementations; centres and contours, against geometry."""

import re

import numpy as np
import pytest
from matplotlib.path import Path
from sklearn.manifold import trustworthiness as sklearn_trustworthiness
from sklearn.neighbors import NearestNeighbors

from core.errors import InputError
from core.maps import (
    MapQuality,
    class_centres,
    class_purity,
    density_contour,
    disagreement,
    map_quality,
    trustworthiness,
)
from core.maps.frame import nearest

N = 200
DOMAIN = np.repeat([0, 1], N).astype(np.uint8)


def clouds(apart: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """2N×10 rows of three classes, the target's moved along the last column; and labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, 2 * N)
    rows = rng.normal(size=(2 * N, 10)) + 4 * np.eye(10)[labels]
    rows[:, 9] += np.where(DOMAIN == 1, apart, -apart)
    return rows.astype(np.float32), labels


def others(points: np.ndarray, k: int) -> np.ndarray:
    """An independent search of the k nearest others."""
    distances = np.linalg.norm(points[:, None].astype(np.float64) - points, axis=-1)
    np.fill_diagonal(distances, np.inf)
    return np.argsort(distances, axis=1)[:, :k]


def test_nearest_is_exact():
    rng = np.random.default_rng(1)
    rows, among = rng.normal(size=(70, 8)).astype(np.float32), rng.normal(size=(900, 8)).astype(np.float32)
    distances, neighbours = nearest(rows, among, 6)
    expected = NearestNeighbors(n_neighbors=6, algorithm="ball_tree").fit(among).kneighbors(rows)
    np.testing.assert_allclose(distances, expected[0], rtol=1e-5)
    np.testing.assert_array_equal(neighbours, expected[1])
    close = np.linspace(0, 1e-3, 500, dtype=np.float32)[:, None] + np.float32(1)  # neighbours differ in the last digits
    np.testing.assert_array_equal(np.abs(np.diff(nearest(close, close, 2)[1], axis=1)), 1)


def test_quality_tells_a_good_map_from_a_shuffled_one():
    features, labels = clouds(1)
    positions = features[:, :2]
    shuffled = np.random.default_rng(4).permutation(positions)
    assert trustworthiness(features, positions) > 0.7
    assert trustworthiness(features, shuffled) < 0.6
    assert class_purity(positions, labels) == pytest.approx((labels[others(positions, 10)] == labels[:, None]).mean(), abs=1e-3)
    assert class_purity(shuffled, labels) < 0.5 < class_purity(positions, labels)


def test_purity_among_equal_points_counts_each_point_k_times():
    assert class_purity(np.zeros((30, 2)), np.zeros(30)) == 1


@pytest.mark.parametrize("apart", [0, 1, 4])
def test_map_quality_is_what_other_implementations_say(apart):
    features, labels = clouds(apart)
    labels[::5] = -1
    positions = features[:, [0, 9]]
    quality = map_quality(features, positions, DOMAIN, labels)
    rows = features / np.linalg.norm(features, axis=1, keepdims=True)
    assert quality.trustworthiness == pytest.approx(sklearn_trustworthiness(rows, positions, n_neighbors=12), abs=1e-6)
    known = labels >= 0
    for points, purity, mixing in (
        (positions, quality.purity_map, quality.mixing_map),
        (rows, quality.purity_full, quality.mixing_full),
    ):
        assert purity == pytest.approx((labels[known][others(points[known], 10)] == labels[known][:, None]).mean(), abs=1e-6)
        share = (DOMAIN[others(points, 10)] != DOMAIN[:, None]).mean()
        assert mixing == pytest.approx(share / (N / (2 * N - 1)), abs=1e-6)
    if apart == 0:
        assert quality.mixing_map == pytest.approx(1, abs=0.08)
    if apart == 4:
        assert quality.mixing_map < 0.05


def test_mixing_of_unequal_domains_is_one_when_they_are_shuffled():
    rng = np.random.default_rng(2)
    features, domain = rng.normal(size=(2400, 5)), (np.arange(2400) < 300).astype(np.uint8)
    quality = map_quality(features, features[:, :2], domain, None)
    assert quality.mixing_map == pytest.approx(1, abs=0.1)
    assert quality.mixing_full == pytest.approx(1, abs=0.1)
    assert quality.purity_map is quality.purity_full is None


def test_map_quality_draws_with_the_seed_and_from_both_domains():
    rng = np.random.default_rng(3)
    features, domain = rng.normal(size=(3000, 5)), (np.arange(3000) >= 2990).astype(np.uint8)
    first = map_quality(features, features[:, :2], domain, None, seed=1)
    assert first == map_quality(features, features[:, :2], domain, None, seed=1)
    assert first != map_quality(features, features[:, :2], domain, None, seed=2)


def test_a_collapsed_map_mixes_by_chance():
    """All points are equally near, so the domain must not decide which of them count."""
    features, _ = clouds(4)
    quality = map_quality(features, np.zeros((2 * N, 2)), DOMAIN, None)
    assert quality.mixing_map == pytest.approx(1, abs=0.3)
    assert quality.mixing_full < 0.3


def test_map_quality_of_few_points():
    rng = np.random.default_rng(5)
    for n in (3, 4, 10):
        quality = map_quality(rng.normal(size=(n, 4)), rng.normal(size=(n, 2)), np.arange(n) % 2, np.full(n, -1))
        assert np.isfinite([quality.trustworthiness, quality.mixing_map, quality.mixing_full]).all()
        assert quality.purity_map is None
    with pytest.raises(InputError, match="2 points"):
        map_quality(np.ones((2, 4)), np.ones((2, 2)), [0, 1])
    with pytest.raises(InputError, match="source domain"):
        map_quality(np.ones((5, 4)), np.ones((5, 2)), np.zeros(5))


@pytest.mark.parametrize(
    ("mixing_map", "mixing_full", "auc", "says"),
    [
        (0.9, 0.3, (0.7, 0.8), "looks aligned, the features are not: .*at least 0.70"),
        (0.9, 0.85, (0.7, 0.8), "looks aligned"),
        (0.2, 0.2, (0.45, 0.55), "looks apart.*0.45 to 0.55"),
        (0.5, 0.3, (0.55, 0.65), "more mixing than the features have: 0.50 against 0.30"),
        (0.9, 0.85, (0.5, 0.6), None),
        (0.1, 0.05, (0.9, 0.95), None),
        (0.2, 0.2, (0.6, 0.7), None),
        (0.58, 0.5, (0.55, 0.65), None),  # less than a quarter more
        (0.12, 0.05, (0.9, 0.95), None),  # less than 0.1 more
    ],
)
def test_disagreement_is_said_where_there_is_one(mixing_map, mixing_full, auc, says):
    found = disagreement(MapQuality(0.9, None, None, mixing_map, mixing_full), *auc)
    if says is None:
        assert found is None
    else:
        assert re.search(says, found)


def test_class_centres_are_medians_of_each_domain():
    positions = np.array([[0, 0], [2, 0], [40, 3], [5, 5], [7, 7], [9, 9]], dtype=np.float32)
    centres = class_centres(positions, [1, 1, 1, 0, 2, -1], [0, 0, 0, 1, 1, 1], 3)
    assert (centres.shape, centres.dtype) == ((2, 3, 2), np.float32)
    np.testing.assert_array_equal(centres[0, 1], [2, 0])
    np.testing.assert_array_equal(centres[1, 0], [5, 5])
    np.testing.assert_array_equal(centres[1, 2], [7, 7])
    assert np.isnan(centres[[0, 0, 1], [0, 2, 1]]).all()


def inside(rings: list[np.ndarray], points: np.ndarray) -> np.ndarray:
    """Even-odd rule: a ring within a ring is a hole."""
    return np.sum([Path(ring).contains_points(points) for ring in rings], axis=0) % 2 == 1


def samples(kind: str, n: int) -> np.ndarray:
    rng = np.random.default_rng(n)
    points = rng.normal(size=(n, 2))
    match kind:
        case "clusters":
            points = 0.1 * points + rng.choice([[-1, 0], [1, 0], [0, 1.5]], n)
        case "narrow":
            points *= [1, 0.001]
        case "far":
            points[: n // 200] = 1000
        case "ring":
            points = points / np.linalg.norm(points, axis=1, keepdims=True) + 0.1 * points
    return points


@pytest.mark.parametrize("n", [60, 500, 2000])
@pytest.mark.parametrize("kind", ["normal", "clusters", "narrow", "far", "ring"])
def test_contour_holds_its_share(kind, n):
    points = samples(kind, n)
    rings = density_contour(points)
    assert rings
    for ring in rings:
        np.testing.assert_array_equal(ring[0], ring[-1])
        assert ring.dtype == np.float32
        assert 4 <= len(ring) <= 81
    assert inside(rings, points).mean() == pytest.approx(0.5, abs=0.07)
    for first, again in zip(rings, density_contour(points), strict=True):
        np.testing.assert_array_equal(first, again)


def test_contour_of_a_normal_is_its_circle():
    points = 3 * np.random.default_rng(6).normal(size=(20_000, 2)) + [10, -5]
    largest = max(density_contour(points), key=len)
    assert np.linalg.norm(largest - [10, -5], axis=1).mean() == pytest.approx(3 * 1.177, rel=0.04)
    wide = max(density_contour(points, share=0.9), key=len)
    assert np.linalg.norm(wide - [10, -5], axis=1).mean() == pytest.approx(3 * np.sqrt(2 * np.log(10)), rel=0.05)


def test_contour_outlines_each_cluster():
    rings = [ring for ring in density_contour(samples("clusters", 2000)) if len(ring) > 10]
    assert sorted(np.round(ring.mean(axis=0), 0).tolist()[0] for ring in rings) == [-1, 0, 1]


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((0, 2)),
        np.random.default_rng(0).normal(size=(4, 2)),
        np.full((50, 2), np.nan),
        np.ones((50, 2)),
        np.stack([np.arange(50.0), np.zeros(50)], axis=1),
    ],
)
def test_too_little_has_no_contour(points):
    assert density_contour(points) == []


def test_contour_survives_repeated_and_missing_points():
    points = np.repeat(np.random.default_rng(7).normal(size=(3, 2)), 40, axis=0)
    points[::7] = np.nan
    assert all(np.isfinite(ring).all() for ring in density_contour(points))
