"""Numbers in words: one way each, a real minus sign everywhere, and nothing that sounds surer than it is."""

from __future__ import annotations

import pytest

from core.reports import text
from core.reports.text import percent, points


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (percent(0.873), "87.3 %"),
        (percent(0.873, 0), "87 %"),
        (text.in_percent(0.873), "87.3"),
        (points(0.41), "+41.0"),
        (points(-0.41), "−41.0"),
        (points(-0.412, 0), "−41"),
        (text.number(0.012345), "0.0123"),
        (text.number(-12345.6), "−1.23e+04"),
        (text.fixed(-0.00123, 4), "−0.0012"),
        (text.auc_value(0.8714), "0.87"),
        (text.times_out_of_100(0.8714), "87 times out of 100"),
        (text.n_of_m(3, 1234), "3 of 1,234"),
        (text.n_of_m(0, 10), "none of 10"),
        (text.duration(34.4), "34 s"),
        (text.duration(720), "12 min"),
        (text.duration(9000), "2.5 h"),
    ],
)
def test_numbers_in_words(said, expected):
    assert said == expected


def test_intervals_say_that_they_are_of_95_percent():
    assert text.interval(0.2, 0.4, points) == "95 % +20.0 to +40.0"
    assert text.interval(-0.2, 0.4, points, "interval of the change") == "95 % interval of the change −20.0 to +40.0"
    assert text.interval(0.2, 0.4, text.in_percent) + " %" == "95 % 20.0 to 40.0 %"


def test_an_interval_never_reads_as_if_one_were_sure():
    assert text.auc_words(0.851, 0.9) == "0.85 to 0.90"
    assert text.auc_words(0.9951, 1.0) == "above 0.99"


def test_p_values_are_never_zero():
    for smallest in (0.002, 1 / 500):
        assert text.p_value(smallest) == "p = 0.002, the smallest possible with B = 499"
        assert text.short_p(smallest) == "p = 0.002 (smallest)"
    assert text.p_value(0.004) == "p = 0.004, B = 499"
    assert text.p_value(1.0) == "p = 1.000, B = 499"
    assert text.short_p(0.004) == "p = 0.004"
