"""What the cells of a table say: numbers in the ways in which people write them, words for what is missing, and names.

A cell is a word without white space around it, "" where there is none. Everything here looks at all cells of a column, never at the
first ones.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

import numpy as np
import pandas as pd

Sign = Literal[".", ","]
# Always missing. No class, domain or category is called like one of these.
MISSING = frozenset({"", "?", "nan", "-nan", "nat", "<na>", "#na", "#n/a", "#n/a n/a", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"})
# Missing among numbers. Elsewhere it may be a name: Namibia's NA, a basement of quality None.
DOUBTFUL = frozenset({"na", "n/a", "n.a.", "none", "null", "nil", "missing", "unknown", "-", "--", "."})
MOSTLY = 0.8  # of the cells that are not missing: numbers
PARTLY = 0.5  # the same, where what is written would be too many kinds to be a category
HUGE = 1e30  # what is larger is no measurement, and its square no number

_END = r"(?:[eE][+-]?[0-9]+)?$"
# 1234.5, 1,234.5 and 12,34,567; the other way round 1234,5 and 1.234,5. A group of thousands never begins with 0.
_FORMS: dict[Sign, str] = {
    ".": rf"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+|[1-9][0-9]{{0,2}}(?:,[0-9]{{2,3}})*,[0-9]{{3}}(?:\.[0-9]*)?){_END}",
    ",": rf"^[+-]?(?:[0-9]+,?[0-9]*|,[0-9]+|[1-9][0-9]{{0,2}}(?:\.[0-9]{{2,3}})*\.[0-9]{{3}}(?:,[0-9]*)?){_END}",
}
_SPACED = "^[+-]?[0-9]{1,3}(?:[ \u00a0\u2009\u202f'\u2019][0-9]{3})+(?:[.,][0-9]*)?$"
_GAPS = "[ \u00a0\u2009\u202f'\u2019]"
_MONEY = "[$\u00a3\u00a5\u20ac]"
_PERCENT = "[ \u00a0\u202f]*%$"


def lower(words: pd.Series) -> pd.Series:
    """The words as they are looked up in `MISSING` and `DOUBTFUL`."""
    return words.str.lower()


def votes(words: pd.Series) -> tuple[int, int]:
    """How many cells are numbers only with a decimal point, and how many only with a decimal comma."""
    marked = words[words.str.contains("[.,]", regex=True)]
    if not len(marked):
        return 0, 0
    bare = _bare(marked)
    point, comma = (bare.str.contains(_FORMS[sign], regex=True).to_numpy(bool) for sign in (".", ","))
    return int((point & ~comma).sum()), int((comma & ~point).sum())


def to_numbers(words: pd.Series, sign: Sign) -> np.ndarray:
    """float64, NaN where a cell is no number; 12 % is 0.12."""
    if sign == ".":
        found = pd.to_numeric(words, errors="coerce").to_numpy(np.float64, na_value=np.nan, copy=True)
        left = np.flatnonzero(np.isnan(found) & words.ne("").to_numpy(bool))
    else:
        found = np.full(len(words), np.nan)
        left = np.flatnonzero(words.ne("").to_numpy(bool))
    if not len(left):
        return found
    codes, kinds = pd.factorize(words.iloc[left])
    found[left] = _written(pd.Series(kinds, dtype="str"), sign)[codes]
    return found


def _written(words: pd.Series, sign: Sign) -> np.ndarray:
    """The numbers behind different ways to write them."""
    bare = _bare(words)
    other = "." if sign == "," else ","
    plain = bare.where(bare.str.contains(_FORMS[sign], regex=True).to_numpy(bool), "")
    plain = plain.str.replace(other, "", regex=False).str.replace(sign, ".", regex=False)
    numbers = pd.to_numeric(plain, errors="coerce").to_numpy(np.float64, na_value=np.nan, copy=True)
    endless = pd.to_numeric(words.where(words.str.contains("inf", case=False, regex=False), ""), errors="coerce")
    numbers = np.where(np.isnan(numbers), endless.to_numpy(np.float64, na_value=np.nan), numbers)
    return np.where(words.str.contains(_PERCENT, regex=True).to_numpy(bool), numbers / 100, numbers)


def _bare(words: pd.Series) -> pd.Series:
    """Without signs of money and percent, with a plain minus, and without gaps between thousands."""
    bare = words.str.replace("\u2212", "-", regex=False).str.replace(_PERCENT, "", regex=True)
    money = bare.str.contains(_MONEY, regex=True).to_numpy(bool)
    if money.any():
        bare = bare.where(
            ~money, bare.str.replace(rf"{_MONEY}", "", n=1, regex=True).str.replace(r"^([+-]?) +", r"\1", regex=True).str.strip()
        )
    spaced = bare.str.contains(_SPACED, regex=True).to_numpy(bool)
    return bare.where(~spaced, bare.str.replace(_GAPS, "", regex=True)) if spaced.any() else bare


_WHOLE = {sign: re.compile(rf"([+-]?(?:0|[1-9][0-9]*))[{sign}]0+") for sign in ".,"}


def name_of(word: str, sign: Sign) -> str:
    """How a class, a domain or a category is called: 3.0 is 3, and one letter is one letter however it is put together."""
    word = unicodedata.normalize("NFC", word)
    whole = _WHOLE[sign].fullmatch(word)
    word = whole[1] if whole else word
    return "0" if word == "-0" else word
