"""What is said of each number: complete, plain, and a formula that a reader can see."""

import pytest

import core.reports  # noqa: F401  (a finding of a report has a meaning, too)
from core.measures import MEASURES


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
