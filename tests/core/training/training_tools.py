"""Short runs that the tests of training share, and what two of them have to agree on."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from core.domains.pair import load_pair
from core.experiment import Experiment
from core.methods import METHODS
from core.training import Epoch, train
from core.training.data import Data

NAMES = METHODS.names()
ITERATIVE = [name for name in NAMES if not METHODS.get(name).info.instant]
SOURCE_EPOCHS, EPOCHS = 2, 2


def tiny(method: str = "dan", **more: Any) -> Experiment:
    """Two epochs of source training and two of adaptation on few samples: points, or images for a method that needs images."""
    budget = {"source_epochs": SOURCE_EPOCHS, "epochs": EPOCHS, "least_updates": 1, "batch_size": 16, "lr": 0.02} | more.pop("budget", {})
    info = METHODS.get(method).info
    name, shift = ("printed-digits", "contrast") if info.kinds == ("image",) else ("moons", "rotation")
    return Experiment.parse(
        {
            "source": {"name": name, "params": {"n": 200}},
            "target": {"name": name, "params": {"n": 240}, "shifts": [{"name": shift, "severity": 0.3}]},
            "backbone": {"name": "mlp", "params": {"width": 16, "depth": 1, "bottleneck": 8}},
            "shots": 2 if info.setting == "semi-supervised" else 0,
            "method": {"name": method, "params": more.pop("params", {})},
            "budget": budget,
            "snapshot": 40,
            **more,
        }
    )


def batch_counts(experiment: Experiment) -> dict[str, int]:
    """Batches of 16 in an epoch of each phase that trains: of the larger domain, or of the labelled samples that are not held back."""
    data = data_of(experiment)
    source, target = len(data.source.inputs), len(data.target.inputs)
    labelled = {"source": source, "oracle": target} | ({"joint": source + target} if experiment.joint else {})
    counts = {phase: (n - max(round(0.1 * n), 10)) // 16 for phase, n in labelled.items()}
    return counts | dict.fromkeys(("continued", "adapt"), max(source, target) // 16)


def data_of(experiment: Experiment) -> Data:
    return Data.of(experiment, load_pair(*experiment.pair), "cpu")


def unlabelled(tmp_path) -> dict:
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, 180)
    np.savez(tmp_path / "rows.npz", X=np.stack([np.cos(angles), np.sin(angles)], 1))
    return {"name": "file", "params": {"path": str(tmp_path / "rows.npz")}}


def numbers(epoch: Epoch) -> dict[str, Any]:
    """Everything but the time it took."""
    return {key: value for key, value in epoch.as_dict().items() if key != "seconds"}


def assert_equal(found: list[Epoch], expected: list[Epoch]) -> None:
    assert [numbers(epoch) for epoch in found] == [numbers(epoch) for epoch in expected]
    for a, b in zip(found, expected, strict=True):
        assert (a.snapshot is None) == (b.snapshot is None)
        if a.snapshot:
            np.testing.assert_array_equal(a.snapshot.features, b.snapshot.features)
            np.testing.assert_array_equal(a.snapshot.probabilities, b.snapshot.probabilities)


def snapshots(epochs: list[Epoch]) -> list[np.ndarray]:
    return [epoch.snapshot.features for epoch in epochs if epoch.snapshot]


def recorded(experiment: Experiment) -> tuple[list[Epoch], list, list[dict]]:
    """An uninterrupted run: its epochs, their checkpoints, and the references as they were at each of them."""
    references, epochs, checkpoints, stores = {}, [], [], []
    for epoch in train(experiment, references=references):
        epochs.append(epoch)
        checkpoints.append(epoch.checkpoint() if epoch.checkpoint else None)
        stores.append(dict(references))
    return epochs, checkpoints, stores


@lru_cache
def run_of(method: str, optimizer: str = "adam") -> tuple[list[Epoch], list, list[dict]]:
    return recorded(tiny(method, budget={"optimizer": optimizer}))
