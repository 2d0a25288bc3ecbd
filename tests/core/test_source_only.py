"""Source-only accuracy on real digits: what the domains hand out is worth as much as torchvision's own arrays."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks import source_only


@pytest.mark.parametrize(("source", "target"), [("mnist", "usps"), ("usps", "mnist")])
def test_logistic_regression_between_mnist_and_usps(shared_data, monkeypatch, source, target):
    monkeypatch.setenv("SHIFTSCOPE_DATA", str(shared_data))
    monkeypatch.setattr(source_only, "DATA", shared_data)
    few = {"mnist": (1500, 2000), "usps": (1500, 2000)}
    train, test = source_only.digits(source, target, few)
    (x, labels), whole = source_only.plain_digits(source, target)
    rows = np.random.default_rng(0).permutation(len(x))[:1500]
    ours = source_only.score(source_only.logistic(), train, test)
    reference = source_only.score(source_only.logistic(), (x[rows], labels[rows]), whole)
    assert ours == pytest.approx(reference, abs=3.5)  # other draws of 1,500; the benchmark trains on all, and asks for 3
    assert ours > 15  # chance is 10: USPS digits fill their frame, those of MNIST stand in the middle of theirs
