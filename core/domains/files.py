"""A domain from a file or folder of the user's own, given by its path on the command line."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from core.cache import Cache
from core.domains.base import Domain, domain
from core.domains.make import to_domain
from core.domains.reading import Given, Reading, read, told_apart
from core.errors import InputError

MAX_FILE = 10**9  # bytes
READINGS: Cache[Reading] = Cache("readings of files", entries=2)  # both domains of a pair come from one
_FOLDERS: Cache[str] = Cache("digests of folders", entries=4)  # an experiment is validated several times


class File(BaseModel):
    """Parameters of `file`. With the digest, a run's identity covers the data and not only their path."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: str = Field(min_length=1, description="A zip or folder of pictures or WAV files, a CSV, Parquet, .npz or svmlight file.")
    domain: str = Field("", description="Which domain of the file; needed where it holds several.")
    beside: str = Field("", description="A file that is read together with it, so that both get the same columns and classes.")
    lead: str = Field("", description="Which of both files is the source's: the class is one of its columns.")
    options: dict[str, JsonValue] = Field(default_factory=dict, description="Choices of the reader, such as label or side.")
    digest: str = Field("", description="SHA-256 of the content, in hexadecimal; found when it is left empty.")

    @model_validator(mode="before")
    @classmethod
    def _carry_digest(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not isinstance(given.get("path"), str) or not isinstance(given.get("beside", ""), str):
            return given  # the fields' own checks say what is wrong
        found = _digest_of(given["path"], given.get("beside", ""))
        _same(given["path"], given.get("beside", ""), given.get("digest") or found, found)
        return {**given, "digest": found}


@domain(
    "file",
    title="A file of your own",
    kind=None,
    params=File,
    listed=False,
    summary="A file or folder of your own: pictures, sounds, a table, texts, or arrays.",
    licence="The terms of the file.",
)
def file(params: File, seed: int) -> Domain:
    """Read a file or folder; `core.domains.reading` says what each format may hold.

    Raises
    ------
    InputError
        It is missing, has changed since ``params`` were made, or cannot be used.
    """
    _same(params.path, params.beside, params.digest, _digest_of(params.path, params.beside))
    options = json.dumps(params.options, sort_keys=True)
    paths = sorted({params.path, params.beside} - {""})  # the same order for both, so that both are treated alike
    givens = told_apart([Given(path, Path(path).expanduser(), path == params.lead) for path in paths])
    key = (tuple(paths), params.lead, options, params.digest)
    reading = READINGS.get(key, lambda: read(givens, json.loads(options)))
    name = params.domain
    if not name and params.beside:
        name = givens[paths.index(params.path)].stem
    population = reading.find(name, params.path)
    notes = " ".join(f"{note.where}: {note.what}" if note.where != population.name else note.what for note in reading.notes)
    rows = f"{reading.account.sentence}. " if reading.account else ""
    guessed = "".join(f" {name}: {reading.facts[name]}." for name in ("Class", "Domains") if name in reading.facts)
    provenance = f"{Path(params.path).name}, SHA-256 {params.digest[:12]}.{guessed} {rows}{notes}".strip()
    return to_domain(population.name, reading, population, provenance, seed)


def _digest_of(path: str, beside: str) -> str:
    digests = [_content_digest(p) for p in sorted({path, beside} - {""})]
    return digests[0] if len(digests) == 1 else hashlib.sha256(" ".join(digests).encode()).hexdigest()


def _content_digest(path: str) -> str:
    """SHA-256 of a file; of a folder, that of its files' names and contents."""
    try:
        place = Path(path).expanduser()
        if place.is_dir():
            listing = _listing(place)
            return _FOLDERS.get(str(place), lambda: _folder_digest(str(place), listing), listing)
        if not place.is_file():
            what = "this is not a file." if place.exists() else "there is no such file."
            raise InputError(path, what, "Give the path of a file or folder.")
        if place.stat().st_size > MAX_FILE:
            raise InputError(path, f"the file has {place.stat().st_size / 1e9:.1f} GB.", "Give a file of at most 1 GB, or a folder.")
        with place.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except (OSError, RuntimeError) as error:  # RuntimeError: ~name of a user who does not exist
        raise InputError(path, f"it cannot be read ({error}).", "Check the path and its permissions.") from error


def _listing(root: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of change of every file, sorted."""
    found = []
    for place, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in names:
            stat = os.stat(os.path.join(place, name))  # noqa: PTH116, PTH118  (a hundred thousand Path objects take seconds)
            found.append((os.path.relpath(os.path.join(place, name), root), stat.st_size, stat.st_mtime_ns))  # noqa: PTH118
    return tuple(sorted(found))


def _folder_digest(root: str, listing: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for name, size, _ in listing:
        digest.update(f"{name}\0{size}\0".encode("utf-8", "surrogateescape"))
        with (Path(root) / name).open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _same(path: str, beside: str, expected: str, found: str) -> None:
    if expected != found:
        which = f"it, or {beside}, which is read together with it," if beside else "the file"
        raise InputError(path, f"{which} has changed since it was chosen.", "Choose it again, or put the old file back.")
