"""Own data that was uploaded: a folder for each domain, named by its content, and the domain that reads it.

``$SHIFTSCOPE_HOME/own/<digest>/`` holds ``about.json`` (what it is, where it came from, what was left out and why) and
``data.safetensors`` (``inputs``, ``labels``, and where inputs were ``missing``), for texts ``texts.json`` instead of the inputs. It can be
read without this program.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from core.domains.account import Account
from core.domains.base import DOMAINS, Domain, Kind, domain
from core.domains.make import own_classes, to_domain
from core.domains.reading import Population, Reading
from core.domains.reading.base import Options
from core.errors import InputError
from core.home import home

MAX_ENTRIES = 64
MAX_BYTES = 5 * 10**9  # of all of them together
ABOUT, DATA, TEXTS = "about.json", "data.safetensors", "texts.json"


class Own(BaseModel):
    """Parameters of `own`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    digest: str = Field(pattern="^[0-9a-f]{16}$", description="Which of your own data sets: the first digits of its SHA-256.")


@dataclass(frozen=True)
class Entry:
    """What is known of one stored domain without reading its samples. ``counts`` has a number for each class, or none."""

    digest: str
    name: str
    kind: Kind
    n: int
    class_names: tuple[str, ...]
    counts: tuple[int, ...]
    source: str
    created: float
    bytes: int
    facts: dict[str, str]
    notes: tuple[tuple[str, str], ...]
    options: dict[str, Any]
    columns: tuple[str, ...] | None = None
    rate: int = 0
    account: dict[str, Any] | None = None  # as `Account.facts`; None in what was stored before there was one

    @property
    def side(self) -> int:
        """Pixels a side of its pictures; told by their bytes, as if in three colours, where they came as an array."""
        return int(self.options.get("side") or (self.bytes / max(self.n, 1) / 3) ** 0.5) if self.kind == "image" else 0


@domain(
    "own",
    title="Your own data",
    kind=None,
    params=Own,
    listed=False,
    summary="Data that you uploaded. They stay on this machine.",
    licence="The terms of the file.",
)
def own(params: Own, seed: int) -> Domain:
    """Read a stored domain.

    Raises
    ------
    InputError
        It has been deleted, or is damaged.
    """
    entry = find(params.digest)
    place, remedy = folder() / entry.digest, "Delete it and upload the file again."
    try:
        arrays = load_file(place / DATA) if (place / DATA).exists() else {}
        raw = tuple(json.loads((place / TEXTS).read_text("utf-8"))) if entry.kind == "text" else arrays["inputs"]
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise InputError(entry.name, f"the stored data are damaged ({error}).", remedy) from error
    account = None if entry.account is None else Account.read(entry.account)
    everything = Options(classes="all")  # what is stored has the classes that it should have
    reading = Reading(entry.kind, entry.class_names, (), everything, (), {}, entry.columns, entry.rate, account)
    provenance = " ".join([f"{entry.source}, stored as {entry.digest}.", *(f"{where}: {what}" for where, what in entry.notes)])
    population = Population(entry.name, raw, arrays.get("labels"), arrays.get("missing"))
    return to_domain(entry.name, reading, population, provenance, seed)


def kind_of(name: str, params: dict[str, Any]) -> Kind | None:
    """What the samples of a domain are; None where only reading them tells, or where they have been deleted."""
    if name == "own":
        return next((entry.kind for entry in entries() if entry.digest == params.get("digest")), None)
    return DOMAINS.get(name).kind


def folder() -> Path:
    """Where own data are stored."""
    return home() / "own"


def entries() -> list[Entry]:
    """Everything that is stored, the newest first; what is damaged is left out."""
    if not folder().is_dir():
        return []
    found = []
    for place in folder().iterdir():
        about = place / ABOUT
        try:
            found.append(_entry(str(about), about.stat().st_mtime_ns))
        except (OSError, ValueError, TypeError):
            continue
    return sorted(found, key=lambda entry: (-entry.created, entry.name))


@lru_cache(maxsize=2 * MAX_ENTRIES)
def _entry(about: str, stamp: int) -> Entry:
    facts = json.loads(Path(about).read_text("utf-8"))
    for name in ("class_names", "counts", "columns"):
        facts[name] = None if facts[name] is None else tuple(facts[name])
    facts["notes"] = tuple((where, what) for where, what in facts["notes"])
    return Entry(**facts)


def find(digest: str) -> Entry:
    """The stored domain with this digest; raises `InputError` where there is none."""
    for entry in entries():
        if entry.digest == digest:
            return entry
    raise InputError("own.digest", f"your own data {digest[:16]!r} are not on this machine any more.", "Upload the file again.")


def keep(reading: Reading, source: str, names: Iterable[str] | None = None) -> list[Entry]:
    """Store domains of a reading (all of them where no names are given); what is stored already is not stored twice.

    Raises
    ------
    InputError
        There is no room, or the disk refuses.
    """
    chosen = [p for p in reading.populations if names is None or p.name in set(names)]
    place = folder()
    try:
        place.mkdir(exist_ok=True)
        with FileLock(place / ".lock"):
            return [_keep(place, reading, population, source) for population in chosen]
    except OSError as error:
        raise InputError(
            "SHIFTSCOPE_HOME", f"{place} cannot take the data ({error.strerror}).", "Free some space there, or delete stored data."
        ) from error


def _keep(place: Path, reading: Reading, population: Population, source: str) -> Entry:
    arrays = {} if reading.kind == "text" else {"inputs": np.ascontiguousarray(population.inputs)}
    class_names, labels = own_classes(reading, population)
    if labels is not None:
        arrays["labels"] = labels
    if population.missing is not None:
        arrays["missing"] = population.missing
    texts = json.dumps(population.inputs, ensure_ascii=False) if reading.kind == "text" else ""
    identity = [population.name, reading.kind, class_names, reading.columns, reading.rate]
    digest = hashlib.sha256(json.dumps(identity).encode())
    for array in arrays.values():
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    digest.update(texts.encode())
    name = digest.hexdigest()[:16]
    stored = entries()
    for entry in stored:
        if entry.digest == name:
            return entry
    size = sum(a.nbytes for a in arrays.values()) + len(texts.encode())
    if len(stored) >= MAX_ENTRIES or sum(entry.bytes for entry in stored) + size > MAX_BYTES:
        held = f"{len(stored)} data sets with {sum(entry.bytes for entry in stored) / 1e6:,.0f} MB are stored"
        limit = f"at most {MAX_ENTRIES} with {MAX_BYTES / 1e9:.0f} GB are"
        raise InputError("own data", f"{held}, and {limit}.", "Delete some that you no longer need.")
    others = {p.name for p in reading.populations} - {population.name}
    about = Entry(
        digest=name,
        name=population.name,
        kind=reading.kind,
        n=len(population),
        class_names=class_names,
        counts=() if labels is None else tuple(np.bincount(labels, minlength=len(class_names)).tolist()),
        source=source,
        created=time.time(),
        bytes=size,
        facts=reading.facts,
        notes=tuple((n.where, n.what) for n in reading.notes if n.where not in others),
        options=reading.options.model_dump(mode="json"),
        columns=reading.columns,
        rate=reading.rate,
        account=None if reading.account is None else reading.account.facts(),
    )
    part = Path(tempfile.mkdtemp(prefix=".part-", dir=place))
    try:
        if arrays:
            save_file(arrays, part / DATA)
        if texts:
            (part / TEXTS).write_text(texts, "utf-8")
        (part / ABOUT).write_text(json.dumps(asdict(about), indent=2, ensure_ascii=False), "utf-8")
        shutil.rmtree(place / name, ignore_errors=True)  # a damaged one of that name
        os.replace(part, place / name)  # noqa: PTH105
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return about


def delete(digest: str) -> None:
    """Remove a stored domain; runs that used it keep what they show."""
    shutil.rmtree(folder() / find(digest).digest)
