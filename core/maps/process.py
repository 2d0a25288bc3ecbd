"""A warm process that computes UMAP maps, so that no page waits for imports, compilation or the map itself.

`Mapper` lives in the server. Its thread gives run ids to the process one at a time, by its stdin, and reads one JSON object a line from
its stdout: ``{"warm": true}`` once, then for each run ``{"progress": 0.4}``, and ``{"done": true}`` or ``{"failed": "why"}``. The process
is this module run as a program. It ends when its pipes close, so it does not outlive a killed server, and it is ended after 15
idle minutes to give its memory back.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core.errors import InputError
from core.home import home

WAITING = 16  # runs that may wait
IDLE = 15 * 60.0  # seconds without a job after which the process is ended
NICENESS = 5  # pages and training come first; with 10, a busy machine of two cores took twice as long for a map
COMMAND = [sys.executable, "-m", "core.maps.process"]


@dataclass
class _Job:
    state: str = "queued"
    fraction: float = 0.0
    reason: str | None = None


@cache
def mapper() -> Mapper:
    """The one mapper of this process."""
    return Mapper()


class Mapper:
    """Computes the UMAP maps of finished runs, one at a time, in a process of its own."""

    def __init__(self):
        self._changed = threading.Condition()  # guards all below
        self._jobs: dict[str, _Job] = {}  # in the order of arrival: those queued are the queue
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen | None = None
        self._closing = False

    def start(self) -> None:
        """Start the process, so that it is warm when the first run comes. Returns at once; a second call does nothing."""
        with self._changed:
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._work, name="mapper", daemon=True)
                self._thread.start()

    def submit(self, run_id: str) -> None:
        """Queue a run's map unless it is under way already.

        Raises
        ------
        InputError
            The queue is full, or the server is being stopped.
        """
        with self._changed:
            if self._closing:
                raise InputError("map", "the server is being stopped.", "Start it again, then open the run again.")
            known = self._jobs.get(run_id)
            if known is not None and known.state in ("queued", "computing"):
                return
            if sum(job.state == "queued" for job in self._jobs.values()) >= WAITING:
                raise InputError("map", f"{WAITING} maps are already waiting.", "Use the PCA map, or wait until one is finished.")
            self._jobs.pop(run_id, None)  # to the end of the queue
            self._jobs[run_id] = _Job()
            self._changed.notify_all()
        self.start()

    def state(self, run_id: str) -> tuple[str, float]:
        """``"unknown"``, ``"queued"``, ``"computing"``, ``"ready"`` or ``"failed"``, and the fraction done, in [0, 1]."""
        with self._changed:
            job = self._jobs.get(run_id)
            return (job.state, job.fraction) if job else ("unknown", 0.0)

    def reason(self, run_id: str) -> str | None:
        """Why a run's map failed, in a sentence; None where it did not."""
        with self._changed:
            job = self._jobs.get(run_id)
            return job.reason if job else None

    def close(self, timeout: float = 10.0) -> None:
        """End the process and the thread. What is under way fails; a map is written as a whole or not at all."""
        with self._changed:
            self._closing = True
            if self._process is not None:
                self._process.kill()  # the thread, which may be reading from it, finds the end of its output
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(timeout)

    def _work(self) -> None:
        with contextlib.suppress(OSError, InputError):  # the first run meets the same error, and tells it
            self._running()
        while run_id := self._next():
            try:
                reason = self._compute(run_id)
            except (OSError, InputError) as error:
                reason = f"The process that draws maps could not be started: {error}"
            with self._changed:
                job = self._jobs[run_id]
                job.state, job.fraction, job.reason = ("failed", job.fraction, reason) if reason else ("ready", 1.0, None)
        self._end()

    def _next(self) -> str | None:
        """The run that has waited longest, now computing; None when the program stops. Ends an idle process."""
        with self._changed:
            while not self._closing:
                for run_id, job in self._jobs.items():
                    if job.state == "queued":
                        job.state = "computing"
                        return run_id
                if not self._changed.wait(IDLE if self._process else None):
                    self._end()
            for job in self._jobs.values():
                if job.state == "queued":
                    job.state, job.reason = "failed", "The server was stopped."
        return None

    def _compute(self, run_id: str) -> str | None:
        """Have one map computed; returns why it failed, or None."""
        try:
            self._ask(run_id)
        except BrokenPipeError:  # it ended while it had nothing to do, for example for want of memory
            self._end()
            self._ask(run_id)
        for line in self._process.stdout:
            if not line.endswith("\n"):  # it was killed while it wrote
                break
            answer = json.loads(line)
            if "progress" in answer:
                with self._changed:
                    self._jobs[run_id].fraction = answer["progress"]
            if "failed" in answer:
                return answer["failed"]
            if "done" in answer:
                return None
        code = self._process.wait()
        self._end()
        how = f"signal {-code}" if code < 0 else f"code {code}"
        return f"The process that draws maps ended ({how}). Try again; {home() / 'mapper.log'} may say why."

    def _ask(self, run_id: str) -> None:
        process = self._running()
        process.stdin.write(json.dumps(run_id) + "\n")
        process.stdin.flush()

    def _running(self) -> subprocess.Popen:
        """The process, started if there is none."""
        with self._changed:
            if self._closing:
                raise InputError("map", "the server is being stopped.", "Start it again, then open the run again.")
            if self._process is not None and self._process.poll() is not None:
                self._end()
            if self._process is None:
                # One core: training and pages need the others, and umap gains nothing from more.
                threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
                with (home() / "mapper.log").open("w") as log:
                    self._process = subprocess.Popen(
                        COMMAND,
                        cwd=Path(__file__).parents[2],
                        env=os.environ | threads,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=log,
                        text=True,
                    )
            return self._process

    def _end(self) -> None:
        with self._changed:
            process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):  # a run's id that it did not read
            process.stdin.close()


def main() -> None:
    """The process: answers run ids on stdin until it closes."""
    os.nice(NICENESS)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer

    def say(**answer) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    try:
        _warm_up()
        say(warm=True)
        for line in sys.stdin:
            _answer(json.loads(line), say)
    except BrokenPipeError:
        pass  # the server is gone


def _warm_up() -> None:
    """Import and compile everything that a map needs; what was compiled is kept for the next process."""
    import numpy as np

    from core.maps import prepare_numba_cache, umap_map

    prepare_numba_cache(home() / "numba")
    umap_map(np.random.default_rng(0).normal(size=(2, 64, 8)), range(2), seed=0)


def _answer(run_id: str, say: Callable[..., None]) -> None:
    from core.maps import run_map
    from core.runs import store

    try:
        run_map.compute_umap(store.find(run_id), on_progress=lambda share: say(progress=round(share, 3)))
    except BrokenPipeError:
        raise
    except InputError as error:
        say(failed=str(error))
    except Exception as error:  # the next run may fare better
        traceback.print_exc()
        say(failed=f"{type(error).__name__}: {error}")
    else:
        say(done=True)


mapper()  # made at import, which happens once: two first visitors at the same time must not make two

if __name__ == "__main__":
    main()
