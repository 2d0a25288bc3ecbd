"""Source-only accuracy on real digits: what the domains hand out is worth as much as torchvision's own arrays."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks import source_only

pytestmark = pytest.mark.slow


def nearest(images: np.ndarray, among: np.ndarray) -> np.ndarray:
    """For each image, which of the others has the smallest squared distance to it."""
    return ((among**2).sum(1) - 2 * images @ among.T).argmin(1)


@pytest.mark.parametrize(("source", "target"), [("mnist", "usps"), ("usps", "mnist")])
def test_logistic_regression_between_mnist_and_usps(shared_data, monkeypatch, source, target):
    monkeypatch.setenv("SHIFTSCOPE_DATA", str(shared_data))
    monkeypatch.setattr(source_only, "DATA", shared_data)
    few = {"mnist": (1500, 2000), "usps": (1500, 2000)}
    same = []  # the drawn images, as torchvision has them: with other draws of 1,500, accuracies differ by up to ten points
    ours = source_only.digits(source, target, few)
    for (images, labels), (all_images, all_labels) in zip(ours, source_only.plain_digits(source, target), strict=True):
        rows = nearest(images, all_images)
        assert np.abs(images - all_images[rows]).max() < 0.02
        np.testing.assert_array_equal(labels, all_labels[rows])
        same.append((all_images[rows], labels))
    accuracy, reference = (source_only.score(source_only.logistic(), *sets) for sets in (ours, same))
    assert accuracy == pytest.approx(reference, abs=1)
    assert accuracy > 15  # chance is 10: USPS digits fill their frame, those of MNIST stand in the middle of theirs
