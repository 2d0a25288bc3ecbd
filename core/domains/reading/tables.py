"""Tables, as rows of numbers or as texts: the files opened, their columns understood, and every row accounted for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.domains.reading.base import MIN_ROWS, Given, Note, Progress, Raw, Reading, choosing, few, settle
from core.domains.reading.columns import read_csv, read_parquet
from core.domains.reading.encode import encoded, raw_inputs, say_gaps
from core.domains.reading.frames import Column, Part, Table, left_out, together
from core.domains.reading.roles import COLUMN_FIELDS, NONE, TOO_MANY, TableOptions, absent_words, complete
from core.domains.reading.values import DOUBTFUL
from core.errors import InputError

__all__ = ["NONE", "TableOptions", "read"]

# Letters of a text that are kept.
MAX_TEXT = 5000


def read(givens: Sequence[Given], options: TableOptions, on_progress: Progress | None = None) -> Reading:
    """CSV or Parquet files with a line for each sample.

    Several files are read together: inputs are the columns that all of them have, and values are filled in, scaled and encoded alike.
    The class and the domain may be a column of one file alone; rows of the others have no class, and are a domain of their own.

    Raises
    ------
    InputError
        A file cannot be read, a chosen column is not there, or nothing is left to learn from.
    """
    notes: list[Note] = []
    parts, facts = _opened(givens, options, notes)
    where = ", ".join(given.name for given in givens)
    table = together(where, parts, notes)
    choices = {field: tuple(table.columns) for field in COLUMN_FIELDS}
    with choosing(options, choices):
        if len(table) < MIN_ROWS:
            rows = "1 row" if len(table) == 1 else f"{len(table)} rows"
            raise InputError(where, f"it has {rows}.", f"Give at least {MIN_ROWS} per domain.")
        full, reasons = complete(where, table, options, notes)
    with choosing(full, choices):
        left_out(table, {full.label, full.domain}, notes)
        facts = {"Rows": f"{len(table):,}"} | reasons | facts
        return _settled(where, table, full, notes, {part.title: part.rows for part in parts}, facts=facts, choices=choices)


def _opened(givens: Sequence[Given], options: TableOptions, notes: list[Note]) -> tuple[list[Part], dict[str, str]]:
    parts, facts = [], {}
    for given in givens:
        with given.open() as stream:
            parquet = stream.read(4) == b"PAR1"
        if parquet:
            part = read_parquet(given, notes)
        else:
            part, facts = read_csv(given, options, notes)
        parts.append(part)
    return parts, facts


class _Rows:
    """Which rows are used; each row that is not is said once, with the first reason that holds for it."""

    def __init__(self, count: int, notes: list[Note]):
        self.used, self._notes = np.ones(count, bool), notes

    def lose(self, rows: np.ndarray, where: str, why: str) -> None:
        lost = self.used & rows
        if lost.any():
            self._notes.append(Note(where, f"Left out: {int(lost.sum()):,} rows {why}.", int(lost.sum())))
        self.used &= ~rows


def _settled(where: str, table: Table, options: TableOptions, notes: list[Note], given: dict[str, int], **more: Any) -> Reading:
    """The samples of each domain, with every row either among them or said to be left out."""
    rows, absent = _Rows(len(table), notes), absent_words(table, options)
    for i, part in enumerate(table.parts):
        rows.lose((table.part_of == i) & _nothing(table), part.title, "in which nothing is written")
    domains = _domains(table, options, absent, rows, notes)
    labels = _labels(where, table, options, absent, domains, notes)
    missing = None
    if options.text != NONE:
        kind, columns = "text", None
        inputs = _texts(where, table, options, notes)
        _lose_by_domain(rows, domains, inputs == "", "without a text")
    else:
        kind = "features"
        inputs, missing, columns = _features(where, table, options, absent, domains, rows, notes)
        more["facts"]["Columns"] = few(columns, 12)
    raws = []
    classified = np.zeros(len(table), bool) if labels is None else labels != None  # noqa: E711  (of each element)
    for name in sorted({str(d) for d in domains[rows.used]}):
        here = domains == name
        if (here & rows.used & classified).any():
            rows.lose(here & ~classified, name, "without a class")
        chosen = here & rows.used
        known = None if labels is None or not (chosen & classified).any() else labels[chosen]
        gaps = None if missing is None else missing[chosen]
        raws.append(Raw(name, tuple(inputs[chosen]) if kind == "text" else inputs[chosen], known, missing=gaps))
    return settle(where, kind, raws, options, notes, given, columns=columns, **more)


def _nothing(table: Table) -> np.ndarray:
    """Rows in which no cell holds anything."""
    return ~np.any([column.known for column in table], axis=0)


def _lose_by_domain(rows: _Rows, domains: np.ndarray, lost: np.ndarray, why: str) -> None:
    for name in sorted({str(d) for d in domains[rows.used & lost]}):
        rows.lose(lost & (domains == name), name, why)


def _domains(table: Table, options: TableOptions, absent: frozenset[str], rows: _Rows, notes: list[Note]) -> np.ndarray:
    """The domain of each row: its value in a column, its file where the file has no such column; rows of unknown domain are left out."""
    files = np.array([part.stem for part in table.parts], object)[table.part_of]
    if options.domain == NONE:
        return files
    column = table.columns[options.domain]
    names = column.names(absent, 60)
    inside = np.array([piece.cells is not None for piece in column.pieces])[table.part_of]
    rows.lose(inside & (names == None), options.domain, "without a domain")  # noqa: E711  (of each element)
    taken = {name for name in names if name is not None}
    outside = {stem: f"{stem} (file)" if stem in taken else stem for stem in set(files[~inside])}
    if outside:
        notes.append(Note(options.domain, f"{few(sorted(outside.values()))}: a domain of its own, as the file has no such column."))
    _say_spellings(column, notes)
    return np.where(inside, names, [outside.get(stem, stem) for stem in files])


def _labels(
    where: str, table: Table, options: TableOptions, absent: frozenset[str], domains: np.ndarray, notes: list[Note]
) -> np.ndarray | None:
    """The name of the class of each row, None where it is unknown; None altogether where no column says it."""
    if options.label == NONE:
        return None
    column = table.columns[options.label]
    if options.cut is not None:
        return _cut(column, options.cut)
    names = column.names(absent)
    different = len({name for name in names if name is not None})
    fractions = column.is_number and bool((column.numbers[~np.isnan(column.numbers)] % 1 != 0).any())
    if different > TOO_MANY and (fractions or different > column.known.sum() / 3):
        raise InputError(
            where,
            f"the label {options.label} has {different:,} different values.",
            "Choose another label column, or a cut that makes two classes of a number.",
        )
    if options.doubtful != "names":
        for name in sorted({str(d) for d in domains}):  # all of a domain's rows are of class NA: they have none
            here = domains == name
            if all(label is None or label.lower() in DOUBTFUL for label in names[here]) and column.doubtful[here].any():
                words = few(sorted(set(column.words[here & column.doubtful])))
                notes.append(Note(name, f"It has no classes: nothing but {words} stands in the column {options.label}."))
                names[here] = None
    named = sorted({label for label in names if label is not None and label.lower() in DOUBTFUL})
    if named:
        notes.append(Note(options.label, f"{few([f'“{label}”' for label in named])} counts as a class, not as missing."))
    _say_spellings(column, notes)
    return names


def _cut(column: Column, cut: float) -> np.ndarray:
    if not column.is_number:
        raise InputError("options.cut", f"the label {column.name} is not a number.", "Leave the cut empty.")
    names = np.where(column.numbers >= cut, f"≥ {cut:g}", f"< {cut:g}").astype(object)
    names[np.isnan(column.numbers)] = None
    return names


def _say_spellings(column: Column, notes: list[Note]) -> None:
    """Say which values are one although they are written in several ways."""
    alike = column.spellings()
    if alike:
        shown = few([" and ".join(sorted(words)) for words in alike.values()], 3)
        notes.append(Note(column.name, f"Read as one: {shown}."))


def _texts(where: str, table: Table, options: TableOptions, notes: list[Note]) -> np.ndarray:
    """Each text with its white space made plain; empty where there is none."""
    column = table.columns[options.text]
    if column.is_number:
        raise InputError(where, f"the column {column.name} holds numbers, not texts.", "Choose the column with the texts, or none.")
    written = [word if known else "" for word, known in zip(column.words, column.known, strict=True)]
    plain = [" ".join(text[:MAX_TEXT].encode("utf-8", "replace").decode("utf-8").split()) for text in written]
    longer = sum(len(text) > MAX_TEXT for text in written)
    if longer:
        notes.append(Note(column.name, f"{longer:,} texts are longer than {MAX_TEXT:,} letters and lose their end."))
    return np.array(plain, object)


def _features(
    where: str, table: Table, options: TableOptions, absent: frozenset[str], domains: np.ndarray, rows: _Rows, notes: list[Note]
) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...]]:
    """float32 inputs of all rows, 0 where a row is not used; where they were filled in, if anywhere; and their names.

    Rows without any value, or with gaps, may be left out.
    """
    special = {options.label, options.domain, *(options.ignored or ())}
    used = [table.columns[name] for name in table.shared if name not in special]
    if not used:
        raise InputError(where, *_no_column(table))
    kinds = [column for column in used if column.name in (options.categories or ())]
    amounts = [column for column in used if column not in kinds]
    raw = raw_inputs(amounts, kinds, absent, rows.used, notes)
    asked, gaps = np.flatnonzero(rows.used), raw.isna().to_numpy(bool)
    lost = np.zeros(len(table), bool)
    lost[asked] = gaps.all(axis=1)
    _lose_by_domain(rows, domains, lost, "without a value in any of the columns that are used")
    say_gaps(
        raw[~lost[asked]], domains[asked][~lost[asked]], "their rows are left out" if options.missing == "drop" else "filled in", notes
    )
    if options.missing == "drop":
        lost[asked] = gaps.any(axis=1)
        _lose_by_domain(rows, domains, lost, "with a missing value")
    if not rows.used.any():
        raise InputError(where, "every row has a missing value.", "Choose another way to treat missing values.")
    values, filled, names = encoded(where, raw[rows.used[asked]], [column.name for column in kinds], options)
    inputs, missing = np.zeros((len(table), values.shape[1]), np.float32), np.zeros((len(table), values.shape[1]), bool)
    inputs[rows.used], missing[rows.used] = values, filled
    return inputs, missing if filled.any() else None, names


def _no_column(table: Table) -> tuple[str, str]:
    if not table.shared and len(table.parts) > 1:
        return "the files have no column in common.", "Give files with the same columns."
    return "no column is left to learn from.", "Choose fewer columns to leave out, or another label."
