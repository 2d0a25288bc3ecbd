"""A CSV or Parquet file as a data frame: separator, encoding and header found out, its size checked before it is read."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from typing import BinaryIO

import pandas as pd

from core.domains.reading import encodings
from core.domains.reading.base import Given, Note, clean
from core.errors import InputError

MAX_FILE = 100 * 2**20  # bytes
MAX_COLUMNS = 10_000
MAX_CELLS = 20_000_000
HEAD = 2**20  # bytes that decide about separator, decimal sign and header
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}


def read_parquet(given: Given, notes: list[Note]) -> pd.DataFrame:
    """The flat columns of a Parquet file.

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
            flat = [f.name for f in schema if not (pa.types.is_nested(f.type) or pa.types.is_binary(f.type))]
            if len(flat) < len(schema):
                notes.append(Note(given.stem, f"Left out: {len(schema) - len(flat)} columns that hold lists or bytes."))
            if len(set(flat)) < len(flat):
                raise InputError(given.name, "two of its columns have the same name.", "Give each column a name of its own.")
            declared = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
            if declared > 10 * MAX_FILE:
                raise InputError(given.name, f"it would unpack to {declared / 1e9:.1f} GB.", "Keep fewer rows or columns.")
            frame = file.read(columns=flat).to_pandas()
    except (pa.ArrowException, OSError, ValueError, TypeError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(given.name, f"it is damaged, or no Parquet file ({_line(error)}).", "Copy or make the file again.") from error
    return _named(given, frame)


def read_csv(
    given: Given, separator: str, decimal: str, notes: list[Note], chosen: encodings.Encoding = "automatic"
) -> tuple[pd.DataFrame, dict[str, str]]:
    """A CSV file, and what was found out about it. ``separator`` is a name in `SEPARATORS` or "automatic"; so is ``decimal``.

    ``chosen`` is how its text is encoded; "automatic" finds it out.

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
        encoding, lines = encodings.find(given, stream, chosen)
        stream.seek(0)
        head = codecs.getincrementaldecoder(encoding)("replace").decode(stream.read(HEAD))
        if not head.strip("\ufeff \r\n\t"):
            raise InputError(given.name, "the file is empty.", "Give a table with a line of column names and a line for each sample.")
        sep = _separator(head) if separator == "automatic" else SEPARATORS[separator]
        rows = list(_rows(head, sep, 50))
        width = max(map(len, rows))
        if width > MAX_COLUMNS or (len(head) >= HEAD // 2 and "\n" not in head):
            raise InputError(given.name, f"it has {width:,} columns or more.", f"Keep at most {MAX_COLUMNS:,}.")
        _check_size(given, lines, width)
        header = not all(_is_number(cell) for cell in rows[0])
        sign = _decimal(rows[header:], sep) if decimal == "automatic" else {"point": ".", "comma": ","}[decimal]
        stream.seek(0)
        try:
            text = io.TextIOWrapper(io.BufferedReader(_Kept(stream)), encoding=encoding, newline="")
            frame = pd.read_csv(text, sep=sep, decimal=sign, header=0 if header else None, low_memory=False, skipinitialspace=True)
            text.detach()
        except (ValueError, csv.Error, OverflowError) as error:  # ParserError among them
            raise InputError(
                given.name, f"its lines cannot be read as columns ({_line(error)}).", "Check the separator, and quotes that are not closed."
            ) from error
    if not header:
        frame.columns = [f"column {i + 1}" for i in range(frame.shape[1])]
    facts = {"Separator": {v: k for k, v in SEPARATORS.items()}[sep], "Encoding": encodings.TITLES[encoding]}
    if sign == ",":
        facts["Decimal sign"] = "comma"
    if not header:
        facts["Column names"] = "none in the file"
    return _named(given, frame), facts


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


def _rows(head: str, sep: str, count: int):
    """The first rows, the last one left out where it may be cut."""
    lines = head.lstrip("\ufeff").splitlines()
    lines = lines[:-1] if len(head) >= HEAD // 4 and len(lines) > 1 else lines
    try:
        for row in csv.reader(lines[:count], delimiter=sep, skipinitialspace=True):
            if row:
                yield row
    except csv.Error:  # one field longer than the module's limit
        yield from (line.split(sep) for line in lines[:count])


def _separator(head: str) -> str:
    """The sign that cuts the first lines into the same number of columns, the most where several do."""
    best = (0.0, 1, ",")
    for sep in SEPARATORS.values():
        widths = Counter(len(row) for row in _rows(head, sep, 50))
        width, times = max(widths.items(), key=lambda item: (item[1], item[0]))
        if width > 1:
            best = max(best, (times / widths.total(), width, sep))
    return best[2]


def _decimal(rows: list[list[str]], sep: str) -> str:
    """A comma, where cells look like 1,5 and none like 1.5."""
    if sep == ",":
        return "."
    cells = [cell.strip() for row in rows for cell in row]
    comma = sum(_is_number(cell.replace(",", ".", 1)) and "," in cell for cell in cells)
    point = sum(_is_number(cell) and "." in cell for cell in cells)
    return "," if comma > point else "."


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _check_size(given: Given, rows: int, columns: int) -> None:
    if columns > MAX_COLUMNS:
        raise InputError(given.name, f"it has {columns:,} columns.", f"Keep at most {MAX_COLUMNS:,}.")
    if rows * columns > MAX_CELLS:
        raise InputError(
            given.name, f"it has about {rows:,} rows and {columns:,} columns.", f"Keep at most {MAX_CELLS / 1e6:.0f} million cells."
        )


def _named(given: Given, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with clean column names, none of them twice."""
    frame = frame.reset_index(drop=True)
    names, seen = [], Counter()
    for i, name in enumerate(frame.columns):
        plain = clean(str(name), 60) or f"column {i + 1}"
        seen[plain] += 1
        names.append(plain if seen[plain] == 1 else f"{plain} ({seen[plain]})")
    frame.columns = names
    return frame


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120].removeprefix("Error tokenizing data. C error: ").rstrip(".")
