"""The background: one thread per device takes experiments from a bounded queue and executes them.

A plain class without Streamlit. Pages give it experiments and ids, and get ids and dictionaries back.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from core import devices
from core.errors import InputError
from core.experiment import Experiment
from core.runs import store
from core.runs.execute import Cancelled, Control, execute, open_record
from core.runs.record import Writer

WAITING = 8  # experiments that may wait per device


@dataclass
class Job:
    experiment: Experiment
    record: Writer
    device: str
    control: Control = field(default_factory=Control)
    state: str = "queued"


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
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._queues: dict[str, queue.Queue[Job]] = {}
        self._threads: list[threading.Thread] = []
        self._waiting = waiting
        self._closing = threading.Event()

    def submit(self, experiment: Experiment, device: str | None = None) -> str:
        """Queue an experiment unless it is finished or already under way; returns the run's id.

        Raises
        ------
        InputError
            The queue is full, or the device does not exist.
        """
        device = devices.choose(device)
        record = store.writer(experiment.id)
        with self._lock:
            if record.id in self._jobs or store.finished(record.id):
                return record.id
            waiting = self._queue_of(device)
            if waiting.full():
                raise InputError(
                    "queue", f"{self._waiting} experiments are already waiting for {device}.", "Wait until one is finished, or cancel one."
                )
            if record.exists and record.locked():  # another process is at it; its record can be watched all the same
                return record.id
            open_record(record, experiment)
            record.update(state="queued", device=device, error=None, message="Waiting for its turn.")
            job = Job(experiment, record, device)
            self._jobs[record.id] = job
            waiting.put_nowait(job)
        return record.id

    def control(self, run_id: str, action: str) -> None:
        """``action`` is pause, step, resume or cancel; raises `InputError` for a run that is not under way here."""
        with self._lock:
            job = self._jobs.get(run_id)
        if job is None:
            raise InputError("run", f"{run_id[:40]} is not running here.", "Launch it again; finished epochs are kept.")
        if action not in ("pause", "step", "resume", "cancel"):
            raise ValueError(f"{action!r} is no action.")
        getattr(job.control, action)()
        if action == "cancel" and job.state == "queued":
            self._forget(job, lambda: job.record.update(state="cancelled", message="Cancelled while waiting."))

    def jobs(self) -> list[dict[str, Any]]:
        """What is under way, in the order of arrival: ``id``, ``device``, ``state`` (queued, running, pausing, paused)."""
        with self._lock:
            return [
                {
                    "id": run_id,
                    "device": job.device,
                    "method": job.experiment.method.name,
                    "state": "pausing" if job.state == "running" and job.control.pausing else job.state,
                }
                for run_id, job in self._jobs.items()
            ]

    def close(self, timeout: float = 10.0) -> None:
        """Stop all threads after the batch they are in; their runs are interrupted and can be resumed."""
        self._closing.set()
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            job.control.cancel()
        for thread in self._threads:
            thread.join(timeout)
        for job in jobs:
            if job.record.status()["state"] in ("queued", "running", "paused", "cancelled"):
                job.record.update(state="interrupted", message="The server was stopped. Resume goes on from the last finished epoch.")

    def _queue_of(self, device: str) -> queue.Queue[Job]:
        if device not in self._queues:
            self._queues[device] = queue.Queue(self._waiting)
            thread = threading.Thread(target=self._work, args=(device,), name=f"worker-{device}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return self._queues[device]

    def _work(self, device: str) -> None:
        while not self._closing.is_set():
            try:
                job = self._queues[device].get(timeout=0.2)
            except queue.Empty:
                continue
            with self._lock:
                if self._jobs.get(job.record.id) is not job:  # cancelled while waiting
                    continue
                job.state = "running"
            try:
                execute(job.experiment, job.record, job.device, job.control)
            except Cancelled:
                pass
            except BaseException:
                pass
            self._forget(job)

    def _forget(self, job: Job, last: Callable[[], None] | None = None) -> None:
        with self._lock:
            if self._jobs.get(job.record.id) is job:
                del self._jobs[job.record.id]
                if last:
                    last()
                    job.record.close()
