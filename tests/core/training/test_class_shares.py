"""What is said of class shares before a run, to whom, and in which words."""

from __future__ import annotations

import re

import numpy as np
import pytest

from core.experiment import Experiment
from core.training.estimate import estimate


def hospital(folder, name: str, seed: int, prior: float, n: int, moved: float = 0.0, labelled: bool = True) -> dict:
    """Ten columns in which healthy and ill patients differ alike at every site; ``prior`` is the share of the ill."""
    rng = np.random.default_rng(seed)
    ill = rng.permutation(n) < round(prior * n)
    x = rng.normal(size=(n, 10)) + np.outer(ill, np.full(10, 0.7)) + moved * rng.normal(size=10)
    labels = {"y": np.where(ill, "ill", "healthy")} if labelled else {}
    np.savez(folder / f"{name}.npz", X=x.astype(np.float32), **labels)
    return {"name": "file", "params": {"path": str(folder / f"{name}.npz")}}


def warnings_of(folder, method: str, prior: float = 0.93, params: dict | None = None, **target) -> str:
    experiment = Experiment.parse(
        {
            "source": hospital(folder, "source", 0, 0.36, 450),
            "target": hospital(folder, "target", 1, prior, 300, **target),
            "backbone": {"name": "identity"},
            "method": {"name": method, "params": params or {}},
            "budget": {"source_epochs": 1, "epochs": 1, "batch_size": 32},
        }
    )
    return " ".join(estimate(experiment, "cpu").warnings)


@pytest.mark.parametrize("labelled", [True, False])
def test_other_shares_warn_before_the_run(tmp_path, labelled):
    text = warnings_of(tmp_path, "coral", labelled=labelled)
    assert "Classes seem to be otherwise frequent in the target: healthy 61 % → " in text
    assert 84 <= int(re.search(r"ill 39 % → (\d+) %", text)[1]) <= 100
    assert "set the method's scaling to the source's" in text


def test_the_advice_is_one_that_can_be_followed(tmp_path):
    assert "choose another method" in warnings_of(tmp_path, "standardise")
    aligned = warnings_of(tmp_path, "dan")
    assert "lays classes on wrong ones" in aligned
    assert "scaling" not in aligned
    assert "Scaling each domain" not in warnings_of(tmp_path, "coral", params={"scaling": "source"})


@pytest.mark.parametrize("method", ["source-only", "kmm"])
def test_who_does_not_expect_equal_shares_is_not_warned(tmp_path, method):
    assert "frequent" not in warnings_of(tmp_path, method)


@pytest.mark.parametrize("method", ["coral", "dan"])
def test_equal_shares_do_not_warn(tmp_path, method):
    text = warnings_of(tmp_path, method, prior=0.36)
    assert "frequent" not in text
    assert "units" not in text


def test_moved_columns_and_shares_that_cannot_be_told_apart_are_said_to_be_so(tmp_path):
    text = warnings_of(tmp_path, "coral", moved=0.8)
    assert "cannot be told without target labels" in text
    assert "Only the source's shares are known (healthy 61 %, ill 39 %)" in text
    assert "frequent" not in text
    assert "units" not in warnings_of(tmp_path, "dan", moved=0.8)
