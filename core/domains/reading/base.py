"""What a reader is given and what it gives back, and how the classes of several domains are brought together."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.domains.account import Account, LeftOut, Unit
from core.domains.base import NOUNS, Kind
from core.errors import InputError

MIN_ROWS = 5  # samples of a domain: of four no comparison could be evidence of anything
MAX_CLASSES = 1000
MAX_DOMAINS = 20
Progress = Callable[[float], None]


class Options(BaseModel):
    """Choices that every reader has; a reader's own ones come with its subclass."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    classes: Literal["common", "all"] = Field(
        default="common",
        description="common: a pair is compared on the classes that both domains have. all: on every class that any domain has.",
    )


@dataclass(frozen=True)
class Given:
    """A file or folder, and what the user calls it. ``place`` is a path, or an open file that can be read from its beginning.

    ``leads`` is the file of the source, where that is known: the class is one of its columns. ``called`` tells it apart from another
    file of the same name (`told_apart`).
    """

    name: str
    place: Path | BinaryIO
    leads: bool = False
    called: str = ""

    @property
    def folder(self) -> Path | None:
        """Its place, if it is a folder."""
        return self.place if isinstance(self.place, Path) and self.place.is_dir() else None

    @property
    def title(self) -> str:
        """Its name, without the folders that lead to it."""
        return self.called or clean(self.path[-1]) or "data"

    @property
    def path(self) -> list[str]:
        """The folders that lead to it, as far as its name tells them, and what it is called in the last one."""
        return self.name.replace("\\", "/").rstrip("/").split("/")

    @property
    def stem(self) -> str:
        """The name of the domain that it holds, where nothing inside says another one."""
        last = self.path[-1]
        return self.called or clean(last if self.folder else re.sub(r"(?<=.)\.[A-Za-z0-9]{1,8}$", "", last)) or "data"

    @property
    def size(self) -> int:
        """Bytes; 0 for a folder."""
        if isinstance(self.place, Path):
            return 0 if self.folder else self.place.stat().st_size
        return self.place.seek(0, os.SEEK_END)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        if isinstance(self.place, Path):
            with self.place.open("rb") as stream:
                yield stream
        else:
            self.place.seek(0)
            yield self.place


@dataclass(frozen=True)
class Note:
    """What was left out or changed on the way, and why: one plain sentence about one place.

    ``rows`` says how many samples were left out for it; 0 where something was changed, or a column left out.
    """

    where: str
    what: str
    rows: int = 0


@dataclass(frozen=True)
class Raw:
    """Samples as a reader found them. ``labels`` are class names, None where the domain has none.

    ``order`` names the classes in an order of the file's own. For ``inputs`` and ``missing`` see `Population`.
    """

    name: str
    inputs: Any
    labels: np.ndarray | None
    order: tuple[str, ...] = ()
    missing: np.ndarray | None = None


@dataclass(frozen=True)
class Population:
    """One domain of a reading.

    Attributes
    ----------
    inputs : ndarray, tuple of str or StreamedImages
        uint8 images N×C×H×W, float32 features N×D, int16 waves N×S, or N texts: what `Domain` calls originals, where it has them.
    labels : ndarray or None
        int64 N, in ``range(len(reading.class_names))``.
    missing : ndarray or None
        Of features: bool N×D, where the file had no value and one was filled in; None where it had all of them.
    """

    name: str
    inputs: Any
    labels: np.ndarray | None
    missing: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class Reading:
    """Everything that came out of one upload.

    ``options`` holds every choice, the guessed ones too. ``facts`` are what the reader found out by itself, for the user's eyes.
    ``choices`` lists what a field of ``options`` may be set to where only the file tells: the names of its columns.
    """

    kind: Kind
    class_names: tuple[str, ...]
    populations: tuple[Population, ...]
    options: Options
    notes: tuple[Note, ...]
    facts: dict[str, str]
    columns: tuple[str, ...] | None = None
    rate: int = 0
    account: Account | None = None
    choices: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def find(self, name: str, where: str) -> Population:
        """The domain of that name; the only one, where no name is given."""
        found = {p.name: p for p in self.populations}
        if not name and len(found) == 1:
            return self.populations[0]
        if name not in found:
            what = f"there is no domain {name!r} in it." if name else f"it holds {len(found)} domains."
            raise InputError(where, what, f"Choose one of: {', '.join(found)}.")
        return found[name]


def told_apart(givens: Sequence[Given]) -> list[Given]:
    """The same files; those that would be domains of one name are called by their endings, else by the folders that they lie in."""
    found = list(givens)
    for stem, times in Counter(given.stem for given in givens).items():
        alike = [i for i, given in enumerate(givens) if given.stem == stem]
        if times > 1:
            for i, called in zip(alike, _names_apart(stem, [givens[i].path for i in alike]), strict=True):
                found[i] = replace(found[i], called=clean(called))
    return found


def _names_apart(stem: str, paths: list[list[str]]) -> list[str]:
    for back in range(1, min(map(len, paths)) + 1):
        parts = [path[-back] for path in paths]
        if len(set(parts)) == len(parts):
            return parts if back == 1 else [f"{stem} ({part or '/'})" for part in parts]
    return [stem, *(f"{stem} ({i})" for i in range(2, len(paths) + 1))]


ENDS = 20  # letters of the end of a long name that are kept: names often differ there


def clean(text: str, limit: int = 80) -> str:
    """A name from a file, made fit to be shown and stored: no control signs, no halves of letters, no more than ``limit`` letters.

    A longer one loses its middle.
    """
    text = text.encode("utf-8", "replace").decode("utf-8")
    text = "".join(c if c.isprintable() else " " for c in text).strip()
    return text if len(text) <= limit else f"{text[: limit - ENDS - 1]}…{text[-ENDS:]}"


def parse_options(model: type[Options], given: dict[str, Any]) -> Options:
    """The options, or an `InputError` naming the first that cannot be used."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = f"options.{'.'.join(map(str, first['loc']))}"
        if first["type"] == "extra_forbidden":
            raise InputError(where, "there is no such option.", f"Choose one of: {', '.join(model.model_fields)}.") from error
        raise InputError(where, f"{str(first['input'])[:60]!r} cannot be used.", f"{first['msg']}.") from error


class Refusal(InputError):
    """What was given cannot be read with these choices; others may do. ``options`` and ``choices`` are as in a `Reading`."""

    def __init__(self, error: InputError, options: Options, choices: dict[str, tuple[str, ...]]):
        super().__init__(error.where, error.what, error.remedy)
        self.options, self.choices = options, choices


@contextmanager
def choosing(options: Options, choices: dict[str, tuple[str, ...]] | None = None) -> Iterator[None]:
    """Says with every `InputError` that comes from inside what can be chosen otherwise."""
    try:
        yield
    except Refusal:
        raise
    except InputError as error:
        raise Refusal(error, options, choices or {}) from error


def settle(
    where: str,
    kind: Kind,
    raws: Sequence[Raw],
    options: Options,
    notes: list[Note],
    given: dict[str, int],
    unit: Unit = "rows",
    **more: Any,
) -> Reading:
    """Bring the classes of all domains together and leave out what cannot be learnt; adds to ``notes`` what was left out.

    ``given`` says how many rows (or files: ``unit``) each file holds. With what the notes say that was left out, and with the samples
    that remain, it makes the reading's account.

    Raises
    ------
    InputError
        Nothing usable is left: too few samples, one class, or no class in common.
    """
    raws = [raw for raw in raws if len(raw.inputs)]
    if len(raws) > MAX_DOMAINS:
        raise InputError(where, f"it holds {len(raws)} domains.", f"Give at most {MAX_DOMAINS} at once.")
    small = [(raw.name, len(raw.inputs)) for raw in raws if len(raw.inputs) < MIN_ROWS]
    raws = [raw for raw in raws if len(raw.inputs) >= MIN_ROWS]  # what is too small doesn't decide about the classes of the others
    sizes = {raw.name: Counter(raw.labels.tolist()) for raw in raws if raw.labels is not None}
    kept = {name: _more_than_one(name, counts, notes) for name, counts in sizes.items()}
    classes = _chosen_classes(where, sizes, kept, small, options.classes, notes) if kept else set()
    order = tuple(dict.fromkeys(c for raw in raws for c in raw.order))
    names = tuple(c for c in order if c in classes) if classes <= set(order) else tuple(sorted(classes, key=_natural))
    if not kept:
        names = order
    if len(names) > MAX_CLASSES:
        raise InputError(where, f"it has {len(names)} classes.", f"Give at most {MAX_CLASSES}; for a number to predict, choose a cut.")
    found = [_select(raw, {c: i for i, c in enumerate(names) if c in kept.get(raw.name, ())}) for raw in raws]
    populations = tuple(population for population in found if len(population) >= MIN_ROWS)
    small += [(population.name, len(population)) for population in found if len(population) < MIN_ROWS]
    said = [f"{name} has {n} {NOUNS[kind]}" for name, n in small]
    if not populations:
        what = "; ".join(said[:3]) or f"there are no {NOUNS[kind]} in it"
        raise InputError(where, f"{what}.", f"Give at least {MIN_ROWS} per domain.")
    notes += [Note(name, f"Left out: {text}, and at least {MIN_ROWS} are needed.", n) for (name, n), text in zip(small, said, strict=True)]
    left_out = tuple(LeftOut(note.where, note.what.removeprefix("Left out: "), note.rows) for note in notes if note.rows)
    account = Account(unit, given, {p.name: len(p) for p in populations}, left_out)
    return Reading(kind, names, populations, options, tuple(notes), account=account, **more)


def _more_than_one(name: str, counts: Counter, notes: list[Note]) -> set[str]:
    """The classes that can be split into a part to learn from and a part to test on."""
    lonely = sorted(c for c, n in counts.items() if n < 2)
    if lonely:
        why = f"Left out: {few(lonely)}, with one sample each; a class needs one to learn and one to test."
        notes.append(Note(name, why, len(lonely)))
    return {c for c, n in counts.items() if n > 1}


def _chosen_classes(
    where: str, sizes: dict[str, Counter], kept: dict[str, set[str]], small: list[tuple[str, int]], choice: str, notes: list[Note]
) -> set[str]:
    """The classes that are used. Of more than two domains each keeps what it shares with any other: a pair of them decides for itself."""
    union = set.union(*kept.values())
    if len(union) < 2:
        held = f"only one class ({few(union)})" if union else "no class with two samples"
        held += f", for {small[0][0]} with {small[0][1]} samples is too small" if small else ""
        raise InputError(where, f"it holds {held}.", "Give samples of at least two classes, or give them without classes, as a target.")
    most = max((a & b for a, b in combinations(kept.values(), 2)), key=len, default=union)
    if len(most) < 2:
        listed = "; ".join(f"{name} has {few(classes)}" for name, classes in list(kept.items())[:4])
        shared = f"share only the class {few(most)}" if most else "share no class"
        raise InputError(
            where, f"the domains {shared}: {listed}.", "Give the same classes the same names in every domain, at least two of them."
        )
    if choice == "all" or len(kept) == 1:
        return union
    often = Counter(c for classes in kept.values() for c in classes)
    shared = {c for c in union if often[c] > 1}
    why = "which not every domain has" if len(kept) == 2 else "which no other domain has"
    for name, classes in kept.items():
        if other := classes - shared:
            notes.append(Note(name, f"Left out: {few(other)}, {why}.", sum(sizes[name][c] for c in other)))
    if len(kept) > 2 and any(classes & shared != shared for classes in kept.values()):
        notes.append(Note("classes", "Not every domain has all of them. Two domains are compared on the classes that both of them have."))
    return shared


def _select(raw: Raw, codes: dict[str, int]) -> Population:
    """The samples whose class has a code, with the codes as labels."""
    if raw.labels is None:
        return Population(raw.name, raw.inputs, None, raw.missing)
    labels = np.array([codes.get(label, -1) for label in raw.labels.tolist()], np.int64)
    if labels.min(initial=0) >= 0:
        return Population(raw.name, raw.inputs, labels, raw.missing)
    where = np.flatnonzero(labels >= 0)
    if isinstance(raw.inputs, tuple):
        inputs = tuple(raw.inputs[i] for i in where)
    else:
        inputs = raw.inputs[where] if isinstance(raw.inputs, np.ndarray) else raw.inputs.subset(where)
    return Population(raw.name, inputs, labels[where], None if raw.missing is None else raw.missing[where])


def _natural(name: str) -> tuple[int, float, str]:
    """Numbers in their order, then words in theirs."""
    try:
        return (0, float(name), name)
    except ValueError:
        return (1, 0.0, name)


def few(names: Sequence[str] | set[str], shown: int = 5) -> str:
    """The first of them, and how many more there are."""
    listed = sorted(names, key=_natural) if isinstance(names, set) else list(names)
    return ", ".join(listed[:shown]) + (f" and {len(listed) - shown} more" if len(listed) > shown else "")
