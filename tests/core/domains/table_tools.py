"""Tables as they are given, and what came out of them."""

import io
from collections.abc import Iterable

import numpy as np
import pandas as pd

from core.domains.reading import Given, Reading, read


def given(text: str, name: str = "table.csv", leads: bool = False) -> Given:
    return Given(name, io.BytesIO(text.encode()), leads)


def parquet(frame: pd.DataFrame, name: str = "table.parquet", **more) -> Given:
    out = io.BytesIO()
    frame.to_parquet(out, **more)
    return Given(name, out)


def lines(*columns: Iterable[object], header: str = "", sep: str = ",") -> str:
    """A CSV of these columns, nothing quoted."""
    rows = [sep.join(map(str, row)) for row in zip(*columns, strict=True)]
    return "\n".join([header, *rows] if header else rows) + "\n"


def said(reading: Reading) -> str:
    return " ".join(f"{note.where}: {note.what}" for note in reading.notes)


def one(text: str, **options) -> Reading:
    return read([given(text)], options)


def column(reading: Reading, name: str) -> np.ndarray:
    """An input of all rows of a reading that was not scaled."""
    return np.concatenate([p.inputs for p in reading.populations])[:, reading.columns.index(name)]


def classes(reading: Reading, domain: int = 0) -> list[str]:
    population = reading.populations[domain]
    return [reading.class_names[k] for k in population.labels]


def accounted(reading: Reading, rows: int) -> None:
    """Rows in = rows used + rows left out; each population has as many as the account says."""
    account = reading.account
    assert sum(account.given.values()) == rows
    assert sum(account.used.values()) + sum(part.rows for part in account.left_out) == rows, account.lines
    assert dict(account.used) == {p.name: len(p) for p in reading.populations}
    assert all(part.rows > 0 and part.why for part in account.left_out)
