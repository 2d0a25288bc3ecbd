"""The link of a page: every bound widget declares its key where it is made, and what nobody takes is said."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from page_tools import page, texts

from core.runs import store

PAGES = sorted((Path(__file__).parents[2] / "pages").rglob("*.py"))

pytestmark = pytest.mark.slow


def calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]


def test_every_widget_that_is_bound_to_the_url_declares_its_key():
    found = 0
    for path in PAGES:
        declared = {
            target.id
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Assign) and "bound(" in ast.unparse(node.value)
            for target in ast.walk(node.targets[0])
            if isinstance(target, ast.Name)
        }
        for call in calls(path):
            given = {word.arg: ast.unparse(word.value) for word in call.keywords}
            if given.get("bind") == "'query-params'":
                found += 1
                assert given["key"].startswith("bound(") or given["key"] in declared, f"{path.name}:{call.lineno} {given['key']}"
    assert found > 10


def test_nobody_changes_the_page_past_the_one_function():
    leaving = [path.name for path in PAGES for call in calls(path) if ast.unparse(call.func) == "st.switch_page"]
    assert leaving == ["link.py"]


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("", {"story": "MCC", "map": "PCA", "layout": "One map", "epoch": "5", "selected": "i3", "blind": "true"}),
        ("", {"view": "Any shift", "compare": "Untrained", "backbone": "MLP", "source": "Two moons", "target": "Two moons"}),
        ("adapt", {"panel": "Losses and gauges", "gauges": "Gradient ratio", "method": "MCC", "seed": "3", "snapshot": "200"}),
        ("adapt", {"panel": "Transfer", "landed": "Before", "epoch": "5", "target_shift_2": "Noise", "target_severity_2": "0.25"}),
        ("compare", {"blind": "true"}),
    ],
    ids=str,
)
def test_what_a_page_takes_is_not_complained_of(name, query):
    at = page(name, **query)
    assert not at.exception
    assert "no such setting here" not in texts(at)
    assert "The default is used" not in texts(at)


@pytest.mark.parametrize(
    ("name", "query", "said"),
    [
        ("", {"epochs": "3"}, "epochs: there is no such setting here"),
        ("", {"view": "Any shift", "view2": "x"}, "view2: there is no such setting here"),
        ("", {"story": "DANNN"}, "story: there is no “DANNN”. The default is used. Choose one of: "),
        ("adapt", {"panel": "Nothing"}, "panel: there is no “Nothing”"),
        ("adapt", {"method": "MCC", "mcc.temperature": "-2"}, "mcc.temperature: “-2” cannot be used"),
        ("compare", {"seed": "1"}, "seed: there is no such setting here"),
    ],
    ids=str,
)
def test_what_a_page_does_not_take_is_said_until_it_is_left(name, query, said):
    at = page(name, **query)
    assert said in texts(at)
    assert not at.exception
    assert said in texts(at.run())


def test_what_the_widgets_write_into_the_link_later_is_no_complaint():
    at = page("adapt", source="Two moons", target="Two moons", target_shift="Rotation")
    at.selectbox(key="target").select("handwritten-digits").run()
    at.selectbox(key="target").select("blobs").run()
    assert "no such setting here" not in texts(at)
    assert "The default is used" not in texts(at)


def test_a_run_that_the_link_names_is_taken():
    at = page("adapt", run=store.shipped()[0].id, epoch="3")
    assert "no such setting here" not in texts(at)
