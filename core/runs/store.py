"""Where records and reference networks live, and how they are found."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator, MutableMapping
from itertools import islice
from pathlib import Path
from typing import cast

from safetensors import SafetensorError
from safetensors.torch import load_file, save

from core.errors import InputError
from core.experiment import Experiment, MethodSpec, Phase
from core.experiment.settings import decisive
from core.home import home
from core.runs.record import Record, Writer, read_metadata, write_bytes
from core.training.checkpoint import Checkpoint, Reference

LISTED = 200  # runs that a list shows, newest first
REFERENCES = 60  # stored reference networks; the ones longest unused are deleted first
SHIPPED = Path(__file__).parents[2] / "assets" / "gallery"
_ID = re.compile(r"[0-9a-f]{12}")


def runs_folder() -> Path:
    return home() / "runs"


def writer(run_id: str) -> Writer:
    return Writer(runs_folder() / run_id)


def find(run_id: str) -> Record:
    """The record of a run by its id or the first digits of it, among one's own and the shipped ones.

    Raises
    ------
    InputError
        No such run, or several.
    """
    if not re.fullmatch(r"[0-9a-f]{4,12}", run_id):
        raise InputError(
            "run", f"{run_id[:40]!r} is not a run's id.", "An id has 12 characters 0–9 and a–f, such as those in the list of runs."
        )
    found = {path.name: path for root in (SHIPPED, runs_folder()) for path in root.glob(f"{run_id}*") if _ID.fullmatch(path.name)}
    records = [record for record in map(Record, found.values()) if record.exists]
    if len(records) != 1:
        problem = "This run is not stored here." if not records else f"This could be {len(records)} runs."
        raise InputError("run", problem, "Launch its experiment again, or give the whole id of a stored run.")
    return records[0]


def records() -> list[Record]:
    """The newest `LISTED` of one's own runs, newest first, then the shipped ones."""
    found = [r for r in map(Record, runs_folder().glob("*")) if _ID.fullmatch(r.id)]
    found.sort(key=lambda r: _modified(r.folder / "experiment.json"), reverse=True)
    own, ids = islice((r for r in found if r.exists), LISTED), {r.id for r in found}
    return [*own, *(r for r in shipped() if r.id not in ids)]


def _modified(path: Path) -> float:
    """Time of the last change; 0 for what has just been deleted."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def shipped() -> list[Record]:
    """The finished runs that come with the program, the default method's first."""
    found = [r for r in map(Record, sorted(SHIPPED.glob("*"))) if _ID.fullmatch(r.id) and r.exists]
    return sorted(found, key=lambda r: r.experiment()["method"]["name"] != MethodSpec().name)


def finished(run_id: str) -> Record | None:
    """The record of a run that needs no more computing, one's own or a shipped one."""
    for root in (runs_folder(), SHIPPED):
        record = Record(root / run_id)
        if record.exists and record.status()["state"] == "finished":
            return record
    return None


def answered(experiment: Experiment) -> Record | None:
    """The finished run of a question; of those that ship also one that differs only in how many samples it kept for its map."""
    if found := finished(experiment.id):
        return found
    same = decisive(experiment.model_dump(mode="json"))
    return next((r for r in shipped() if decisive(r.experiment()) == same), None)


def delete(run_id: str) -> None:
    """Delete one of one's own runs; a running one is refused."""
    record = Record(runs_folder() / run_id)
    if not _ID.fullmatch(run_id) or not record.exists:
        raise InputError("run", "This is not one of your runs.", "Choose one from the list.")
    if record.locked():
        raise InputError("run", "This run is being computed.", "Cancel it first.")
    # Renamed first: nobody finds half a record, and a look at its lock puts nothing into the folder that is being emptied.
    gone = record.folder.with_name(f".{run_id}.{os.getpid()}.deleted")
    record.folder.rename(gone)
    shutil.rmtree(gone)


class ReferenceStore(MutableMapping[str, Reference]):
    """Source-trained and oracle networks on disk, by their address; the least recently used go first."""

    def path(self, key: str) -> Path:
        """Where a network lies, or would."""
        return home() / "references" / f"{key}.safetensors"

    def __getitem__(self, key: str) -> Reference:
        path = self.path(key)
        try:
            model, metadata = load_file(path), read_metadata(path)
            epochs = json.loads(metadata["epochs"])
        except (OSError, SafetensorError, ValueError) as error:
            raise KeyError(key) from error
        with contextlib.suppress(OSError):
            os.utime(path)
        return Reference(model, epochs)

    def __setitem__(self, key: str, reference: Reference) -> None:
        tensors = {name: tensor.contiguous() for name, tensor in reference.model.items()}
        write_bytes(self.path(key), save(tensors, {"epochs": json.dumps(reference.epochs)}))
        for old in sorted(self.path("x").parent.glob("*.safetensors"), key=_modified)[:-REFERENCES]:
            old.unlink(missing_ok=True)

    def __contains__(self, key: object) -> bool:
        """Whether there is one that can be read. Only the head of its file is looked at, which also tells whether the file is whole."""
        try:
            read_metadata(self.path(str(key)))["epochs"]
        except (OSError, SafetensorError, KeyError):
            return False
        return True

    def __delitem__(self, key: str) -> None:
        self.path(key).unlink()

    def __iter__(self) -> Iterator[str]:
        return (path.stem for path in self.path("x").parent.glob("*.safetensors"))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def write_checkpoint(record: Writer, checkpoint: Checkpoint) -> None:
    position = {"phase": checkpoint.phase, "number": str(checkpoint.number), "past": json.dumps(checkpoint.past)}
    write_bytes(record.folder / "checkpoint.safetensors", save(checkpoint.tensors, position))


def read_checkpoint(record: Record) -> Checkpoint | None:
    """The last checkpoint, or None where there is none that can be read."""
    path = record.folder / "checkpoint.safetensors"
    try:
        tensors, metadata = load_file(path), read_metadata(path)
        return Checkpoint(cast(Phase, metadata["phase"]), int(metadata["number"]), tensors, json.loads(metadata["past"]))
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
