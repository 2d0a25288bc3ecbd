"""What the cells of a table say: decided over all rows, and the same value however it is written."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest
from table_tools import accounted, classes, column, given, lines, one, parquet, said

from core.domains.reading import read

N = 120
RNG = np.random.default_rng(0)
A = RNG.normal(size=N).round(3)
LABEL = np.array(["no", "yes"])[np.arange(N) % 2]


def with_column(cells, header="a;b;label", **options):
    """b holds these cells."""
    return one(lines(A, cells, LABEL, header=header, sep=";"), scale="none", **options)


def test_a_decimal_comma_that_first_comes_in_row_60():
    values = np.where(np.arange(N) < 60, np.arange(N), np.arange(N) + 0.5)
    cells = [f"{v:g}".replace(".", ",") for v in values]
    reading = with_column(cells)
    np.testing.assert_allclose(column(reading, "b"), values)
    np.testing.assert_allclose(column(reading, "a"), A, rtol=1e-6)  # points in another column stay points


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1,234", 1234),
        ("1,234.5", 1234.5),
        ("12,34,567", 1234567),
        ("1.234,5", 1234.5),
        ("1 234,5", 1234.5),
        ("1\u00a0234.5", 1234.5),
        ("1'234.5", 1234.5),
        ("$1,234.50", 1234.5),
        ("1.234,50 €", 1234.5),
        ("\u22125,25", -5.25),
        ("12,5 %", 0.125),
        ("12.5%", 0.125),
        (".5", 0.5),
        ("1e3", 1000),
        ("0,125", 0.125),
        ("+3.5", 3.5),
    ],
)
def test_numbers_in_the_ways_in_which_people_write_them(written, value):
    cells = [written if i % 3 else str(i % 7) for i in range(N)]
    expected = [value if i % 3 else i % 7 for i in range(N)]
    np.testing.assert_allclose(column(with_column(cells), "b"), expected, rtol=1e-6)


def test_an_option_says_the_decimal_sign():
    cells = ["1,234", "2,345"] * (N // 2)
    assert set(column(with_column(cells), "b").tolist()) == {1234, 2345}
    np.testing.assert_allclose(column(with_column(cells, decimal="comma"), "b")[:2], [1.234, 2.345], rtol=1e-6)


def test_thousands_are_told_from_decimals_by_the_other_columns_of_the_file():
    a = [f"{x:.2f}".replace(".", ",") for x in A]
    reading = one(lines(a, ["1.234", "2.345"] * (N // 2), LABEL, header="a;b;label", sep=";"), scale="none")
    assert set(column(reading, "b").tolist()) == {1234, 2345}
    np.testing.assert_allclose(column(reading, "a"), [float(x.replace(",", ".")) for x in a], rtol=1e-6)


@pytest.mark.parametrize("word", ["?", "NA", "n/a", "None", "null", "-", "", "nan", "unknown", "."])
def test_words_for_missing_numbers(word):
    cells = [word if i in (70, 90) else i for i in range(N)]
    reading = with_column(cells)
    assert "b: 2 missing values: filled in" in said(reading)
    assert column(reading, "b")[70] == np.median([i for i in range(N) if i not in (70, 90)])


def test_other_words_among_numbers_are_named():
    cells = ["low" if i == 99 else i for i in range(N)]
    reading = with_column(cells)
    assert "b: 1 values are not numbers and count as missing: “low”" in said(reading)
    accounted(reading, N)


def test_the_share_of_all_rows_decides_whether_a_column_is_numbers():
    mostly = with_column([f"code {i % 3}" if i >= 100 else i for i in range(N)])
    assert mostly.columns == ("a", "b"), "100 of 120 are numbers"
    hardly = with_column([f"code {i % 3}" if i >= 20 else i % 4 for i in range(N)])
    assert hardly.columns[1:] == ("b_0", "b_1", "b_2", "b_3", "b_code 0", "b_code 1", "b_code 2")


@pytest.mark.parametrize("word", ["None", "NA", "null", "unknown", "-"])
class TestNames:
    def test_of_a_class(self, word):
        reading = one(lines(A, np.where(LABEL == "no", word, "High"), header="a,label"))
        assert set(reading.class_names) == {word, "High"}
        assert f"“{word}” counts as a class" in said(reading)
        accounted(reading, N)

    def test_of_a_domain(self, word):
        reading = one(lines(A, np.where(np.arange(N) < 50, word, "EU"), LABEL, header="a,site,label"))
        assert {p.name: len(p) for p in reading.populations} == {word: 50, "EU": 70}

    def test_of_a_category(self, word):
        reading = one(lines(A, np.where(np.arange(N) < 50, word, "Good"), LABEL, header="a,basement,label"))
        assert set(reading.columns) == {"a", "basement_Good", f"basement_{word}"}
        assert f"“{word}” counts as a name here" in said(reading)

    def test_where_the_same_word_stands_among_numbers_it_is_missing(self, word):
        a = [word if i == 7 else x for i, x in enumerate(A)]
        kinds = [word if i in (3, 8) else "xy"[i % 2] for i in range(N)]
        reading = one(lines(a, kinds, LABEL, header="a,kind,label"))
        assert reading.columns == ("a", "kind_x", "kind_y")
        assert "kind: 2 missing values" in said(reading)

    def test_both_can_be_chosen(self, word):
        text = lines([word if i == 7 else x for i, x in enumerate(A)], [word, "x"] * 60, LABEL, header="a,kind,label")
        assert set(one(text, doubtful="names").columns) == {"a", f"kind_{word}", "kind_x"}
        plain = lines(A, [word, "x", "y"] * 40, LABEL, header="a,kind,label")
        assert one(plain, doubtful="missing").columns == ("a", "kind_x", "kind_y")


def test_a_question_mark_is_missing_in_a_category():
    reading = one(lines(A, ["?" if i == 5 else "xy"[i % 2] for i in range(N)], LABEL, header="a,kind,label"))
    assert reading.columns == ("a", "kind_x", "kind_y")
    assert "kind: 1 missing values" in said(reading)


def test_a_domain_of_nothing_but_na_has_no_labels():
    site = np.where(np.arange(N) < 60, "north", "south")
    reading = one(lines(A, site, np.where(site == "north", LABEL, "NA"), header="a,site,label"))
    assert [(p.name, p.labels is None) for p in reading.populations] == [("north", False), ("south", True)]
    assert reading.class_names == ("no", "yes")
    assert "south: It has no classes: nothing but NA" in said(reading)


@pytest.mark.parametrize("sep", [",", ";"])
def test_3_and_3_point_0_are_one_class_and_03_is_another(sep):
    cells = ["3", "3.0", "03", "4", "4.00", "4"] * 20
    reading = one(lines(A, cells, header=f"a{sep}label", sep=sep))
    assert set(reading.class_names) == {"3", "4", "03"}
    assert classes(reading)[:6] == ["3", "3", "03", "4", "4", "4"]
    assert "Read as one: 3 and 3.0, 4 and 4.00" in said(reading)


def test_labels_of_numbers_text_and_floats_are_one_over_files():
    frame = pd.DataFrame({"a": A, "label": 3.0 + np.arange(N) % 2})
    text = lines(A, 3 + np.arange(N) % 2, header="a,label")
    words = pd.DataFrame({"a": A, "label": [str(3 + i % 2) for i in range(N)]})
    reading = read([parquet(frame, "x.parquet"), given(text, "y.csv"), parquet(words, "z.parquet")])
    assert reading.class_names == ("3", "4")
    for k in range(3):
        assert classes(reading, k) == [str(3 + i % 2) for i in range(N)]


def test_versions_are_not_numbers_that_may_lose_their_zeros():
    reading = one(lines(A, ["1.1", "1.10", "1.2"] * 40, header="a,label"))
    assert set(reading.class_names) == {"1.1", "1.10", "1.2"}


def test_long_whole_numbers_stay_different_classes():
    names = ["9007199254740992", "9007199254740993"]
    assert set(one(lines(A, names * 60, header="a,label")).class_names) == set(names)
    frame = pd.DataFrame({"a": A, "label": pd.array([int(names[i % 2]) for i in range(N - 1)] + [None], dtype="Int64")})
    assert set(read([parquet(frame)]).class_names) == set(names)


class TestParquet:
    def test_decimals_are_numbers(self):
        frame = pd.DataFrame({"a": A, "price": [decimal.Decimal(f"{i}.25") for i in range(N)], "label": LABEL})
        reading = read([parquet(frame)], {"scale": "none"})
        np.testing.assert_array_equal(column(reading, "price"), np.arange(N) + 0.25)

    def test_a_stored_index_is_a_column(self):
        frame = pd.DataFrame({"a": A, "label": LABEL}, index=pd.Index(np.repeat(["north", "south"], 60), name="site"))
        reading = read([parquet(frame)])
        assert [p.name for p in reading.populations] == ["north", "south"]
        unnamed = pd.DataFrame({"a": A, "b": A**2}, index=LABEL)
        assert read([parquet(unnamed)], {"label": "index"}).class_names == ("no", "yes")
        both = frame.set_index(pd.MultiIndex.from_arrays([np.repeat(["x", "y"], 60), list(range(N))], names=["site", "visit"]))
        assert [p.name for p in read([parquet(both)]).populations] == ["x", "y"]

    def test_whole_numbers_with_gaps_dates_lists_and_categories(self):
        frame = pd.DataFrame(
            {
                "count": pd.array([None if i == 4 else i for i in range(N)], dtype="Int64"),
                "day": [datetime.datetime(2020, 1, 1 + i % 28) for i in range(N)],
                "parts": [[1, 2]] * N,
                "code": pd.Categorical([str(i % 3) for i in range(N)]),
                "sure": [i % 5 == 0 for i in range(N)],
                "label": LABEL,
            }
        )
        reading = read([parquet(frame)], {"scale": "none"})
        assert reading.columns == ("count", "code_0", "code_1", "code_2", "sure_False", "sure_True")
        assert "Left out: parts, which holds lists or bytes" in said(reading)
        assert "day: Left out: its values are of type datetime64" in said(reading)
        assert "count: 1 missing values" in said(reading)
        accounted(reading, N)


def test_amounts_of_few_values_stay_amounts_and_a_label_of_few_values_is_classes():
    reading = one(lines(A, np.arange(N) % 3 + 1.0, np.arange(N) % 4 * 1.0, header="a,rooms,grade"), scale="none")
    assert reading.columns == ("a", "rooms")
    assert reading.class_names == ("0", "1", "2", "3")


def test_inputs_of_one_name_stay_two():
    reading = one(lines(["b_c", "d"] * 60, ["c", "e"] * 60, LABEL, header="a,a_b,label"))
    assert sorted(reading.columns) == ["a_b_c", "a_b_c (2)", "a_b_e", "a_d"]
