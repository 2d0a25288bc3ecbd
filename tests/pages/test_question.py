"""The page belongs to the question that was chosen: what is shown before it is run, what follows a choice, the queue, and names of runs."""

from __future__ import annotations

import re
import threading

import pytest
from page_tools import TINY, page, texts

from core.domains import examples, own
from core.domains.reading import Given, read
from core.errors import InputError
from core.experiment import Experiment
from core.runs import notes, store
from core.runs import worker as worker_module
from core.runs.execute import run_here
from core.runs.worker import worker

pytestmark = pytest.mark.slow

ICON = re.compile(r":material/\w+:")
# A hash has digits and letters; a key has dots or underscores.
KEY = re.compile(
    r"\b(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{6,}\b|\b(method|backbone|source|target)\.(params|name)|[a-z]+_(accuracy|auc|low|high)\b"
)


def stored_table() -> dict[str, own.Entry]:
    import io

    reading = read([Given("patients.csv", io.BytesIO(examples.table()))])
    return {entry.name: entry for entry in own.keep(reading, "patients.csv")}


def test_a_question_that_was_not_run_shows_its_own_data_and_no_result():
    at = page("adapt", source="Two moons", target="Two moons", backbone="MLP", target_shift="Rotation")
    assert not at.exception
    said = texts(at)
    assert "This question has not been run yet" in said
    assert "Source: Two moons" in said
    assert "Target: Two moons, rotation 0.5" in said
    assert "What will happen" in said
    assert "DAN raised" not in said
    assert not at.metric
    assert [part.label for part in at.expander if part.label.startswith("An example, not your question")]


def test_what_was_run_already_is_shown_at_once():
    record = run_here(Experiment.parse(TINY), "cpu")
    values = {"source": "Two moons", "target": "Two moons", "backbone": "MLP", "target_shift": "Rotation", "target_severity": "0.3"}
    values |= {"source.moons.n": "200", "target.moons.n": "200", "mlp.width": "16", "mlp.bottleneck": "8"}
    at = page("adapt", **values, source_epochs="1", epochs="2", batch_size="16")  # more samples for the map change no result
    assert store.find(record.id).complete
    assert "not been run" in texts(at)  # one's own run has its own size of map
    at = page("adapt", **values, source_epochs="1", epochs="2", batch_size="16", snapshot="30")
    assert not at.exception
    assert at.metric
    assert "not been run" not in texts(at)


def test_the_other_side_and_the_backbone_follow_a_choice():
    at = page("adapt", epochs="5")
    at.selectbox(key="source").set_value("opinions-reviews").run()
    assert not at.exception
    assert at.selectbox(key="target").value == "opinions-reviews"
    assert at.selectbox(key="backbone").value == "word-net"
    assert "Followed your choice" in texts(at)
    assert not at.button(key="launch").disabled
    at.selectbox(key="target").set_value("moons").run()
    assert (at.selectbox(key="source").value, at.selectbox(key="backbone").value) == ("moons", "mlp")


def test_own_tables_begin_with_a_network_that_can_be_trained():
    entries = stored_table()
    at = page("adapt", epochs="5")
    at.selectbox(key="source").set_value(f"own:{entries['north'].digest}").run()
    assert not at.exception
    assert at.selectbox(key="backbone").value == "mlp"
    assert at.selectbox(key="target").value.startswith("own:")
    assert not at.button(key="launch").disabled
    at.selectbox(key="backbone").set_value("identity").run()
    assert "can align nothing" in texts(at)
    at.button(key="act").click().run()
    assert at.selectbox(key="backbone").value == "mlp"


def test_runs_wait_in_a_queue_that_can_be_seen_and_cleared(monkeypatch):
    go = threading.Event()
    monkeypatch.setattr(worker_module, "execute", lambda *_: go.wait(60))
    first, second, third = (Experiment.parse(TINY | {"seed": seed}) for seed in range(3))
    worker().submit(first)
    at = page("adapt", run=first.id, seed="1")
    assert at.button(key="launch").label == "Queue as number 1"
    at.button(key="launch").click().run()
    assert at.query_params["run"] in (second.id, [second.id])
    assert "Number 1 in the queue" in texts(at)
    worker().submit(third)
    at.run()
    said = texts(at)
    assert "Number 2" in said
    assert "DAN · Two moons → Two moons, rotation 0.3 · seed 2" in said
    at.button(key="queue_clear").click().run()
    assert [job["state"] for job in worker().jobs()] == ["running"]
    assert store.find(third.id).status()["state"] == "cancelled"
    go.set()


def test_a_run_is_named_starred_and_annotated_and_its_name_is_never_html():
    ids = [run_here(Experiment.parse(TINY | {"seed": seed}), "cpu").id for seed in (0, 1)]
    at = page("adapt", run=ids[0])
    at.text_input(key=f"{ids[0]}_name").set_value("<b>My</b> *best*")
    at.toggle(key=f"{ids[0]}_starred").set_value(True)
    at.text_area(key=f"{ids[0]}_remark").set_value("[click](javascript:alert(1))")
    at.button(key=f"{ids[0]}_save").click().run()
    assert not at.exception
    shown = [str(e.value) for kind in ("markdown", "caption") for e in at.get(kind)]
    assert any(r"\<b\>My\</b\> \*best\*" in text for text in shown)
    assert any(r"\[click\]\(javascript" in text for text in shown)
    options = page("compare").multiselect(key="runs").options
    assert options[0] == "★ <b>My</b> *best*"


def test_what_is_too_long_is_refused_on_the_server():
    run = run_here(Experiment.parse(TINY), "cpu")
    with pytest.raises(InputError, match="name"):
        notes.annotate(run.id, "x" * (notes.NAME + 1), False, "")
    with pytest.raises(InputError, match="not one of yours"):
        notes.annotate(store.shipped()[0].id, "mine", False, "")


@pytest.mark.parametrize("name", ["adapt", "compare"])
def test_no_page_shows_a_key_or_a_hash(name):
    entries = stored_table()
    sides = {side: {"name": "own", "params": {"digest": entries[one].digest}} for side, one in (("source", "north"), ("target", "south"))}
    asked = sides | {"backbone": {"name": "mlp"}, "snapshot": 30, "budget": {"source_epochs": 1, "epochs": 1}}
    runs = [run_here(Experiment.parse(asked | {"seed": seed, "method": {"name": m}}), "cpu").id for seed, m in ((0, "dan"), (0, "mcc"))]
    at = page(name, run=runs[0], panel="Numbers") if name == "adapt" else page(name, runs=runs[0])
    assert not at.exception
    parts = [texts(at), *(table.value.to_csv() for table in at.dataframe), *(str(m.label) for m in at.metric)]
    parts += [" ".join(map(str, box.options)) for kind in ("selectbox", "multiselect") for box in at.get(kind)]
    found = [hit.group() for part in parts for hit in KEY.finditer(ICON.sub("", part))]
    assert not found
