"""Adaptation methods, one file per family; `base` holds the contract.

Importing this package registers every method in `METHODS`.
"""

from core.methods import (  # noqa: F401  (they register themselves)
    adversarial,
    conditional,
    confusion,
    critic,
    disagreement,
    kernels,
    moments,
    references,
    self_training,
    source_free,
    translation,
    transport,
)
from core.methods.base import METHODS, AlignmentMethod, Batch, Method, MethodInfo, MethodParams, Seen, Side, Step, method

__all__ = ["METHODS", "AlignmentMethod", "Batch", "Method", "MethodInfo", "MethodParams", "Seen", "Side", "Step", "method"]
