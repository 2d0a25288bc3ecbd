"""Sparse rows in svmlight (libsvm) files, as rows of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO, Literal

import numpy as np
from pydantic import Field

from core.domains.reading.base import Given, Options, Progress, Raw, Reading, settle
from core.errors import InputError

MAX_FILE = 200 * 2**20
MAX_COLUMNS = 20_000
MAX_CELLS = 200_000_000  # of all rows, once the zeros are written out
FORM = "Each line is a class and then index:value pairs with rising indices, for example “1 3:0.5 7:2”."


class SvmlightOptions(Options):
    """How sparse rows become inputs."""

    columns: int = Field(0, ge=0, le=MAX_COLUMNS, description="How many columns there are; 0: up to the largest index found.")
    scale: Literal["none", "rows"] = Field("none", description="rows: each row is brought to length 1, as is usual for word counts.")


def read(givens: Sequence[Given], options: SvmlightOptions, on_progress: Progress | None = None) -> Reading:
    """One domain from each file, read together so that all have the same columns.

    Raises
    ------
    InputError
        A file is no svmlight file, or too large.
    """
    from scipy.sparse import csr_matrix, vstack
    from sklearn.preprocessing import normalize

    loaded, lines = [], {}
    for given in givens:
        if given.size > MAX_FILE:
            raise InputError(given.name, f"it has {given.size / 1e6:,.0f} MB.", f"Give at most {MAX_FILE >> 20} MB; keep fewer rows.")
        try:
            with given.open() as stream:
                lines[given.title] = sum(bool(line.partition(b"#")[0].strip()) for line in stream)
            with given.open() as stream:
                loaded.append(_loaded(stream))
        except (ValueError, OverflowError, IndexError, TypeError, UnicodeDecodeError) as error:
            raise InputError(given.name, f"it cannot be read as svmlight ({str(error)[:80]}).", FORM) from error
    widest = max(x.shape[1] for x, _ in loaded)
    rows = sum(x.shape[0] for x, _ in loaded)
    columns = options.columns or widest
    if widest > columns or columns > MAX_COLUMNS or columns * rows > MAX_CELLS:
        allowed = min(options.columns or MAX_COLUMNS, MAX_COLUMNS, MAX_CELLS // max(rows, 1))
        raise InputError(givens[0].name, f"its largest index is {widest - 1:,} in {rows:,} rows.", f"Keep indices below {allowed:,}.")
    raws = []
    for given, (x, y) in zip(givens, loaded, strict=True):
        x.resize(x.shape[0], columns)
        if not (np.isfinite(x.data).all() and np.isfinite(y).all()):
            raise InputError(given.name, "some of its values are missing or infinite.", "Remove these rows or fill in the values.")
        if (y != np.floor(y)).any():
            raise InputError(given.name, "its labels are not whole numbers.", "Labels are classes: give whole numbers.")
        scaled = csr_matrix(normalize(x)) if options.scale == "rows" else x
        raws.append(Raw(given.stem, scaled.toarray(), np.array([f"{int(v)}" for v in y], dtype=object)))
    share = vstack([x for x, _ in loaded]).nnz / max(rows * columns, 1)
    full = options.model_copy(update={"columns": columns})
    facts = {"Columns": f"{columns:,}", "Values that are not zero": f"{share:.1%}"}
    return settle(givens[0].name, "features", raws, full, [], lines, facts=facts)


def _loaded(stream: BinaryIO):
    """float32 rows as a sparse matrix, and what stands before them."""
    from sklearn.datasets import load_svmlight_file

    # scikit-learn declares no types, and its defaults are of others than these.
    return load_svmlight_file(stream, dtype=np.float32, zero_based=True)[:2]  # pyright: ignore[reportArgumentType]
