"""What is said of each number: complete, plain, and a formula that a reader can see."""

import pytest

from core.measures import MEASURES
from core.reports.text import auc_words


@pytest.mark.parametrize("words", MEASURES, ids=lambda words: words.name)
def test_words_are_whole_sentences(words):
    for text in (words.meaning, words.limits):
        assert text[0].isupper()
        assert text.endswith(".")
        assert 40 <= len(text) <= 400
    assert words.meaning.count(". ") <= 2, "the meaning is one line"
    assert any(year in words.source for year in map(str, range(1900, 2030)))


@pytest.mark.parametrize("words", MEASURES, ids=lambda words: words.name)
def test_formulas_are_latex_without_dollar_signs(words):
    depth = 0
    for sign in words.formula.replace(r"\{", "").replace(r"\}", ""):
        depth += (sign == "{") - (sign == "}")
        assert depth >= 0
        assert sign != "$"
    assert depth == 0
    assert "\\" in words.formula


def test_an_interval_never_reads_as_if_one_were_sure():
    assert auc_words(0.851, 0.9) == "0.85 to 0.90"
    assert auc_words(0.9951, 1.0) == "above 0.99"
