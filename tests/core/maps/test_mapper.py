"""The mapper: one process, runs in order, and an honest state when that process dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from core.errors import InputError
from core.maps.process import Mapper, mapper
from core.runs import store

pytestmark = pytest.mark.slow

# Stands for the process: answers at once, waits for a file, says no, breaks off, or dies, by the run's name.
STANDIN = """
import json, os, pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1])
with (folder / "starts").open("a") as starts:
    starts.write(f"{os.getpid()}\\n")
print(json.dumps({"warm": True}), flush=True)
for line in sys.stdin:
    run = json.loads(line)
    with (folder / "asked").open("a") as asked:
        asked.write(run + "\\n")
    print(json.dumps({"progress": 0.25}), flush=True)
    if run.startswith("wait"):
        while not (folder / "go").exists():
            time.sleep(0.005)
    if run == "dies":
        print('{"progress": 0.', end="", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    answer = {"failed": "run: it cannot be drawn. Launch it again."} if run == "bad" else {"done": True}
    print(json.dumps(answer), flush=True)
    if run == "last":
        sys.exit(3)
"""


@pytest.fixture
def folder(home, tmp_path):
    """Where the stand-in notes what it was asked; `starts` has a line per process."""
    (tmp_path / "standin.py").write_text(STANDIN)
    return tmp_path


@pytest.fixture
def make(folder):
    """``make(**options)`` makes a mapper whose process is the stand-in; it is closed afterwards."""
    all_made = []

    def new(**options) -> Mapper:
        all_made.append(Mapper(**{"command": [sys.executable, str(folder / "standin.py"), str(folder)]} | options))
        return all_made[-1]

    yield new
    for one in all_made:
        one.close()


@pytest.fixture
def made(make):
    return make()


def lines(path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_runs_are_computed_in_order_by_one_process(folder, made, until):
    assert made.state("wait") == ("unknown", 0.0)
    made.start()
    made.start()
    for run in ("wait", "b", "a", "wait", "b"):
        made.submit(run)
    until(lambda: made.state("wait") == ("computing", 0.25))
    assert made.state("b") == ("queued", 0.0)
    (folder / "go").touch()
    until(lambda: made.state("a")[0] == "ready")
    assert [made.state(run) for run in ("wait", "b", "a")] == [("ready", 1.0)] * 3
    assert lines(folder / "asked") == ["wait", "b", "a"]
    assert len(lines(folder / "starts")) == 1
    made.submit("b")  # its map may have been deleted with its run
    until(lambda: len(lines(folder / "asked")) == 4)


def test_the_queue_is_bounded(make, until):
    made = make(waiting=3)
    made.submit("wait")
    until(lambda: made.state("wait")[0] == "computing")
    for i in range(3):
        made.submit(f"r{i}")
    with pytest.raises(InputError, match="3 maps are already waiting"):
        made.submit("one-more")
    made.submit("r1")  # is waiting already
    assert made.state("one-more") == ("unknown", 0.0)


def test_a_run_that_cannot_be_drawn_says_why(folder, made, until):
    made.submit("bad")
    made.submit("good")
    until(lambda: made.state("good")[0] == "ready")
    assert made.state("bad") == ("failed", 0.25)
    assert made.reason("bad") == "run: it cannot be drawn. Launch it again."
    assert made.reason("good") is made.reason("never") is None
    assert len(lines(folder / "starts")) == 1


def test_a_process_that_dies_fails_its_run_and_the_next_gets_a_new_one(folder, made, until):
    made.submit("dies")
    made.submit("good")
    until(lambda: made.state("good")[0] == "ready")
    assert made.state("dies")[0] == "failed"
    assert "signal 9" in made.reason("dies")
    assert "mapper.log" in made.reason("dies")
    assert len(lines(folder / "starts")) == 2


def test_a_process_that_ended_while_idle_is_replaced(folder, made, until):
    made.submit("last")
    until(lambda: made.state("last")[0] == "ready")
    os.waitid(os.P_PID, made.pid, os.WEXITED | os.WNOWAIT)
    made.submit("good")
    until(lambda: made.state("good")[0] == "ready")
    assert len(lines(folder / "starts")) == 2


def test_an_idle_process_gives_its_memory_back(folder, make, until):
    made = make(idle=0.05)
    made.submit("a")
    until(lambda: made.state("a")[0] == "ready" and made.pid is None)
    with pytest.raises(ProcessLookupError):
        os.kill(int(lines(folder / "starts")[0]), 0)
    made.submit("b")
    until(lambda: made.state("b")[0] == "ready")


def test_a_process_that_cannot_be_started_is_said(folder, make, until):
    made = make(command=[str(folder / "nothing")])
    made.submit("a")
    until(lambda: made.state("a")[0] == "failed")
    assert "could not be started" in made.reason("a")


def test_closing_ends_everything_at_once(folder, make, until):
    others, one = set(threading.enumerate()), make()
    one.submit("wait")
    one.submit("b")
    until(lambda: one.state("wait") == ("computing", 0.25))
    closers = [threading.Thread(target=one.close) for _ in range(3)]
    for closer in closers:
        closer.start()
    for closer in closers:
        closer.join()
    assert set(threading.enumerate()) <= others
    assert one.state("wait")[0] == one.state("b")[0] == "failed"
    with pytest.raises(ProcessLookupError):
        os.kill(int(lines(folder / "starts")[0]), 0)
    with pytest.raises(InputError, match="being stopped"):
        one.submit("c")
    one.start()  # does nothing
    Mapper().close()


def test_many_viewers_queue_a_run_once(folder, made, until):
    (folder / "go").touch()
    viewers = [threading.Thread(target=made.submit, args=("wait",)) for _ in range(8)]
    for viewer in viewers:
        viewer.start()
    for viewer in viewers:
        viewer.join()
    until(lambda: made.state("wait")[0] == "ready")
    assert len(lines(folder / "starts")) == 1


def test_there_is_one_mapper():
    assert mapper() is mapper()


SERVER = """
import sys, time
from core.maps.process import mapper
mapper().submit(sys.argv[1])
while mapper().pid is None:
    time.sleep(0.01)
print(mapper().pid, flush=True)
while True:
    state = mapper().state(sys.argv[1])[0]
    if state in ("ready", "failed"):
        print(state, mapper().reason(sys.argv[1]), flush=True)
        break
    time.sleep(0.05)
time.sleep(600)
"""


def test_the_real_process_stores_a_map_and_dies_with_a_killed_server(home, until, request):
    """Compiles for most of a minute on a new machine; pytest's cache keeps the result for the next time."""
    home.mkdir()
    (home / "numba").symlink_to(request.config.cache.mkdir("numba"))
    record = store.writer("aaaa00000001").open('{"seed": 0}')
    for number in range(3):
        features = np.random.default_rng(number).normal(size=(40, 6)).astype(np.float32)
        record.add({"phase": "adapt", "number": number}, {"features": features, "probabilities": np.full((40, 2), 0.5, np.float32)})
    record.close()
    with subprocess.Popen([sys.executable, "-c", SERVER, record.id], stdout=subprocess.PIPE, text=True) as server:
        try:
            process = int(server.stdout.readline())
            assert server.stdout.readline() == "ready None\n", (home / "mapper.log").read_text()
        finally:
            os.kill(server.pid, signal.SIGKILL)
    positions = record.map("umap")["positions"]
    assert positions.shape == (3, 40, 2)
    assert np.isfinite(positions).all()

    def gone() -> bool:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        return False

    until(gone)
