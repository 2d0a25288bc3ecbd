"""One queue for all that is computed in the background, and what pages ask of whoever computes: `Executor`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from core.experiment import Experiment


class Executor(Protocol):
    """Executes experiments for pages and the command line, in this process or elsewhere.

    Who asks gives experiments and ids, and gets ids and plain dictionaries; what comes of a run stands in its record.
    """

    def submit(self, experiment: Experiment, device: str | None = None) -> str:
        """Queue an experiment unless it is finished or under way; returns the run's id. Raises `InputError` where there is no room."""
        ...

    def control(self, run_id: str, action: str) -> None:
        """``action`` is pause, step, resume or cancel; raises `InputError` for a run that is not under way here."""
        ...

    def jobs(self) -> list[dict[str, Any]]:
        """What is under way, in the order of arrival: ``id``, ``device``, ``method``, ``state`` (queued, running, pausing, paused).

        ``place`` counts those that wait for a device, from 1; it is 0 for what is being computed.
        """
        ...

    def next_place(self, device: str | None = None) -> int:
        """The place that what is submitted next will have; 0 where nothing is under way, so that it begins at once."""
        ...

    def clear(self) -> None:
        """Cancel all that waits; what is being computed goes on."""
        ...

    def events(self, timeout: float | None = None) -> Iterator[list[dict[str, Any]]]:
        """`jobs` now, and again after every change; after ``timeout`` seconds without one, too. Ends when all is closed."""
        ...

    def close(self, timeout: float = 10.0) -> None:
        """Stop everything; what was under way can be resumed."""
        ...


@dataclass
class Job:
    """``lane`` is where it waits, such as a device: the jobs of one lane are taken one at a time. ``state`` is "queued" while it waits."""

    id: str
    lane: str
    state: str = "queued"


AnyJob = TypeVar("AnyJob", bound=Job)


class Queue(Generic[AnyJob]):
    """Jobs in the order of arrival, each known by its id, and a thread for each lane.

    Parameters
    ----------
    waiting : int
        How many jobs may wait in a lane.

    Attributes
    ----------
    changed : Condition
        Guards all of it. Its owner holds it for steps that belong together, and waits on it for a change.
    closed : bool
    """

    def __init__(self, waiting: int):
        self.changed = threading.Condition()
        self.closed = False
        self.waiting = waiting
        self._jobs: dict[str, AnyJob] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._version = 0

    def find(self, job_id: str) -> AnyJob | None:
        with self.changed:
            return self._jobs.get(job_id)

    def jobs(self) -> list[AnyJob]:
        """In the order of arrival."""
        with self.changed:
            return list(self._jobs.values())

    def full(self, lane: str) -> bool:
        with self.changed:
            return sum(job.lane == lane and job.state == "queued" for job in self._jobs.values()) >= self.waiting

    def add(self, job: AnyJob) -> None:
        """Put a job at the end; one of the same id that has ended goes. Its owner has looked whether the queue is closed or `full`."""
        with self.changed:
            self._jobs.pop(job.id, None)
            self._jobs[job.id] = job
            self.touch()

    def take(self, lane: str, state: str, idle: float | None = None) -> AnyJob | None:
        """The job that has waited longest, now in ``state``; waits for one. None when all is closed, or after ``idle`` seconds."""
        limit = None if idle is None else time.monotonic() + idle
        with self.changed:
            while not self.closed:
                for job in self._jobs.values():
                    if job.lane == lane and job.state == "queued":
                        job.state = state
                        self.touch()
                        return job
                left = None if limit is None else limit - time.monotonic()
                if left is not None and left <= 0:
                    return None
                self.changed.wait(left)
        return None

    def remove(self, job: AnyJob) -> None:
        with self.changed:
            del self._jobs[job.id]
            self.touch()

    def touch(self) -> None:
        """Tell all who wait that something has changed."""
        with self.changed:
            self._version += 1
            self.changed.notify_all()

    def serve(self, lane: str, work: Callable[[], None]) -> None:
        """Run ``work``, which takes the lane's jobs until all is closed, in a thread of its own, unless that runs already."""
        with self.changed:
            if lane not in self._threads and not self.closed:
                self._threads[lane] = threading.Thread(target=work, name=f"queue-{lane}", daemon=True)
                self._threads[lane].start()

    def close(self) -> None:
        """Nothing is taken any more; what waits stays, for the owner to end."""
        with self.changed:
            self.closed = True
            self.touch()

    def join(self, timeout: float) -> None:
        """Wait for the threads to end, each for so many seconds at most."""
        with self.changed:
            threads = list(self._threads.values())
        for thread in threads:
            thread.join(timeout)

    def changes(self, timeout: float | None = None) -> Iterator[None]:
        """At once, after every change, and after ``timeout`` seconds without one; changes that come quickly are told together."""
        seen, last = -1, False
        while not last:
            seen, last = self._after(seen, timeout)
            yield

    def _after(self, seen: int, timeout: float | None) -> tuple[int, bool]:
        """The next version, and whether it is the last one."""
        with self.changed:
            self.changed.wait_for(lambda: self._version != seen or self.closed, timeout)
            return self._version, self.closed
