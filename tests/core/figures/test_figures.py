"""Figures from records: valid whatever the run has so far, and they say what they show."""

from __future__ import annotations

import json

import numpy as np
import plotly.graph_objects as go
import pytest

from core.figures import curves, style, tables, transfer
from core.measures import MEASURES
from core.measures.alignment import Alignment

MMD = MEASURES.get("mmd2")


def adapt(number: int, labelled: bool = True, total: int = 4) -> dict:
    measures = {
        "source_accuracy": 0.98,
        "target_accuracy": 0.5 + 0.1 * number if labelled else None,
        "target_accuracy_low": 0.45 + 0.1 * number if labelled else None,
        "target_accuracy_high": 0.55 + 0.1 * number if labelled else None,
        "source_only_target_accuracy": 0.5 if labelled else None,
        "mmd2": 0.4 - 0.1 * number,
        "mmd2_p": 0.002,
        "mmd2_null_low": -0.01,
        "mmd2_null_high": 0.02,
    }
    losses = {"task": 0.3, "align": 0.2} if number else {}
    return {
        "phase": "adapt",
        "number": number,
        "total": total,
        "losses": losses,
        "gauges": {"largest_class": 0.2} | ({"discriminator_accuracy": 0.7, "gradient_ratio": 1.5} if number else {}),
        "measures": measures,
        "seconds": 1.0,
    }


def reference(phase: str, number: int, labelled: bool = True, total: int = 3) -> dict:
    known = dict.fromkeys(("target_accuracy", "target_accuracy_low", "target_accuracy_high"), 0.4 if labelled else None)
    return {
        "phase": phase,
        "number": number,
        "total": total,
        "losses": {"task": 1.0},
        "gauges": {},
        "measures": {"source_accuracy": 0.9} | known,
    }


SOURCE = [reference("source", n) for n in (1, 2, 3)]
ORACLE = [reference("oracle", n) for n in (1, 2, 3)]
RUNS = {
    "nothing": [],
    "source training": SOURCE,
    "source training and oracle": SOURCE + ORACLE,
    "before adaptation": [*SOURCE, *ORACLE, adapt(0)],
    "whole": [*SOURCE, *ORACLE, *map(adapt, range(4))],
    "unlabelled": [*(reference("source", n, labelled=False) for n in (1, 2, 3)), *(adapt(n, labelled=False) for n in range(4))],
    "one epoch alone": [adapt(1)],
}
BUILDERS = {
    "accuracy": lambda epochs, dark: curves.accuracy(epochs, dark, oracle=0.9),
    "mmd": lambda epochs, dark: curves.measure(epochs, MMD, dark),
    "losses": curves.losses,
    "gauges": lambda epochs, dark: curves.gauges(epochs, curves.gauge_names(epochs), dark),
    "compare": lambda epochs, dark: curves.compare([(f"run {i}", epochs) for i in range(6)], "target_accuracy", "accuracy (%)", dark, 100),
    "accuracy_against_mmd": lambda epochs, dark: curves.accuracy_against_mmd([("a", epochs), ("b", epochs)], dark),
}


def data_of(figure: go.Figure) -> list[np.ndarray]:
    names = ("x", "y", "z", "customdata")
    arrays = [getattr(trace, name) for trace in figure.data for name in names if getattr(trace, name, None) is not None]
    return [array for array in arrays if not (len(array) and isinstance(array[0], str))]


def check(figure: go.Figure, dark: bool) -> None:
    json.loads(figure.to_json())
    expected = go.Figure(layout={"template": "shiftscope-dark" if dark else "shiftscope-light"}).layout.template
    assert figure.layout.template == expected
    assert figure.layout.xaxis.title.text
    assert figure.layout.yaxis.title.text
    for values in data_of(figure):
        assert isinstance(values, np.ndarray), "lists cost the browser and the server many times more"
        assert values.dtype in (np.float32, np.int16, np.int32)


def named(figure: go.Figure, name: str) -> list:
    return [trace for trace in figure.data if trace.name == name]


def lines(figure: go.Figure) -> dict[str, float]:
    """The horizontal lines by the text that stands on them."""
    heights = [shape.y0 for shape in figure.layout.shapes if shape.y0 == shape.y1]
    texts = [a.text for a in figure.layout.annotations if a.text in ("source-only", "oracle", "joint", "chance")]
    return dict(zip(texts, heights, strict=True))


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", BUILDERS)
def test_every_curve_can_be_drawn_at_every_moment_of_a_run(name, run, dark):
    check(BUILDERS[name](RUNS[run], dark), dark)


def test_accuracy_is_in_percent_on_an_axis_that_shows_all_of_it():
    figure = curves.accuracy(RUNS["whole"], oracle=0.9)
    (target,) = named(figure, "target")
    np.testing.assert_allclose(target.y, [40, 40, 50, 60, 70, 80], atol=1e-4)
    np.testing.assert_array_equal(target.x, [-2, -1, 0, 1, 2, 3])  # the source model is shown once, as epoch 0
    assert "%" in figure.layout.yaxis.title.text
    low, high = figure.layout.yaxis.range
    assert low == 0
    assert high >= 100


def test_both_reference_lines_are_drawn_when_they_are_known():
    assert lines(curves.accuracy(RUNS["whole"], oracle=0.9)) == pytest.approx({"source-only": 50, "oracle": 90})
    assert lines(curves.accuracy(RUNS["source training"])) == {}
    assert lines(curves.accuracy(RUNS["source training and oracle"], oracle=0.9)) == pytest.approx({"oracle": 90})
    assert lines(curves.accuracy(RUNS["unlabelled"])) == {}


def test_the_joint_line_is_drawn_when_its_training_has_ended():
    joint = [reference("joint", n) for n in (1, 2, 3)]
    expected = 100 * joint[-1]["measures"]["target_accuracy"]
    assert lines(curves.accuracy([*SOURCE, *ORACLE, *joint[:2]])) == {}
    whole = curves.accuracy([*SOURCE, *ORACLE, *joint, *map(adapt, range(4))], oracle=0.9)
    assert lines(whole) == pytest.approx({"source-only": 50, "oracle": 90, "joint": expected})
    assert len({shape.line.dash for shape in whole.layout.shapes if shape.y0 == shape.y1}) == 3
    assert len(named(whole, "source")[0].x) == len(named(curves.accuracy(RUNS["whole"]), "source")[0].x)  # its own training is not shown


def test_source_only_that_was_trained_on_is_a_dashed_curve_and_the_linear_reference_a_thin_line():
    continued = [reference("continued", n) for n in (1, 2, 3)]
    linear = reference("linear", 1, total=1)
    figure = curves.accuracy([*SOURCE, linear, *ORACLE, *continued, *map(adapt, range(4))], oracle=0.9)
    (curve,) = named(figure, "source-only, trained on")
    np.testing.assert_array_equal(curve.x, [0, 1, 2, 3])
    np.testing.assert_allclose(curve.y, [50, 40, 40, 40], atol=1e-4)  # from what adaptation starts with
    assert curve.line.dash == "dash"
    levels = {shape.y0: shape.line for shape in figure.layout.shapes if shape.y0 == shape.y1}
    assert set(levels) == {40, 90}
    assert (levels[40].dash, levels[90].dash) == ("solid", "dot")
    assert levels[40].width < levels[90].width
    texts = [(a.text, a.y) for a in figure.layout.annotations if a.text in ("source-only", "linear", "oracle")]
    assert sorted(texts) == [("linear", 40), ("oracle", 90), ("source-only", pytest.approx(40))]


def test_blind_and_unlabelled_runs_have_no_reference_curves():
    hidden = [reference(phase, 1, labelled=False, total=1) for phase in ("linear", "continued")]
    figure = curves.accuracy([*RUNS["unlabelled"], *hidden])
    assert [trace.name for trace in figure.data] == ["source"]
    assert lines(figure) == {}


def test_source_training_that_ended_early_takes_as_many_epochs_as_it_really_had():
    early = [reference("source", n, total=30) for n in (1, 2, 3)] + [reference("source", 4, total=4)]
    np.testing.assert_array_equal(named(curves.accuracy(early[:3]), "source")[0].x, [-2, -1, 0])
    np.testing.assert_array_equal(named(curves.accuracy([*early, adapt(0), adapt(1)]), "source")[0].x, [-3, -2, -1, 0, 1])


def test_the_oracles_own_training_is_not_on_the_curve():
    assert len(named(curves.accuracy(RUNS["source training and oracle"]), "source")[0].x) == 3


def test_unlabelled_targets_have_no_accuracy_curve_and_no_band():
    figure = curves.accuracy(RUNS["unlabelled"])
    assert [trace.name for trace in figure.data] == ["source"]


def test_the_interval_is_drawn_only_where_it_is_known():
    epochs = [adapt(0), adapt(1, labelled=False), adapt(2)]
    high, low = named(curves.accuracy(epochs), "95 % interval")
    np.testing.assert_array_equal(low.x, [0, 2])
    np.testing.assert_allclose(low.y, [45, 65], atol=1e-4)
    np.testing.assert_allclose(high.y, [55, 75], atol=1e-4)
    assert low.fill == "tonexty"
    (target,) = named(curves.accuracy(epochs), "target")
    assert np.isnan(target.y).tolist() == [False, True, False]


def test_mmd_has_its_null_band_and_p_value():
    figure = curves.measure(RUNS["whole"], MMD)
    high, low = named(figure, "no shift (95 %)")
    np.testing.assert_allclose(low.y, [-0.01] * 4)
    np.testing.assert_allclose(high.y, [0.02] * 4)
    (line,) = named(figure, "MMD²")
    np.testing.assert_allclose(line.y, [0.4, 0.3, 0.2, 0.1], atol=1e-6)
    np.testing.assert_allclose(line.customdata, [0.002] * 4)


def test_losses_have_a_gap_before_adaptation_and_readable_names():
    figure = curves.losses(RUNS["whole"])
    assert [trace.name for trace in figure.data] == ["task (cross-entropy)", "alignment × trade-off"]
    assert np.isnan(figure.data[0].y).tolist() == [True, False, False, False]


def test_only_gauges_that_the_run_has_are_drawn():
    figure = curves.gauges(RUNS["whole"], ["entropy", "largest_class", "discriminator_accuracy"])
    assert [trace.name for trace in figure.data] == ["largest class", "discriminator accuracy"]
    assert lines(figure) == {"chance": 0.5}


def test_runs_are_told_apart_without_colour():
    figure = BUILDERS["compare"](RUNS["whole"], False)
    assert len({trace.line.dash for trace in figure.data}) == 6
    assert len({trace.line.color for trace in figure.data}) == 6
    np.testing.assert_allclose(figure.data[0].y, [50, 60, 70, 80], atol=1e-4)


def test_ticks_are_whole_epochs_while_there_are_few():
    assert curves.measure(RUNS["whole"], MMD).layout.xaxis.dtick == 1
    assert curves.measure([adapt(n) for n in range(40)], MMD).layout.xaxis.dtick is None


def test_source_and_target_keep_their_colours():
    for dark in (False, True):
        figure = curves.accuracy(RUNS["whole"], dark)
        assert named(figure, "source")[0].line.color == style.source_colour(dark)
        assert named(figure, "target")[0].line.color == style.target_colour(dark)


COUNTS = np.array([[8, 2, 0], [0, 0, 0], [1, 1, 2]])
CLASSES = ("0", "1", "two")


@pytest.mark.parametrize("dark", [False, True])
def test_confusion_is_in_percent_of_the_true_class(dark):
    figure = tables.confusion(COUNTS, CLASSES, dark)
    check(figure, dark)
    (heat,) = figure.data
    np.testing.assert_allclose(heat.z, [[80, 20, 0], [0, 0, 0], [25, 25, 50]])
    np.testing.assert_array_equal(heat.customdata, COUNTS)
    assert (heat.zmin, heat.zmax) == (0, 100)
    assert figure.layout.xaxis.type == figure.layout.yaxis.type == "category"  # class names may be digits
    assert figure.layout.yaxis.autorange == "reversed"


@pytest.mark.parametrize("dark", [False, True])
def test_the_change_of_confusion_is_centred_at_zero(dark):
    after = np.array([[10, 0, 0], [0, 0, 0], [0, 0, 4]])
    figure = tables.confusion_change(COUNTS, after, CLASSES, dark)
    check(figure, dark)
    (heat,) = figure.data
    np.testing.assert_allclose(heat.z, [[20, -20, 0], [0, 0, 0], [-25, -25, 50]])
    assert heat.zmin == -heat.zmax
    unchanged = tables.confusion_change(after, after, CLASSES, dark).data[0]
    assert not unchanged.z.any()


@pytest.mark.parametrize("dark", [False, True])
def test_where_classes_landed(dark):
    shares = np.array([[0.8, 0.2, 0], [0.1, 0, 0.9], [0.5, 0.5, 0]])
    found = Alignment(shares, nearest=np.array([0, 2, 0]), landed=np.array([0, 2, -1]), neighbours=5)
    figure = transfer.alignment(found, CLASSES, dark)
    check(figure, dark)
    np.testing.assert_allclose(figure.data[0].z, 100 * shares)
    assert [(box.x0 + box.x1) / 2 for box in figure.layout.shapes] == [0, 2]  # a box where a class landed, none where it did not
    own, other = (box.line.color for box in figure.layout.shapes)
    assert own == style.ink(dark)
    assert other == style.target_colour(dark)


def test_predicted_classes_before_and_after():
    figure = transfer.predicted(np.array([1, 1, 2]), np.array([0, 0, 4]), CLASSES)
    check(figure, False)
    np.testing.assert_allclose([bar.y for bar in figure.data], [[25, 25, 50], [0, 0, 100]])
    assert [bar.name for bar in figure.data] == ["before", "after"]


@pytest.mark.parametrize("target", [np.array([0, 0, 2]), None, np.array([], int)])
def test_class_histogram(target):
    figure = tables.class_histogram(np.array([0, 1, 1, 1]), target, CLASSES)
    check(figure, False)
    assert [trace.name for trace in figure.data] == (["source"] if target is None else ["source", "target"])
    np.testing.assert_allclose(figure.data[0].y, [25, 75, 0])
    if target is not None:
        assert len(figure.data[1].y) == 3


def test_null_histogram_shows_the_observed_value():
    figure = tables.null_histogram(np.linspace(-0.01, 0.02, 499), 0.3)
    check(figure, False)
    assert figure.layout.shapes[0].x0 == pytest.approx(0.3)
    assert "0.3000" in figure.layout.annotations[0].text


def test_only_gauges_that_a_run_reports_are_offered():
    epochs = [{"gauges": {"entropy": 1.0}}, {"gauges": {"labelled": 0.5}}]
    assert set(curves.gauge_names(epochs)) == {"gradient_ratio", "labelled", "largest_class", "entropy", "feature_norm", "effective_rank"}
