"""Every method adapts: over three seeds it beats longer training on the source, and itself without its trade-off."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from method_tools import ADAPTING

from core.experiment import Experiment
from core.training import train

DIGITS = {
    "source": {"name": "printed-digits", "params": {"n": 900}},
    "target": {"name": "handwritten-digits"},
    "backbone": {"name": "small-cnn", "params": {"width": 8}},
    "budget": {"source_epochs": 8, "epochs": 6},
}
# ADDA trusts its source network, and on so few digits that one is right only once in four: moons turned by 45° suit it.
MOONS = {
    "source": {"name": "moons", "params": {"n": 600}},
    "target": {"name": "moons", "params": {"n": 600}, "shifts": [{"name": "rotation", "severity": 0.5}]},
    "backbone": {"name": "mlp", "params": {"width": 32, "depth": 2, "bottleneck": 16}},
    "budget": {"source_epochs": 15, "epochs": 15, "batch_size": 32, "lr": 0.005},
}
# Not shown to adapt, and so not tested here. Networks trained this briefly are sure of next to nothing on the target: at these sizes
# FixMatch and mean teacher gain by their views and batch norm, as much without trade-off as with it. Pseudo-label, tri-training and
# CycleGAN gained nothing in any setting that was tried; their `hurts` says so.
UNPROVEN = {"pseudo-label", "fixmatch", "mean-teacher", "tri-training", "cycada"}


@pytest.fixture(scope="module")
def accuracies():
    """Target accuracy over three seeds, before and after a method; networks trained on the source are shared."""
    references = {}

    @cache
    def run(name: str, on: str = "digits", off: bool = False) -> tuple[np.ndarray, np.ndarray]:
        finals = []
        for seed in range(3):
            method = {"name": name, "params": {"trade_off": 0} if off else {}}
            setting = {"digits": DIGITS, "moons": MOONS}[on]
            *_, last = train(Experiment.parse(setting | {"method": method, "snapshot": 20, "seed": seed}), references=references)
            finals.append((last.measures["source_only_target_accuracy"], last.measures["target_accuracy"]))
        return tuple(np.array(finals).T)

    return run


@pytest.mark.parametrize("name", [name for name in ADAPTING if name not in UNPROVEN | {"adda"}])
def test_adapts_printed_digits_to_handwritten_ones(name, accuracies):
    before, after = accuracies(name)
    _, continued = accuracies("source-only")
    # Without its trade-off every method is one and the same (test_methods.py): source training that shares batch norm
    # with the target. MCD's second classifier makes it the exception.
    _, without = accuracies("mcd" if name == "mcd" else "dan", off=True)
    assert (after > before + 0.05).all()
    assert after.mean() > before.mean() + 0.12
    assert after.mean() > continued.mean() + 0.02  # longer training alone does not explain it
    assert after.mean() > without.mean()  # nor does batch norm over both domains


def test_adda_adapts_turned_moons(accuracies):
    before, after = accuracies("adda", "moons")
    _, continued = accuracies("source-only", "moons")
    assert (after > before + 0.05).all()
    assert after.mean() > continued.mean() + 0.2
