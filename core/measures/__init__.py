"""Measures: how far apart two domains are, and how well a classifier does. Pure functions of features and predictions.

Importing this package registers every measure in `MEASURES`, with what it means and how it is drawn.
"""

from core.measures import (  # noqa: F401, I001  (they register themselves, in the order in which they are shown)
    accuracy,
    linear,
    alignment,
    calibration,
    mmd,
    classifier,
    columns,
    distances,
    explained,
    gauges,
    giveaways,
    label_shift,
    ridge,
    twins,
    validators,
)
from core.measures.base import (
    MEASURED,
    MEASURES,
    Band,
    Drawing,
    Evaluation,
    Measure,
    Populations,
    in_runs,
    measure_accuracy,
    measure_all,
)

__all__ = [
    "MEASURED",
    "MEASURES",
    "Band",
    "Drawing",
    "Evaluation",
    "Measure",
    "Populations",
    "in_runs",
    "measure_accuracy",
    "measure_all",
]
