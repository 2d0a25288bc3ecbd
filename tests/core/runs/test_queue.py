"""The queue: jobs in order, as many as there is room for, and changes told to all who wait."""

from __future__ import annotations

import threading

import pytest

from core.runs.queue import Job, Queue


@pytest.fixture
def queue():
    made = Queue(waiting=2)
    yield made
    made.close()
    made.join(60)


def test_jobs_are_taken_in_order_of_arrival_lane_by_lane(queue):
    for name, lane in (("a", "cpu"), ("b", "gpu"), ("c", "cpu")):
        queue.add(Job(name, lane))
    assert [job.id for job in queue.jobs()] == ["a", "b", "c"]
    assert [queue.take(lane, "running").id for lane in ("cpu", "gpu", "cpu")] == ["a", "b", "c"]
    assert queue.take("cpu", "running", idle=0) is None
    assert {job.state for job in queue.jobs()} == {"running"}
    assert queue.find("b").lane == "gpu"
    queue.remove(queue.find("b"))
    assert queue.find("b") is None


def test_only_what_waits_takes_room_and_only_in_its_lane(queue):
    queue.add(Job("a", "cpu"))
    assert not queue.full("cpu")
    queue.add(Job("b", "cpu"))
    assert queue.full("cpu")
    assert not queue.full("gpu")
    queue.take("cpu", "running")
    assert not queue.full("cpu")


def test_a_job_that_comes_again_waits_at_the_end(queue):
    queue.add(Job("a", "cpu", "failed"))
    queue.add(Job("b", "cpu"))
    queue.add(Job("a", "cpu"))
    assert [queue.take("cpu", "running").id for _ in "ab"] == ["b", "a"]


def test_a_lane_has_one_thread_which_ends_when_all_is_closed(queue):
    done, threads = [], set()

    def work() -> None:
        threads.add(threading.current_thread())
        while job := queue.take("cpu", "running"):
            done.append(job.id)
            queue.remove(job)

    for name in "abc":
        queue.serve("cpu", work)
        queue.add(Job(name, "cpu"))
    with queue.changed:
        assert queue.changed.wait_for(lambda: len(done) == 3 and not queue.jobs(), 120)
    queue.close()
    queue.join(60)
    assert done == list("abc")
    assert [thread.is_alive() for thread in threads] == [False]
    queue.add(Job("late", "cpu"))
    assert queue.take("cpu", "running") is None
    queue.serve("gpu", work)
    assert len(threads) == 1


def test_every_change_is_told_until_all_is_closed(queue):
    changes, told = queue.changes(), threading.Event()
    next(changes)  # at once
    queue.add(Job("a", "cpu"))
    next(changes)
    waiting = threading.Thread(target=lambda: [told.set() for _ in changes])
    waiting.start()
    queue.touch()
    assert told.wait(120)
    queue.close()
    waiting.join()


def test_quiet_times_end_too(queue):
    changes = queue.changes(timeout=0)
    for _ in range(3):
        next(changes)
