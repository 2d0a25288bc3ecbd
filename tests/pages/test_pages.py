"""The pages as a user meets them, without a browser: what they show, what the URL says, how they refuse."""

from __future__ import annotations

import time

import pytest
from page_tools import TINY, everything, page, texts

from core.experiment import Experiment
from core.measures import MEASURES
from core.reports import story
from core.runs import store
from core.runs import worker as worker_module
from core.runs.execute import run_here
from core.runs.worker import worker
from pages.run import stories

pytestmark = pytest.mark.slow

TINY_URL = {
    "source": "Two moons",
    "target": "Two moons",
    "source.moons.n": "200",
    "target.moons.n": "200",
    "target_shift": "Rotation",
    "target_severity": "0.3",
    "backbone": "MLP",
    "mlp.width": "16",
    "mlp.bottleneck": "8",
    "source_epochs": "1",
    "epochs": "2",
    "batch_size": "16",
    "snapshot": "30",
}


def wait_until_finished(run_id: str) -> None:
    deadline = time.monotonic() + 120
    while worker().jobs() and time.monotonic() < deadline:
        time.sleep(0.05)
    status = store.find(run_id).status()
    assert status["state"] == "finished", status


def test_explore_opens_on_its_name_a_sentence_a_picture_and_a_verdict():
    at = page()
    assert not at.exception
    assert [title.value for title in at.title] == ["Shiftscope"]
    assert "what repairs it" in texts(at)
    (record, *_), said = store.shipped(), texts(at)
    last = record.phase("adapt")[-1]["measures"]
    assert at.header[0].value == story.in_short(record)
    assert at.header[0].value.startswith(f"{100 * last['target_accuracy']:.1f} % right, up from ")
    assert "own machine" not in said
    assert [m.label for m in at.metric] == ["Target accuracy", "Gain over source-only", "MMD²", "Domain AUC"]
    (samples,) = {e.proto.body.count("<figure") for e in at.get("html")} - {0, 6}
    assert samples == 12  # of the target; 6 of the source
    assert '"perform": true' in everything(at).replace("\\", "")


def test_every_story_is_a_run_of_its_own_with_a_title_in_words():
    named = stories.names(store.shipped())
    assert [record.id for record in named.values()] == [record.id for record in store.shipped()]
    assert len(named) >= 3
    titles = [story.title(record) for record in named.values()]
    said = texts(page())
    assert all(title in said for title in titles)
    assert not {word.strip(",") for title in titles for word in title.split()} & {"DAN", "DANN", "DeepCORAL", "MCC"}
    for i, (name, record) in enumerate(named.items()):
        at = page(story=name)
        assert not at.exception
        assert at.header[0].value == story.in_short(record)
        assert at.button(key=f"show_{i}").disabled
    at = page(story=list(named)[-1])
    at.button(key="show_0").click().run()
    assert at.header[0].value == story.in_short(store.shipped()[0])
    assert at.query_params["story"] in (next(iter(named)), [next(iter(named))])


def test_two_runs_of_one_method_are_told_apart_by_their_data():
    class Run:
        def __init__(self, shift: str):
            self.shift = shift

        def experiment(self):
            target = {"name": "moons", "shifts": [{"name": self.shift, "severity": 0.3}]}
            return Experiment.parse(TINY | {"target": target}).model_dump(mode="json")

    first, second = Run("rotation"), Run("translation")
    named = stories.names([first, second])  # pyright: ignore[reportArgumentType] - a name needs no more of a record
    assert list(named.values()) == [first, second]
    assert all(name.startswith("DAN: Two moons") for name in named)


@pytest.mark.parametrize("name", ["target_accuracy", "gain", "mmd2", "domain_auc"])
def test_a_tile_explains_itself_below_and_closes_again(name):
    at = page()
    meaning = MEASURES.get(name).meaning
    assert meaning not in texts(at)
    at.button(key=f"meaning_{name}").click().run()
    assert not at.exception
    assert meaning in texts(at)
    at.button(key=f"meaning_{name}").click().run()
    assert meaning not in texts(at)


def test_any_shift_compares_two_chosen_domains():
    at = page(view="Any shift", source="Two moons", target="Two moons", target_shift="Rotation", target_severity="0.8")
    assert not at.exception
    assert "AUC" in texts(at)
    assert at.metric[0].label == "Domain-classifier AUC"
    assert "A/A" in at.metric[0].delta
    assert "This looks like" in texts(at)
    assert "Ben-David" in texts(at)  # the words behind a number


def test_any_shift_says_so_where_there_is_none():
    at = page(view="Any shift", source="Handwritten digits", target="Handwritten digits")
    assert not at.exception
    assert "There is no evidence of a shift" in texts(at)
    assert "There is no difference to explain" in texts(at)


def test_any_shift_compares_features_and_says_where_there_are_none():
    query = {"view": "Any shift", "source": "Two moons", "target": "Two moons", "target_shift": "Translation"}
    at = page(**query, compare="Untrained", **{"mlp.bottleneck": "8"})
    assert not at.exception
    assert "On features of an untrained network" in texts(at)
    at = page(**query, compare="Trained")
    assert not at.exception
    assert "no source-trained" in texts(at)


def test_adapt_runs_what_the_url_says_and_the_link_finds_it_again():
    at = page("adapt", **TINY_URL, method="MCC")
    assert not at.exception
    at.button(key="launch").click().run()
    expected = Experiment.parse(TINY | {"method": {"name": "mcc"}}).id
    assert at.query_params["run"] in (expected, [expected])
    wait_until_finished(expected)
    at.run()
    assert not at.exception
    assert "MCC" in texts(at)
    again = page("adapt", run=expected)
    assert not again.exception
    assert again.selectbox(key="method").value == "mcc"
    assert again.selectbox(key="backbone").value == "mlp"
    assert again.number_input(key="epochs").value == 2
    assert "target accuracy" in texts(again)


def test_the_mode_of_batch_norm_and_the_updates_of_the_budget_stand_on_the_page():
    at = page("adapt", **TINY_URL, **{"dan.norm": "separate"})
    assert not at.exception
    assert at.selectbox(key="dan.norm").value == "separate"
    assert at.selectbox(key="dan.norm").label == "Batch norm between the domains"
    assert "each normalised by its own mean and variance" in texts(at)
    assert "Batch norm between domains" in texts(at)  # the words behind it
    assert "Source training: at most 1 epoch × 20 updates = 20 updates" in texts(at)
    assert "Adaptation: 2 epochs × 20 updates = 40 updates, and as many for source-only" in texts(at)
    at.button(key="budget_Demo").click().run()
    assert not at.exception
    assert (at.number_input(key="source_epochs").value, at.number_input(key="epochs").value) == (20, 8)


def test_a_click_that_comes_before_the_page_has_caught_up_runs_the_new_choice():
    at = page("adapt", **TINY_URL)
    at.selectbox(key="method").set_value("mcc")
    at.button(key="launch").click().run()
    expected = Experiment.parse(TINY | {"method": {"name": "mcc"}}).id
    assert at.query_params["run"] in (expected, [expected])
    wait_until_finished(expected)


def test_two_tabs_with_one_question_share_one_run():
    first, second = page("adapt", **TINY_URL), page("adapt", **TINY_URL)
    first.button(key="launch").click().run()
    second.button(key="launch").click().run()
    assert first.query_params["run"] == second.query_params["run"]
    wait_until_finished(Experiment.parse(TINY).id)
    assert len(list(store.runs_folder().iterdir())) == 1


def test_a_changed_choice_says_what_differs():
    record = run_here(Experiment.parse(TINY), "cpu")
    at = page("adapt", run=record.id, seed="5")
    assert "shows seed **0**; you chose **5**" in texts(at)
    assert not at.button(key="launch").disabled
    at.button(key="back").click().run()
    assert "you chose" not in texts(at)


def test_compare_shows_finished_runs_and_what_differs():
    ids = [run_here(Experiment.parse(TINY | {"method": {"name": name}}), "cpu").id for name in ("dan", "mcc")]
    at = page("compare")
    assert not at.exception
    at.multiselect(key="runs").set_value(ids).run()
    assert not at.exception
    table = at.dataframe[0].value
    assert list(table["run"]) == ["DAN", "MCC"]
    assert table["target accuracy"].between(0, 100).all()
    assert "Method" in set(at.dataframe[1].value["setting"])


def test_a_run_can_be_deleted_but_not_a_shipped_one():
    record = run_here(Experiment.parse(TINY), "cpu")
    at = page("compare")
    at.multiselect(key="runs").set_value([record.id, store.shipped()[0].id]).run()
    assert [b.key for b in at.button if b.key.startswith("delete_")] == [f"delete_{record.id}"]
    at.button(key=f"delete_{record.id}").click().run()
    assert not at.exception
    assert not record.exists


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"method": "DANNN"}, "there is no"),
        ({"epochs": "-1"}, "number from 1"),
        ({"target_severity": "2", "target_shift": "Rotation"}, "number from 0 to 1"),
        ({"epochs": "many"}, "cannot be used"),
        ({"seed": "-1"}, "number from 0 to 2,147,483,647"),
        ({"optimizer": "lion"}, "Choose one of"),
        ({"colour": "<b>red</b>"}, "no such setting"),
        ({"run": "../../etc/passwd"}, "is not a run"),
        ({"run": "0123456789ab"}, "not stored here"),
    ],
    ids=lambda v: str(v)[:40],
)
def test_a_hand_edited_url_is_answered_in_words(query, said):
    at = page("adapt", **query)
    assert not at.exception
    assert said in texts(at)


def test_choices_that_do_not_fit_are_refused_with_a_remedy():
    at = page("adapt", source="Two moons")
    assert not at.exception
    assert "Two moons are rows of numbers, Handwritten digits images" in texts(at)
    assert at.button(key="launch").disabled
    at.button(key="mend").click().run()
    assert not at.exception
    assert (at.selectbox(key="target").value, at.selectbox(key="backbone").value) == ("moons", "mlp")
    assert not at.button(key="launch").disabled


def test_a_full_queue_is_said_and_nothing_is_lost(monkeypatch):
    from core.errors import InputError

    def refuse(self, experiment, device=None):
        raise InputError("queue", "8 experiments are already waiting for cpu.", "Wait until one is finished, or cancel one.")

    monkeypatch.setattr(worker_module.Worker, "submit", refuse)
    at = page("adapt", **TINY_URL)
    at.button(key="launch").click().run()
    assert not at.exception
    assert "already waiting" in texts(at)
    assert at.number_input(key="epochs").value == 2


def test_an_interrupted_run_offers_to_resume():
    experiment = Experiment.parse(TINY)
    record = store.writer(experiment.id).open(experiment.canonical_json())
    record.update(state="running", device="cpu")
    record.close()
    at = page("adapt", run=experiment.id)
    assert not at.exception
    at.button(key="resume_run").click().run()
    wait_until_finished(experiment.id)


def test_a_failed_run_says_why():
    experiment = Experiment.parse(TINY | {"budget": {"batch_size": 1024, "epochs": 1}})
    at = page("adapt")
    worker().submit(experiment)
    deadline = time.monotonic() + 60
    while worker().jobs() and time.monotonic() < deadline:
        time.sleep(0.05)
    at = page("adapt", run=experiment.id)
    assert not at.exception
    assert "batch" in texts(at)
