"""One registration, and a measure is in every view: of runs and of two populations. Nothing else lists measures."""

from __future__ import annotations

import json

import pytest
from page_tools import everything, page, texts

from core.__main__ import main
from core.experiment import Experiment
from core.figures import curves
from core.figures.shift_page import page as html_page
from core.measures import MEASURES, Band, Drawing, Evaluation, Measure, Populations
from core.reports.shift import shift_report
from core.reports.shift_text import facts
from core.runs import store
from core.runs.blind import Blind
from core.runs.execute import run_here
from core.runs.record import Record

pytestmark = pytest.mark.slow

MOONS = {"name": "moons", "params": {"n": 200}}
TURNED = MOONS | {"shifts": [{"name": "rotation", "severity": 0.3}]}
TINY = {
    "source": MOONS,
    "target": TURNED,
    "backbone": {"name": "mlp", "params": {"width": 16, "bottleneck": 8}},
    "budget": {"source_epochs": 1, "epochs": 2, "batch_size": 16},
    "snapshot": 30,
}


def sureness(evaluation: Evaluation) -> dict[str, float]:
    mean = float(evaluation.target_probabilities.max(1).mean())
    return {"toy": mean, "toy_low": mean - 0.01, "toy_high": mean + 0.01}


def toy(needs_target_labels: bool) -> Measure:
    return Measure(
        "toy",
        "Sureness of a toy",
        "Mean probability of the predicted class, from chance to 100 %.",
        r"\frac1m\sum_j \max_k p_{jk}",
        "This test, 2026.",
        "It is a toy, and says nothing that the entropy does not say better.",
        range="1/K to 1",
        better="higher",
        label="toy sureness",
        needs_target_labels=needs_target_labels,
        companions=("toy_low", "toy_high"),
        drawing=Drawing("share", 1, band=Band("toy_low", "toy_high")),
        of_run=sureness,
    )


def widest_gap(pair: Populations) -> dict[str, float]:
    gaps = abs(pair.source.mean(0) - pair.target.mean(0))
    return {"toy_gap": float(gaps.max()), "toy_gap_of": len(gaps)}


PAIR = Measure(
    "toy_gap",
    "Widest gap of a toy",
    "The largest difference between the means of a column, in its standard deviations.",
    r"\max_j \lvert \bar x_j - \bar y_j \rvert",
    "This test, 2026.",
    "It is a toy: it is blind to everything but the means of single columns.",
    range="0 upwards",
    better="lower",
    companions=("toy_gap_of",),
    drawing=Drawing("number", 3, beside="of {of} columns"),
    of_pair=widest_gap,
)


@pytest.fixture
def run_of_toy() -> Record:
    with MEASURES.holding(toy(False)):
        return run_here(Experiment.parse(TINY), "cpu")


def test_a_new_run_measure_is_a_curve_a_column_and_a_line_of_every_list(run_of_toy, capsys):
    last = run_of_toy.phase("adapt")[-1]["measures"]
    with MEASURES.holding(toy(False)) as measure:
        figure = curves.measure(run_of_toy.epochs(), measure)
        assert figure.data[-1].name == "Sureness of a toy"
        assert figure.data[-1].y[-1] == pytest.approx(100 * last["toy"], rel=1e-5)
        assert figure.layout.yaxis.title.text == "toy sureness (%)"
        assert [trace.name for trace in figure.data[:-1]] == ["95 % interval"] * 2
        for hidden in ("false", "true"):  # it needs no target labels, so blind mode shows it, too
            at = page("adapt", run=run_of_toy.id, panel="Numbers", blind=hidden)
            at.selectbox(key="measure").set_value("toy").run()
            assert not at.exception
            assert "Sureness of a toy over the epochs of adaptation." in everything(at)
            assert measure.meaning in texts(at)
            assert measure.limits in texts(at)
            assert at.dataframe[-1].value["toy sureness"].iloc[-1] == last["toy"]
        at = page("compare")
        at.multiselect(key="runs").set_value([run_of_toy.id]).run()
        at.multiselect(key="columns").set_value(["toy"]).run()
        assert not at.exception
        (line,) = at.dataframe[0].value.to_dict("records")
        assert line["toy sureness"] == pytest.approx(100 * last["toy"])
        assert line["toy sureness, 95 %"] == f"{100 * last['toy_low']:.1f} to {100 * last['toy_high']:.1f} %"
        assert measure.limits in texts(at)
        assert main(["list", "measures", "--json"]) == 0
        listed = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
        assert listed["toy"]["of"] == ["run"]
        assert listed["toy"]["meaning"] == measure.meaning
        assert main(["show", run_of_toy.id]) == 0
        assert f"{'toy':28} {last['toy']:.4f}" in capsys.readouterr().out


def test_blind_hides_a_new_run_measure_that_needs_target_labels(run_of_toy):
    with MEASURES.holding(toy(True)):
        for epoch in Blind(run_of_toy.folder).phase("adapt"):
            assert {epoch["measures"][key] for key in ("toy", "toy_low", "toy_high")} == {None}
        at = page("adapt", run=run_of_toy.id, blind="true")
        assert not at.exception
        assert "Sureness of a toy" not in at.selectbox(key="measure").options
        assert "Sureness of a toy" not in everything(at)
        at = page("compare", blind="true")
        assert "Sureness of a toy" not in at.multiselect(key="columns").options


def test_blind_hides_a_value_that_no_registered_measure_accounts_for(run_of_toy):
    """A companion that its measure forgot to declare, or a measure of a later version: it may rest on target labels."""
    assert {epoch["measures"]["toy"] for epoch in Blind(run_of_toy.folder).phase("adapt")} == {None}


def test_runs_that_were_stored_before_there_was_the_measure_show_nothing_of_it():
    old = store.shipped()[0]
    with MEASURES.holding(toy(False)):
        at = page("adapt", run=old.id)
        at.selectbox(key="measure").set_value("toy").run()
        assert not at.exception
        assert "This run has no value of it" in texts(at)
        at = page("compare")
        at.multiselect(key="runs").set_value([old.id]).run()
        at.multiselect(key="columns").set_value(["toy"]).run()
        assert not at.exception
        assert at.dataframe[0].value["toy sureness"].isna().all()


def test_every_run_measure_is_in_a_picture_or_offered():
    at = page("adapt", run=store.shipped()[0].id)
    offered = set(at.selectbox(key="measure").options)
    for entry in MEASURES:
        if entry.kept == "measures":
            assert (entry.title in offered) != bool(entry.drawing.picture), entry.name
    at.selectbox(key="measure").set_value("domain_auc").run()
    assert not at.exception
    assert "Domain-classifier AUC over the epochs" in everything(at)


def test_a_new_measure_of_two_populations_is_in_the_report_wherever_it_is_read(tmp_path, capsys):
    experiment = Experiment.parse({"source": MOONS, "target": TURNED, "backbone": {"name": "mlp"}})
    with MEASURES.holding(PAIR):
        report = shift_report(experiment)
        found = facts(experiment, report)
        value = found["toy_gap"]["value"]
        assert found["toy_gap"] == {"value": value, "of": 2, "control": found["toy_gap"]["control"], "control_of": 2}
        assert value != found["toy_gap"]["control"]
        html = html_page(found, report)
        assert f"Widest gap of a toy<b>{value:.3f}</b>" in html
        assert "of 2 columns · A/A control" in html
        assert PAIR.limits in html
        asked = ["--source", "moons", "--target", "moons", "--target-shift", "rotation:0.3"]
        asked += ["--set", "source.params.n=200", "--set", "target.params.n=200"]
        assert main(["measure", *asked]) == 0
        (line,) = (line for line in capsys.readouterr().out.splitlines() if "Widest gap of a toy" in line)
        assert f"{value:.3f}" in line
        assert "of 2 columns" in line
        assert main(["list", "measures", "--json"]) == 0
        assert next(entry for entry in json.loads(capsys.readouterr().out) if entry["name"] == "toy_gap")["of"] == ["pair"]
        query = {"source": "Two moons", "target": "Two moons", "source.moons.n": "200", "target.moons.n": "200"}
        at = page(view="Any shift", **query, target_shift="Rotation", target_severity="0.3")
        assert not at.exception
        (tile,) = (metric for metric in at.metric if metric.label == "Widest gap of a toy")
        assert tile.value == f"{value:.3f}"
        assert PAIR.limits in texts(at)
    assert "toy_gap" not in MEASURES
