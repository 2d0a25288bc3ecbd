"""Class alignment on classes whose places are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from core.errors import InputError
from core.measures.alignment import class_alignment

CENTRES = np.eye(6)[:4] * 5


def cloud(labels: np.ndarray, places: list[int], seed: int) -> np.ndarray:
    """Samples of each class around the centre of its place."""
    return CENTRES[np.array(places)[labels]] + 0.3 * np.random.default_rng(seed).normal(size=(len(labels), 6))


LABELS = np.repeat(range(4), 30)


def test_aligned_classes_lie_on_the_diagonal():
    found = class_alignment(cloud(LABELS, [0, 1, 2, 3], 0), LABELS, cloud(LABELS, [0, 1, 2, 3], 1), LABELS, 4)
    np.testing.assert_allclose(found.shares, np.eye(4), atol=0.01)
    assert found.landed.tolist() == [0, 1, 2, 3]


def test_exchanged_classes_are_named():
    found = class_alignment(cloud(LABELS, [0, 1, 2, 3], 0), LABELS, cloud(LABELS, [0, 1, 3, 2], 1), LABELS, 4)
    assert found.landed.tolist() == [0, 1, 3, 2]
    assert found.shares[2, 3] > 0.99


def test_shares_agree_with_distances_written_out():
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 3, 50), rng.integers(0, 3, 40)
    x, y = rng.normal(size=(50, 5)), rng.normal(size=(40, 5))
    found = class_alignment(x, a, y, b, 3, neighbours=7)
    near = np.argsort(cdist(*(m / np.linalg.norm(m, axis=1, keepdims=True) for m in (x, y))), axis=1)[:, :7]
    for c in range(3):
        raw = [np.mean(b[near[a == c]] == other) / np.mean(b == other) for other in range(3)]
        np.testing.assert_allclose(found.shares[c], np.array(raw) / sum(raw))


def test_a_frequent_target_class_does_not_draw_everybody():
    """Source class 1 lies on a place that two target classes share, one of them nine times as large."""
    labels = np.repeat([0, 1], [180, 20])
    source = np.repeat([0, 1], 50)
    target = cloud(labels, [1, 1], 3)
    found = class_alignment(cloud(source, [0, 1], 4), source, target, labels, 2)
    assert found.shares[1, 1] == pytest.approx(0.5, abs=0.12)


def test_where_share_and_centre_disagree_nothing_is_claimed():
    """Target class 0 has most of its samples far away and some right on the source class; class 1 surrounds it."""
    source = np.tile([1.0, 0.0, 0.0], (20, 1)) + 0.001 * np.random.default_rng(5).normal(size=(20, 3))
    target = np.concatenate(
        [np.tile([1.0, 0, 0], (10, 1)), np.tile([-1.0, 0, 0], (20, 1)), np.tile([1.0, 0.9, 0], (15, 1)), np.tile([1.0, -0.9, 0], (15, 1))]
    )
    found = class_alignment(source, np.zeros(20, int), target, np.repeat([0, 1], 30), 2)
    assert found.shares[0].argmax() == 0
    assert found.nearest[0] == 1
    assert found.landed.tolist() == [-1, -1]


def test_absent_classes_and_unknown_labels():
    target_labels = np.where(LABELS == 3, -1, LABELS)
    found = class_alignment(cloud(LABELS, [0, 1, 2, 3], 0)[:90], LABELS[:90], cloud(LABELS, [0, 1, 2, 3], 1), target_labels, 4)
    assert np.isnan(found.shares[3]).all()
    assert found.landed.tolist() == [0, 1, 2, -1]
    assert (found.shares[:3, 3] == 0).all()
    with pytest.raises(InputError):
        class_alignment(CENTRES, np.arange(4), CENTRES, np.full(4, -1), 4)
