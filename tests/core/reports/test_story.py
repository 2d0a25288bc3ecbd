"""What a stored run is a story of: its title follows from what was measured, never from the name of its method."""

from __future__ import annotations

import numpy as np
import pytest

from core.experiment import Experiment
from core.reports import story
from core.runs.blind import Blind
from core.runs.record import Record, Writer

N = 120  # samples per domain
LABELS = np.tile(np.arange(2), N)


def probabilities(target_right: np.ndarray, sure: float) -> np.ndarray:
    """Of 2N samples: the source's are right, the target's where ``target_right`` says so, all with one confidence."""
    right = np.concatenate([np.ones(N, bool), target_right])
    said = np.where(right, LABELS, 1 - LABELS)
    return np.where(said[:, None] == np.arange(2), sure, 1 - sure).astype(np.float32)


def run(folder, *, right, gain, auc=(1.0, 0.55), sure=(0.7, 0.9), largest=0.5, aligned=True, oracle=1.0) -> Record:
    """A stored run of two classes: shares of the target that are right, domain AUC and confidence before and after."""
    record = Writer(folder / "0123456789ab")
    record.open(Experiment().canonical_json())
    rng = np.random.default_rng(0)
    record.write_samples({"labels": LABELS, "rows": rng.normal(size=(2 * N, 3)).astype(np.float32)})
    for number in (0, 1):
        chosen = np.zeros(N, bool)
        chosen[rng.permutation(N)[: round(right[number] * N)]] = True
        measures = {
            "source_accuracy": 1.0,
            "target_accuracy": right[number],
            "source_only_target_accuracy": right[0],
            **dict(zip(("gain", "gain_low", "gain_high"), gain, strict=True)),
            "mmd2": 0.1,
            "mmd2_p": 0.002,
            "domain_auc": auc[number],
            "domain_auc_low": auc[number] - 0.03,
            "domain_auc_high": min(auc[number] + 0.03, 1.0),
        }
        losses = {"task": 0.1, "align": 0.1 if aligned else 0.0} if number else {}
        gauges = {"largest_class": largest if number else 0.5, **({"gradient_ratio": 0.2 if aligned else 0.0} if number else {})}
        line = {"phase": "adapt", "number": number, "total": 1, "losses": losses, "measures": measures, "gauges": gauges, "seconds": 1.0}
        features = rng.normal(size=(2 * N, 4)).astype(np.float32)
        record.add(line, {"features": features, "probabilities": probabilities(chosen, sure[number])})
    reference = {"source_accuracy": 1.0, "target_accuracy": oracle}
    record.add({"phase": "oracle", "number": 1, "total": 1, "losses": {}, "measures": reference, "gauges": {}, "seconds": 1.0}, None)
    record.update(state="finished", class_names=["a", "b"])
    record.close()
    return Record(record.folder)


UP, DOWN, SAME = (0.3, 0.2, 0.4), (-0.3, -0.4, -0.2), (0.0, -0.05, 0.05)


@pytest.mark.parametrize(
    ("facts", "title"),
    [
        ({"right": (0.6, 0.9), "gain": UP}, "Alignment that works"),
        ({"right": (0.6, 0.9), "gain": UP, "auc": (1.0, 1.0)}, "Right, though the domains stay apart"),
        ({"right": (0.5, 0.65), "gain": (0.15, 0.1, 0.2), "sure": (0.6, 0.65)}, "It helps, but less than halfway"),
        ({"right": (0.6, 0.7), "gain": (0.1, 0.05, 0.2), "sure": (0.6, 1.0)}, "Better, but too confident"),
        ({"right": (0.7, 0.55), "gain": DOWN, "auc": (1.0, 1.0)}, "A method that makes it worse"),
        ({"right": (0.7, 0.55), "gain": DOWN}, "The domains match, the answers get worse"),
        ({"right": (0.7, 0.1), "gain": DOWN}, "It tells clusters apart but not which is which"),
        ({"right": (0.7, 0.7), "gain": SAME, "auc": (1.0, 1.0)}, "A method that makes no difference"),
        ({"right": (0.7, 0.7), "gain": SAME}, "The domains match, the answers get no better"),
        ({"right": (0.6, 0.5), "gain": DOWN, "largest": 0.99}, "Everything becomes one class"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_title_is_what_the_run_did(tmp_path, facts, title):
    assert story.title(run(tmp_path, **facts)) == title


def test_a_blind_title_and_line_hold_nothing_of_target_labels(tmp_path):
    record = Blind(run(tmp_path, right=(0.6, 0.9), gain=UP).folder)
    assert story.title(record) == "The domains become alike"
    assert story.in_short(record) == "Source and target told apart 55 times out of 100, before 100 times out of 100"


@pytest.mark.parametrize(
    ("right", "said"),
    [
        ((0.6, 0.9), "90.0 % right, up from 60.0 %"),
        ((0.6, 0.5), "50.0 % right, down from 60.0 %"),
        ((0.6, 0.6), "60.0 % right, as before"),
    ],
)
def test_accuracy_now_and_before_in_one_line(tmp_path, right, said):
    assert story.in_short(run(tmp_path, right=right, gain=SAME)) == said
