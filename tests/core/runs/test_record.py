"""A record can be read at any moment, whatever happened to the program that wrote it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from filelock import Timeout

from core.cache import statistics
from core.runs.execute import run_here
from core.runs.record import Record, Writer, write_bytes

QUESTION = json.dumps({"seed": 3})


def line(number: int, phase: str = "adapt") -> dict:
    return {"phase": phase, "number": number, "total": 5, "losses": {}, "gauges": {}, "measures": {"mmd2": 0.5}, "seconds": 0.1}


def arrays(number: int) -> dict[str, np.ndarray]:
    return {"features": np.full((4, 2), number, np.float32), "probabilities": np.full((4, 2), 0.5, np.float32)}


@pytest.fixture
def writer(tmp_path):
    record = Writer(tmp_path / "0123456789ab").open(QUESTION)
    yield record
    record.close()


@pytest.fixture
def full(writer) -> Writer:
    """Two source epochs, then epochs 0 to 3 of adaptation."""
    for number in (1, 2):
        writer.add(line(number, "source"), None)
    for number in range(4):
        writer.add(line(number), arrays(number))
    return writer


def test_what_is_written_is_read(full):
    full.update(state="running", device="cpu")
    full.update(device_title="CPU")
    full.write_samples({"labels": np.arange(4), "rows": np.eye(4, dtype=np.float32)})
    full.write_map("umap", {"positions": np.zeros((1, 4, 2), np.float32)})
    record = Record(full.folder)
    assert record.exists
    assert record.id == "0123456789ab"
    assert record.experiment() == {"seed": 3}
    assert record.status().items() >= {"state": "running", "device": "cpu", "device_title": "CPU"}.items()
    assert record.epochs() == [line(1, "source"), line(2, "source"), *map(line, range(4))]
    assert record.phase("source") == [line(1, "source"), line(2, "source")]
    assert record.snapshot_numbers() == [0, 1, 2, 3]
    np.testing.assert_array_equal(record.snapshot(2)["features"], arrays(2)["features"])
    np.testing.assert_array_equal(record.samples()["rows"], np.eye(4))
    assert record.map("umap")["positions"].shape == (1, 4, 2)


def test_missing_parts_are_empty(tmp_path):
    for record in (Record(tmp_path / "nothing"), Writer(tmp_path / "nothing yet").open(QUESTION)):
        assert record.epochs() == record.phase("adapt") == record.snapshot_numbers() == []
        assert record.snapshot(0) is record.samples() is record.map("umap") is None
        assert record.status()["state"] in ("interrupted", "queued")
        assert isinstance(record.version(), str)
    assert not Record(tmp_path / "nothing").exists
    assert not (tmp_path / "nothing").exists()  # looking makes nothing


@pytest.mark.parametrize("garbage", [b"", b"\0\0\0", b"\xff\xfe not text", b"[1, 2]", b'{"unfinished', b"\xff" * 200, b"{}"])
def test_damaged_parts_are_empty(full, garbage):
    full.update(state="running")
    full.write_samples({"labels": np.arange(4)})
    full.write_map("umap", arrays(0))
    full.close()
    for path in full.folder.rglob("*"):
        if path.is_file() and path.name != "lock":
            path.write_bytes(garbage)
    record = Record(full.folder)
    assert record.status()["state"] == "interrupted"
    assert record.snapshot(1) is record.samples() is record.map("umap") is None
    if not garbage.endswith((b"]", b"}")):  # JSON, but no epoch: nothing that a crash leaves
        assert record.phase("adapt") == []
    assert record.exists == (garbage == b"{}")


def test_a_damaged_status_can_be_written_over(writer):
    (writer.folder / "status.json").write_bytes(b'{"state": "run')
    writer.update(state="running")
    assert writer.status()["state"] == "running"


def test_a_line_that_a_crash_cut_short_is_ignored_and_then_dropped(full):
    path = full.folder / "epochs.jsonl"
    whole = path.read_bytes()
    for cut in range(1, 60, 7):
        path.write_bytes(whole[:-cut])
        assert full.epochs() == [line(1, "source"), line(2, "source"), *map(line, range(4 if cut == 1 else 3))]
    full.keep_until("adapt", 1)
    full.add(line(2), arrays(2))
    assert [epoch["number"] for epoch in full.phase("adapt")] == [0, 1, 2]
    assert path.read_text().count("\n") == 5


def test_readers_never_see_a_part_of_the_status(writer):
    writer.update(state="running", count=0, ballast="x" * 20_000)
    stop, wrong = threading.Event(), []

    def read() -> None:
        last = 0
        while not stop.is_set():
            status = Record(writer.folder).status()
            if status["state"] != "running" or len(status["ballast"]) != 20_000 or status["count"] < last:
                wrong.append(status["state"])
            last = status.get("count", 0)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for count in range(300):
        writer.update(count=count)
    stop.set()
    for reader in readers:
        reader.join()
    assert not wrong


def test_two_threads_update_the_status_without_losing_a_change(writer):
    def update(name: str) -> None:
        for i in range(100):
            writer.update(**{f"{name}{i}": i})

    threads = [threading.Thread(target=update, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(writer.status().keys() & {f"{name}{i}" for name in "ab" for i in range(100)}) == 200


def test_readers_of_the_epochs_see_whole_lines_in_order(writer):
    stop, wrong = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            seen = Record(writer.folder).phase("adapt")
            if [epoch["number"] for epoch in seen] != list(range(len(seen))):
                wrong.append(seen)
            if seen and Record(writer.folder).snapshot(seen[-1]["number"]) is None:
                wrong.append("a line without its snapshot")

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(150):
        writer.add(line(number) | {"ballast": "x" * 20_000}, arrays(number))
    stop.set()
    reader.join()
    assert not wrong
    assert len(writer.epochs()) == 150


@pytest.mark.parametrize("state", ["queued", "running", "paused"])
def test_active_without_a_process_means_interrupted(writer, state):
    writer.update(state=state)
    assert Record(writer.folder).status()["state"] == state
    writer.close()
    assert Record(writer.folder).status()["state"] == "interrupted"


@pytest.mark.parametrize("state", ["finished", "cancelled", "failed"])
def test_an_end_needs_no_process(writer, state):
    writer.update(state=state)
    writer.close()
    assert Record(writer.folder).status()["state"] == state


def test_another_process_keeps_a_run_active_until_it_dies(tmp_path):
    folder = tmp_path / "0123456789ab"
    code = (
        "import sys, pathlib; from core.runs.record import Writer\n"
        "w = Writer(pathlib.Path(sys.argv[1])).open('{}'); w.update(state='running'); print('ready', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    ) as other:
        assert other.stdout.readline() == b"ready\n"
        assert Record(folder).locked()
        assert Record(folder).status()["state"] == "running"
        with pytest.raises(Timeout):
            Writer(folder).open(QUESTION)
        other.kill()
        other.wait()
        assert Record(folder).status()["state"] == "interrupted"
        Writer(folder).open(QUESTION).close()


def test_looking_at_a_run_never_keeps_it_from_being_taken(writer):
    """Thirty viewers poll an interrupted run while one of them presses Resume."""
    writer.update(state="running")
    writer.close()
    stop, seen = threading.Event(), []

    def look() -> None:
        while not stop.is_set():
            seen.append(Record(writer.folder).status()["state"])

    viewers = [threading.Thread(target=look) for _ in range(4)]
    for viewer in viewers:
        viewer.start()
    while len(seen) < 200:
        pass
    assert set(seen[:200]) == {"interrupted"}
    for _ in range(30):
        other = Writer(writer.folder).open(QUESTION)  # raises Timeout if a look could hold it
        other.close()
    stop.set()
    for viewer in viewers:
        viewer.join()


def test_keep_until_drops_what_came_later(full):
    full.write_map("umap", arrays(0))
    (full.folder / "snapshots" / ".half.tmp").write_bytes(b"half")
    (full.folder / ".half.tmp").write_bytes(b"half")
    full.keep_until("adapt", 1)
    assert [(epoch["phase"], epoch["number"]) for epoch in full.epochs()] == [("source", 1), ("source", 2), ("adapt", 0), ("adapt", 1)]
    assert full.snapshot_numbers() == [0, 1]
    assert full.map("umap") is None
    assert not list(full.folder.rglob("*.tmp"))
    full.keep_until("source", 2)
    assert [epoch["phase"] for epoch in full.epochs()] == ["source", "source"]
    assert full.snapshot_numbers() == []


@pytest.mark.parametrize("place", [(None, 0), ("adapt", 7), ("oracle", 1)])
def test_keep_until_an_epoch_that_is_not_there_starts_over(full, place):
    full.keep_until(*place)
    assert full.epochs() == full.snapshot_numbers() == []


def test_the_version_tells_epochs_and_maps_apart(writer):
    seen = [writer.version()]

    def changed() -> bool:
        seen.append(writer.version())
        return seen[-1] != seen[-2]

    for number in range(50):  # faster than the clock of the file system ticks
        writer.add(line(number), None)
        assert changed()
    writer.keep_until("adapt", 30)
    assert changed()
    writer.update(state="running")
    assert not changed()  # the figures are those of before
    write_bytes(writer.folder / "maps" / "umap.safetensors", b"")
    assert changed()


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_bytes(path, b"old")

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(OSError, match="disk full"):
        write_bytes(path, b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"old"


def test_a_run_is_stored_without_pickle(home, tiny):
    record = run_here(tiny(), "cpu")
    files = [path for path in home.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".json", ".jsonl", ".safetensors", ""}
    assert [path.name for path in files if not path.suffix] == ["lock"]
    for path in files:
        start = path.read_bytes()[:9]  # safetensors: eight bytes of length, then JSON
        assert not start or start[8 if path.suffix == ".safetensors" else 0 :].startswith(b"{"), path
    assert len(record.epochs()) == 2 + 1 + 2 + 2 + 3  # source, linear, oracle, continued, adaptation from epoch 0
    assert record.snapshot_numbers() == [0, 1, 2]
    assert not (record.folder / "checkpoint.safetensors").exists()


@pytest.fixture
def readings():
    """``readings()`` is how many times a file of lines was read and parsed since the last call."""
    seen = 0

    def count() -> int:
        nonlocal seen
        (found,) = [one.misses for one in statistics() if one.name == "lines of epochs"]
        new, seen = found - seen, found
        return new

    count()
    return count


def test_the_lines_of_as_many_runs_as_a_list_shows_are_read_once(tmp_path, readings):
    folders = [tmp_path / f"{number:012x}" for number in range(204)]
    for folder in folders:
        folder.mkdir()
        (folder / "epochs.jsonl").write_text(json.dumps(line(0)) + "\n")
    for times in (204, 0):
        assert all(Record(folder).epochs() == [line(0)] for folder in folders)
        assert readings() == times


def test_only_the_newest_lines_of_a_run_that_goes_on_are_held(writer, readings):
    held = {one.name: one.held for one in statistics()}["lines of epochs"]
    for number in range(5):
        writer.add(line(number), None)
        assert len(writer.epochs()) == number + 1
    assert readings() == 5
    assert {one.name: one.held for one in statistics()}["lines of epochs"] <= held + 1


def test_a_question_and_a_status_are_read_anew_when_they_change(full):
    for state in ("running", "paused", "running"):
        full.update(state=state)
        assert Record(full.folder).status()["state"] == state
    write_bytes(full.folder / "experiment.json", b'{"seed": 4}')
    assert Record(full.folder).experiment() == {"seed": 4}


@pytest.mark.parametrize(("lines", "whole"), [("", True), ('{"phase": "adapt", "nu', True), (None, False)])
def test_a_run_is_complete_when_it_is_finished_and_has_adapted(full, readings, lines, whole):
    assert not full.complete, "it is under way"
    full.update(state="finished")
    path = full.folder / "epochs.jsonl"
    path.write_text("" if lines is None else path.read_text() + lines)
    assert full.complete == whole
    path.write_text(json.dumps(line(1, "source")) + "\n" + (lines or ""))
    assert not full.complete
    path.unlink()
    assert not full.complete
    assert readings() == 0, "its lines are not parsed for this"
