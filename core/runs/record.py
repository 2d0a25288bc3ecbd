"""A run's record: one folder, readable while it is being written and without this program.

=====================  =====================================================================
experiment.json        the question
status.json            state, device, progress, error; replaced as a whole
epochs.jsonl           one flushed line per epoch: losses, gauges, measures
samples.safetensors    the held-out samples of the snapshots: small pictures, rows, texts or sounds, labels
snapshots/NNNN         features and probabilities of these samples after epoch N of adaptation
checkpoint             what resuming needs; deleted when the run is finished
maps/NAME              2-D positions over the epochs
=====================  =====================================================================
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save

from core.cache import Cache

Value = TypeVar("Value")
ACTIVE = ("queued", "running", "paused")
GRACE = 0.5  # seconds in which a writer outwaits readers, whose look at the lock holds it for an instant
_LOOK = threading.Lock()

# A list shows 200 runs and those that ship: what it asks of each must fit. Of every file only the newest reading is held.
_EXPERIMENTS: Cache[dict[str, Any]] = Cache("experiments of runs", entries=1024)
_STATUSES: Cache[dict[str, Any]] = Cache("statuses of runs", entries=1024)
_ADAPTED: Cache[bool] = Cache("whether runs have adapted", entries=1024)
_LINES: Cache[list[dict[str, Any]]] = Cache("lines of epochs", entries=256)


class Record:
    """The reading side. Every method returns plain data; missing parts are empty, not errors.

    Parameters
    ----------
    folder : Path
        Its name is the run's id.
    """

    blind = False  # whether target labels, and what was computed from them, are left out

    def __init__(self, folder: Path):
        self.folder = folder
        self.id = folder.name

    @property
    def exists(self) -> bool:
        """True where there is a question that can be read."""
        try:
            return isinstance(self.experiment(), dict)
        except (OSError, ValueError):
            return False

    def experiment(self) -> dict[str, Any]:
        """The question; the dictionary is shared and must not be changed."""
        return _read(_EXPERIMENTS, self.folder / "experiment.json", lambda path: json.loads(path.read_text()))

    def status(self) -> dict[str, Any]:
        """``state`` is queued, running, paused, finished, cancelled, failed or interrupted.

        A run that says it is active while no process holds its lock was interrupted.
        """
        status = {"state": "queued"} | self._stored_status()
        if status["state"] in ACTIVE and not self.locked():
            status["state"] = "interrupted"
        return status

    def _stored_status(self) -> dict[str, Any]:
        try:
            status = _read(_STATUSES, self.folder / "status.json", lambda path: json.loads(path.read_text()))
        except (OSError, ValueError):
            return {}
        return status if isinstance(status, dict) else {}

    def epochs(self) -> list[dict[str, Any]]:
        """All finished epochs in order; the list is shared and must not be changed."""
        try:
            return _read(_LINES, self.folder / "epochs.jsonl", _read_lines)
        except OSError:  # not there yet, or deleted since
            return []

    def phase(self, name: str) -> list[dict[str, Any]]:
        return [epoch for epoch in self.epochs() if epoch["phase"] == name]

    @property
    def complete(self) -> bool:
        """True for a finished run with an epoch of adaptation. Lists ask it of hundreds of runs: only the last line is parsed."""
        try:
            return self.status()["state"] == "finished" and _read(_ADAPTED, self.folder / "epochs.jsonl", _has_adapted)
        except OSError:
            return False

    def version(self) -> str:
        """Changes whenever there are new epochs or maps; the status changes more often."""
        marks = []
        for name in ("epochs.jsonl", "maps"):
            with contextlib.suppress(OSError):
                marks.append(".".join(f"{part:x}" for part in _stamp(self.folder / name)))
        return "-".join(marks)

    def snapshot(self, number: int) -> dict[str, np.ndarray] | None:
        """``features`` 2n×D and ``probabilities`` 2n×K after epoch ``number`` of adaptation."""
        return _load_arrays(self.folder / "snapshots" / f"{number:04d}.safetensors")

    def snapshot_numbers(self) -> list[int]:
        try:
            return sorted(int(path.stem) for path in (self.folder / "snapshots").glob("[0-9]*.safetensors"))
        except FileNotFoundError:  # deleted while it was listed
            return []

    def samples(self) -> dict[str, np.ndarray] | None:
        """``pictures`` uint8 2n×H×W(×3) or ``rows`` float32 2n×D, ``labels`` int64 2n (−1 where unknown), and `core.samples.raw`."""
        return _load_arrays(self.folder / "samples.safetensors")

    def map(self, name: str) -> dict[str, np.ndarray] | None:
        return _load_arrays(self.folder / "maps" / f"{name}.safetensors")

    def write_map(self, name: str, arrays: dict[str, np.ndarray]) -> None:
        write_bytes(self.folder / "maps" / f"{name}.safetensors", save(arrays))

    def locked(self) -> bool:
        """True while some process is working on this run."""
        if not (self.folder / "lock").exists():
            return False
        try:
            with _LOOK, FileLock(self.folder / "lock", timeout=0):  # one look at a time: two would take each other for a writer
                return False
        except Timeout:
            return True
        except OSError:  # a record in a folder that cannot be written, such as the one that ships
            return False


class Writer(Record):
    """The writing side. Holds the run's lock from ``open`` to ``close``.

    Raises
    ------
    Timeout
        From ``open``, when another process is working on the run.
    """

    def __init__(self, folder: Path):
        super().__init__(folder)
        self._lock = FileLock(folder / "lock", timeout=GRACE, thread_local=False)
        self._updating = threading.Lock()

    def open(self, experiment_json: str) -> Writer:
        for name in ("snapshots", "maps"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._lock.acquire()
        if not self.exists:
            write_bytes(self.folder / "experiment.json", experiment_json.encode())
        return self

    def close(self) -> None:
        self._lock.release()

    def update(self, **changes: Any) -> None:
        """Merge ``changes`` into status.json, which readers always find whole."""
        with self._updating:
            facts = self._stored_status() | changes | {"updated": time.time()}
            write_bytes(self.folder / "status.json", json.dumps(facts, indent=1).encode())

    def add(self, line: dict[str, Any], snapshot: dict[str, np.ndarray] | None) -> None:
        """Append one epoch. The snapshot is written first, so that a line never lacks its picture."""
        if snapshot is not None:
            write_bytes(self.folder / "snapshots" / f"{line['number']:04d}.safetensors", save(snapshot))
        with (self.folder / "epochs.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()

    def write_samples(self, arrays: dict[str, np.ndarray]) -> None:
        write_bytes(self.folder / "samples.safetensors", save(arrays))

    def keep_until(self, phase: str | None, number: int) -> None:
        """Drop all epochs after ``number`` of ``phase`` (everything for None), and what a crash left half-written."""
        kept, found = [], False
        for epoch in self.epochs() if phase else []:
            kept.append(epoch)
            if (epoch["phase"], epoch["number"]) == (phase, number):
                found = True
                break
        if not found:
            kept = []
        write_bytes(self.folder / "epochs.jsonl", "".join(json.dumps(epoch) + "\n" for epoch in kept).encode())
        numbers = {epoch["number"] for epoch in kept if epoch["phase"] == "adapt"}
        for stale in set(self.snapshot_numbers()) - numbers:
            (self.folder / "snapshots" / f"{stale:04d}.safetensors").unlink()
        for path in (*(self.folder / "maps").glob("*"), *self.folder.glob(".*.tmp"), *(self.folder / "snapshots").glob(".*.tmp")):
            path.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write under a temporary name, then replace: readers see the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _stamp(path: Path) -> tuple[int, int, int]:
    """Changes whenever the file does; clocks tick every few milliseconds, so that the time alone misses quick changes."""
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_ino, stat.st_size


def _read(cache: Cache[Value], path: Path, read: Callable[[Path], Value]) -> Value:
    """What ``read`` makes of a file, read again only when the file has changed."""
    return cache.get(str(path), lambda: read(path), _stamp(path))


def _has_adapted(path: Path) -> bool:
    """Whether any line is of adaptation, which is the last phase."""
    try:
        return json.loads(path.read_bytes().rstrip(b"\n").rpartition(b"\n")[2])["phase"] == "adapt"
    except ValueError:  # the line a crash cut short, or none
        return any(line["phase"] == "adapt" for line in _read_lines(path))


def _read_lines(path: Path) -> list[dict[str, Any]]:
    lines = []
    for text in path.read_text(errors="replace").splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:  # the line a crash cut short
            break
    return lines


def _load_arrays(path: Path) -> dict[str, np.ndarray] | None:
    try:
        return load_file(path)
    except (OSError, SafetensorError):
        return None


def read_metadata(path: Path) -> dict[str, str]:
    with safe_open(path, framework="numpy") as file:
        return file.metadata() or {}
