"""Hundreds of generated odd tables: every row is accounted for, no two classes, domains or columns become one, and nothing but an
`InputError` is raised."""

import csv
import io
import unicodedata

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from table_tools import accounted

from core.domains.reading import Given, read
from core.domains.reading.base import MIN_ROWS
from core.errors import InputError

pytestmark = pytest.mark.slow
slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
often = settings(deadline=None, max_examples=100, derandomize=True, suppress_health_check=slow)

SIGNS = "aAbé\u0301ßİ中שΩ😀\u202e\u200b 0123.,;|'\"-_?%/\\=("
WORDS = (
    *("None", "NA", "3", "3.0", "03", "1.10", "1.1", "-0", "0", "True", "true", "nan", "?", ""),
    *("unknown", "1e3", "1,5", "x" * 95, "x" * 96, "x" * 50 + "1" + "x" * 50, "x" * 50 + "2" + "x" * 50),
)
MISSING = {"", "?", "nan"}
name = st.one_of(st.sampled_from(WORDS), st.text(SIGNS, min_size=1, max_size=6), st.text("xy", min_size=78, max_size=83))
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}


def meant(word: str) -> str | None:
    """What a name stands for, written out here: white space around it and the zeros of a whole number mean nothing."""
    word = unicodedata.normalize("NFC", word.strip())
    if word.lower() in MISSING:
        return None
    whole, point, zeros = word.partition(".")
    plain = whole.lstrip("+-")
    if point and zeros and not zeros.strip("0") and plain.isascii() and plain.isdigit() and (plain == "0" or plain[0] != "0"):
        word = whole
    return "0" if word == "-0" else word


@st.composite
def tables(draw):
    """Rows that are known by one of their numbers, each with a domain and a class of odd names; and how they are written."""
    kinds = draw(st.lists(name, min_size=2, max_size=4))
    sites = draw(st.lists(name, min_size=1, max_size=3))
    more = draw(st.lists(st.lists(name, min_size=1, max_size=4), max_size=3))
    n = draw(st.sampled_from([120, 180, 60, 25, 1]))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    columns = {"site": sites, "label": kinds} | {f"more{k}": pool for k, pool in enumerate(more)}
    rows = [{"key": f"{i + 0.5}"} | {column: pool[rng.integers(len(pool))] for column, pool in columns.items()} for i in range(n)]
    empty = draw(st.integers(0, 3))
    frame = pd.DataFrame(rows + [dict.fromkeys(rows[0], "")] * empty, dtype=object)
    return frame.sample(frac=1, random_state=0, ignore_index=True)


def written(frame: pd.DataFrame, sep: str, quoting: int, end: str) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=sep, quoting=quoting, lineterminator=end)
    writer.writerow(frame.columns)
    writer.writerows(frame.itertuples(index=False))
    return out.getvalue().encode()


def same_groups(found: list, true: list) -> bool:
    """Whether two lists of names part the rows alike: no two become one, and none becomes two."""
    pairs = set(zip(found, true, strict=True))
    return len(pairs) == len(set(found)) == len(set(true))


@often
@given(
    frame=tables(),
    kind=st.sampled_from([*SEPARATORS, "parquet"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    more=st.fixed_dictionaries(
        {
            "missing": st.sampled_from(["median", "mean", "most_frequent", "drop"]),
            "doubtful": st.sampled_from(["automatic", "names"]),
            "classes": st.sampled_from(["common", "all"]),
        }
    ),
)
def test_rows_classes_and_domains_are_what_they_were(frame, kind, quoting, end, more):
    options = {"label": "label", "domain": "site", "text": "none", "scale": "none", "decimal": "point"} | more
    if kind == "parquet":
        out = io.BytesIO()
        frame.to_parquet(out)
        files = [Given("t.parquet", out)]
    else:
        files = [Given("t.csv", io.BytesIO(written(frame, SEPARATORS[kind], quoting, end)))]
        options |= {"separator": kind, "header": "yes"}
    try:
        reading = read(files, options)
    except InputError:
        return
    accounted(reading, len(frame))
    assert len(set(reading.columns)) == len(reading.columns)
    truth = {float(row.key): (meant(row.site), meant(row.label)) for row in frame.itertuples() if row.key}
    keys, domains, labels = [], [], []
    at = reading.columns.index("key")
    for p in reading.populations:
        assert len(p) >= MIN_ROWS
        keys += p.inputs[:, at].tolist()
        domains += [p.name] * len(p)
        labels += [None] * len(p) if p.labels is None else [reading.class_names[k] for k in p.labels]
    assert len(set(keys)) == len(keys), "a row is used once"
    assert same_groups(domains, [truth[key][0] for key in keys])
    known = [i for i, label in enumerate(labels) if label is not None]
    assert same_groups([labels[i] for i in known], [truth[keys[i]][1] for i in known])


numbers = st.one_of(st.floats(allow_nan=True).map(str), st.integers(-9, 9).map(str))
cell = st.one_of(st.sampled_from(WORDS), st.text(SIGNS + "\n\t", max_size=8), numbers)


@st.composite
def scrawls(draw):
    """Lines of cells from a small stock, joined by a separator without any regard to quotes; or words in no order at all."""
    if draw(st.integers(0, 3)) == 0:
        return draw(st.text(SIGNS + "\n\n\n,,,\t\r", max_size=400))
    width, n = draw(st.integers(2, 6)), draw(st.sampled_from([1, 30, 60, 90]))
    sep, header = draw(st.sampled_from(",;\t|")), draw(st.lists(cell, min_size=width, max_size=width))
    stock = [draw(st.lists(cell, min_size=1, max_size=6)) for _ in range(width)]
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    return "\n".join(sep.join(row) for row in [header, *([str(rng.choice(column)) for column in stock] for _ in range(n))])


@often
@given(text=scrawls(), second=st.none() | st.none() | scrawls(), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_whatever_is_written_is_read_or_refused(text, second, encoding):
    files = [Given(f"{i}.csv", io.BytesIO(t.encode(encoding))) for i, t in enumerate([text, second]) if t is not None]
    try:
        reading = read(files)
    except InputError:
        return
    accounted(reading, sum(reading.account.given.values()))
    columns = reading.columns or ()
    assert len(set(columns)) == len(columns)
    assert all(np.isfinite(p.inputs).all() for p in reading.populations if reading.kind == "features")


@often
@given(
    texts=st.lists(st.text(SIGNS, min_size=1, max_size=40), min_size=25, max_size=60),
    sep=st.sampled_from(",;\t|"),
    quoted=st.booleans(),
    broken=st.lists(st.integers(0, 24), max_size=5),
)
def test_texts_keep_their_rows(texts, sep, quoted, broken):
    """Quoted texts hold anything, over lines as well; unquoted ones hold quotes that are never closed, and no separator."""
    plain = [" ".join(f"{i} words of {t}".split()) for i, t in enumerate(texts)]
    if quoted:
        plain = [f"{t}\nand more" if i in broken else t for i, t in enumerate(plain)]
        rows = pd.DataFrame({"label": ["u", "v"] * len(plain), "text": [t for t in plain for _ in "ab"]})
        content = written(rows, sep, csv.QUOTE_ALL, "\n")
    else:
        plain = [('"' if i in broken else "") + t.replace(sep, " ").replace('"', "") for i, t in enumerate(plain)]
        content = "\n".join([f"label{sep}text", *(f"{'uv'[k]}{sep}{t}" for t in plain for k in (0, 1))]).encode()
    separator = next(key for key, value in SEPARATORS.items() if value == sep)
    reading = read([Given("t.csv", io.BytesIO(content))], {"separator": separator, "header": "yes", "text": "text", "label": "label"})
    accounted(reading, 2 * len(plain))
    assert reading.populations[0].inputs == tuple(" ".join(t.split()) for t in plain for _ in "ab")
