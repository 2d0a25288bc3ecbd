"""Measures: how far apart two domains are, and how well a classifier does. Pure functions of features and predictions.

Importing this package registers every measure in `MEASURES` and what each number means in `WORDS`.
"""

from core.measures import (  # noqa: F401  (they register themselves)
    accuracy,
    alignment,
    calibration,
    classifier,
    columns,
    distances,
    explained,
    label_shift,
    mmd,
    ridge,
    validators,
)
from core.measures.base import MEASURED, MEASURES, Evaluation, MeasureEntry, measure_accuracy, measure_all
from core.measures.glossary import WORDS, Words

__all__ = ["MEASURED", "MEASURES", "WORDS", "Evaluation", "MeasureEntry", "Words", "measure_accuracy", "measure_all"]
