"""What is said before a run: how long it takes, what it holds, and what one should know."""

from __future__ import annotations

import pytest
from training_tools import assert_equal, run_of, tiny, unlabelled

from core.training import train
from core.training.estimate import MEASURING, Costs, estimate, seconds_of, updates_of


def test_an_estimate_counts_what_a_run_will_use():
    experiment = tiny("dann")
    found = estimate(experiment, "cpu")
    assert 0 < found.seconds < float("inf")
    assert found.train == (133, 160)
    assert found.held_out == (67, 80)
    assert found.shown == 40
    network = 2 * 16 + 16 + 16 * 8 + 8 + 2 * 8 + 8 * 2 + 2
    discriminator = 8 * 128 + 128 + 128 * 128 + 128 + 128 + 1
    assert found.weights == network + discriminator
    assert found.data_bytes == (200 + 240) * 2 * 4
    assert len(found.warnings) == 1
    assert "40 held-out samples" in found.warnings[0]


def test_an_estimate_warns_of_missing_labels(tmp_path):
    found = estimate(tiny(target=unlabelled(tmp_path)), "cpu")
    assert any("no labels" in warning for warning in found.warnings)


def test_an_estimate_counts_the_references():
    """134 source and 160 target samples in batches of 16.

    A tenth is held back (13, 16 and 29): 7 and 9 updates an epoch, 16 of both together. Source-only goes on for one epoch of 10, too.
    """
    costs = Costs(once=5.0, per_epoch=0.0, per_batch=0.0, per_labelled_batch=1.0, evaluation=0.0)

    def counted(joint: bool, labelled: bool = True) -> float:
        asked = tiny(budget={"source_epochs": 3, "epochs": 1, "least_updates": 1}, joint=joint)
        return seconds_of(asked, costs, 134, 160, labelled)

    without = counted(joint=False)
    assert without == pytest.approx(5 + 3 * (7 + 9) + 10 + MEASURING)
    assert counted(joint=True) == pytest.approx(without + 3 * 16)
    assert counted(joint=True, labelled=False) == pytest.approx(without - 3 * 9)


@pytest.mark.parametrize("method", ["dan", "mcc", "shot", "oracle", "coral"])
@pytest.mark.parametrize("budget", [{"least_updates": 1}, {"least_updates": 20}, {"batch_size": 100, "least_updates": 2}])
def test_the_updates_that_are_told_are_those_that_are_made(method, budget):
    told: dict[str, list[int]] = {}

    def on_batch(phase: str, number: int, fraction: float) -> None:
        epochs = told.setdefault(phase, [])
        epochs.extend([0] * (number - len(epochs)))
        epochs[number - 1] += 1

    experiment = tiny(method, budget=budget, joint=True)
    list(train(experiment, on_batch=on_batch))
    planned = updates_of(experiment, 134, 160, labelled=True)
    assert {phase: set(each) for phase, each in told.items()} == {phase: {each} for phase, (_, each) in planned.items()}
    assert all(len(told[phase]) <= epochs for phase, (epochs, _) in planned.items())


def test_an_estimate_counts_the_epochs():
    """10 batches, as the larger side has them, and one evaluation each; source-only is evaluated as often."""
    costs = Costs(once=0.0, per_epoch=0.5, per_batch=0.1, per_labelled_batch=0.0, evaluation=0.25)
    few, many = (seconds_of(tiny(budget={"epochs": epochs, "least_updates": 1}), costs, 134, 160, True) for epochs in (1, 1000))
    assert many - few == pytest.approx(999 * (0.5 + 10 * 0.1 + 2 * 0.25 + MEASURING))


def test_an_estimate_changes_no_run():
    estimate(tiny(), "cpu")
    assert_equal(list(train(tiny())), run_of("dan")[0])
