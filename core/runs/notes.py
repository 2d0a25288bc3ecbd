"""What a person writes beside a run: a name of its own, a star, a remark. Kept in the run's folder, as ``note.json``."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from core.domains.titles import distinct
from core.errors import InputError, as_input_error
from core.experiment.settings import run_title
from core.runs import store
from core.runs.record import Record, write_bytes

NOTE = "note.json"
NAME, REMARK = 60, 1000  # characters, at most


class Note(BaseModel):
    """Plain text: whoever shows it escapes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(default="", max_length=NAME)
    starred: bool = False
    remark: str = Field(default="", max_length=REMARK)

    @field_validator("name")
    @classmethod
    def _one_line(cls, name: str) -> str:
        return " ".join("".join(c if c.isprintable() else " " for c in name).split())

    @field_validator("remark")
    @classmethod
    def _visible(cls, remark: str) -> str:
        return "".join(c for c in remark if c.isprintable() or c == "\n").strip()


def note(record: Record) -> Note:
    """What was written beside a run; an empty one where nothing was, or where it cannot be read."""
    try:
        return Note.model_validate_json((record.folder / NOTE).read_bytes())
    except (OSError, ValidationError):
        return Note()


def annotate(run_id: str, name: str, starred: bool, remark: str) -> Note:
    """Write beside one of one's own runs; raises `InputError` for another one, and for what is too long."""
    record = Record(store.runs_folder() / run_id)
    if not is_own(record):
        raise InputError("run", "This run is not one of yours, so nothing can be written beside it.", "Run it yourself first.")
    try:
        written = Note(name=name, starred=starred, remark=remark)
    except ValidationError as error:
        raise as_input_error(error) from error
    write_bytes(Path(record.folder / NOTE), written.model_dump_json().encode())
    return written


def is_own(record: Record) -> bool:
    """Whether it was computed on this machine, rather than shipped."""
    return record.folder.parent == store.runs_folder() and record.exists


def titles(records: list[Record]) -> dict[str, str]:
    """Run → what it is called, its own name or what it asked; runs that would be called alike are told apart by when they began."""
    return distinct({r.id: (note(r).name or run_title(r.experiment()), float(r.status().get("started", 0.0))) for r in records})


def starred_first(records: list[Record]) -> list[Record]:
    """The same records, those with a star first."""
    return sorted(records, key=lambda record: not note(record).starred)
