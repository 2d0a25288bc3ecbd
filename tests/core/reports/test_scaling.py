"""What scaling each domain by itself does, and what the method does on top of it, on tables of which the answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.experiment import Experiment
from core.measures.accuracy import gain_interval
from core.reports.scaling import parts, told
from core.runs.blind import Blind
from core.runs.execute import run_here

pytestmark = pytest.mark.slow


def table(folder: Path, name: str, rng: np.random.Generator, prior: float, n: int, units: np.ndarray | None = None) -> dict:
    """Ten columns in which two classes lie as far apart in every domain; ``prior`` is the share of the second."""
    direction = 2.2 * np.linspace(0.2, 1, 10) / np.linalg.norm(np.linspace(0.2, 1, 10))
    y = (rng.permutation(n) < round(prior * n)).astype(np.int64)
    x = rng.normal(size=(n, 10)) + np.outer(y, direction)
    x = x if units is None else x * units + 3 * units
    np.savez(folder / f"{name}.npz", X=x.astype(np.float32), y=y)
    return {"name": "file", "params": {"path": str(folder / f"{name}.npz")}}


def hospitals(folder: Path, seed: int = 0) -> dict:
    """As heart disease at two sites: of the one's patients 36 % are ill, of the other's 93 %. Nothing else differs."""
    rng = np.random.default_rng(seed)
    return {"source": table(folder, "source", rng, 0.36, 300), "target": table(folder, "target", rng, 0.93, 200)}


def laboratories(folder: Path, seed: int = 0) -> dict:
    """The same shares, and other units."""
    rng = np.random.default_rng(seed)
    units = rng.uniform(0.2, 5, 10)
    return {"source": table(folder, "source", rng, 0.5, 300), "target": table(folder, "target", rng, 0.5, 300, units)}


def asked(sides: dict, method: str, params: dict | None = None) -> Experiment:
    return Experiment.parse(
        sides
        | {
            "backbone": {"name": "identity"},
            "method": {"name": method, "params": {"layer": "backbone", "head": "logistic"} | (params or {})},
            "budget": {"source_epochs": 1, "epochs": 1, "batch_size": 32},
            "snapshot": 300,
        }
    )


@pytest.mark.parametrize("method", ["subspace-alignment", "coral", "tca"])
def test_unequal_shares_are_negative_transfer_by_scaling(home, tmp_path, method):
    dimensions = {} if method == "coral" else {"dimensions": 10}
    record = run_here(asked(hospitals(tmp_path), method, dimensions), "cpu")
    lines = [line["measures"]["target_accuracy"] for line in record.phase("adapt")]
    found = parts(record)
    assert found.accuracy == pytest.approx(lines)  # all held-out samples were kept
    assert found.accuracy[0] > 0.8
    assert found.accuracy[1] < found.accuracy[0] - 0.15
    assert found.scaling.high < 0
    text = " ".join(told(found))
    assert "It is the scaling that hurt." in text
    assert "set the method's scaling to the source's" in text


def test_the_sources_scaling_is_spared_that(home, tmp_path):
    record = run_here(asked(hospitals(tmp_path), "tca", {"scaling": "source", "kernel": "columns", "dimensions": 10}), "cpu")
    assert [line["number"] for line in record.phase("adapt")] == [0, 1]
    assert parts(record) is None


def test_a_gain_that_is_only_scaling_is_not_the_methods(home, tmp_path):
    record = run_here(asked(laboratories(tmp_path), "subspace-alignment", {"dimensions": 10}), "cpu")
    found = parts(record)
    assert found.scaling.mean == pytest.approx(found.accuracy[1] - found.accuracy[0])
    assert found.scaling.low > 0.1
    assert found.method.low <= 0 <= found.method.high
    text = told(found)[0]
    assert "no evidence that it adds anything to scaling alone" in text
    assert f"took target accuracy from {100 * found.accuracy[0]:.1f} % to {100 * found.accuracy[1]:.1f} %" in text


def test_the_steps_are_paired_and_add_up(home, tmp_path):
    record = run_here(asked(laboratories(tmp_path), "coral"), "cpu")
    found, labels = parts(record), record.samples()["labels"]
    n = len(labels) // 2
    right = [record.snapshot(number)["probabilities"][n:].argmax(1) == labels[n:] for number in range(3)]
    assert found.n == n
    assert found.scaling == gain_interval(right[0], right[1])
    assert found.method == gain_interval(right[1], right[2])
    assert found.scaling.mean + found.method.mean == pytest.approx(record.phase("adapt")[-1]["measures"]["gain"])


def test_without_target_labels_only_what_changed_is_said(home, tmp_path):
    record = run_here(asked(laboratories(tmp_path), "coral"), "cpu")
    hidden = parts(Blind(record.folder))
    assert (hidden.accuracy, hidden.scaling, hidden.method) == (None, None, None)
    assert hidden.changed[0] > 0.1
    (text,) = told(hidden)
    assert "cannot be known without target labels" in text


@pytest.mark.parametrize("method", ["standardise", "kmm", "dan"])
def test_other_methods_have_no_such_steps(home, tmp_path, method):
    params = {} if method == "dan" else None
    experiment = asked(laboratories(tmp_path), "standardise", params)
    if method == "dan":
        experiment = Experiment.parse(experiment.model_dump(mode="json") | {"method": {"name": "dan"}})
    elif method == "kmm":
        experiment = asked(laboratories(tmp_path), "kmm")
    assert parts(run_here(experiment, "cpu")) is None
