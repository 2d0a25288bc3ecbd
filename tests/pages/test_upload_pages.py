"""Own data in the pages: they can be chosen by a link, and what has been deleted is said to be gone."""

import io
import time

import numpy as np
import pytest
from page_tools import page, texts
from streamlit.testing.v1 import AppTest

from core.domains import own
from core.domains.examples import SAMPLE_FILES
from core.domains.reading import Given, Population, format_of, read
from core.runs.worker import worker
from pages.choose import upload_check

pytestmark = pytest.mark.slow


def sample(name: str):
    content = next(s for s in SAMPLE_FILES if s.name == name).make()
    return read([Given(name, io.BytesIO(content))])


@pytest.mark.parametrize("one", SAMPLE_FILES, ids=lambda s: s.name)
def test_every_sample_file_can_be_read(one):
    content = one.make()
    assert content == one.make(), "the same file each time"
    assert len(content) < 2e6
    given = Given(one.name, io.BytesIO(content))
    reading = read([given])
    assert {p.labels is None for p in reading.populations} == {False}
    assert len(reading.populations) == (1 if format_of(given) == "arrays" else 2)
    assert len(reading.class_names) >= 2


def test_own_data_are_chosen_by_a_link_and_a_run_outlives_them():
    entries = own.keep(sample("patients.csv"), "patients.csv")
    at = page("adapt", source=entries[0].name, target=entries[1].name, backbone="MLP", source_epochs="1", epochs="1", snapshot="30")
    assert not at.exception
    assert not at.error
    assert [at.selectbox(key=side).value for side in ("source", "target")] == [f"own:{e.digest}" for e in entries]
    at.button(key="launch").click().run()
    run = at.query_params["run"]
    while worker().jobs():
        time.sleep(0.05)
    for entry in entries:
        own.delete(entry.digest)
    at = page("adapt", run=run[0] if isinstance(run, list) else run)
    assert not at.exception
    assert "deleted" in " ".join(m.value for m in at.markdown)


def test_deleted_data_are_said_to_be_gone():
    entry = own.keep(sample("patients.csv"), "patients.csv")[0]
    own.delete(entry.digest)
    at = page("adapt", source=entry.name)
    assert not at.exception
    assert at.selectbox(key="source").value == "printed-digits"
    assert "there is no" in " ".join(w.value for w in at.warning)


def test_every_class_is_among_the_samples_that_are_shown():
    labels = np.repeat(np.arange(10), [95, 82, 94, 99, 100, 100, 99, 100, 94, 98])  # as a zip of class folders is read
    shown = upload_check.spread_sample(Population("amazon", np.zeros((len(labels), 2)), labels))
    assert sorted(labels[shown].tolist()) == [0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    unlabelled = upload_check.spread_sample(Population("webcam", np.zeros((295, 2)), None))
    assert (unlabelled[0], unlabelled[-1], len(unlabelled)) == (0, 294, 12)


def dialog(*files: tuple[str, str]):
    """What stands in the dialog of own data, with these files given in it. A test's page closes a dialog at the next click."""

    def script():
        from pages.choose import upload

        upload.files(lambda side: None)

    at = AppTest.from_function(script, default_timeout=120).run()
    at.file_uploader(key="upload_files").set_value([(name, content.encode(), "text/csv") for name, content in files]).run()
    assert not at.exception
    return at


def box(at, label: str):
    return next(box for box in at.selectbox if box.label == label)


def test_a_refused_file_keeps_its_controls_and_another_choice_is_read():
    rows = "\n".join(f"{i * 0.37:.2f},{i * 0.11:.2f},{'ab'[i % 2]}" for i in range(60))
    at = dialog(("mine.csv", f"target,width,kind\n{rows}\n"))
    assert "60 different values" in texts(at)
    assert box(at, "Label").value == "target"
    assert list(box(at, "Label").options) == ["Guess it", "none", "target", "width", "kind"]
    box(at, "Label").set_value("kind")
    next(b for b in at.button if b.label == "Read again").click().run()
    assert not at.exception
    assert not at.error
    assert box(at, "Label").value == "kind"
    assert "1 domain, 2 classes" in texts(at)


def test_the_dialog_tells_how_the_class_was_known_and_guesses_anew():
    rows = "\n".join(f"{i * 0.37:.2f},{'uvw'[i % 3]},{'ab'[i % 2]}" for i in range(60))
    at = dialog(("mine.csv", f"width,colour,kind\n{rows}\n"))
    assert "the column kind, because it is the last column and has 2 different values" in texts(at)
    box(at, "Label").set_value("colour")
    next(b for b in at.button if b.label == "Read again").click().run()
    assert not at.exception
    assert not at.error, "the former class has become a category, though nobody chose it"
    assert "1 domain, 3 classes" in texts(at)
    assert [m.value for m in at.multiselect if m.label == "Categories"] == [["kind"]]


def test_the_dialog_leaves_empty_what_was_filled_in():
    rows = "\n".join(f"{'ns'[i % 2]},{i % 7},{'' if i % 2 else i % 5},{'ab'[i // 2 % 2]}" for i in range(40))
    at = dialog(("mine.csv", f"domain,age,pulse,label\n{rows}\n"))
    north, south = (table.value for table in at.dataframe[:2])
    assert not north.isna().any(axis=None)
    assert south["pulse"].isna().all()
    assert not south["age"].isna().any()


@pytest.mark.parametrize(("n", "said"), [(1, "it has 1 row."), (4, "it has 4 rows."), (5, "1 domain, 2 classes")])
def test_five_rows_are_enough_for_the_dialog(n, said):
    rows = "\n".join(f"{i * 0.37:.2f},{'ab'[i % 2]}" for i in range(n))
    at = dialog(("mine.csv", f"width,kind\n{rows}\n"))
    assert said in texts(at)
    assert ("Give at least 5 per domain." in texts(at)) == (n < 5)
