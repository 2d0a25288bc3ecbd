"""The background: one thread per device takes experiments from a bounded queue and executes them.

A plain class without Streamlit. Pages give it experiments and ids, and get ids and dictionaries back.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from filelock import Timeout

from core import devices
from core.errors import InputError
from core.experiment import Experiment
from core.runs import store
from core.runs.execute import CLOSED, Closed, Control, execute
from core.runs.record import ACTIVE, Writer

WAITING = 8  # experiments that may wait per device
ENDING = 10.0  # seconds to wait for the end of a cancelled run that is launched anew


@dataclass
class Job:
    experiment: Experiment
    record: Writer
    device: str
    control: Control = field(default_factory=Control)
    state: str = "queued"

    @property
    def shown_state(self) -> str:
        if self.state != "running":
            return self.state
        return "paused" if self.control.paused else "pausing" if self.control.pausing else "running"


@cache
def worker() -> Worker:
    """The one worker of this process. It survives reruns, reloads and closed tabs, as modules do."""
    return Worker()


class Worker:
    """Executes experiments in the background.

    Parameters
    ----------
    waiting : int
        Bound of each device's queue.
    """

    def __init__(self, waiting: int = WAITING):
        self._changed = threading.Condition()  # guards all below
        self._jobs: dict[str, Job] = {}  # in the order of arrival: those queued are the queues
        self._threads: dict[str, threading.Thread] = {}
        self._waiting = waiting
        self._closing = False

    def submit(self, experiment: Experiment, device: str | None = None) -> str:
        """Queue an experiment unless it is finished or already under way; returns the run's id.

        Raises
        ------
        InputError
            The queue is full, or the device does not exist.
        """
        device = devices.choose(device)
        record = store.writer(experiment.id)
        with self._changed:
            if store.finished(record.id):
                return record.id
            self._let_end(record.id)
            if record.id in self._jobs:
                return record.id
            if self._closing:
                raise InputError("queue", "the server is being stopped.", "Start it again, then launch this again.")
            if sum(job.device == device and job.state == "queued" for job in self._jobs.values()) >= self._waiting:
                raise InputError(
                    "queue", f"{self._waiting} experiments are already waiting for {device}.", "Wait until one is finished, or cancel one."
                )
            try:
                record.open(experiment.canonical_json())
            except Timeout:  # another process is at it; its record can be watched all the same
                return record.id
            try:
                if record.status()["state"] == "finished":  # by another process, since the look above
                    record.close()
                    return record.id
                record.update(state="queued", device=device, error=None, message="Waiting for its turn.")
                self._jobs[record.id] = Job(experiment, record, device)
                if device not in self._threads:
                    self._threads[device] = threading.Thread(target=self._work, args=(device,), name=f"worker-{device}", daemon=True)
                    self._threads[device].start()
            except BaseException:
                self._jobs.pop(record.id, None)
                record.close()
                raise
            self._changed.notify_all()
        return record.id

    def _let_end(self, run_id: str) -> None:
        """Wait for a run that was cancelled, or that ends at this instant, to be let go, so that it can be launched anew."""
        job = self._jobs.get(run_id)
        if job is None or not (job.control.cancelled or job.record.status()["state"] not in ACTIVE):
            return
        if not self._changed.wait_for(lambda: self._jobs.get(run_id) is not job, ENDING):
            raise InputError("run", f"{run_id} is still being cancelled.", "Launch it again in a moment.")

    def control(self, run_id: str, action: str) -> None:
        """``action`` is pause, step, resume or cancel; raises `InputError` for a run that is not under way here."""
        if action not in ("pause", "step", "resume", "cancel"):
            raise ValueError(f"{action!r} is no action.")
        with self._changed:
            job = self._jobs.get(run_id)
            if job is not None and action == "cancel" and job.state == "queued":
                self._drop(job, "cancelled", "Cancelled while waiting.")
                return
        if job is None:
            raise InputError("run", f"{run_id[:40]} is not running here.", "Launch it again; finished epochs are kept.")
        getattr(job.control, action)()

    def jobs(self) -> list[dict[str, Any]]:
        """What is under way, in the order of arrival: ``id``, ``device``, ``state`` (queued, running, pausing, paused)."""
        with self._changed:
            return [
                {
                    "id": run_id,
                    "device": job.device,
                    "method": job.experiment.method.name,
                    "state": job.shown_state,
                }
                for run_id, job in self._jobs.items()
            ]

    def close(self, timeout: float = 10.0) -> None:
        """Stop all threads after the batch they are in; their runs are interrupted and can be resumed."""
        with self._changed:
            self._closing = True
            for job in list(self._jobs.values()):
                if job.state == "queued":
                    self._drop(job, "interrupted", CLOSED)
                else:
                    job.control.cancel(Closed)
            self._changed.notify_all()
        for thread in self._threads.values():
            thread.join(timeout)

    def _work(self, device: str) -> None:
        while job := self._next(device):
            # What went wrong, and that it was cancelled, stands in the record; the thread lives on.
            with contextlib.suppress(BaseException):
                execute(job.experiment, job.record, job.device, job.control)
            with self._changed:
                self._forget(job)

    def _next(self, device: str) -> Job | None:
        """The job that has waited longest, now running; None when the program stops."""
        with self._changed:
            while not self._closing:
                for job in self._jobs.values():
                    if job.device == device and job.state == "queued":
                        job.state = "running"
                        return job
                self._changed.wait()
        return None

    def _drop(self, job: Job, state: str, message: str) -> None:
        """End a job that waits."""
        try:
            job.record.update(state=state, message=message)
        finally:
            job.record.close()
            self._forget(job)

    def _forget(self, job: Job) -> None:
        del self._jobs[job.record.id]
        self._changed.notify_all()


worker()  # made at import, which happens once: two first visitors at the same time must not make two
