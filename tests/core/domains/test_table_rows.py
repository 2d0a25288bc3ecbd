"""From a file to rows and names: quotes, headers, several files. Nothing is lost or made one in silence."""

import io

import numpy as np
import pandas as pd
import pytest
from table_tools import accounted, classes, given, lines, one, parquet, said

from core.domains import DOMAINS
from core.domains.reading import Given, Note, read, told_apart
from core.domains.reading.base import clean
from core.domains.reading.names import distinct
from core.errors import InputError

RNG = np.random.default_rng(0)
N = 60
A = RNG.normal(size=N).round(3)
LABEL = np.array(["no", "yes"])[np.arange(N) % 2]


class TestQuotes:
    """A quote that is never closed is a plain sign; a quoted cell may hold separators and go on over lines."""

    def texts(self, one_in: int = 1, n: int = 300) -> str:
        return "".join(f"{'ab'[i % 2]}\t{chr(34) if i % one_in == 0 else ''}hello number {i} to you\n" for i in range(n))

    def test_300_rows_are_300_rows(self):
        reading = one("label\ttext\n" + self.texts())
        assert len(reading.populations[0]) == 300
        assert reading.populations[0].inputs[7] == '"hello number 7 to you'
        assert "plain signs in" in said(reading)
        accounted(reading, 300)

    @pytest.mark.parametrize("one_in", [2, 3, 50, 299])
    def test_some_of_them(self, one_in):
        reading = one("label\ttext\n" + self.texts(one_in))
        assert len(reading.populations[0]) == 300
        assert classes(reading) == ["a", "b"] * 150
        accounted(reading, 300)

    def test_numbers_beside_inches(self):
        text = lines(A, [f'"{i % 9} inch' for i in range(N)], LABEL, header="a,size,label")
        reading = one(text)
        assert len(reading.populations[0]) == N
        assert len([c for c in reading.columns if c.startswith("size_")]) == 9

    def test_real_quotes_hold_separators_and_line_ends(self):
        frame = pd.DataFrame({"label": ["a", "b"] * 100, "text": [f'said "{i}", and\nwent on, then\n\nleft' for i in range(200)]})
        reading = one(frame.to_csv(index=False))
        assert reading.populations[0].inputs[3] == 'said "3", and went on, then left'
        assert len(reading.populations[0]) == 200
        assert "plain signs" not in said(reading)
        accounted(reading, 200)

    def test_a_cell_over_two_lines_that_look_like_rows(self):
        """Of some texts the second line has as many commas as a row; most have none, so they stay one."""
        texts = [f"it was {i}\n{'good, really' if i % 4 == 0 else 'good'}" for i in range(200)]
        reading = one(pd.DataFrame({"label": ["a", "b"] * 100, "text": texts}).to_csv(index=False))
        assert len(reading.populations[0]) == 200

    def test_a_last_quote_that_is_never_closed(self):
        reading = one(lines(A, LABEL, header="a,label") + '0.5,"yes\n')
        accounted(reading, N + 1)


class TestHeader:
    def test_rows_of_numbers_and_a_word_without_names(self):
        reading = one(lines(A, A**2, np.where(LABEL == "no", "setosa", "virginica")))
        assert reading.class_names == ("setosa", "virginica")
        assert len(reading.populations[0]) == N
        assert reading.facts["Column names"] == "none in the file"

    def test_words_only_without_names(self):
        text = "".join(f"{'ham' if i % 2 else 'spam'}\tthis is message number {i} of them\n" for i in range(N))
        reading = one(text)
        assert (len(reading.populations[0]), set(reading.class_names)) == (N, {"ham", "spam"})

    @pytest.mark.parametrize("names", ["0,1,2", "1,2,3", "2019,2020,2021", "0,1,label", "400,402.5,label", "id,2019,kind", ",0,label"])
    def test_numbers_as_names(self, names):
        reading = one(lines(A, RNG.normal(size=N).round(2), np.where(LABEL == "no", 7, 8), header=names))
        accounted(reading, N)
        assert len(reading.populations[0]) == N
        expected = [name or f"column {i + 1}" for i, name in enumerate(names.split(","))]
        assert list(reading.choices["label"]) == expected

    def test_numbers_as_names_over_words(self):
        reading = one(lines(A, A**2, LABEL, header="0,1,2"))
        assert list(reading.choices["label"]) == ["0", "1", "2"]
        assert len(reading.populations[0]) == N

    def test_counting_rows_are_rows(self):
        reading = one("\n".join(f"{i},{i + 1},{i + 2},{i % 2}" for i in range(N)))
        assert len(reading.populations[0]) == N

    def test_it_can_be_chosen(self):
        text = lines(A, LABEL, header="0.5,yes")
        assert len(one(text).populations[0]) == N + 1
        assert len(one(text, header="yes").populations[0]) == N

    def test_names_that_come_again_are_left_out_and_counted(self):
        text = lines(A, LABEL, header="a,label")
        reading = one(text + text)
        accounted(reading, 2 * N + 1)
        assert "Left out: 1 lines that repeat the names of the columns" in said(reading)
        assert reading.columns == ("a",)

    def test_row_names_as_r_writes_them(self):
        text = "a,b,label\n" + "".join(f"r{i},{A[i]},{A[i] ** 2:.3f},{LABEL[i]}\n" for i in range(N))
        reading = one(text, scale="none")
        assert reading.columns == ("a", "b")
        np.testing.assert_allclose(reading.populations[0].inputs[:, 0], A, rtol=1e-6)

    def test_a_separator_at_the_end_of_every_line(self):
        reading = one("a,label,\n" + "".join(f"{A[i]},{LABEL[i]},\n" for i in range(N)))
        assert list(reading.choices["label"]) == ["a", "label"]


class TestNames:
    def test_long_names_stay_different(self):
        long = ["x" * 90 + f"{end}" for end in ("one", "two", "three")]
        reading = one(lines(A, A**2, [long[i % 3] for i in range(N)], header=f"{long[0]},{long[1]},label"))
        assert len(reading.class_names) == 3
        assert len(set(reading.columns)) == 2
        middle = ["x" * 70 + word + "y" * 90 for word in ("one", "two")]
        reading = one(lines(A, [middle[i // 30] for i in range(N)], LABEL, header="a,site,label"))
        assert len(reading.populations) == 2

    def test_distinct(self):
        assert distinct(["a", "a\u200b", "a", "a (2)"]) == ["a", "a (3)", "a (4)", "a (2)"]
        assert distinct(["", " "], nameless="column") == ["column", "column (2)"]
        assert clean("x" * 100, 60) == "x" * 39 + "…" + "x" * 20

    def test_two_columns_of_one_name(self):
        reading = one(lines(A, A**2, A**3, LABEL, header="a,a,a (2),label"))
        assert len(set(reading.columns)) == 3


class TestSeveralFiles:
    def test_of_one_name_in_different_folders(self):
        files = [given(lines(A + k, LABEL, header="a,label"), f"/home/me/{folder}/data.csv") for k, folder in enumerate(("north", "south"))]
        reading = read(files)
        assert [p.name for p in reading.populations] == ["data (north)", "data (south)"]
        assert set(reading.account.given) == {"data (north)", "data (south)"}
        accounted(reading, 2 * N)

    def test_of_one_name_without_folders_or_with_other_endings(self):
        same = [Given("data.csv", io.BytesIO()), Given("data.csv", io.BytesIO())]
        assert [g.stem for g in told_apart(same)] == ["data", "data (2)"]
        endings = [Given("x/data.csv", io.BytesIO()), Given("x/data.parquet", io.BytesIO())]
        assert [g.stem for g in told_apart(endings)] == ["data.csv", "data.parquet"]

    def test_on_disk(self, tmp_path):
        paths = []
        for folder in ("north", "south"):
            (tmp_path / folder).mkdir()
            paths.append(str(tmp_path / folder / "data.csv"))
            (tmp_path / folder / "data.csv").write_text(lines(A, LABEL, header="a,label"))
        entry = DOMAINS.get("file")
        names = [entry.make(entry.params(path=a, beside=b), 0).name for a, b in (paths, paths[::-1])]
        assert names == ["data (north)", "data (south)"]

    def test_columns_that_differ_in_capital_letters_are_one(self):
        a, b = lines(A, A**2, LABEL, header="Age,b,Label"), lines(A, A**2, LABEL, header="age,B,label")
        reading = read([given(a, "x.csv"), given(b, "y.csv")])
        assert reading.columns == ("Age", "b")
        assert [p.labels is None for p in reading.populations] == [False, False]
        assert "y.csv: Its column label is read as Label." in said(reading)

    def test_but_not_where_a_file_has_both(self):
        a, b = lines(A, A**2, LABEL, header="age,Age,label"), lines(A, A**2, LABEL, header="age,Age,label")
        assert read([given(a, "x.csv"), given(b, "y.csv")]).columns == ("age", "Age")

    def test_csv_beside_parquet(self):
        frame = pd.DataFrame({"a": A, "kind": ["u", "v"] * 30, "label": LABEL})
        reading = read([parquet(frame, "x.parquet"), given(frame.to_csv(index=False), "y.csv")])
        np.testing.assert_allclose(reading.populations[0].inputs, reading.populations[1].inputs, rtol=1e-5)


class TestRows:
    def test_every_reason_is_counted_once(self):
        rows = [f"{A[i % N]},{'north' if i % 2 else 'south'},{'uv'[i // 2 % 2]}" for i in range(2 * N)]
        odd = [",,", ",,", "0.5,,u", "0.5,north,", ",south,u", ",,v"]
        reading = one("\n".join(["a,site,label", *rows, *odd]) + "\n")
        accounted(reading, len(rows) + len(odd))
        assert {(part.where, part.why.split(" ", 1)[1], part.rows) for part in reading.account.left_out} == {
            ("table.csv", "rows in which nothing is written.", 2),
            ("site", "rows without a domain.", 2),
            ("north", "rows without a class.", 1),
            ("south", "rows without a value in any of the columns that are used.", 1),
        }

    def test_dropped_rows_are_counted(self):
        reading = one(lines(np.where(np.arange(N) % 10 == 0, "?", A.astype(str)), A, LABEL, header="a,b,label"), missing="drop")
        assert "table: Left out: 6 rows with a missing value." in said(reading)
        accounted(reading, N)

    def test_texts(self):
        texts = [f"this is text number {i}" if i % 6 else "" for i in range(N)]
        reading = one(lines(texts, LABEL, header="text,label"))
        assert "Left out: 10 rows without a text" in said(reading)
        accounted(reading, N)

    def test_short_lines_are_filled_and_long_ones_refused(self):
        accounted(one(lines(A, LABEL, header="a,label") + "0.5\n"), N + 1)
        with pytest.raises(InputError, match="cannot be read as columns"):
            one(lines(A, LABEL, header="a,label") + "0.5,yes,and,more\n")

    def test_a_column_that_a_domain_knows_nothing_of(self):
        site = np.where(np.arange(N) < 30, "north", "south")
        reading = one(lines(A, np.where(site == "north", A.astype(str), ""), site, LABEL, header="a,b,site,label"))
        assert Note("b", "south knows no value of it: what stands there instead is made up.") in reading.notes
