"""A warm process that computes UMAP maps, so that no page waits for imports, compilation or the map itself.

`Mapper` lives in the server. Its thread gives run ids to the process one at a time, by its stdin, and reads one JSON object a line from
its stdout: ``{"warm": true}`` once, then for each run ``{"progress": 0.4}``, and ``{"done": true}`` or ``{"failed": "why"}``. The process
runs `core.maps.umap_program`. It ends when its pipes close, so it does not outlive a killed server, and it is ended after 15 idle minutes
to give its memory back.

Why this is no ``concurrent.futures.ProcessPoolExecutor``: its "spawn" and "forkserver" start a process by executing the server's main
program again, and "fork" copies a server with its threads and a GPU in use. It tells results only, no progress on the way. It cannot
kill the process that computes (before Python 3.14), one that dies breaks the pool for good, and an idle one keeps its memory. A module
run as a program, with two pipes, has none of these faults.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from core.errors import InputError
from core.home import home
from core.runs.queue import Job, Queue

WAITING = 16  # runs that may wait
IDLE = 15 * 60.0  # seconds without a job after which the process is ended
COMMAND = (sys.executable, "-m", "core.maps.umap_program")
LANE = "maps"  # of the queue; there is one


@dataclass
class MapJob(Job):
    """A run's map; ``state`` is as `Mapper.state` says."""

    fraction: float = 0.0
    reason: str | None = None


@cache
def mapper() -> Mapper:
    """The one mapper of this process."""
    return Mapper()


class Mapper:
    """Computes the UMAP maps of finished runs, one at a time, in a process of its own.

    Parameters
    ----------
    command : sequence of str
        Starts the process.
    waiting : int
        How many runs may wait.
    idle : float
        Seconds without a job after which the process is ended.
    """

    def __init__(self, command: Sequence[str] = COMMAND, waiting: int = WAITING, idle: float = IDLE):
        self._command, self._idle = command, idle
        self._queue: Queue[MapJob] = Queue(waiting)  # its condition guards the process, too
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int | None:
        """The process's id; None while there is none."""
        with self._queue.changed:
            return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process, so that it is warm when the first run comes. Returns at once; a second call does nothing."""
        self._queue.serve(LANE, self._work)

    def submit(self, run_id: str) -> None:
        """Queue a run's map unless it is under way already.

        Raises
        ------
        InputError
            The queue is full, or the server is being stopped.
        """
        with self._queue.changed:
            self._refuse_if_closed()
            known = self._queue.find(run_id)
            if known is not None and known.state in ("queued", "computing"):
                return
            if self._queue.full(LANE):
                what = f"{self._queue.waiting} maps are already waiting."
                raise InputError("map", what, "Use the PCA map, or wait until one is finished.")
            self._queue.add(MapJob(run_id, LANE))
        self.start()

    def _refuse_if_closed(self) -> None:
        if self._queue.closed:
            raise InputError("map", "the server is being stopped.", "Start it again, then open the run again.")

    def state(self, run_id: str) -> tuple[str, float]:
        """``"unknown"``, ``"queued"``, ``"computing"``, ``"ready"`` or ``"failed"``, and the fraction done, in [0, 1]."""
        with self._queue.changed:
            job = self._queue.find(run_id)
            return (job.state, job.fraction) if job else ("unknown", 0.0)

    def reason(self, run_id: str) -> str | None:
        """Why a run's map failed, in a sentence; None where it did not."""
        with self._queue.changed:
            job = self._queue.find(run_id)
            return job.reason if job else None

    def close(self, timeout: float = 10.0) -> None:
        """End the process and the thread. What is under way fails; a map is written as a whole or not at all."""
        with self._queue.changed:
            self._queue.close()
            if self._process is not None:
                self._process.kill()  # the thread, which may be reading from it, finds the end of its output
            for job in self._queue.jobs():
                if job.state == "queued":
                    job.state, job.reason = "failed", "The server was stopped."
        self._queue.join(timeout)

    def _work(self) -> None:
        with contextlib.suppress(OSError, InputError):  # the first run meets the same error, and tells it
            self._running()
        while not self._queue.closed:
            job = self._queue.take(LANE, "computing", idle=self._idle if self.pid else None)
            if job is None:  # nothing to do for long, or closed
                self._end()
                continue
            try:
                reason = self._compute(job)
            except (OSError, InputError) as error:
                reason = f"The process that draws maps could not be started: {error}"
            with self._queue.changed:
                job.state, job.fraction, job.reason = ("failed", job.fraction, reason) if reason else ("ready", 1.0, None)
                self._queue.touch()
        self._end()

    def _compute(self, job: MapJob) -> str | None:
        """Have one map computed; returns why it failed, or None."""
        try:
            process = self._ask(job.id)
        except BrokenPipeError:  # it ended while it had nothing to do, for example for want of memory
            self._end()
            process = self._ask(job.id)
        for line in _pipe(process.stdout):
            if not line.endswith("\n"):  # it was killed while it wrote
                break
            answer = json.loads(line)
            if "progress" in answer:
                with self._queue.changed:
                    job.fraction = answer["progress"]
                    self._queue.touch()
            if "failed" in answer:
                return answer["failed"]
            if "done" in answer:
                return None
        code = process.wait()
        self._end()
        how = f"signal {-code}" if code < 0 else f"code {code}"
        return f"The process that draws maps ended ({how}). Try again; {home() / 'mapper.log'} may say why."

    def _ask(self, run_id: str) -> subprocess.Popen[str]:
        process = self._running()
        stdin = _pipe(process.stdin)
        stdin.write(json.dumps(run_id) + "\n")
        stdin.flush()
        return process

    def _running(self) -> subprocess.Popen[str]:
        """The process, started if there is none."""
        with self._queue.changed:
            self._refuse_if_closed()
            if self._process is not None and self._process.poll() is not None:
                self._end()
            if self._process is None:
                # One core: training and pages need the others, and umap gains nothing from more.
                threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
                with (home() / "mapper.log").open("w") as log:
                    self._process = subprocess.Popen(
                        self._command,
                        cwd=Path(__file__).parents[2],
                        env=os.environ | threads,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=log,
                        text=True,
                    )
            return self._process

    def _end(self) -> None:
        with self._queue.changed:
            process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        _pipe(process.stdout).close()
        with contextlib.suppress(BrokenPipeError):  # a run's id that it did not read
            _pipe(process.stdin).close()


def _pipe(end: IO[str] | None) -> IO[str]:
    """An end of a pipe that `Mapper` has asked for, so that there is one."""
    assert end is not None
    return end


mapper()  # made at import, which happens once: two first visitors at the same time must not make two
