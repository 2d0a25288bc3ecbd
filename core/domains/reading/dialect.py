"""How a text becomes rows of cells: the separator, quotes that are no quotes, and whether the first line names the columns."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from core.domains.reading.values import MISSING, MOSTLY, lower, to_numbers

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
LOOKED_AT = 50  # lines that decide about the separator
COMPARED = 1000  # rows that the first line is compared with
SENTENCE = 4  # words of a first line's cell that are no column's name
_LINE = re.compile("\r\n|\r|\n")


def first_rows(head: str, sep: str) -> list[list[str]]:
    """The rows of the first lines. ``head`` ends with a whole line."""
    lines = _LINE.split(head)
    try:
        rows = list(csv.reader(lines[:LOOKED_AT], delimiter=sep, skipinitialspace=True))
    except csv.Error:  # one field longer than the module's limit
        rows = [line.split(sep) for line in lines[:LOOKED_AT]]
    return [row for row in rows if row]


def whole_lines(head: str) -> str:
    """The beginning of a long text without its last line, which may be cut."""
    return head[: max(head.rfind("\n"), head.rfind("\r")) + 1] or head


def separator(head: str) -> str:
    """The sign that cuts the first lines into the same number of columns, the most where several do."""
    best = (0.0, 1, ",")
    for sep in SEPARATORS.values():
        widths = Counter(len(row) for row in first_rows(head, sep))
        if not widths:
            continue
        width, times = max(widths.items(), key=lambda item: (item[1], item[0]))
        if width > 1:
            best = max(best, (times / widths.total(), width, sep))
    return best[2]


def width_of(rows: Sequence[Sequence[str]]) -> int:
    """How many columns there are: as many as most rows have, and no fewer than the first one."""
    widths = Counter(map(len, rows))
    return max(len(rows[0]), max(widths, key=lambda width: (widths[width], width)))


def cells(text: io.TextIOBase, sep: str, width: int) -> pd.DataFrame:
    """Every cell as it is written, without white space around it; a line that is too short is filled up with nothing."""
    frame = pd.read_csv(
        text, sep=sep, header=None, names=range(width), dtype="str", na_filter=False, low_memory=False, skipinitialspace=True
    )
    return frame.apply(lambda column: column.fillna("").str.strip()) if len(frame) else frame


def unswallowed(lines: Sequence[str], sep: str, width: int) -> tuple[str, int]:
    """The same text with every quote that is never closed made a plain sign, and how many lines it would have swallowed.

    A cell in quotes may go on over several lines. Where it doesn't end before a separator, or where nearly all of the lines that it
    runs over are good rows by themselves, the quote is a plain sign (an inch, a quotation without its end) and each line is a row.
    """
    rows, freed, over = _rows(lines, sep, width, believed=True)
    if width > 1 and over and sum(over) / len(over) >= 0.9:
        rows, freed, _ = _rows(lines, sep, width, believed=False)
    out = io.StringIO()
    csv.writer(out, delimiter=sep).writerows(rows)
    return out.getvalue(), freed


def _rows(lines: Sequence[str], sep: str, width: int, believed: bool) -> tuple[list[list[str]], int, list[bool]]:
    """The rows, how many lines were freed, and of each line inside a closed quoted cell, whether it is a row by itself."""
    rows, freed, over, i = [], 0, [], 0
    while i < len(lines):
        end = _end(lines, i, sep)
        if end == i:
            rows.append(_strict(lines[i], sep) or next(csv.reader([lines[i]], delimiter=sep, skipinitialspace=True)))
            i += 1
            continue
        joined = None if end is None else _strict("\n".join(lines[i : end + 1]), sep)
        good = [len(_alone(line, sep)) == width for line in lines[i : (end or i) + 1]]
        if joined is not None and len(joined) == width and (believed or not all(good)):
            rows.append(joined)
            over += good
            i += len(good)
        else:
            rows.append(_alone(lines[i], sep))
            freed += 1
            i += 1
    return rows, freed, over


def _end(lines: Sequence[str], first: int, sep: str) -> int | None:
    """The line in which the row that begins in ``first`` ends, if quotes are believed; None where one is never closed."""
    opening, inside = re.compile(rf'(?:^|{re.escape(sep)}) *"'), False
    for number in range(first, len(lines)):
        line, place = lines[number], 0
        while True:
            if inside:
                end = line[place:].replace('""', "\0\0").find('"')
                if end < 0:
                    break
                place, inside = place + end + 1, False
            found = opening.search(line, place)
            if not found:
                return number
            place, inside = found.end(), True
    return None


def _strict(text: str, sep: str) -> list[str] | None:
    """The one row of a text, or None where a quoted cell doesn't end before a separator."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=sep, skipinitialspace=True, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _alone(line: str, sep: str) -> list[str]:
    """A line as a row of its own, in which a quote that isn't closed is a plain sign."""
    return _strict(line, sep) or [cell.strip() for cell in line.split(sep)]


def names_columns(frame: pd.DataFrame) -> bool:
    """Whether the first row names the columns, by what stands below it.

    It does where a word stands over numbers, or a number over words. It doesn't where one of its words comes again below, or is a
    sentence over sentences. Numbers over numbers are names only where they count (0, 1, 2 or 2019, 2020, 2021) and nothing below does.
    """
    if len(frame) < 2:
        return True
    first = frame.iloc[0]
    below = frame.iloc[1 : COMPARED + 1]
    below = below[(below != first).any(axis=1)]  # the names may come again, where files were put one after the other
    if not len(below):
        return False
    counting, repeated = [], False
    for column in frame.columns:
        cell = first[column]
        if cell.lower() in MISSING:
            continue
        words = below[column]
        known = words[~lower(words).isin(MISSING).to_numpy(bool)]
        share = float(np.mean(~np.isnan(to_numbers(known, ".")) | ~np.isnan(to_numbers(known, ",")))) if len(known) else None
        number = _number(cell)
        again = bool((known == cell).any())
        if share is not None and not again and ((share >= MOSTLY and number is None) or (share <= 1 - MOSTLY and number is not None)):
            return True
        if number is None:
            repeated |= again or _sentence_over_sentences(cell, known)
        else:
            counting.append(number)
    return not repeated and (not counting or (_counts(counting) and not _any_counts(below, len(counting) == len(first))))


def _number(cell: str) -> float | None:
    numbers = [float(to_numbers(pd.Series([cell], dtype="str"), sign)[0]) for sign in (".", ",")]
    return next((number for number in numbers if not np.isnan(number)), None)


def _sentence_over_sentences(cell: str, known: pd.Series) -> bool:
    if len(cell.split()) < SENTENCE and len(cell) <= 30:
        return False
    return len(known) > 0 and float(known.str.len().median()) >= len(cell) / 3


def _counts(numbers: Sequence[float]) -> bool:
    """Whether numbers rise in equal steps, and are enough to be no accident."""
    steps = np.diff(numbers)
    if len(numbers) == 2:
        return list(numbers) in ([0, 1], [1, 2])
    return len(numbers) > 2 and steps[0] > 0 and bool(np.allclose(steps, steps[0]))


def _any_counts(below: pd.DataFrame, all_numbers: bool) -> bool:
    """Whether a row below counts as well: then the first one is a row like them."""
    if not all_numbers:
        return False
    numbers = np.stack([to_numbers(below[column], ".") for column in below.columns], 1)
    return any(_counts(row) for row in numbers.tolist())


def lines_of(text: io.TextIOBase) -> Iterator[str]:
    """The lines that are not blank, without their ends."""
    return (line for line in (line.rstrip("\n") for line in text) if line.strip(" "))
