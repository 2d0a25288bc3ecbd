"""Measures: how far apart two domains are, and how well a classifier does. Pure functions of features and predictions.

Importing this package registers every measure in `MEASURES`.
"""

from core.measures import accuracy, alignment, calibration, classifier, health, mmd, selection  # noqa: F401  (they register themselves)
from core.measures.base import MEASURED, MEASURES, Evaluation, MeasureEntry, measure_all

__all__ = ["MEASURED", "MEASURES", "Evaluation", "MeasureEntry", "measure_all"]
