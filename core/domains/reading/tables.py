"""Tables, as rows of numbers or as texts: which column is what, and how its values become numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from core.domains.reading.base import Given, Note, Options, Progress, Raw, Reading, clean, few, settle
from core.domains.reading.columns import read_csv, read_parquet
from core.errors import InputError

MOST_KINDS = 50  # different values of a category
LABEL_NAMES = ("label", "class", "target", "y", "category", "outcome", "diagnosis", "species")
DOMAIN_NAMES = ("domain", "site", "population", "environment", "hospital", "source")
TEXT_NAMES = ("text", "review", "sentence", "message", "comment", "tweet", "document", "body", "content")
TOO_MANY = 20  # classes that might as well be amounts
COUNTER_NAMES = ("", "id", "index", "row", "unnamed: 0", "column 1")
NONE = "none"
# Letters of a text that are kept.
MAX_TEXT = 5000


class TableOptions(Options):
    """What the columns mean, and how their values become numbers. A column is named as in the file; "" lets the program guess."""

    label: str = Field("", description="The column with the class; none: there is none.")
    domain: str = Field("", description="The column that tells the domains apart; none: each file is a domain.")
    text: str = Field("", description="The column with texts; none: the samples are rows of numbers.")
    ignored: tuple[str, ...] | None = Field(None, description="Columns that are left out.")
    categories: tuple[str, ...] | None = Field(None, description="Columns whose values are kinds of something, not amounts.")
    missing: Literal["median", "mean", "most_frequent", "drop"] = Field(
        "median", description="What fills a missing number; a missing category becomes its most frequent one. drop: leave the row out."
    )
    scale: Literal["standard", "none"] = Field(
        "standard", description="standard: each column of numbers gets mean 0 and deviation 1, over the rows of all domains together."
    )
    cut: float | None = Field(
        None, description="Makes two classes of a label that is a number: below it, and from it on.", allow_inf_nan=False
    )
    separator: Literal["automatic", "comma", "semicolon", "tab", "bar"] = Field("automatic", description="What stands between two columns.")
    decimal: Literal["automatic", "point", "comma"] = Field("automatic", description="The decimal sign.")


def read(givens: Sequence[Given], options: TableOptions, on_progress: Progress | None = None) -> Reading:
    """CSV or Parquet files with a line for each sample.

    Several files are read together: only columns that all of them have are used, and values are filled in, scaled and encoded alike.

    Raises
    ------
    InputError
        A file cannot be read, a chosen column is not there, or nothing is left to learn from.
    """
    notes: list[Note] = []
    frames, facts, lines = [], {}, {}
    for given in givens:
        with given.open() as stream:
            parquet = stream.read(4) == b"PAR1"
        if parquet:
            frame = read_parquet(given, notes)
        else:
            frame, facts = read_csv(given, options.separator, options.decimal, notes)
        lines[given.title] = len(frame)
        frames.append(frame.assign(**{_FILE: given.stem}))
    where = ", ".join(given.name for given in givens)
    frame = _together(where, frames, notes)
    full = _complete(where, frame, options, notes)
    frame, labels = _labels(where, frame, full, notes)
    domains = frame[_FILE] if full.domain == NONE else frame[full.domain].astype(str).map(clean)
    facts = {"Rows": f"{len(frame):,}"} | facts
    choices = dict.fromkeys(("label", "domain", "text", "ignored", "categories"), tuple(c for c in frame.columns if c != _FILE))
    columns = None
    if full.text != NONE:
        values, kind = _texts(where, frame[full.text], full.text, notes), "text"
        kept = values.ne("").to_numpy()
    else:
        (values, kept), kind = _numbers(where, frame, full, notes), "features"
        columns = tuple(values.columns)
        facts["Columns"] = few(columns, 12)
    raws = []
    for name in sorted(domains.unique()):
        rows = kept & (domains == name).to_numpy()
        inputs = tuple(values[rows]) if kind == "text" else values.to_numpy(np.float32)[rows]
        raws.append(_raw(name, inputs, None if labels is None else labels[rows], notes))
    return settle(where, kind, raws, full, notes, lines, facts=facts, choices=choices, columns=columns)


_FILE = "\0file"


def _together(where: str, frames: list[pd.DataFrame], notes: list[Note]) -> pd.DataFrame:
    """All rows, with the columns that every file has."""
    shared = [c for c in frames[0].columns if all(c in frame.columns for frame in frames)]
    lost = {c for frame in frames for c in frame.columns} - set(shared)
    if lost:
        notes.append(Note("columns", f"Left out: {few(lost)}, which not every file has."))
    if shared == [_FILE]:
        raise InputError(where, "the files have no column in common.", "Give files with the same columns.")
    frame = pd.concat([frame[shared] for frame in frames], ignore_index=True)
    if not len(frame):
        raise InputError(where, "it holds no rows.", "Give a table with a line for each sample.")
    return frame


def _complete(where: str, frame: pd.DataFrame, options: TableOptions, notes: list[Note]) -> TableOptions:
    """The options with every guess made."""
    names = [c for c in frame.columns if c != _FILE]
    for field in ("label", "domain", "text", "ignored", "categories"):
        value = getattr(options, field)
        for name in (value,) if isinstance(value, str) else value or ():
            if name not in ("", NONE, *names):
                raise InputError(f"options.{field}", f"there is no column {name[:60]!r} in {where}.", f"Choose one of: {few(names, 12)}.")
    found = options.model_dump()
    taken = {options.label, options.domain, options.text}
    if not options.domain:
        found["domain"] = next((c for c in names if c.lower() in DOMAIN_NAMES and c not in taken and 2 <= frame[c].nunique() <= 20), NONE)
    if not options.label:
        found["label"] = _guess_label(frame, [c for c in names if c not in taken | {found["domain"]}])
    if not options.text:
        free = [c for c in names if c not in taken | {found["domain"], found["label"]}]
        found["text"] = next((c for c in free if _looks_like_text(frame[c], c)), NONE)
    free = [c for c in names if c not in {found["domain"], found["label"], found["text"]}]
    if options.ignored is None:
        reasons = {c: reason for c in free if found["text"] == NONE and (reason := _useless(frame[c], c, options.categories or ()))}
        notes += [Note(c, f"Left out: {reason}.") for c, reason in list(reasons.items())[:50]]
        found["ignored"] = tuple(reasons)
    if options.categories is None:
        found["categories"] = tuple(c for c in free if c not in found["ignored"] and not pd.api.types.is_numeric_dtype(frame[c]))
        found["categories"] += tuple(c for c in free if c not in found["ignored"] and pd.api.types.is_bool_dtype(frame[c]))
    return TableOptions(**found)


def _guess_label(frame: pd.DataFrame, names: list[str]) -> str:
    """A column that is called like one, else the last one if it has few different values."""
    called = [c for c in names if c.lower() in LABEL_NAMES]
    if called:
        return called[0]
    if names and frame[names[-1]].nunique() <= 20 and not (frame[names[-1]].dropna().map(_fraction).any()):
        return names[-1]
    return NONE


def _fraction(value: object) -> bool:
    return isinstance(value, float) and value != np.floor(value)


def _looks_like_text(column: pd.Series, name: str) -> bool:
    if pd.api.types.is_numeric_dtype(column) or not pd.api.types.is_string_dtype(column):
        return False
    sample = column.dropna().head(500).astype(str)
    if not len(sample):
        return False
    several = (sample.str.split().map(len) >= 3).mean()
    return bool(several > 0.5 and sample.nunique() > len(sample) / 2) or (name.lower() in TEXT_NAMES and sample.nunique() > MOST_KINDS)


def _useless(column: pd.Series, name: str, categories: Sequence[str]) -> str | None:
    """Why a column cannot be an input, or None."""
    known = column.dropna()
    if not len(known):
        return "all of its values are missing"
    numbers = pd.api.types.is_numeric_dtype(column)
    if known.nunique() == 1 and len(known) == len(column):
        return "it has the same value in every row"
    if not numbers and not (
        pd.api.types.is_string_dtype(column) or isinstance(column.dtype, pd.CategoricalDtype) or column.dtype == object
    ):
        return f"its values are of type {column.dtype}"
    if (not numbers or name in categories) and known.astype(str).nunique() > MOST_KINDS:
        return f"it has {known.astype(str).nunique():,} different values that are not numbers"
    if numbers and name.lower() in COUNTER_NAMES and pd.api.types.is_integer_dtype(column) and (column.diff().dropna() == 1).all():
        return "it only counts the rows"
    return None


def _labels(where: str, frame: pd.DataFrame, options: TableOptions, notes: list[Note]) -> tuple[pd.DataFrame, np.ndarray | None]:
    """Rows of a known domain, and class names with None where there is none."""
    if options.domain != NONE:
        unknown = frame[options.domain].isna()
        if unknown.any():
            notes.append(Note(options.domain, f"Left out: {int(unknown.sum()):,} rows without a domain.", int(unknown.sum())))
            frame = frame[~unknown].reset_index(drop=True)
    if options.label == NONE:
        return frame, None
    column = frame[options.label]
    if options.cut is not None:
        if not pd.api.types.is_numeric_dtype(column):
            raise InputError("options.cut", f"the label {options.label} is not a number.", "Leave the cut empty.")
        names = np.where(column >= options.cut, f"≥ {options.cut:g}", f"< {options.cut:g}").astype(object)
    else:
        names = column.map(_class_name).to_numpy(object)
        different = pd.Series(names).nunique()
        if different > TOO_MANY and (pd.api.types.is_float_dtype(column) or different > column.notna().sum() / 3):
            raise InputError(
                where,
                f"the label {options.label} has {different:,} different values.",
                "Choose another label column, or a cut that makes two classes of a number.",
            )
    names[column.isna().to_numpy()] = None
    return frame, names


def _class_name(value: object) -> str:
    return f"{int(value)}" if isinstance(value, float) and value.is_integer() else clean(str(value))


def _raw(name: str, inputs, labels: np.ndarray | None, notes: list[Note]) -> Raw:
    """A domain; rows without a class are left out where others have one."""
    name = clean(name, 60) or "unnamed"
    if labels is None:
        return Raw(name, inputs, None)
    unknown = np.array([label is None for label in labels], bool)
    if unknown.all():
        return Raw(name, inputs, None)
    if unknown.any():
        notes.append(Note(name, f"Left out: {int(unknown.sum()):,} rows without a class.", int(unknown.sum())))
        keep = np.flatnonzero(~unknown)
        inputs = tuple(inputs[i] for i in keep) if isinstance(inputs, tuple) else inputs[keep]
    return Raw(name, inputs, labels[~unknown])


def _texts(where: str, column: pd.Series, name: str, notes: list[Note]) -> pd.Series:
    """Each text with its white space made plain; empty where there is none."""
    if pd.api.types.is_numeric_dtype(column):
        raise InputError(where, f"the column {name} holds numbers, not texts.", "Choose the column with the texts, or none.")
    written = [str(text) for text in column.fillna("").astype(str)]
    plain = [" ".join(text[:MAX_TEXT].encode("utf-8", "replace").decode("utf-8").split()) for text in written]
    texts = pd.Series(plain, index=column.index, dtype=object)
    empty, longer = plain.count(""), sum(len(text) > MAX_TEXT for text in written)
    if empty:
        notes.append(Note(name, f"Left out: {empty:,} rows without a text.", empty))
    if longer:
        notes.append(Note(name, f"{longer:,} texts are longer than {MAX_TEXT:,} letters and lose their end."))
    return texts


def _numbers(where: str, frame: pd.DataFrame, options: TableOptions, notes: list[Note]) -> tuple[pd.DataFrame, np.ndarray]:
    """float32 inputs, and which rows are kept: numbers filled in and scaled, categories one column per kind, all by scikit-learn."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    special = {options.label, options.domain, _FILE, *(options.ignored or ())}
    used = [c for c in frame.columns if c not in special]
    kinds = [c for c in used if c in (options.categories or ())]
    amounts = [c for c in used if c not in kinds]
    if not used:
        raise InputError(where, "no column is left to learn from.", "Choose fewer columns to leave out, or another label.")
    table = frame[used].copy()
    for c in amounts:
        table[c] = _amounts(where, table[c], c, notes)
    for c in kinds:
        words = [None if pd.isna(value) else clean(str(value)) for value in table[c]]
        table[c] = pd.Series(words, index=table.index, dtype=object)
    empty = [c for c in used if table[c].isna().all()]
    if empty:
        raise InputError(where, f"all values of {few(empty)} are missing.", "Leave these columns out.")
    for c in [c for c in used if table[c].isna().any()]:
        share = int(table[c].isna().sum())
        how = "their rows are left out" if options.missing == "drop" else "filled in"
        notes.append(Note(c, f"{share:,} missing values: {how}."))
    numeric = [SimpleImputer(strategy=options.missing if options.missing != "drop" else "median")]
    numeric += [StandardScaler()] if options.scale == "standard" else []
    encoder = OneHotEncoder(sparse_output=False, max_categories=MOST_KINDS)
    steps = [("amounts", make_pipeline(*numeric), amounts)] if amounts else []
    if kinds:
        # scikit-learn declares no types, and its default for what is missing is a number.
        usual = SimpleImputer(missing_values=None, strategy="most_frequent")  # pyright: ignore[reportArgumentType]
        steps.append(("kinds", make_pipeline(usual, encoder), kinds))
    whole = table.notna().all(axis=1).to_numpy() if options.missing == "drop" else np.ones(len(table), bool)
    if not whole.any():
        raise InputError(where, "every row has a missing value.", "Choose another way to treat missing values.")
    if not whole.all():
        lost = int((~whole).sum())
        notes.append(Note("rows", f"Left out: {lost:,} rows with a missing value.", lost))
    change = ColumnTransformer(steps, verbose_feature_names_out=False).fit(table[whole])
    return pd.DataFrame(np.asarray(change.transform(table)), columns=change.get_feature_names_out(), dtype=np.float32), whole


def _amounts(where: str, column: pd.Series, name: str, notes: list[Note]) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce").astype(np.float64)
    words = int((numbers.isna() & column.notna()).sum())
    if words:
        notes.append(Note(name, f"{words:,} values are not numbers and count as missing."))
    endless = int((~np.isfinite(numbers) & numbers.notna()).sum() + (numbers.abs().between(1e30, np.finfo(float).max)).sum())
    if endless:
        notes.append(Note(name, f"{endless:,} infinite or huge values count as missing."))
    return numbers.where(numbers.abs() < 1e30)
