"""The background: one thread per device takes experiments from a bounded queue and executes them.

A plain class without Streamlit. Pages give it experiments and ids, and get ids and dictionaries back.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from filelock import Timeout

from core import devices
from core.errors import InputError
from core.experiment import Experiment
from core.runs import store
from core.runs.control import Closed, Control
from core.runs.execute import CLOSED, execute
from core.runs.queue import Executor, Job, Queue
from core.runs.record import ACTIVE, Writer

WAITING = 8  # experiments that may wait per device
ENDING = 10.0  # seconds to wait for the end of a cancelled run that is launched anew


@dataclass(kw_only=True)
class RunJob(Job):
    """A run; its lane is the device."""

    experiment: Experiment
    record: Writer
    control: Control = field(default_factory=Control)

    @property
    def shown_state(self) -> str:
        if self.state != "running":
            return self.state
        return "paused" if self.control.paused else "pausing" if self.control.pausing else "running"


@cache
def worker() -> Executor:
    """The one `Executor` of this process. It survives reruns, reloads and closed tabs, as modules do."""
    return Worker()


class Worker:
    """Executes experiments in the background: an `Executor`.

    Parameters
    ----------
    waiting : int
        Bound of each device's queue.
    """

    def __init__(self, waiting: int = WAITING):
        self._queue: Queue[RunJob] = Queue(waiting)

    def submit(self, experiment: Experiment, device: str | None = None) -> str:
        """Queue an experiment unless it is finished or already under way; returns the run's id.

        Raises
        ------
        InputError
            The queue is full, or the device does not exist.
        """
        device = devices.choose(device)
        record = store.writer(experiment.id)
        with self._queue.changed:
            if store.finished(record.id):
                return record.id
            self._let_end(record.id)
            if self._queue.find(record.id):
                return record.id
            if self._queue.closed:
                raise InputError("queue", "the server is being stopped.", "Start it again, then launch this again.")
            if self._queue.full(device):
                what = f"{self._queue.waiting} experiments are already waiting for {device}."
                raise InputError("queue", what, "Wait until one is finished, or cancel one.")
            try:
                record.open(experiment.canonical_json())
            except Timeout:  # another process is at it; its record can be watched all the same
                return record.id
            try:
                if record.status()["state"] == "finished":  # by another process, since the look above
                    record.close()
                    return record.id
                record.update(state="queued", device=device, error=None, message="Waiting for its turn.")
                self._queue.serve(device, lambda: self._work(device))
                self._queue.add(RunJob(id=record.id, lane=device, experiment=experiment, record=record))
            except BaseException:
                record.close()
                raise
        return record.id

    def _let_end(self, run_id: str) -> None:
        """Wait for a run that was cancelled, or that ends at this instant, to be let go, so that it can be launched anew."""
        job = self._queue.find(run_id)
        if job is None or not (job.control.cancelled or job.record.status()["state"] not in ACTIVE):
            return
        if not self._queue.changed.wait_for(lambda: self._queue.find(run_id) is not job, ENDING):
            raise InputError("run", "This run is still being cancelled.", "Launch it again in a moment.")

    def control(self, run_id: str, action: str) -> None:
        """``action`` is pause, step, resume or cancel; raises `InputError` for a run that is not under way here."""
        if action not in ("pause", "step", "resume", "cancel"):
            raise ValueError(f"{action!r} is no action.")
        with self._queue.changed:
            job = self._queue.find(run_id)
            if job is not None and action == "cancel" and job.state == "queued":
                self._drop(job, "cancelled", "Cancelled while waiting.")
                return
        if job is None:
            raise InputError("run", "This run is not under way here.", "Launch it again; finished epochs are kept.")
        getattr(job.control, action)()
        self._queue.touch()

    def jobs(self) -> list[dict[str, Any]]:
        """What is under way, in the order of arrival."""
        waiting: Counter[str] = Counter()
        found = []
        for job in self._queue.jobs():
            waiting[job.lane] += job.state == "queued"
            place = waiting[job.lane] if job.state == "queued" else 0
            found.append({"id": job.id, "device": job.lane, "method": job.experiment.method.name, "state": job.shown_state, "place": place})
        return found

    def next_place(self, device: str | None = None) -> int:
        """How many wait before whatever is submitted next, and it itself: 1 is the next one. 0 where nothing is under way."""
        device = devices.choose(device)
        there = [job for job in self._queue.jobs() if job.lane == device]
        return 1 + sum(job.state == "queued" for job in there) if there else 0

    def clear(self) -> None:
        """Cancel all that waits; what is being computed goes on."""
        with self._queue.changed:
            for job in self._queue.jobs():
                if job.state == "queued":
                    self._drop(job, "cancelled", "Cancelled while waiting.")

    def events(self, timeout: float | None = None) -> Iterator[list[dict[str, Any]]]:
        """`jobs` now, and again after every change, notes of progress among them; after ``timeout`` seconds without one, too."""
        return (self.jobs() for _ in self._queue.changes(timeout))

    def close(self, timeout: float = 10.0) -> None:
        """Stop all threads after the batch they are in; their runs are interrupted and can be resumed."""
        with self._queue.changed:
            self._queue.close()
            for job in self._queue.jobs():
                if job.state == "queued":
                    self._drop(job, "interrupted", CLOSED)
                else:
                    job.control.cancel(Closed)
        self._queue.join(timeout)

    def _work(self, device: str) -> None:
        while job := self._queue.take(device, "running"):
            # What went wrong, and that it was cancelled, stands in the record; the thread lives on.
            with contextlib.suppress(BaseException):
                execute(job.experiment, job.record, device, job.control, lambda _: self._queue.touch())
            self._queue.remove(job)

    def _drop(self, job: RunJob, state: str, message: str) -> None:
        """End a job that waits."""
        try:
            job.record.update(state=state, message=message)
        finally:
            job.record.close()
            self._queue.remove(job)


worker()  # made at import, which happens once: two first visitors at the same time must not make two
