"""``python -m core measure`` and the page that it writes: whole, small, and free of the network."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from core.__main__ import main
from core.cli import measure
from core.experiment import Experiment
from core.figures import shifts, svg
from core.figures.formula import formula_svg
from core.figures.shift_page import page
from core.measures import MEASURES
from core.reports.shift import shift_report
from core.reports.shift_text import facts
from core.runs.execute import run_here

pytestmark = pytest.mark.slow

MOONS = ["--source", "moons", "--target", "moons", "--target-shift", "translation:0.6"]


def measured(capsys, *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    try:
        code = main(["measure", *arguments])
    except SystemExit as end:
        code = end.code
    return code, *capsys.readouterr()


def test_json_is_the_report(home, capsys):
    code, out, err = measured(capsys, *MOONS, "--json")
    assert code == 0, err
    found = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    side = {"name": "moons"}
    moved = side | {"shifts": [{"name": "translation", "severity": 0.6}]}
    experiment = Experiment.parse({"source": side, "target": moved, "backbone": {"name": "mlp"}})
    assert found == facts(experiment, shift_report(experiment))
    assert found["view"] == "raw"
    assert found["evidence_of_shift"]


def test_text_says_it_in_words(home, capsys):
    code, out, err = measured(capsys, *MOONS)
    assert code == 0, err
    for part in ("Two moons → Two moons, translation 0.6", "which is which", "A/A", "This looks like", "seed 0"):
        assert part in out


def test_texts_are_measured_without_naming_a_backbone(home, capsys):
    code, out, err = measured(capsys, "--source", "opinions-reviews", "--target", "opinions-chat")
    assert code == 0, err
    assert "Opinions: product reviews → Opinions: chat messages (raw inputs)" in out


@pytest.mark.parametrize(("weights", "view"), [("IMAGENET1K_V1", "pretrained"), ("none", "fresh")])
def test_pretrained_features_are_compared_where_the_backbone_has_them(home, weights, view):
    experiment = Experiment.parse({"backbone": {"name": "squeezenet", "params": {"weights": weights}}})
    assert measure.view_of(experiment, "squeezenet") == (view, None)


def test_a_backbones_features_are_the_stored_ones_where_there_are_some(home, capsys, tiny):
    asked = ["--source", "moons", "--target", "moons", "--backbone", "mlp", "--json"]
    assert json.loads(measured(capsys, *asked)[1])["view"] == "fresh"
    experiment = tiny()
    run_here(experiment, "cpu")
    more = []
    for path, value in (
        ("source.params.n", 200),
        ("target.params.n", 200),
        ("backbone.params.width", 16),
        ("backbone.params.bottleneck", 8),
        ("source_epochs", 2),
        ("batch_size", 16),
        ("lr", 0.02),
    ):
        more += ["--set", f"{path}={value}"]
    code, out, err = measured(capsys, *asked, *more, "--target-shift", "rotation:0.3")
    assert code == 0, err
    assert json.loads(out)["view"] == "trained"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--source", "moons", "--target", "handwritten-digits"], "nothing can be carried from one to the other"),
        ([*MOONS, "--backbone", "small-cnn"], "Small CNN cannot read rows of numbers"),
        (["--source", "nothing"], "there is no 'nothing'"),
        ([*MOONS, "--html", "/nowhere/report.html"], "there is no folder"),
    ],
)
def test_bad_requests_are_refused(home, capsys, arguments, said):
    code, out, err = measured(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert said in err


class Reader(HTMLParser):
    """Tags that are open at the end, and every address."""

    def __init__(self):
        super().__init__()
        self.open, self.addresses, self.tags = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href", "xlink:href")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            del self.open[len(self.open) - 1 - self.open[::-1].index(tag)]


@pytest.mark.parametrize("source", ["moons", "handwritten-digits", "opinions-reviews"])
def test_the_page_is_small_and_loads_nothing(home, capsys, tmp_path, source):
    file = tmp_path / "report.html"
    target = ["opinions-chat"] if source.startswith("opinions") else [source, "--target-shift", "translation:0.3"]
    code, _, err = measured(capsys, "--source", source, "--target", *target, "--html", str(file))
    assert code == 0, err
    text = file.read_text("utf-8")
    assert len(text.encode()) < 3e6
    reader = Reader()
    reader.feed(text)
    assert set(reader.open) <= {"p", "li", "td", "th", "tr"}
    assert all(address.startswith("data:") for address in reader.addresses)
    assert not {"script", "link", "iframe"} & set(reader.tags)
    assert "url(" not in text
    assert reader.tags.count("svg") == 5
    assert reader.tags.count("details") >= 10
    assert "which is which" in text


def test_the_page_of_no_shift_says_so():
    side = {"name": "moons", "params": {"n": 900}}
    experiment = Experiment.parse({"source": side, "target": side, "backbone": {"name": "mlp"}})
    report = shift_report(experiment)
    assert "There is no difference to explain." in page(facts(experiment, report), report)


@pytest.mark.parametrize("words", MEASURES, ids=lambda words: words.name)
def test_formulas_of_the_report_are_drawn(words):
    for part in words.formula.split(r",\quad"):
        drawn = formula_svg(part)
        if drawn is not None:  # what mathtext cannot draw is shown as LaTeX
            assert re.search(r"<svg.*</svg>", drawn, re.DOTALL)
            assert "#ffffff" not in drawn  # it is turned white on a dark page
        assert words.name not in facts_names() or drawn is not None


def facts_names() -> set[str]:
    return {entry.name for entry in MEASURES if "pair" in entry.of}


def test_a_formula_that_cannot_be_drawn_is_none():
    assert formula_svg(r"\begin{cases} a \\ b \end{cases}") is None


def numbers(text: str, attribute: str, tag: str) -> list[float]:
    return [float(v) for v in re.findall(rf'<{tag} class="target"[^>]* {attribute}="([\d.]+)"', text)]


def test_svg_bars_are_as_long_as_their_shares():
    lengths = numbers(svg.bars([("a", 1.0, 0.9, 1.0), ("b & c", 0.25, 0.2, 0.3)]), "width", "rect")
    assert lengths[1] == pytest.approx(lengths[0] / 4, abs=0.2)
    assert "b &amp; c" in svg.bars([("b & c", 0.25, 0.2, 0.3)])


def test_svg_histogram_holds_every_permutation():
    null = np.random.default_rng(0).normal(size=499)
    text = svg.histogram(null, 4.0)
    heights = np.array([float(v) for v in re.findall(r'class="grey"[^>]* height="([\d.]+)"', text)])
    width = max(np.ptp(null) / 24, 1.12 * (4.0 - null.min()) / 180)
    counts = np.histogram(null, null.min() + width * np.arange(27))[0]
    assert counts.sum() == 499
    assert len(heights) == (counts > 0).sum()
    np.testing.assert_allclose(heights, 104 * counts[counts > 0] / counts.max(), atol=0.06)
    assert "observed 4.0000" in text


@pytest.mark.parametrize("dark", [False, True])
def test_plotly_figures_show_the_reports_numbers(dark):
    side = {"name": "moons", "params": {"n": 900}}
    moved = side | {"shifts": [{"name": "translation", "severity": 0.6}]}
    report = shift_report(Experiment.parse({"source": side, "target": moved, "backbone": {"name": "mlp"}}))
    gauge = shifts.auc_gauge(report.classifier.auc, report.classifier.control, dark)
    assert report.classifier.auc.auc in [trace.x[0] for trace in gauge.data]
    bars = shifts.explained_bars(report.explanation.properties, dark)
    assert list(bars.data[0].y)[-1] == report.explanation.properties[0].title
    assert bars.data[0].x[-1] == pytest.approx(100 * report.explanation.properties[0].share, rel=1e-5)
    shares = shifts.class_shares(report.classes.shift, report.classes.truth, report.samples.class_names, dark)
    assert [trace.name for trace in shares.data] == ["source", "target, estimated", "target, true (evaluation only)"]
    np.testing.assert_allclose(shares.data[1].y, 100 * report.classes.shift.estimated, rtol=1e-4)
