"""Columns as numbers that a network can learn from: gaps filled, amounts scaled, a column for each kind; all by scikit-learn."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
import pandas as pd

from core.domains.reading.base import Note, few
from core.domains.reading.frames import MOST_KINDS, Column
from core.domains.reading.names import distinct
from core.domains.reading.values import DOUBTFUL, HUGE
from core.errors import InputError

LONGEST = 200  # letters of an input's name: its column's, and that of one of its kinds


class Treatment(Protocol):
    """The choices of how gaps are filled and amounts scaled."""

    @property
    def missing(self) -> Literal["median", "mean", "most_frequent", "drop"]: ...

    @property
    def scale(self) -> Literal["standard", "none"]: ...


def raw_inputs(amounts: list[Column], kinds: list[Column], absent: frozenset[str], rows: np.ndarray, notes: list[Note]) -> pd.DataFrame:
    """The values of ``rows`` as float64 and as names, NaN and None where they are missing. Columns without any are left out."""
    table = {}
    for column in amounts:
        table[column.name] = _amounts(column, rows, notes)
    for column in kinds:
        table[column.name] = pd.Series(column.names(absent)[rows], dtype=object)
        _say_kinds(column, absent, rows, notes)
    empty = [name for name, values in table.items() if values.isna().all()]
    notes += [Note(name, "Left out: none of its values can be used.") for name in empty]
    return pd.DataFrame({name: values for name, values in table.items() if name not in empty}, index=range(int(rows.sum())))


def say_gaps(table: pd.DataFrame, domains: np.ndarray, how: str, notes: list[Note]) -> None:
    """Say what is missing, and which domain knows nothing of a column at all."""
    for name in table.columns:
        gaps = table[name].isna()
        if not gaps.any():
            continue
        notes.append(Note(name, f"{int(gaps.sum()):,} missing values: {how}."))
        whole = gaps.groupby(domains).all()
        for domain in whole.index[whole]:
            notes.append(Note(name, f"{domain} knows no value of it: what stands there instead is made up."))


def encoded(where: str, table: pd.DataFrame, kinds: list[str], options: Treatment) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """float32 inputs N×D, bool N×D where they were filled in, and D names: numbers scaled, categories one column per kind.

    Raises
    ------
    InputError
        No column is left.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    amounts = [name for name in table.columns if name not in kinds]
    kinds = [name for name in table.columns if name in kinds]
    if not amounts and not kinds:
        raise InputError(where, "no column is left to learn from.", "Choose fewer columns to leave out, or another label.")
    numeric = [SimpleImputer(strategy=options.missing if options.missing != "drop" else "median")]
    numeric += [StandardScaler()] if options.scale == "standard" else []
    steps = [("amounts", make_pipeline(*numeric), amounts)] if amounts else []
    if kinds:
        # scikit-learn declares no types, and its default for what is missing is a number.
        usual = SimpleImputer(missing_values=None, strategy="most_frequent")  # pyright: ignore[reportArgumentType]
        encoder = OneHotEncoder(sparse_output=False, max_categories=MOST_KINDS)
        steps += [(f"kinds of column {i}", make_pipeline(usual, encoder), [name]) for i, name in enumerate(kinds)]
    change = ColumnTransformer(steps).fit(table)
    values = np.asarray(change.transform(table), np.float32)
    missing = np.zeros(values.shape, bool)
    for step, _, columns in steps:
        missing[:, change.output_indices_[step]] = table[columns].isna()
    names = [name.partition("__")[2] for name in change.get_feature_names_out()]
    return values, missing, tuple(distinct(names, LONGEST))


def _amounts(column: Column, rows: np.ndarray, notes: list[Note]) -> pd.Series:
    numbers = column.numbers[rows]
    if not column.native:
        unread = column.known[rows] & np.isnan(numbers)
        words = pd.Series(column.words[rows][unread], dtype="str")
        others = words[~words.str.lower().isin(DOUBTFUL)] if len(words) else words
        if len(others):
            shown = few([f"“{word[:40]}”" for word in others.unique()], 3)
            notes.append(Note(column.name, f"{len(others):,} values are not numbers and count as missing: {shown}."))
        percent = pd.Series(column.words[rows], dtype="str").str.endswith("%").sum()
        if percent:
            notes.append(Note(column.name, f"{percent:,} values are percent: 12 % is read as 0.12."))
    endless = ~(np.abs(numbers) < HUGE) & ~np.isnan(numbers)
    if endless.any():
        notes.append(Note(column.name, f"{int(endless.sum()):,} infinite or huge values count as missing."))
    return pd.Series(np.where(endless, np.nan, numbers))


def _say_kinds(column: Column, absent: frozenset[str], rows: np.ndarray, notes: list[Note]) -> None:
    """Say which doubtful words are taken as names, and that rare ones of very many kinds share a column."""
    words = pd.Series(column.words[rows], dtype="str")
    named = sorted(set(words[column.doubtful[rows] & ~words.str.lower().isin(absent)]))
    if named:
        notes.append(Note(column.name, f"{few([f'“{word}”' for word in named])} counts as a name here, not as missing."))
    if column.kinds > MOST_KINDS:
        notes.append(Note(column.name, f"Of its {column.kinds:,} different values the rarest share one column."))
