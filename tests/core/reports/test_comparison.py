"""Runs against each other: who may be ranked against whom, and when a lead is more than chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_rel

from core.experiment import Experiment
from core.experiment.settings import effective
from core.measures.accuracy import wilson
from core.reports.comparison import difference, groups, told, winner
from core.runs import store
from core.runs.execute import run_here
from core.runs.record import Record

N = 200
LABELS = np.repeat([0, 1], N // 2)


@pytest.fixture
def made(home, tiny):
    """``made(method, right, …)``: the record of a run that ended with these of `N` target samples right."""

    def make(method: str, right: np.ndarray, seed: int = 0, looks: float = 0, known: bool = True, **more) -> Record:
        params = more.pop("params", {})
        data = tiny(seed=seed).model_dump(mode="json") | {"method": {"name": method, "params": params}} | more
        experiment = Experiment.parse(data)
        record = store.writer(experiment.id).open(experiment.canonical_json())
        kept = data["snapshot"] if "snapshot" in more else N
        labels = LABELS if known else np.full(N, -1)
        rows = np.arange(2 * kept, dtype=np.float32)[:, None] % kept + looks
        record.write_samples({"rows": rows, "labels": np.concatenate([np.zeros(kept, np.int64), labels[:kept]])})
        predicted = np.where(right, LABELS, 1 - LABELS)[:kept]
        probabilities = np.eye(2, dtype=np.float32)[np.concatenate([np.zeros(kept, np.int64), predicted])]
        low, high = wilson(int(right.sum()), N)
        measures = {"target_accuracy": float(right.mean()), "target_accuracy_low": low, "target_accuracy_high": high}
        line = {"phase": "adapt", "number": 1, "total": 1, "losses": {}, "gauges": {}, "seconds": 1.0}
        line["measures"] = measures if known else dict.fromkeys(measures)
        record.add(line, {"features": np.zeros((2 * kept, 2), np.float32), "probabilities": probabilities})
        record.update(state="finished", class_names=["a", "b"])
        record.close()
        return Record(record.folder)

    return make


def first(count: int) -> np.ndarray:
    """The first ``count`` samples are right."""
    return np.arange(N) < count


def test_a_lead_on_the_same_samples_is_judged_in_pairs(made):
    # 160 and 150 of 200: the runs' own intervals overlap widely, but the better one is right wherever the other is.
    (group,) = groups([made("mcc", first(150)), made("dan", first(160))])
    best, other = group.entries
    gap = difference(best, other)
    rng = np.random.default_rng(3)
    drawn = (first(160).astype(int) - first(150))[rng.integers(N, size=(20_000, N))].mean(1)
    assert (gap.low, gap.high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.01)
    assert wilson(150, N)[1] > wilson(160, N)[0]
    assert winner(group) is best
    text = " ".join(told(group))
    assert text.startswith("DAN has the highest target accuracy: 80.0 %. The next is MCC, 75.0 % (difference +5.0 points")
    assert "on the same 200 held-out samples" in text
    assert "One seed each" in text


def test_a_lead_over_networks_that_had_not_learned_is_doubted(made):
    best = made("dan", first(160))
    (group,) = groups([made("mcc", first(150)), best])
    assert "But " not in " ".join(told(group))
    measures = {"linear_lead": 0.2, "linear_lead_low": 0.1, "linear_lead_high": 0.3}
    writer = store.writer(best.id).open("")
    writer.add({"phase": "linear", "number": 1, "total": 1, "losses": {}, "gauges": {}, "measures": measures}, None)
    writer.close()
    text = " ".join(told(group))
    assert text.endswith(
        "But a plain linear classifier beats the source network on the network's own source. "
        "Lower the learning rate, or give the source more samples."
    )


def test_a_lead_that_may_be_chance_is_not_resolved(made):
    mixed = np.roll(first(150), 60)  # right on others: as many fixed as broken, nearly
    (group,) = groups([made("dan", first(155)), made("mcc", mixed), made("source-only", first(20))])
    gap = difference(group.entries[0], group.entries[1])
    assert gap.low < 0 < gap.high
    assert not gap.resolved
    assert winner(group) is None
    text = " ".join(told(group))
    assert text.startswith("There is no clear best. DAN has the highest target accuracy (77.5 %), but its lead may be chance over MCC")
    assert "not resolved" in text
    assert "Source-only" not in text


def other_moons(**more) -> dict:
    return {"name": "moons", "params": {"n": 200}, **more}


@pytest.mark.parametrize(
    "other",
    [
        {"target": other_moons(shifts=[{"name": "rotation", "severity": 0.5}])},
        {"target": other_moons(shifts=[])},
        {"source": {"name": "moons", "params": {"n": 240}}},
        {"backbone": {"name": "mlp", "params": {"width": 8, "bottleneck": 8}}},
    ],
    ids=["another severity", "no shift", "another source", "another backbone"],
)
def test_runs_on_different_questions_are_never_ranked(made, other):
    found = groups([made("dan", first(190)), made("mcc", first(20), **other), made("dann", first(60), **other)])
    assert [len(group.entries) for group in found] == [1, 2]
    assert "no other method or setting" in " ".join(told(found[0]))
    assert " ".join(told(found[1])).startswith("DANN has the highest target accuracy: 30.0 %.")
    assert "DAN " not in " ".join(told(found[1]))


def test_seeds_of_one_method_are_taken_together(made):
    counts = {"dan": (160, 150, 170), "mcc": (120, 121, 119)}
    records = [made(name, first(count), seed) for name, given in counts.items() for seed, count in enumerate(given)]
    (group,) = groups(records)
    best, other = group.entries
    assert (best.name, len(best.runs), best.mean) == ("DAN", 3, pytest.approx(0.8))
    gap = difference(best, other)
    ends = ttest_rel(*(np.array(given) / N for given in counts.values())).confidence_interval()
    assert (gap.low, gap.high) == pytest.approx((ends.low, ends.high))
    assert gap.resolved
    text = " ".join(told(group))
    assert "DAN has the highest target accuracy: 80.0 %, mean of 3 seeds." in text
    assert "over 3 seeds" in text
    assert "One seed each" not in text


def test_seeds_that_disagree_resolve_nothing(made):
    counts = {"dan": (180, 100, 170), "mcc": (120, 150, 119)}
    (group,) = groups([made(name, first(count), seed) for name, given in counts.items() for seed, count in enumerate(given)])
    assert winner(group) is None


def test_other_seeds_share_no_samples(made):
    (group,) = groups([made("dan", first(190), 0), made("mcc", first(60), 1)])
    gap = difference(*group.entries)
    assert (gap.low, gap.resolved) == (None, True)
    assert "as they share no samples" in " ".join(told(group))
    (group,) = groups([made("dann", first(150), 0), made("cdan", first(140), 1)])
    assert winner(group) is None


def test_samples_that_differ_are_not_paired(made):
    (group,) = groups([made("dan", first(160)), made("mcc", first(150), looks=0.5)])
    assert difference(*group.entries).low is None
    assert winner(group) is None


def test_the_samples_that_both_kept_are_compared(made):
    (group,) = groups([made("dan", first(160)), made("mcc", first(90), snapshot=100)])
    gap = difference(*group.entries)
    assert gap.mean == pytest.approx(0.1)  # among the first 100: all against 90
    # Said on the spot, as the accuracies beside it differ by less: 160 of all 200 against 90.
    assert gap.rests_on == "on the same 100 held-out samples that both kept; over all held-out samples +35.0"


def test_what_was_not_trained_alike_is_said_first(made, tiny):
    budget = tiny().model_dump(mode="json")["budget"]
    (group,) = groups([made("dan", first(160)), made("mcc", first(150), budget=budget | {"epochs": 9})])
    assert told(group)[0] == "Not like with like (epochs of adaptation: DAN 2, MCC 9): what follows may be due to that."
    assert told(group)[1] == "DAN has the highest target accuracy: 80.0 %."
    (group,) = groups([made("mme", first(160), shots=3), made("dan", first(120))])
    assert "labelled target samples per class: MME (3 target labels per class) 3, DAN 0" in told(group)[0]
    (group,) = groups([made("coral", first(160), budget=budget | {"epochs": 9}), made("dan", first(150))])
    assert not any("epochs" in sentence for sentence in told(group))  # a closed form has none to differ in


def test_one_method_twice_is_named_by_what_differs(made):
    (group,) = groups([made("dan", first(160), params={"trade_off": 3.0}), made("dan", first(120), params={"trade_off": 0.5})])
    assert [entry.name for entry in group.entries] == ["DAN (trade-off 3)", "DAN (trade-off 0.5)"]
    (group,) = groups([made("mme", first(160), shots=3), made("dan", first(120))])
    assert group.entries[0].name == "MME (3 target labels per class)"


def test_an_unlabelled_target_is_not_ranked(made):
    (group,) = groups([made("dan", first(160), known=False), made("mcc", first(100), known=False)])
    assert told(group) == ["The target has no labels, so these cannot be ranked."]
    assert winner(group) is None
    assert len(group.runs) == 2


def test_unused_epochs_are_no_setting_of_a_closed_form(home, tiny):
    closed = [tiny("coral", epochs=epochs) for epochs in (2, 5)]
    assert "epochs" not in effective(closed[0].model_dump(mode="json"))["budget"]
    assert effective(tiny().model_dump(mode="json"))["budget"]["epochs"] == 2
    (group,) = groups([run_here(experiment, "cpu") for experiment in closed])
    assert len(group.entries) == 1
