"""A CSV or Parquet file as a data frame: separator, encoding and header found out, its size checked before it is read."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Protocol

import pandas as pd

from core.domains.reading import encodings
from core.domains.reading.base import Given, Note, few
from core.domains.reading.dialect import (
    SEPARATORS,
    cells,
    first_rows,
    lines_of,
    names_columns,
    separator,
    unswallowed,
    whole_lines,
    width_of,
)
from core.domains.reading.frames import Part
from core.domains.reading.names import distinct
from core.domains.reading.values import Sign
from core.errors import InputError

MAX_FILE = 100 * 2**20  # bytes
MAX_COLUMNS = 10_000
MAX_CELLS = 20_000_000
EXACT = 15  # digits that float64 keeps
HEAD = 2**20  # bytes that decide about separator, decimal sign and header


class Dialect(Protocol):
    """The choices of how a CSV file is read: names in `SEPARATORS`, "point" or "comma", "yes" or "no", or "automatic"."""

    @property
    def separator(self) -> str: ...

    @property
    def decimal(self) -> str: ...

    @property
    def header(self) -> str: ...

    @property
    def encoding(self) -> encodings.Encoding: ...


def read_parquet(given: Given, notes: list[Note]) -> Part:
    """The flat columns of a Parquet file; an index that was stored with them is a column as well.

    Raises
    ------
    InputError
        It is damaged or too large.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with given.open() as stream:
            # The stream is kept open by the caller: pyarrow may close what it is given.
            file = pq.ParquetFile(pa.PythonFile(stream, "r"))
            schema, rows = file.schema_arrow, file.metadata.num_rows
            _check_size(given, rows, len(schema))
            flat = [f.name for f in schema if not (pa.types.is_nested(f.type) or _is_bytes(f.type))]
            if lost := [f.name for f in schema if f.name not in flat]:
                notes.append(Note(given.title, f"Left out: {few(lost)}, which hold{'s' * (len(lost) == 1)} lists or bytes."))
            if len(set(flat)) < len(flat):
                raise InputError(given.name, "two of its columns have the same name.", "Give each column a name of its own.")
            declared = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
            if declared > 10 * MAX_FILE:
                raise InputError(given.name, f"it would unpack to {declared / 1e9:.1f} GB.", "Keep fewer rows or columns.")
            table = file.read(columns=flat)
            # Without pandas' own notes: it would take columns away to make an index of them.
            frame = pa.table({name: _plain(table[name]) for name in flat}).to_pandas(ignore_metadata=True)
    except (pa.ArrowException, OSError, ValueError, TypeError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(given.name, f"it is damaged, or no Parquet file ({_line(error)}).", "Copy or make the file again.") from error
    for name in frame.columns:
        if isinstance(frame[name].dtype, pd.StringDtype):
            frame[name] = frame[name].fillna("").str.strip()
    named = _named(frame.rename(columns=lambda name: "index" if re.fullmatch(r"__index_level_\d+__", name) else name))
    return Part(given.title, given.stem, named, rows, given.leads)


def _is_bytes(kind) -> bool:
    import pyarrow as pa

    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)


def _plain(column):
    """A column in a form of which pandas makes no objects and nothing inexact: decimals as float64, whole numbers with gaps as text."""
    import pyarrow as pa

    if pa.types.is_decimal(column.type):
        return column.cast(pa.float64() if column.type.precision <= EXACT else pa.string())
    if pa.types.is_integer(column.type) and column.null_count:
        return column.cast(pa.string())
    if pa.types.is_null(column.type) or pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        return column.cast(pa.string())
    if pa.types.is_dictionary(column.type):
        values = column.combine_chunks()
        return values.dictionary_decode().cast(pa.string()).dictionary_encode()
    return column


def read_csv(given: Given, choices: Dialect, notes: list[Note]) -> tuple[Part, dict[str, str]]:
    """A CSV file, and what was found out about it.

    Raises
    ------
    InputError
        It is empty, no text, too large, or its lines do not have the same number of columns.
    """
    if given.size > MAX_FILE:
        raise InputError(
            given.name, f"it has {given.size / 1e6:,.0f} MB.", f"Give at most {MAX_FILE >> 20} MB: save it as Parquet, or keep fewer rows."
        )
    with given.open() as stream:
        encoding, lines = encodings.find(given, stream, choices.encoding)
        stream.seek(0)
        content = stream.read(HEAD)
        head = codecs.getincrementaldecoder(encoding)("replace").decode(content).lstrip("\ufeff")
        if not head.strip(" \r\n\t"):
            raise InputError(given.name, "the file is empty.", "Give a table with a line of column names and a line for each sample.")
        if len(content) == HEAD and "\n" not in head and "\r" not in head:
            raise InputError(given.name, f"it has {head.count(',') + 1:,} columns or more.", f"Keep at most {MAX_COLUMNS:,}.")
        head = whole_lines(head) if len(content) == HEAD else head
        sep = separator(head) if choices.separator == "automatic" else SEPARATORS[choices.separator]
        width = width_of(first_rows(head, sep))
        _check_size(given, lines, width)
        try:
            frame = _cells(given, stream, encoding, sep, width, notes)
        except (ValueError, csv.Error, OverflowError) as error:  # ParserError among them
            raise InputError(
                given.name, f"its lines cannot be read as columns ({_line(error)}).", "Check the separator, and quotes that are not closed."
            ) from error
    if not len(frame):
        raise InputError(given.name, "it holds no rows.", "Give a table with a line of column names and a line for each sample.")
    header = names_columns(frame) if choices.header == "automatic" else choices.header == "yes"
    frame, rows = _below_header(given, frame, notes) if header else (frame, len(frame))
    if not header:
        frame.columns = [f"column {i + 1}" for i in range(frame.shape[1])]
    sign: Sign | None = {"point": ".", "comma": ","}.get(choices.decimal)  # pyright: ignore[reportAssignmentType]
    part = Part(given.title, given.stem, _named(frame), rows, given.leads, sign)
    facts = {"Separator": {v: k for k, v in SEPARATORS.items()}[sep], "Encoding": encodings.TITLES[encoding]}
    if "," in part.signs.values():
        facts["Decimal sign"] = "comma"
    if not header:
        facts["Column names"] = "none in the file"
    return part, facts


def _cells(given: Given, stream: BinaryIO, encoding: str, sep: str, width: int, notes: list[Note]) -> pd.DataFrame:
    """Every cell of the file, the line of column names among them, with quotes that are never closed as plain signs."""
    with _text(stream, encoding, None) as text:
        lines = quoted = 0
        for line in lines_of(text):
            lines, quoted = lines + 1, quoted or '"' in line
    frame = None
    with _text(stream, encoding, "") as text:
        try:
            frame = cells(text, sep, width)
        except pd.errors.ParserError as error:
            if "EOF inside string" not in str(error):
                raise
    if frame is not None and (not quoted or len(frame) >= lines):
        return frame
    with _text(stream, encoding, None) as text:
        plain, freed = unswallowed(list(lines_of(text)), sep, width)
    if freed:
        what = f"Quotes that are not closed are read as plain signs in {freed:,} lines; each of these lines is a row."
        notes.append(Note(given.title, what))
    return cells(io.StringIO(plain), sep, width) if freed or frame is None else frame


def _below_header(given: Given, frame: pd.DataFrame, notes: list[Note]) -> tuple[pd.DataFrame, int]:
    """The rows below the line of column names with these names, and how many there are with lines that repeat the names."""
    names = [str(cell) for cell in frame.iloc[0]]
    below = frame.iloc[1:].reset_index(drop=True)
    if len(names) > 1 and not names[-1] and len(below):
        if below.iloc[:, -1].eq("").all():  # each line ends with a separator
            names, below = names[:-1], below.iloc[:, :-1]
        elif all(names[:-1]):  # as R writes row names: above them stands nothing, not even a separator
            names = ["row", *names[:-1]]
    repeats = below.eq(names).all(axis=1) if any(names) else pd.Series(False, index=below.index)
    if repeats.any():
        count = int(repeats.sum())
        notes.append(Note(given.title, f"Left out: {count:,} lines that repeat the names of the columns.", count))
    rows, below = len(below), below[~repeats].reset_index(drop=True)
    below.columns = names
    return below, rows


@contextmanager
def _text(stream: BinaryIO, encoding: str, newline: str | None) -> Iterator[io.TextIOWrapper]:
    """The file from its beginning as text; it stays open."""
    stream.seek(0)
    text = io.TextIOWrapper(io.BufferedReader(_Kept(stream)), encoding=encoding, newline=newline)
    yield text
    text.detach()


class _Kept(io.RawIOBase):
    """A stream that stays open when its reader is thrown away."""

    def __init__(self, stream: BinaryIO):
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        content = self._stream.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


def _check_size(given: Given, rows: int, columns: int) -> None:
    if columns > MAX_COLUMNS:
        raise InputError(given.name, f"it has {columns:,} columns.", f"Keep at most {MAX_COLUMNS:,}.")
    if rows * columns > MAX_CELLS:
        raise InputError(
            given.name, f"it has about {rows:,} rows and {columns:,} columns.", f"Keep at most {MAX_CELLS / 1e6:.0f} million cells."
        )


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with clean column names, none of them twice."""
    names = [str(name).strip() or f"column {i + 1}" for i, name in enumerate(frame.columns)]
    frame.columns = distinct(names, 60, "column")
    return frame


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120].removeprefix("Error tokenizing data. C error: ").rstrip(".")
