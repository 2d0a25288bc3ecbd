"""The shift report: what it finds on real and on moved data, stage by stage, on inputs and on features."""

import json

import numpy as np
import pytest
import torch

from core.domains import DOMAINS, Domain, Pair
from core.domains.pair import load_pair
from core.errors import InputError
from core.experiment import Experiment
from core.measures import MEASURES
from core.reports.shift import STAGES, ShiftReport, report_map, shift_report, shift_stages
from core.reports.shift_data import material
from core.reports.shift_text import conditions, facts, verdict
from core.training.build import make_method
from core.training.data import Data, Samples

pytestmark = pytest.mark.slow

HANDWRITTEN = {"name": "handwritten-digits"}


def moons(n: int = 400, **target) -> Experiment:
    side = {"name": "moons", "params": {"n": n}}
    return Experiment.parse({"source": side, "target": side | target, "backbone": {"name": "mlp"}})


@pytest.fixture(scope="module")
def digits():
    return shift_report(Experiment.parse({"source": {"name": "printed-digits", "params": {"n": 600}}, "snapshot": 200}))


def test_report_of_digits(digits):
    samples, classifier = digits.samples, digits.classifier
    assert (samples.n, samples.measured, samples.control_n, samples.columns) == (200, 200, 100, 256)
    assert samples.pictures.shape == (400, 16, 16)
    assert samples.pictures.dtype == np.uint8
    assert samples.rows is None
    assert digits.map.positions.shape == (400, 2)
    assert digits.explanation.differ
    assert classifier.auc.auc > 0.9
    assert classifier.auc.low > classifier.control.high
    assert classifier.p == digits.kernel.test.p == 1 / 500
    numbers = {number.measure.name: number for number in digits.numbers}
    assert numbers["domain_p"].control["domain_p"] > 0.01
    assert numbers["mmd2"].values["mmd2"] > 5 * abs(numbers["mmd2"].control["mmd2"])
    for name in ("sliced_wasserstein", "energy_distance", "coral_distance"):
        assert numbers[name].values[name] > 2 * numbers[name].control[name]
    assert numbers["columns_shifted"].values["columns_shifted"] > 0.5 > numbers["columns_shifted"].control["columns_shifted"]
    assert samples.sizes == (600, 1797)
    assert not samples.all_rows
    assert samples.target_labelled
    assert digits.classes.kind.name.startswith("covariate")
    assert digits.classes.truth.sum() == pytest.approx(1)


def test_typical_samples_are_the_ends_of_the_classifiers_scores(digits):
    scores = digits.classifier.auc.scores
    ours, theirs = digits.classifier.typical
    assert scores[ours[0]] == scores[:200].min()
    assert scores[theirs[0]] == scores[200:].max()
    assert (ours < 200).all()
    assert (theirs >= 200).all()
    assert len(ours) == len(theirs) == 6


def test_a_change_of_contrast_is_explained_by_contrast():
    dull = HANDWRITTEN | {"shifts": [{"name": "contrast", "severity": 0.4}]}
    report = shift_report(Experiment.parse({"source": HANDWRITTEN, "target": dull}))
    assert report.explanation.properties[0].title == "Contrast"
    assert report.explanation.properties[0].share > 0.9
    assert report.explanation.properties[0].target < report.explanation.properties[0].source
    assert "Contrast alone explains" in said(report)


@pytest.mark.parametrize("seed", range(4))
def test_without_a_shift_it_says_that_there_is_no_evidence(seed):
    report = shift_report(Experiment.parse({"source": HANDWRITTEN, "target": HANDWRITTEN, "seed": seed}))
    assert not report.explanation.differ
    assert report.explanation.properties == ()
    assert report.classes.kind.name == "none"
    assert said(report).startswith("There is no evidence of a shift.")


def test_moved_and_turned_points():
    moved = shift_report(moons(shifts=[{"name": "translation", "severity": 1}]))
    assert moved.samples.pictures is None
    assert moved.samples.rows.shape[1] == 2
    assert moved.classifier.auc.low > 0.6
    assert {row.title for row in moved.explanation.properties} == {"x0", "x1"}
    # A rotation about the middle moves no mean: a linear classifier is blind to it, the kernel is not.
    turned = shift_report(moons(n=2000, shifts=[{"name": "rotation", "severity": 0.5}]))
    assert turned.classifier.auc.low < 0.5
    assert turned.kernel.test.p == 1 / 500
    assert "kernel test finds a shift, a linear classifier none" in said(turned)


def test_it_grows_stage_by_stage_and_each_is_complete():
    stages = list(shift_stages(moons(n=900, shifts=[{"name": "translation", "severity": 0.6}])))
    assert [type(stage) for stage in stages] == list(STAGES)
    samples, *rest = stages
    assert len(samples.labels) == 2 * samples.n
    for stage in rest:
        assert all(value is not None for value in vars(stage).values())
    whole = ShiftReport.of(stages)
    assert {number.measure.name for number in whole.numbers} == {entry.name for entry in MEASURES if entry.of_pair is not None}


def test_a_stage_that_has_not_come_costs_nothing(monkeypatch):
    monkeypatch.setattr("core.reports.shift.pca_map", lambda *_: pytest.fail("nobody has asked for the map"))
    stages = shift_stages(moons())
    assert [type(next(stages)) for _ in STAGES[:-1]] == list(STAGES[:-1])


def said(report: ShiftReport) -> str:
    return verdict(report.samples, report.classifier, report.explanation)


def unlabelled(tmp_path) -> dict:
    path = tmp_path / "unlabelled.npz"
    np.savez(path, X=np.random.default_rng(5).normal(size=(240, 2)).astype(np.float32))
    return {"name": "file", "params": {"path": str(path)}}


def test_a_target_without_labels(tmp_path):
    experiment = Experiment.parse(
        {"source": {"name": "moons", "params": {"n": 400}}, "target": unlabelled(tmp_path), "backbone": {"name": "mlp"}}
    )
    report = shift_report(experiment)
    assert not report.samples.target_labelled
    assert report.classes.truth is None
    assert (report.samples.labels[report.samples.n :] == -1).all()
    assert "labelled target samples" in " ".join(report.classes.kind.needed)
    assert facts(experiment, report)["label_shift"]["true"] is None


def test_samples_are_those_of_a_run_and_columns_are_standardised():
    experiment = Experiment.parse({"source": HANDWRITTEN, "target": HANDWRITTEN})
    m = material(experiment)
    samples = Samples.of(experiment, load_pair(*experiment.pair))
    assert torch.equal(m.inputs, samples.inputs)
    np.testing.assert_array_equal(m.raw[1].inputs, samples.inputs[m.n :].numpy()[: m.measured])
    everything = np.concatenate([m.pool, m.rows[m.n :]])
    np.testing.assert_allclose(everything.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(everything.std(0), 1, atol=1e-4)
    first, second = m.control.source, m.control.target
    assert not {tuple(row) for row in first[:, :20].tolist()} & {tuple(row) for row in second[:, :20].tolist()}


def label_shift_pair(seed: int) -> Pair:
    """Two Gaussian classes, 50 to 50 in the source and 15 to 85 in the target; the classes look the same."""
    rng = np.random.default_rng([seed, 12])
    sides = []
    for share in (0.5, 0.85):
        labels = (rng.random(2400) < share).astype(np.int64)
        rows = rng.normal(size=(2400, 5)) + 2.0 * labels[:, None]
        x, y = torch.from_numpy(rows).float(), torch.from_numpy(labels)
        sides.append(Domain("gauss", x, y, ("a", "b"), torch.arange(1200), torch.arange(1200, 2400), "", ""))
    return Pair(*sides)


def test_label_shift_is_recognised_and_measured(monkeypatch):
    pair = label_shift_pair(0)
    monkeypatch.setattr("core.reports.shift_data.load_pair", lambda *_: pair)
    report = shift_report(moons())
    assert report.classes.kind.name == "label"
    assert report.classes.matched.gone
    np.testing.assert_allclose(report.classes.shift.estimated, report.classes.truth, atol=0.05)
    assert ((report.classes.shift.low <= report.classes.truth) & (report.classes.truth <= report.classes.shift.high)).all()


def test_other_labels_for_the_same_inputs_are_named_concept_shift(monkeypatch):
    same = label_shift_pair(1).source
    flipped = same.labels.clone()
    some = torch.rand(2400, generator=torch.Generator().manual_seed(0)) < 0.3
    flipped[some] = 1 - flipped[some]
    other = Domain("other", same.inputs.flip(0), flipped.flip(0), ("a", "b"), same.train, same.test, "", "")
    monkeypatch.setattr("core.reports.shift_data.load_pair", lambda *_: Pair(same, other))
    report = shift_report(moons())
    assert report.classes.kind.name == "concept"
    assert not report.explanation.differ


def test_features_of_a_network(tiny):
    experiment = tiny()
    fresh = material(experiment, "fresh")
    data = Data.of(experiment, load_pair(*experiment.pair), "cpu")
    network = make_method(data, "source-only", {}, "reference").eval().network
    with torch.inference_mode():
        expected = network.features(fresh.inputs[: fresh.n]).numpy()
    used = expected.std(0) > 0
    correlation = [np.corrcoef(expected[:, used][:, j], fresh.rows[: fresh.n, j])[0, 1] for j in range(min(used.sum(), 3))]
    assert fresh.columns == 8
    assert min(correlation) > 0.999
    weights = {name: value * 1.5 for name, value in network.state_dict().items() if value.is_floating_point()}
    weights = network.state_dict() | weights
    assert shift_report(experiment, "trained", weights).samples.view == "trained"
    with pytest.raises(InputError, match="no source-trained"):
        material(experiment, "trained")
    with pytest.raises(InputError, match="no pretrained"):
        material(experiment, "pretrained")


def test_facts_are_json_and_every_number_has_words(digits):
    found = facts(Experiment(), digits)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    plain = {"source", "target", "view", "backbone", "samples", "control_samples", "columns", "permutations", "seed", "verdict"}
    assert set(found) - plain - {"evidence_of_shift", "held_out", "cannot_tell", "rows"} <= set(MEASURES.names())
    assert found["domain_auc"]["low"] < found["domain_auc"]["value"]
    assert "B = 499" in conditions(digits.samples)
    assert DOMAINS.get("printed-digits").title == found["source"]


def test_map_of_the_report(digits):
    data = report_map(digits, "x")
    assert data.positions.shape == (1, 400, 2)
    assert "256 inputs" in data.captions[0]
