"""What the columns of a table mean: which one is the class, the domain or the text, which ones are inputs, and why this is believed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from core.domains.reading.base import MAX_CLASSES, Note, Options, few
from core.domains.reading.encodings import Encoding
from core.domains.reading.frames import MOST_KINDS, Column, Table, key
from core.domains.reading.values import DOUBTFUL
from core.errors import InputError
from core.samples.hashing import word_count

# Names that a column of classes has, the plainest first; it may end with one of the first two.
LABEL_NAMES = (
    "label",
    "labels",
    "class",
    "classes",
    "target",
    "y",
    "class_label",
    "category",
    "outcome",
    "diagnosis",
    "species",
    "sentiment",
)
CERTAIN = LABEL_NAMES[:5]  # names that say it whatever the column holds
DOMAIN_NAMES = ("domain", "site", "population", "environment", "hospital", "source")
TEXT_NAMES = ("text", "review", "sentence", "message", "comment", "tweet", "document", "body", "content")
TOO_MANY = 20  # classes that might as well be amounts
COUNTER = re.compile(r"(?i:(?:.*[ _-])?id|index|row|unnamed: 0|column 1)|.*[a-z]I[Dd]", re.DOTALL)
NAMELESS = ("column 1", "unnamed: 0")  # an index may stand there, and anything else
NONE = "none"
COLUMN_FIELDS = ("label", "domain", "text", "ignored", "categories")  # options that name columns


class TableOptions(Options):
    """What the columns mean, and how their values become numbers. A column is named as in the file; "" lets the program guess."""

    label: str = Field("", description="The column with the class, of any of the files; none: there is none.")
    domain: str = Field("", description="The column that tells the domains apart; none: each file is a domain.")
    text: str = Field("", description="The column with texts; none: the samples are rows of numbers.")
    ignored: tuple[str, ...] | None = Field(None, description="Columns that are left out.")
    categories: tuple[str, ...] | None = Field(None, description="Columns whose values are kinds of something, not amounts.")
    missing: Literal["median", "mean", "most_frequent", "drop"] = Field(
        "median", description="What fills a missing number; a missing category becomes its most frequent one. drop: leave the row out."
    )
    doubtful: Literal["automatic", "missing", "names"] = Field(
        "automatic",
        description="What NA, None, unknown or - mean as a class, domain or category: missing, or names. automatic: missing, if the "
        "same word stands for a missing number in these files.",
    )
    scale: Literal["standard", "none"] = Field(
        "standard", description="standard: each column of numbers gets mean 0 and deviation 1, over the rows of all domains together."
    )
    cut: float | None = Field(
        None, description="Makes two classes of a label that is a number: below it, and from it on.", allow_inf_nan=False
    )
    separator: Literal["automatic", "comma", "semicolon", "tab", "bar"] = Field("automatic", description="What stands between two columns.")
    decimal: Literal["automatic", "point", "comma"] = Field("automatic", description="The decimal sign.")
    encoding: Encoding = Field("automatic", description="How the letters of a text file are stored; choose it where they look wrong.")
    header: Literal["automatic", "yes", "no"] = Field("automatic", description="Whether the first line names the columns.")

    @field_validator("label", "domain", "text", mode="before")
    @classmethod
    def _number_as_name(cls, name: Any) -> Any:
        return str(name) if isinstance(name, int | float) else name  # columns may be called 0, 1, 2

    @field_validator("ignored", "categories", mode="before")
    @classmethod
    def _one_as_several(cls, names: Any) -> Any:
        return (str(names),) if isinstance(names, str | int | float) else names


def complete(where: str, table: Table, options: TableOptions, notes: list[Note]) -> tuple[TableOptions, dict[str, str]]:
    """The options with every guess made, and what the class and the domain were known by."""
    found = {field: _resolved(where, table, field, getattr(options, field)) for field in COLUMN_FIELDS}
    facts = {}
    taken = {found["label"], found["domain"], found["text"]}
    if not found["domain"]:
        found["domain"], reason = _domain([c for c in table if c.name not in taken])
        facts["Domains"] = f"by the column {found['domain']}, which {reason}" if found["domain"] != NONE else "one for each file"
    if not found["label"]:
        free = [c for c in table if c.name not in taken | {found["domain"]}]
        found["label"], reason = guess_label(table, free, groups(table, found["domain"]))
        facts["Class"] = reason if found["label"] == NONE else f"the column {found['label']}, because {reason}"
    if not found["text"]:
        free = [c for c in table if c.name in table.shared and c.name not in taken | {found["domain"], found["label"]}]
        found["text"] = next((c.name for c in free if looks_like_text(c)), NONE)
    special = {found["label"], found["domain"], found["text"]}
    free = [c for c in table if c.name in table.shared and c.name not in special]
    if found["ignored"] is None:
        reasons = {}
        if found["text"] == NONE:
            reasons = {c.name: reason for c in free if (reason := useless(c, found["categories"] or ()))}
        notes += [Note(name, f"Left out: {reason}.") for name, reason in list(reasons.items())[:50]]
        found["ignored"] = tuple(reasons)
    if found["categories"] is None:
        found["categories"] = tuple(c.name for c in free if c.name not in found["ignored"] and not c.is_number)
    return options.model_copy(update=found), facts


def groups(table: Table, domain: str) -> np.ndarray:
    """The group of each row in which a class may be unknown: its domain, or its file."""
    if domain == NONE:
        return table.part_of
    words = table.columns[domain].words
    files = table.part_of.astype(str).astype(object)
    return np.where(words == "", files, words)


def _resolved(where: str, table: Table, field: str, value: Any) -> Any:
    """The names of columns that an option gives, as the table has them; capital letters don't matter where they tell nothing apart."""
    if isinstance(value, tuple):
        return tuple(_resolved(where, table, field, name) for name in value)
    if value is None or value == "" or value in table.columns:
        return value
    if value.casefold() == NONE:
        return NONE
    alike = [name for name in table.columns if key(name) == key(value)]
    if len(alike) != 1:
        names = few(list(table.columns), 12)
        raise InputError(f"options.{field}", f"there is no column {value[:60]!r} in {where}.", f"Choose one of: {names}.")
    return alike[0]


def _domain(free: Sequence[Column]) -> tuple[str, str]:
    for column in free:
        if column.name.lower() in DOMAIN_NAMES and 2 <= column.kinds <= 20:
            return column.name, f"is called like one and has {column.kinds} different values"
    return NONE, ""


def guess_label(table: Table, free: Sequence[Column], group: np.ndarray) -> tuple[str, str]:
    """The column with the class, and why: by its name, by being known in one domain alone, or as the last or first of few values.

    Where one file is the source's, only its columns count.
    """
    lead = next((i for i, part in enumerate(table.parts) if part.leads), None)
    own = [c for c in free if c.pieces[lead or 0].cells is not None]
    if lead is not None:
        free = own
    for name in LABEL_NAMES:
        for column in free:
            if column.name.lower() == name and (name in CERTAIN or _is_label(column, name, free)):
                return column.name, f"it is called {column.name}"
    for column in free:
        if re.search(r"(?:[ _-]|[a-z](?=L))(?:label|Label)$", column.name) and is_class_like(column, MAX_CLASSES):
            return column.name, "its name ends with label"
    few_values = {c.name: c for c in free if is_class_like(c) and not _is_coordinate(c, free)}
    for column in reversed([c for c in few_values.values() if _in_some_alone(c, group)]):
        return column.name, f"it has {column.kinds} different values and only some of the domains know it"
    for place, column in (("last", own[-1:]), ("first", own[:1])):
        if column and column[0].name in few_values:
            return column[0].name, f"it is the {place} column and has {column[0].kinds} different values"
    return NONE, "none found: no column is called like one, and neither the last nor the first has few different values"


def is_class_like(column: Column, most: int = TOO_MANY) -> bool:
    """Whether a column could hold classes: words or whole numbers, few of them, each often enough."""
    if column.odd or not 2 <= column.kinds <= min(most, max(int(column.known.sum()) // 2, 2)):
        return False
    if not column.is_number:
        return True
    numbers = column.numbers[~np.isnan(column.numbers)]
    return column.kinds <= TOO_MANY and bool((numbers == np.floor(numbers)).all())


def _is_label(column: Column, name: str, free: Sequence[Column]) -> bool:
    """Whether a column whose name is often that of a class holds one; y may be a coordinate, or an amount that a cut makes classes of."""
    if name != "y":
        return is_class_like(column, MAX_CLASSES)
    others = {c.name.lower() for c in free}
    if _is_coordinate(column, free):
        return False
    return is_class_like(column) or ("x" not in others and column is free[-1])


def _is_coordinate(column: Column, free: Sequence[Column]) -> bool:
    """Whether a column is one of x, y and z: y beside x is one unless it stands last and has few values."""
    names = {c.name.lower() for c in free}
    name = column.name.lower()
    if name not in ("x", "y", "z") or len(names & {"x", "y", "z"}) < 2:
        return False
    return "z" in names or name != "y" or column is not free[-1] or not is_class_like(column)


def _in_some_alone(column: Column, group: np.ndarray) -> bool:
    """Whether all rows of a domain or file lack it, and nearly all of another have it."""
    known = pd.Series(column.known & ~column.doubtful).groupby(group).mean()
    return bool(known.min() == 0 and known.max() >= 0.9)


def looks_like_text(column: Column) -> bool:
    if column.odd or column.is_number or any(p.cells is not None and isinstance(p.cells.dtype, pd.CategoricalDtype) for p in column.pieces):
        return False
    written = pd.Series(column.words[column.known], dtype="str")
    if not len(written):
        return False
    several = float((written.map(word_count) >= 3).mean())
    return (several > 0.5 and column.kinds > len(written) / 2) or (column.name.lower() in TEXT_NAMES and column.kinds > MOST_KINDS)


def useless(column: Column, categories: Sequence[str]) -> str | None:
    """Why a column cannot be an input, or None."""
    if column.odd:
        return f"its values are of type {column.odd}"
    if not column.known.any():
        return "all of its values are missing"
    if column.kinds == 1:
        return "it has the same value in every row" if column.known.all() else "it has the same value in every row that has one"
    if (not column.is_number or column.name in categories) and column.kinds > MOST_KINDS:
        return f"it has {column.kinds:,} different values that are not numbers"
    if column.is_number and COUNTER.fullmatch(column.name):
        files = np.split(column.numbers, np.cumsum([piece.rows for piece in column.pieces])[:-1])
        if all(_numbers_rows(numbers, in_steps=column.name.lower() in NAMELESS) for numbers in files):
            return "it only counts the rows"
    return None


def _numbers_rows(numbers: np.ndarray, in_steps: bool) -> bool:
    """Whether each of the numbers is a whole one of its own; those under no name must rise by one as well."""
    if np.isnan(numbers).any() or (numbers != np.floor(numbers)).any() or len(np.unique(numbers)) < len(numbers):
        return False
    return not in_steps or bool((np.diff(numbers) == 1).all())


def absent_words(table: Table, options: TableOptions) -> frozenset[str]:
    """The doubtful words that mean that a class, a domain or a category is missing."""
    if options.doubtful == "automatic":
        return table.absent([c.name for c in table if c.name not in (options.domain, options.text)])
    return DOUBTFUL if options.doubtful == "missing" else frozenset()
