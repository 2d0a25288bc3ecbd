"""Every measure keeps the contract: what is said of it is complete, and what it returns is what it says. Breaches are told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import core.reports  # noqa: F401  (a finding of a report has a meaning, too)
from core.measures import MEASURES, Band, Drawing, Measure
from core.measures.check import check_measure

TOY = Measure(
    name="toy",
    title="Sureness of a toy",
    meaning="Mean probability of the predicted class, from chance to 100 %.",
    formula=r"\frac1m\sum_j \max_k p_{jk}",
    source="This test, 2026.",
    limits="It is a toy, and says nothing that the entropy does not say better.",
    range="1/K to 1",
    of_run=lambda e: {"toy": float(e.target_probabilities.max(1).mean())},
)


@pytest.mark.parametrize("name", MEASURES.names())
def test_every_measure_keeps_the_contract(name):
    check_measure(name)


def spoil(evaluation):
    evaluation.target_features[:] = 0
    return {"toy": 0.0}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"meaning": "Mean probability of the predicted class"}, "facts: meaning is no sentence"),
        ({"limits": "None."}, "facts: limits is 'None.'. Write 40"),
        ({"source": "Somebody"}, "Name authors, year and place"),
        ({"range": ""}, "a number without a range"),
        ({"formula": "$x$"}, "formula: the formula is no LaTeX"),
        ({"formula": r"\frac{1"}, "leaves a brace open"),
        ({"of_run": None, "kept": None}, "belongs: it belongs to nothing"),
        ({"drawing": Drawing(band=Band("toy_low", "toy_high"))}, "its drawing asks for toy_high, toy_low"),
        ({"companions": ("mmd2",)}, "mmd2 are measures of their own"),
        ({"validates": True}, "Set better"),
        ({"of_run": lambda e: {"other": 1.0}}, "of_run: of_run returns other and not 'toy'"),
        ({"of_run": lambda e: {"toy": 1.0, "toy_p": 0.5}}, "returns toy_p as well"),
        ({"of_run": lambda e: {"toy": float("nan")}}, "returns nan"),
        ({"of_run": lambda e: {"toy": np.random.random()}}, "other numbers by the same seed"),  # noqa: NPY002
        ({"of_run": spoil}, "of_run changes what it is given"),
        ({"of_run": lambda e: {"toy": None if e.target_labels is None else 1.0}}, "changes without target labels"),
        ({"needs_target_labels": True}, "without them it returns toy"),
        ({"of_pair": lambda p: {"gap": 1.0}}, "of_pair: of_pair returns gap and not 'toy'"),
    ],
)
def test_what_is_wrong_with_a_measure_is_told(wrong, message):
    check_measure(TOY)
    with pytest.raises(AssertionError, match=message):
        check_measure(replace(TOY, **wrong))
