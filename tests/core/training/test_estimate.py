"""What is said before a run: how long it takes, what it holds, and what one should know."""

from __future__ import annotations

from training_tools import assert_equal, run_of, tiny, unlabelled

from core.training import train
from core.training.estimate import estimate


def test_an_estimate_counts_what_a_run_will_use():
    experiment = tiny("dann")
    found = estimate(experiment, "cpu")
    assert 0 < found.seconds < float("inf")
    assert found.train == (134, 160)
    assert found.held_out == (66, 80)
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
    long = {"source_epochs": 1000, "epochs": 1}
    without, with_joint = (estimate(tiny(budget=long, joint=joint), "cpu").seconds for joint in (False, True))
    assert with_joint > 1.3 * without  # twice as many labelled samples in all


def test_an_estimate_grows_with_the_epochs_and_changes_no_run():
    short, long = (estimate(tiny(budget={"epochs": epochs}), "cpu").seconds for epochs in (1, 1000))
    assert long > short
    assert_equal(list(train(tiny())), run_of("dan")[0])
