"""The transfer report of real records: whom adaptation helped and hurt, true to cases whose answer is known."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_1samp
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from core.experiment import Experiment
from core.measures import measure_all
from core.measures.accuracy import gain_interval
from core.measures.base import Evaluation, validators, without_target_labels
from core.measures.scale import Scale
from core.reports.health import nothing_aligned
from core.reports.transfer import Outcome, choices, class_changes, same_but_seed, seeds_gain, transfer_report
from core.reports.transfer_text import chosen_sentence, told
from core.reports.verdict import verdict
from core.runs import store
from core.runs.blind import Blind
from core.runs.execute import run_here

pytestmark = pytest.mark.slow


def blobs(prior: float, seed: int, n: int = 900) -> tuple[np.ndarray, np.ndarray]:
    """Two Gaussian classes, the first with this prior; the classes themselves are the same in every domain."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) > prior).astype(np.int64)
    return (rng.normal(size=(n, 2)) + np.where(y[:, None] == 0, -1.5, 1.5) * [1, 0]).astype(np.float32), y


@pytest.fixture
def label_shift(tmp_path) -> dict:
    """Source with 74 % of the first class, target with 36 %."""
    sides = {}
    for side, prior, seed in (("source", 0.74, 0), ("target", 0.36, 1)):
        x, y = blobs(prior, seed)
        np.savez(tmp_path / f"{side}.npz", X=x, y=y)
        sides[side] = {"name": "file", "params": {"path": str(tmp_path / f"{side}.npz")}}
    backbone = {"name": "mlp", "params": {"width": 32, "bottleneck": 16}}
    return sides | {"backbone": backbone, "budget": {"source_epochs": 6, "epochs": 4, "batch_size": 32}, "snapshot": 300}


def test_alignment_under_label_shift_is_negative_transfer(home, label_shift):
    record = run_here(Experiment.parse(label_shift | {"method": {"name": "dan", "params": {"trade_off": 10}}}), "cpu")
    text = verdict("DAN", record.epochs())
    assert text.startswith("Negative transfer: DAN lowered target accuracy:")
    report = transfer_report(record)
    assert any("beyond chance and hurt" in sentence for sentence in told(report))
    hurt = min(report.classes, key=lambda c: c.change)
    assert (hurt.name, hurt.q < 0.05) == ("1", True)  # the class that is more frequent in the target is given to the other


def test_per_domain_standardisation_under_label_shift_is_negative_transfer():
    (x, a), (y, b) = blobs(0.74, 0, 4000), blobs(0.36, 1, 4000)
    scaler = StandardScaler().fit(x)
    model = LogisticRegression().fit(scaler.transform(x), a)
    before, after = (model.predict(s.transform(y)) == b for s in (scaler, StandardScaler().fit(y)))
    gain = gain_interval(before, after)
    shared = {"mmd2": 0.1, "domain_auc": 0.6, "domain_auc_low": 0.55, "domain_auc_high": 0.65, "mmd2_p": 0.002}
    lines = [
        {"phase": "adapt", "number": i, "gauges": {"largest_class": 0.6}, "measures": shared | {"target_accuracy": float(right.mean())}}
        for i, right in enumerate((before, after))
    ]
    lines[1]["measures"] |= {
        "source_only_target_accuracy": float(before.mean()),
        "gain": gain.mean,
        "gain_low": gain.low,
        "gain_high": gain.high,
    }
    assert verdict("Standardisation", lines).startswith("Negative transfer: Standardisation lowered")


def test_lambda_zero_says_that_nothing_was_aligned(home, label_shift):
    record = run_here(Experiment.parse(label_shift | {"method": {"name": "dan", "params": {"trade_off": 0}}}), "cpu")
    assert nothing_aligned(record.phase("adapt"))
    text = verdict("DAN", record.epochs())
    assert text.startswith("Nothing was aligned. Training on")
    assert "DAN" not in text
    assert "Negative transfer" not in text


@pytest.mark.parametrize("method", ["dann", "adda", "mcd", "source-only"])
def test_every_kind_of_method_says_it(home, tiny, method):
    given = tiny(method).model_dump(mode="json")
    if method != "source-only":
        assert not nothing_aligned(run_here(Experiment.parse(given), "cpu").phase("adapt"))
        given["method"]["params"]["trade_off"] = 0
    assert nothing_aligned(run_here(Experiment.parse(given), "cpu").phase("adapt"))


def test_a_a_says_that_there_was_no_shift(home, tiny):
    moons = {"name": "moons", "params": {"n": 900}}
    given = tiny(source=moons, target=moons, source_epochs=8).model_dump(mode="json") | {"snapshot": 150}
    record = run_here(Experiment.parse(given), "cpu")
    text = verdict("DAN", record.epochs())
    assert "There was no evidence of a shift to begin with" in text
    assert "no evidence either way" in text
    assert "no longer" not in text


def test_a_shift_is_not_denied(home, tiny):
    moons = {"name": "moons", "params": {"n": 900}}
    turned = moons | {"shifts": [{"name": "rotation", "severity": 0.5}]}
    given = tiny(source=moons, target=turned).model_dump(mode="json") | {"snapshot": 200}
    assert "to begin with" not in verdict("DAN", run_here(Experiment.parse(given), "cpu").epochs())


def test_the_report_of_a_real_run_agrees_with_its_snapshots(home, tiny):
    record = run_here(tiny(), "cpu")
    report = transfer_report(record)
    labels = record.samples()["labels"][30:]
    last = record.snapshot(2)["probabilities"][30:].argmax(1)
    assert (report.epoch, report.n) == (2, 30)
    assert round(sum(c.after[0] * c.n for c in report.classes)) == (last == labels).sum()
    assert report.predicted[1].tolist() == np.bincount(last, minlength=2).tolist()
    assert report.target[1].n == report.source[1].n == 30
    assert sum(c.n for c in report.classes) == 30
    assert transfer_report(record) is report  # kept in memory
    assert all(sentence.endswith(".") for sentence in told(report))


def test_class_changes_by_hand():
    labels = np.repeat([0, 1, 2], 40)
    before, after = labels.copy(), labels.copy()
    before[:30] = 1  # class 0: 30 wrong, all but 2 of them put right
    after[:2] = 1
    after[40:52] = 2  # class 1: 12 broken
    after[80:82] = 0  # class 2: 2 broken
    found = class_changes(labels, before, after, ("a", "b", "c"))
    assert [(c.name, c.n, c.fixed, c.broken) for c in found] == [("a", 40, 28, 0), ("b", 40, 0, 12), ("c", 40, 0, 2)]
    p = [binomtest(k, n).pvalue for k, n in ((28, 28), (0, 12), (0, 2))]
    assert [c.q for c in found] == pytest.approx([p[0] * 3, p[1] * 3 / 2, p[2]])
    ends = binomtest(38, 40).proportion_ci(method="wilson")
    assert found[0].after == pytest.approx((0.95, ends.low, ends.high))


def test_gain_over_seeds_agrees_with_scipy(home, tiny):
    gains = [0.31, 0.28, 0.4]
    ends = ttest_1samp(gains, 0).confidence_interval()
    found = seeds_gain(gains)
    assert (found.mean, found.low, found.high) == pytest.approx((np.mean(gains), ends.low, ends.high))
    records = [run_here(tiny(seed=seed), "cpu") for seed in (0, 3)]
    run_here(tiny("mcc", seed=4), "cpu")
    expected = {seed: r.phase("adapt")[-1]["measures"]["gain"] for seed, r in zip((0, 3), records, strict=True)}
    assert same_but_seed(records[0]) == expected


def test_choices_say_what_each_measure_would_have_cost(home, tiny):
    record = run_here(tiny(epochs=4), "cpu")
    found = {choice.validator: choice for choice in choices(record)}
    assert set(found) == {measure.name for measure in validators()}
    adapt = record.phase("adapt")
    accuracy = [e["measures"]["target_accuracy"] for e in adapt]
    for name, better in ((measure.name, measure.better) for measure in validators()):
        assert list(found[name].values) == [0, 1, 2, 3, 4]
        if name in ("dev", "iwcv"):  # from the snapshots
            assert 1 <= found[name].samples <= 30
            continue
        values = [e["gauges" if name == "entropy" else "measures"][name] for e in adapt]
        best = int(np.argmax(values) if better == "higher" else np.argmin(values))
        assert found[name].epoch == best
        assert found[name].outcome == Outcome(accuracy[best], max(accuracy) - accuracy[best])
    titles = {measure.name: measure.title for measure in validators()}
    assert "label-free measures" in chosen_sentence(list(found.values()), accuracy[-1], titles)


def test_a_record_of_an_earlier_version_is_read_from_its_snapshots(home, tiny):
    record = run_here(tiny(epochs=3), "cpu")
    new = {choice.validator: choice for choice in choices(record)}
    lines = record.epochs()
    for line in lines:
        for name in ("snd", "bnm"):
            line["measures"].pop(name, None)
    (record.folder / "epochs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for choice in choices(record):
        if choice.validator == "snd":  # on the same samples as in the run; BNM is measured on all held-out ones
            assert choice.values == pytest.approx(new[choice.validator].values, rel=1e-4)
    assert {choice.validator for choice in choices(record)} == {measure.name for measure in validators()}


def test_shipped_runs_are_reported_without_computing_a_run():
    for record in store.shipped():
        report = transfer_report(record)
        assert report.target is not None
        assert len(choices(record)) == len(validators())
        assert len(told(report)) >= 4


def test_a_class_that_took_over_is_not_praised():
    report = transfer_report(store.shipped()[0])
    assert not any("is now called" in sentence for sentence in told(report))
    counts = np.bincount([5] * 95 + [0, 1, 2, 3, 4], minlength=10)
    collapsed = replace(report, predicted=(np.full(10, 10), counts))
    assert told(collapsed)[0] == "95.0 % of the target is now called 5. So class 5 looks well recognized, and the others are lost."


def test_classes_without_a_mistake_have_no_worst():
    report = transfer_report(store.shipped()[0])
    perfect = replace(report, classes=tuple(replace(c, after=(1.0, 0.9, 1.0)) for c in report.classes))
    assert any(sentence.startswith("Every class is recognized without a mistake; before, the worst was ") for sentence in told(perfect))


def test_blind_hides_exactly_what_target_labels_change():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(2, 30, 4)).astype(np.float32)
    p = rng.dirichlet(np.ones(3), (2, 40)).astype(np.float32)
    given = {
        "source_labels": rng.integers(0, 3, 40),
        "source_features": features[0],
        "target_features": features[1],
        "scale": Scale.of(*features),
        "seed": 0,
        "identities": ([str(i) for i in range(40)],) * 2,
    }
    with_labels, without = (measure_all(Evaluation(p[0], p[1], target_labels=y, **given)) for y in (rng.integers(0, 3, 40), None))
    changed = {name for name in with_labels if with_labels[name] != without[name]}
    assert changed == with_labels.keys() - without_target_labels()


def test_a_blind_record_knows_no_target_label(home, tiny):
    record = run_here(tiny(), "cpu")
    blind = Blind(record.folder)
    assert {e["phase"] for e in blind.epochs()} == {"source", "linear", "continued", "adapt"}
    (linear,) = blind.phase("linear")
    assert linear["measures"]["linear_lead"] == record.phase("linear")[0]["measures"]["linear_lead"]  # it rests on the source alone
    assert {e["measures"]["target_accuracy"] for phase in ("linear", "continued") for e in blind.phase(phase)} == {None}
    for epoch in blind.epochs():
        assert all(value is None for name, value in epoch["measures"].items() if name not in without_target_labels())
    assert blind.phase("adapt")[-1]["measures"]["mmd2"] == record.phase("adapt")[-1]["measures"]["mmd2"]
    labels = blind.samples()["labels"]
    assert (labels[30:] == -1).all()
    np.testing.assert_array_equal(labels[:30], record.samples()["labels"][:30])
    assert blind.version() != record.version()
    report = transfer_report(blind)
    assert report.target is report.alignment is None
    assert report.classes == ()
    assert transfer_report(record).target is not None
    text = verdict("DAN", blind.epochs(), blind.blind)
    assert text.startswith("Blind: everything that needs target labels is hidden.")
    assert {c.epoch for c in choices(blind)} == {c.epoch for c in choices(record)}
    assert {c.outcome for c in choices(blind)} == {None}
