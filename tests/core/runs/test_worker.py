"""The background: one run a question, under the user's control, and nothing lost whatever happens."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.runs import execute as execute_module
from core.runs import store
from core.runs.control import Cancelled, Control
from core.runs.execute import execute, run_here
from core.runs.record import Record
from core.runs.worker import Worker, worker

pytestmark = pytest.mark.slow

LONG = 900  # epochs: more than any test waits for


@pytest.fixture
def background(home, until):
    """A worker and how to look at its runs; what still runs at the end of the test is stopped."""

    class Background(Worker):
        def record(self, run_id: str) -> Record:
            return Record(home / "runs" / run_id)

        def state(self, run_id: str) -> str:
            """As the Adapt page finds it."""
            return next((job["state"] for job in self.jobs() if job["id"] == run_id), self.record(run_id).status()["state"])

        def reaches(self, run_id: str, state: str) -> Record:
            until(lambda: self.state(run_id) == state)
            return self.record(run_id)

        def adapts(self, run_id: str, epochs: int = 1) -> Record:
            until(lambda: len(self.record(run_id).phase("adapt")) >= epochs)
            return self.record(run_id)

    made = Background(waiting=2)
    yield made
    made.close(60)


def elsewhere(experiment, monkeypatch, folder):
    """The same experiment run without interruption, in a home of its own."""
    with monkeypatch.context() as patch:
        patch.setenv("SHIFTSCOPE_HOME", str(folder))
        return run_here(experiment, "cpu")


def test_there_is_one_worker(home):
    assert worker() is worker()


def test_a_run_goes_on_in_the_background_to_its_end(background, tiny):
    experiment = tiny()
    run_id = background.submit(experiment)
    assert run_id == experiment.id
    record = background.reaches(run_id, "finished")
    assert [(e["phase"], e["number"]) for e in record.epochs()] == [
        *(("source", n) for n in (1, 2)),
        ("linear", 1),
        *(("oracle", n) for n in (1, 2)),
        *(("continued", n) for n in (1, 2)),
        *(("adapt", n) for n in (0, 1, 2)),
    ]
    status = record.status()
    assert status["device"] == "cpu"
    assert status["seconds"] > 0
    assert status["error"] is None
    assert status["progress"]["fraction"] == 1
    assert status["class_names"] == ["upper", "lower"]
    assert background.jobs() == []
    assert not record.locked()


def test_who_listens_hears_of_every_run(background, tiny):
    heard = background.events()
    assert next(heard) == []
    run_id = background.submit(tiny())
    seen = []
    for jobs in heard:
        assert {job["id"] for job in jobs} <= {run_id}
        seen.append(jobs[0]["state"] if jobs else "gone")
        if not jobs:
            break
    assert seen[-1] == "gone"
    assert "running" in seen
    assert set(seen) <= {"queued", "running", "gone"}
    assert background.state(run_id) == "finished"


def test_who_listens_is_let_go_when_all_is_closed(background):
    heard = background.events()
    threading.Thread(target=background.close).start()
    assert list(heard)[-1] == []


def test_the_same_question_is_one_run(background, tiny):
    experiment = tiny("source-only", epochs=LONG)
    ids, barrier = [], threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        ids.append(background.submit(experiment))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(ids) == {experiment.id}
    assert len(background.jobs()) == 1
    background.adapts(experiment.id)
    assert background.submit(experiment) == experiment.id
    assert len(background.jobs()) == 1


def test_a_finished_run_is_not_run_again(background, tiny):
    run_id = background.submit(tiny())
    record = background.reaches(run_id, "finished")
    before = (record.folder / "epochs.jsonl").stat().st_mtime_ns, record.status()["updated"]
    assert background.submit(tiny()) == run_id
    assert background.jobs() == []
    assert ((record.folder / "epochs.jsonl").stat().st_mtime_ns, record.status()["updated"]) == before


def test_a_full_queue_refuses_and_keeps_what_waits(background, tiny, until):
    running = background.submit(tiny("source-only", epochs=LONG))
    background.adapts(running)
    waiting = [background.submit(tiny(seed=seed)) for seed in (1, 2)]
    assert [job["state"] for job in background.jobs()] == ["running", "queued", "queued"]
    with pytest.raises(InputError, match="cancel one") as caught:
        background.submit(tiny(seed=3))
    assert caught.value.where == "queue"
    assert [job["id"] for job in background.jobs()] == [running, *waiting]
    assert not background.record(tiny(seed=3).id).exists
    assert background.submit(tiny(seed=1)) == waiting[0]  # it waits already

    background.control(waiting[0], "cancel")  # the remedy helps
    assert background.state(waiting[0]) == "cancelled"
    last = background.submit(tiny(seed=3))
    background.control(running, "cancel")
    for run_id in (waiting[1], last):
        background.reaches(run_id, "finished")
    assert background.state(waiting[0]) == "cancelled"
    assert background.record(waiting[0]).epochs() == []


def test_a_run_that_was_cancelled_while_it_waited_can_be_launched_again(background, tiny):
    running = background.submit(tiny("source-only", epochs=LONG))
    waiting = background.submit(tiny(seed=1))
    background.control(waiting, "cancel")
    assert background.submit(tiny(seed=1)) == waiting
    assert background.state(waiting) == "queued"
    background.control(running, "cancel")
    background.reaches(waiting, "finished")


def test_pause_step_resume(background, tiny, until):
    experiment = tiny("source-only", epochs=LONG)
    run_id = background.submit(experiment)
    record = background.adapts(run_id)
    background.control(run_id, "pause")
    background.reaches(run_id, "paused")
    assert record.status()["state"] == "paused"
    paused = len(record.epochs())
    written = record.status()["updated"]
    for more in (1, 2):
        background.control(run_id, "step")
        until(lambda more=more: len(record.epochs()) == paused + more)
        background.reaches(run_id, "paused")
        until(lambda: record.status()["state"] == "paused")
    assert len(record.epochs()) == paused + 2
    assert record.status()["updated"] > written
    background.control(run_id, "resume")
    until(lambda: len(record.epochs()) > paused + 3)
    assert background.state(run_id) == "running"
    assert record.status()["state"] == "running"


def test_a_step_computes_one_epoch_and_no_more(home, tiny):
    """Without a clock: the control itself, asked after each epoch."""
    control, done, seen = Control(), [], []

    def after_epoch(n: int) -> None:
        done.append(n)
        control.wait(lambda: seen.append(f"paused after {n}"), lambda: seen.append("goes on"))

    after_epoch(1)
    control.pause()
    thread = threading.Thread(target=lambda: [after_epoch(n) for n in (2, 3)])
    thread.start()
    while not control.paused:
        pass
    control.step()
    while len(done) < 3 or not control.paused:
        pass
    assert done == [1, 2, 3]
    assert seen == ["paused after 2", "goes on", "paused after 3"]
    control.resume()
    thread.join()
    assert seen[-1] == "goes on"
    assert not control.paused


def test_a_paused_run_can_be_cancelled(background, tiny):
    run_id = background.submit(tiny("source-only", epochs=LONG))
    background.control(run_id, "pause")
    background.reaches(run_id, "paused")
    background.control(run_id, "cancel")
    background.reaches(run_id, "cancelled")


def test_cancel_keeps_the_epochs_and_resuming_gives_the_same_numbers(background, tiny, until, contents, monkeypatch, tmp_path):
    experiment = tiny("dann", epochs=25)
    run_id = background.submit(experiment)
    record = background.adapts(run_id, 3)
    background.control(run_id, "cancel")
    background.reaches(run_id, "cancelled")
    kept = contents(record)[0]
    assert 3 <= len(record.phase("adapt")) < 26
    assert background.submit(experiment) == run_id
    background.reaches(run_id, "finished")
    lines, snapshots = contents(record)
    assert lines[: len(kept)] == kept
    whole = elsewhere(experiment, monkeypatch, tmp_path / "other")
    assert (lines, snapshots) == contents(whole)
    assert len(snapshots) == 26


def test_a_cancelled_run_is_launched_again_at_once(background, tiny, until):
    """Between the last note in the record and the end of the thread's work there is an instant; a click in it is not lost."""
    experiment = tiny("source-only", epochs=LONG)
    run_id = background.submit(experiment)
    for done in range(1, 6):
        background.adapts(run_id, done)
        background.control(run_id, "cancel")
        assert background.submit(experiment) == run_id  # not waiting for the page to say "cancelled"
        background.reaches(run_id, "running")
        until(lambda done=done: len(background.record(run_id).phase("adapt")) > done)


@pytest.mark.parametrize(("phase", "number"), [("source", 1), ("source", 3), ("oracle", 2), ("adapt", 0), ("adapt", 2)])
def test_a_run_can_be_resumed_after_any_epoch(home, tiny, contents, monkeypatch, tmp_path, phase, number):
    experiment = tiny("mcc", source_epochs=3)
    stop_after(experiment, phase, number)
    record = run_here(experiment, "cpu")
    assert record.status()["state"] == "finished"
    assert contents(record) == contents(elsewhere(experiment, monkeypatch, tmp_path / "other"))


def stop_after(experiment, phase: str, number: int) -> Record:
    """Cancel a run right after an epoch."""
    record, control = store.writer(experiment.id).open(experiment.canonical_json()), Control()

    def look(_facts) -> None:
        if record.epochs() and (record.epochs()[-1]["phase"], record.epochs()[-1]["number"]) == (phase, number):
            control.cancel()

    with pytest.raises(Cancelled):
        execute(experiment, record, "cpu", control, look)
    assert record.status()["state"] == "cancelled"
    return record


@pytest.mark.parametrize(("phase", "number"), [("source", 1), ("oracle", 1)])
def test_a_reference_that_another_run_has_stored_meanwhile_is_taken_up(home, tiny, contents, monkeypatch, tmp_path, phase, number):
    experiment = tiny(source_epochs=3)
    stop_after(experiment, phase, number)
    run_here(tiny("source-only", source_epochs=3), "cpu")  # has the same source and oracle networks
    record = run_here(experiment, "cpu")
    assert contents(record) == contents(elsewhere(experiment, monkeypatch, tmp_path / "other"))


def test_a_damaged_checkpoint_means_to_start_over(home, tiny, contents, monkeypatch, tmp_path):
    experiment = tiny()
    record = stop_after(experiment, "adapt", 1)
    path = record.folder / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    assert contents(run_here(experiment, "cpu")) == contents(elsewhere(experiment, monkeypatch, tmp_path / "other"))


def test_what_a_crash_between_two_files_leaves_is_put_right(home, tiny, contents, monkeypatch, tmp_path):
    """A snapshot without its line, a line cut short, a line without its checkpoint."""
    experiment = tiny()
    record = stop_after(experiment, "adapt", 1)
    (record.folder / "snapshots" / "0002.safetensors").write_bytes(b"half")
    with (record.folder / "epochs.jsonl").open("a") as file:
        line = record.epochs()[-1]
        file.write(json.dumps(line | {"number": 2}) + "\n" + '{"phase": "ada')
    assert contents(run_here(experiment, "cpu")) == contents(elsewhere(experiment, monkeypatch, tmp_path / "other"))


def test_a_damaged_reference_is_computed_again(home, tiny, contents):
    first = run_here(tiny("deepcoral"), "cpu")
    for path in (home / "references").iterdir():
        path.write_bytes(path.read_bytes()[:50])
    second = run_here(tiny("deepcoral", epochs=3), "cpu")
    assert len(second.epochs()) == len(first.epochs()) + 2  # one more of source-only, trained on, and one of the method
    assert contents(first)[1]["0000.safetensors"] == contents(second)[1]["0000.safetensors"]


def test_a_failing_run_says_why_and_the_next_one_runs(background, tiny, tmp_path):
    generator = np.random.default_rng(0)
    path = tmp_path / "mine.npz"
    np.savez(path, X=generator.normal(size=(100, 2)), y=np.arange(100) % 2)
    gone = tiny(source={"name": "file", "params": {"path": str(path)}}, target={"name": "file", "params": {"path": str(path)}})
    path.unlink()
    bad, good = background.submit(gone), background.submit(tiny())
    status = background.reaches(bad, "failed").status()
    assert str(path) in status["error"]
    assert "Traceback" not in status["error"]
    assert status["details"] is None
    background.reaches(good, "finished")
    assert background.jobs() == []


def test_a_bug_is_recorded_with_its_traceback_and_can_be_run_again(background, tiny, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(execute_module, "load_pair", lambda *_: {}["nothing"])
        run_id = background.submit(tiny())
        status = background.reaches(run_id, "failed").status()
    assert status["error"] == "KeyError: 'nothing'"
    assert "Traceback" in status["details"]
    assert background.submit(tiny()) == run_id
    status = background.reaches(run_id, "finished").status()
    assert status["error"] is status["details"] is None


def test_too_little_memory_names_the_remedy(background, tiny, monkeypatch):
    def refuse(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 TiB")

    monkeypatch.setattr(execute_module, "train", refuse)
    error = background.reaches(background.submit(tiny()), "failed").status()["error"]
    assert "smaller batch" in error


def test_closing_leaves_runs_that_can_be_resumed(background, tiny, contents, monkeypatch, tmp_path):
    running, queued = tiny(epochs=25), tiny(seed=1)
    for experiment in (running, queued):
        background.submit(experiment)
    record = background.adapts(running.id, 2)
    background.close(60)
    assert background.jobs() == []
    for run_id in (running.id, queued.id):
        assert background.record(run_id).status()["state"] == "interrupted"
        assert not background.record(run_id).locked()
    assert 2 <= len(record.phase("adapt")) < 26
    with pytest.raises(InputError, match="stopped"):
        background.submit(queued)

    after = Worker()
    for experiment in (running, queued):
        after.submit(experiment)
    try:
        background.reaches(running.id, "finished")
        background.reaches(queued.id, "finished")
    finally:
        after.close(60)
    assert contents(record) == contents(elsewhere(running, monkeypatch, tmp_path / "other"))


def test_closing_leaves_a_paused_run_interrupted(background, tiny):
    run_id = background.submit(tiny("source-only", epochs=LONG))
    background.control(run_id, "pause")
    background.reaches(run_id, "paused")
    background.close(60)
    assert background.record(run_id).status()["state"] == "interrupted"


def test_a_run_that_the_user_cancelled_stays_cancelled_when_the_server_stops(background, tiny):
    run_id = background.submit(tiny("source-only", epochs=LONG))
    background.adapts(run_id)
    background.control(run_id, "cancel")
    background.close(60)
    assert background.record(run_id).status()["state"] == "cancelled"


def test_a_run_of_another_process_is_watched_and_not_run_twice(background, tiny):
    experiment = tiny()
    other = store.writer(experiment.id).open(experiment.canonical_json())
    other.update(state="running")
    assert background.submit(experiment) == experiment.id
    assert background.jobs() == []
    assert background.state(experiment.id) == "running"
    with pytest.raises(InputError, match="another process"):
        run_here(experiment, "cpu")
    other.close()
    assert background.state(experiment.id) == "interrupted"
    background.submit(experiment)
    background.reaches(experiment.id, "finished")


def test_what_is_not_there_is_refused(background, tiny):
    for action in ("pause", "step", "resume", "cancel"):
        with pytest.raises(InputError, match="not under way here"):
            background.control("aaaaaaaaaaaa", action)
    run_id = background.submit(tiny("source-only", epochs=LONG))
    with pytest.raises(ValueError, match="no action"):
        background.control(run_id, "close")
    with pytest.raises(InputError, match="tpu"):
        background.submit(tiny(), "tpu")
    assert len(background.jobs()) == 1


def test_a_finished_run_takes_no_orders(background, tiny):
    run_id = background.submit(tiny())
    background.reaches(run_id, "finished")
    with pytest.raises(InputError, match="not under way here"):
        background.control(run_id, "pause")
