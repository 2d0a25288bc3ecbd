"""Adaptation methods, one file per family; `base` holds the contract.

Importing this package registers every method in `METHODS`.
"""

from core.methods import (  # noqa: F401  (they register themselves)
    adversarial,
    conditional,
    confusion,
    critic,
    disagreement,
    episodic,
    fine_tuning,
    kernels,
    moments,
    online,
    references,
    self_training,
    semi_supervised,
    shallow,
    source_free,
    translation,
    transport,
    tri_training,
)
from core.methods.base import (
    METHODS,
    AlignmentMethod,
    AlignmentParams,
    Batch,
    Method,
    MethodInfo,
    MethodParams,
    Seen,
    Side,
    Step,
    method,
)
from core.methods.info import Family

__all__ = [
    "METHODS",
    "AlignmentMethod",
    "AlignmentParams",
    "Batch",
    "Family",
    "Method",
    "MethodInfo",
    "MethodParams",
    "Seen",
    "Side",
    "Step",
    "method",
]
