"""Several files as one table: which of their columns are one, and what a column holds over all rows of all files."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from core.domains.reading.base import Note, few
from core.domains.reading.names import distinct
from core.domains.reading.values import DOUBTFUL, MISSING, MOSTLY, PARTLY, Sign, lower, name_of, to_numbers, votes
from core.errors import InputError

MOST_KINDS = 50  # different values of a category


@dataclass(frozen=True)
class Part:
    """The table of one file.

    Attributes
    ----------
    title, stem : str
        What the file is called, and the domain that it is where nothing inside says another one.
    frame : DataFrame
        Columns of text as they are written (``str``, "" for nothing), or of the file's own types.
    rows : int
        How many the file holds, those that are not in ``frame`` included.
    leads : bool
        It is the source's: the class is one of its columns.
    decimal : "." or "," or None
        The decimal sign, where it is known.
    """

    title: str
    stem: str
    frame: pd.DataFrame
    rows: int
    leads: bool = False
    decimal: Sign | None = None

    @cached_property
    def signs(self) -> dict[str, Sign]:
        """The decimal sign of each column of text, by all of its cells; of those that could be read either way, the file's."""
        written = [c for c in self.frame.columns if isinstance(self.frame[c].dtype, pd.StringDtype)]
        if self.decimal is not None:
            return dict.fromkeys(written, self.decimal)
        found = {c: votes(self.frame[c]) for c in written}
        points, commas = (sum(vote[i] for vote in found.values()) for i in (0, 1))
        usual: Sign = "," if commas > points else "."
        return {c: usual if point == comma else "," if comma > point else "." for c, (point, comma) in found.items()}


@dataclass(frozen=True)
class Piece:
    """A column of one file; None where the file has no such column."""

    cells: pd.Series | None
    sign: Sign
    rows: int


@dataclass(frozen=True, eq=False)
class Column:
    """A column over the rows of all files, one after the other."""

    name: str
    pieces: tuple[Piece, ...]

    @cached_property
    def odd(self) -> str | None:
        """The type of values that are neither numbers nor words."""
        return next((str(p.cells.dtype) for p in self.pieces if p.cells is not None and not _usable(p.cells)), None)

    @cached_property
    def numbers(self) -> np.ndarray:
        """float64, NaN where there is none."""
        return np.concatenate([_numbers(piece) for piece in self.pieces])

    @cached_property
    def words(self) -> np.ndarray:
        """str objects as they are written, "" where nothing is."""
        return np.concatenate([_words(piece) for piece in self.pieces])

    @cached_property
    def known(self) -> np.ndarray:
        """Where something is written that doesn't always mean that it is missing."""
        if self.native:
            return ~np.isnan(self.numbers)
        return ~lower(pd.Series(self.words, dtype="str")).isin(MISSING).to_numpy(bool)

    @cached_property
    def doubtful(self) -> np.ndarray:
        """Where a word stands that is a name, or means that it is missing."""
        if self.native:
            return np.zeros(len(self.numbers), bool)
        return lower(pd.Series(self.words, dtype="str")).isin(DOUBTFUL).to_numpy(bool)

    @cached_property
    def native(self) -> bool:
        """Whether the files hold it as numbers, not as text."""
        return all(p.cells is None or _is_numeric(p.cells) for p in self.pieces)

    @cached_property
    def is_number(self) -> bool:
        """Whether its values are amounts: nearly all of those that are known are numbers, over all rows."""
        if self.odd or any(p.cells is not None and isinstance(p.cells.dtype, pd.CategoricalDtype) for p in self.pieces):
            return False
        if self.native:
            return True
        parsed = ~np.isnan(self.numbers)
        of = int((self.known & (parsed | ~self.doubtful)).sum())
        share = parsed.sum() / max(of, 1)
        return bool(share >= MOSTLY or (share >= PARTLY and self.kinds > MOST_KINDS))

    @cached_property
    def kinds(self) -> int:
        """How many different values it has."""
        return int(pd.Series(self.numbers if self.native else self.words)[self.known].nunique())

    def names(self, absent: frozenset[str], limit: int = 80) -> np.ndarray:
        """Its values as names of classes, domains or categories; None where it is missing. ``absent`` are doubtful words that mean so."""
        found = np.concatenate([_piece_names(piece, absent) for piece in self.pieces])
        kinds = sorted({name for name in found if name is not None})
        shown = dict(zip(kinds, distinct(kinds, limit), strict=True))
        return np.array([None if name is None else shown[name] for name in found], object)

    def spellings(self) -> dict[str, set[str]]:
        """Names that are written in several ways, with these."""
        found: dict[str, set[str]] = {}
        for piece in self.pieces:
            for word in pd.unique(pd.Series(_words(piece))):
                found.setdefault(name_of(word, piece.sign), set()).add(word)
        return {name: words for name, words in found.items() if len(words) > 1}


@dataclass(frozen=True, eq=False)
class Table:
    """All rows of all files. ``part_of`` says of each row which file it is from; ``shared`` are the columns that all files have."""

    parts: tuple[Part, ...]
    columns: dict[str, Column]
    part_of: np.ndarray
    shared: tuple[str, ...]
    spelled: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.part_of)

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns.values())

    def titles(self, name: str) -> list[str]:
        """The files that have a column."""
        return [part.title for part, piece in zip(self.parts, self.columns[name].pieces, strict=True) if piece.cells is not None]

    def absent(self, among: Sequence[str]) -> frozenset[str]:
        """The doubtful words that mean "missing" in these files: those that stand among the numbers of a column."""
        found: set[str] = set()
        for column in (self.columns[name] for name in among):
            if column.is_number and not column.native:
                found.update(word.lower() for word in set(column.words[column.doubtful & np.isnan(column.numbers)]))
        return frozenset(found)


def together(where: str, parts: Sequence[Part], notes: list[Note]) -> Table:
    """The files as one table. Columns whose names differ in capital letters alone are one, where no file has both.

    Raises
    ------
    InputError
        They hold no rows.
    """
    spelled: list[dict[str, str]] = []
    for part in parts:
        known = dict.fromkeys(name for names in spelled for name in names)
        spelled.append(_spelled(part, list(known), notes))
    order = list(dict.fromkeys(name for names in spelled for name in names))
    columns = {}
    for name in order:
        pieces = []
        for part, names in zip(parts, spelled, strict=True):
            own = names.get(name)
            cells = None if own is None else part.frame[own]
            pieces.append(Piece(cells, part.signs.get(own, ".") if own is not None else ".", len(part.frame)))
        columns[name] = Column(name, tuple(pieces))
    part_of = np.repeat(np.arange(len(parts)), [len(part.frame) for part in parts])
    if not len(part_of):
        raise InputError(where, "it holds no rows.", "Give a table with a line for each sample.")
    shared = tuple(name for name in order if all(name in names for names in spelled))
    return Table(tuple(parts), columns, part_of, shared)


def _spelled(part: Part, known: list[str], notes: list[Note]) -> dict[str, str]:
    """The columns of a file by the names that they have in the whole: one that other files have in other letters takes theirs."""
    own = list(part.frame.columns)
    by_key: dict[str, list[str]] = {}
    for name in known:
        by_key.setdefault(key(name), []).append(name)
    keys = [key(name) for name in own]
    names = {}
    for name in own:
        others = by_key.get(key(name), [])
        if name not in known and len(others) == 1 and others[0] not in own and keys.count(key(name)) == 1:
            notes.append(Note(part.title, f"Its column {name} is read as {others[0]}."))
            names[others[0]] = name
        else:
            names[name] = name
    return names


def key(name: str) -> str:
    """What names of columns have in common that differ in capital letters or white space alone."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def left_out(table: Table, taken: set[str], notes: list[Note]) -> None:
    """Say which columns are not used, for not every file has them."""
    lost = {name for name in table.columns if name not in table.shared} - taken
    if lost:
        notes.append(Note("columns", f"Left out: {few(lost)}, which not every file has."))


def _is_numeric(cells: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(cells.dtype) and not pd.api.types.is_bool_dtype(cells.dtype)


def _usable(cells: pd.Series) -> bool:
    return (
        pd.api.types.is_numeric_dtype(cells.dtype)
        or isinstance(cells.dtype, pd.StringDtype | pd.CategoricalDtype)
        or pd.api.types.is_bool_dtype(cells.dtype)
    )


def _numbers(piece: Piece) -> np.ndarray:
    if piece.cells is None or not _usable(piece.cells):
        return np.full(piece.rows, np.nan)
    if _is_numeric(piece.cells):
        return piece.cells.to_numpy(np.float64, na_value=np.nan)
    return to_numbers(pd.Series(_words(piece), dtype="str"), piece.sign)


def _words(piece: Piece) -> np.ndarray:
    if piece.cells is None:
        return np.full(piece.rows, "", object)
    if isinstance(piece.cells.dtype, pd.StringDtype):
        return piece.cells.to_numpy(object)
    return np.array(["" if pd.isna(value) else str(value).strip() for value in piece.cells.tolist()], object)


def _piece_names(piece: Piece, absent: frozenset[str]) -> np.ndarray:
    codes, kinds = pd.factorize(pd.Series(_words(piece), dtype=object))
    missing = MISSING | absent
    names = np.array([None if word.lower() in missing else name_of(word, piece.sign) for word in kinds], object)
    return names[codes] if len(names) else np.empty(0, object)
