"""How fast a method learns: the learning rates that the optimiser really uses, in every phase."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from torch.optim.optimizer import register_optimizer_step_pre_hook

from core.experiment import Experiment
from core.measures import measure_accuracy
from core.training import train

LR = 0.004
SHARES = {  # of the rate at the start, after a share p of the adaptation
    "constant": lambda p: 1.0,
    "inverse": lambda p: (1 + 10 * p) ** -0.75,
    "cosine": lambda p: 0.5 * (1 + math.cos(math.pi * p)),
}


@contextmanager
def watched() -> Iterator[list[float]]:
    """The learning rate of every update from now on."""
    rates = []
    handle = register_optimizer_step_pre_hook(lambda optimizer, *_: rates.extend(group["lr"] for group in optimizer.param_groups))
    try:
        yield rates
    finally:
        handle.remove()


def rates_of(method: str, budgets: str, **params) -> dict[str, list[float]]:
    """The rates that were used in each phase."""
    blobs = {"name": "blobs", "params": {"n": 100}}
    experiment = Experiment.parse(
        {
            "source": blobs,
            "target": blobs | {"shifts": [{"name": "translation", "severity": 0.3}]},
            "backbone": {"name": "mlp", "params": {"width": 8, "depth": 1, "bottleneck": 4}},
            "method": {"name": method, "params": params},
            "budget": {"source_epochs": 1, "epochs": 2, "least_updates": 4, "batch_size": 32, "lr": LR, "schedule": budgets},
            "snapshot": 20,
        }
    )
    found: dict[str, list[float]] = {}
    with watched() as rates:
        for epoch in train(experiment, measure=measure_accuracy):
            found.setdefault(epoch.phase, []).extend(rates)
            rates.clear()
    return found


def expected(start: float, schedule: str, updates: int) -> list[float]:
    return pytest.approx([start * SHARES[schedule](i / updates) for i in range(updates)])


@pytest.mark.parametrize("schedule", SHARES)
def test_the_optimiser_uses_the_method_s_rate_and_schedule(schedule):
    budgets = "inverse" if schedule != "inverse" else "cosine"
    found = rates_of("deepcoral", budgets, rate=0.25, schedule=schedule)
    assert len(found["adapt"]) >= 8
    assert found["adapt"] == expected(0.25 * LR, schedule, len(found["adapt"]))
    for phase in ("source", "oracle", "continued"):  # what methods are judged by is trained as the budget says
        assert found[phase] == expected(LR, budgets, len(found[phase]))


def test_without_wishes_of_its_own_a_method_learns_as_the_budget_says():
    found = rates_of("deepcoral", "cosine", rate=1.0, schedule="budget")
    assert found["adapt"] == expected(LR, "cosine", len(found["adapt"]))


def test_mcd_learns_at_a_tenth_of_the_budget_s_rate_all_along_as_its_authors_do():
    found = rates_of("mcd", "cosine")
    assert found["adapt"] == expected(0.1 * LR, "constant", len(found["adapt"]))
    assert len(found["adapt"]) % 6 == 0  # updates of each batch
