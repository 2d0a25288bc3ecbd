"""Maps keep a point where it is when its features do not change, and show what the features hold."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from core.errors import InputError
from core.maps import checkpoints, discriminant_map, live_discriminant, live_pca, pca_map


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


N, D = 150, 12
DOMAIN = (np.arange(2 * N) >= N).astype(np.uint8)


def domains_that_meet(epochs: int = 5, seed: int = 5) -> np.ndarray:
    """E×2N×D: two classes far apart along column 0; the target is moved along column 3, less at every epoch."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(2 * N, D)) * np.linspace(1, 2, D)
    rows[:, 0] += np.where(rng.random(2 * N) < 0.5, -6, 6)
    rows += 8  # so that the length of a row says little
    moved = np.repeat(rows[None], epochs, axis=0)
    moved[:, DOMAIN == 1, 3] += np.linspace(9, 0, epochs)[:, None]
    return moved.astype(np.float32)


def test_discriminant_is_fishers_with_what_it_does_not_explain_upwards():
    """Against scikit-learn's discriminant of the pooled rows with the way over the epochs taken out, in another formulation."""
    features = domains_that_meet()
    result = discriminant_map(features, range(10, 15), DOMAIN)
    assert result.method == "discriminant"
    assert result.epochs == tuple(range(10, 15))
    assert (result.positions.dtype, result.positions.shape) == (np.float32, (5, 2 * N, 2))
    np.testing.assert_allclose(result.positions.reshape(-1, 2).max(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(result.positions.reshape(-1, 2).min(axis=0), -1, atol=1e-5)

    rows = (features / np.linalg.norm(features, axis=2, keepdims=True)).astype(np.float64)
    x, y = result.positions.astype(np.float64).transpose(2, 0, 1)
    # All epochs around the mean of both domains in that epoch, then what the discriminant of two classes says.
    level = np.stack([(e[DOMAIN == 0].mean(axis=0) + e[DOMAIN == 1].mean(axis=0)) / 2 for e in rows])
    gap = np.stack([e[DOMAIN == 1].mean(axis=0) - e[DOMAIN == 0].mean(axis=0) for e in rows])
    sides = (DOMAIN - 0.5)[None, :, None]
    same_gap = rows - level[:, None] - sides * gap[:, None] + sides * gap.mean(axis=0)
    expected = LinearDiscriminantAnalysis(solver="eigen").fit(same_gap.reshape(-1, D), np.tile(DOMAIN, 5)).coef_[0]
    assert np.corrcoef((rows @ expected).ravel(), x.ravel())[0, 1] > 0.999

    around = result.positions.reshape(5, 2, N, 2)
    around = around - around.mean(axis=2, keepdims=True)
    assert abs(np.corrcoef(around.reshape(-1, 2).T)[0, 1]) < 0.01, "within domains they are uncorrelated"
    shift = result.positions[:, DOMAIN == 1].mean(axis=1) - result.positions[:, DOMAIN == 0].mean(axis=1)
    assert abs(shift[:, 1].mean()) < 1e-5, "all of the mean difference is in x"
    assert (np.diff(shift[:, 0]) < 0).all()
    assert shift[0, 0] > 5 * abs(shift[-1, 0])
    assert abs(np.corrcoef(y[-1], rows[-1][:, 0])[0, 1]) > 0.9, "upwards is what else varies most"


def test_discriminant_has_one_basis_and_does_not_depend_on_the_features_signs():
    features = domains_that_meet()
    positions = discriminant_map([features[0], features[4], features[4]], range(3), DOMAIN).positions
    np.testing.assert_array_equal(positions[1], positions[2])
    mirrored = discriminant_map(features * np.float32(-1), range(5), DOMAIN).positions
    straight = discriminant_map(features, range(5), DOMAIN).positions
    np.testing.assert_allclose(mirrored[..., 0], straight[..., 0], atol=1e-4)
    np.testing.assert_array_equal(discriminant_map(features, range(5), DOMAIN).positions, straight)


def test_domains_that_do_not_differ_look_little_apart():
    rng = np.random.default_rng(6)
    for few, many in ((1000, 60), (400, 20)):
        domain = np.repeat([0, 1], few).astype(np.uint8)
        positions = discriminant_map([rng.normal(size=(2 * few, many))], [0], domain).positions[0]
        gap = (positions[domain == 1, 0].mean() - positions[domain == 0, 0].mean()) / positions[domain == 0, 0].std()
        assert gap == pytest.approx(np.sqrt(2 * many / few), rel=0.3)


def test_live_discriminant_keeps_what_it_has_shown():
    features = domains_that_meet()
    first, basis = live_discriminant(features[0], DOMAIN)
    assert np.abs(first).max() == pytest.approx(1)
    assert first[DOMAIN == 1, 0].mean() - first[DOMAIN == 0, 0].mean() > 0.5
    later, kept = live_discriminant(features[4], DOMAIN, basis)
    assert kept is basis
    assert abs(later[DOMAIN == 1, 0].mean() - later[DOMAIN == 0, 0].mean()) < 0.3
    np.testing.assert_array_equal(live_discriminant(features[0], DOMAIN, basis)[0], first)
    with pytest.raises(ValueError, match="12 columns"):
        live_discriminant(features[0][:, :5], DOMAIN, basis)


@pytest.mark.parametrize(
    "features",
    [
        np.ones((6, 4)),
        np.zeros((6, 4)),
        np.arange(6.0)[:, None],
        np.ones((6, 1)),
        np.arange(12.0).reshape(6, 2),
        np.repeat(np.eye(4)[:2], 3, axis=0),  # two points, one per domain
        np.tile(np.random.default_rng(7).normal(size=(3, 4)), (2, 1)),  # the same rows in both
        np.random.default_rng(8).normal(size=(6, 50)),
    ],
)
def test_degenerate_features_still_have_a_discriminant(features):
    domain = np.array([0, 0, 0, 1, 1, 1], dtype=np.uint8)
    for positions in (discriminant_map([features, features], [0, 1], domain).positions, live_discriminant(features, domain)[0]):
        assert np.isfinite(positions).all()
        assert np.abs(positions).max() <= 1 + 1e-6
        flat = positions.reshape(-1, 6, 2)
        assert (flat[:, 3:, 0].mean(axis=1) - flat[:, :3, 0].mean(axis=1) > -1e-6).all()


@pytest.mark.parametrize(("domain", "only"), [(0, "source"), (1, "target")])
def test_discriminant_needs_both_domains(domain, only):
    with pytest.raises(InputError, match=f"all samples are of the {only} domain"):
        discriminant_map(np.ones((1, 6, 4)), [0], np.full(6, domain))
    with pytest.raises(ValueError, match="6 samples"):
        live_discriminant(np.ones((6, 4)), np.array([0, 1]))
