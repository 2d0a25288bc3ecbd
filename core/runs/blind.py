"""A run as one would know it without target labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.measures.base import without_target_labels
from core.runs.record import Record


class Blind(Record):
    """The same record without what was computed from target labels: accuracies on the target, gains, oracle and joint lines, labels.

    Of an epoch's measures it keeps those that are registered as needing no target labels. Gauges need none: they say what a method saw.
    """

    blind = True

    def epochs(self) -> list[dict[str, Any]]:
        known = without_target_labels()
        return [
            epoch | {"measures": {key: value if key in known else None for key, value in epoch["measures"].items()}}
            for epoch in super().epochs()
            if epoch["phase"] not in ("oracle", "joint")
        ]

    def version(self) -> str:
        return f"{super().version()}-blind"

    def samples(self) -> dict[str, np.ndarray] | None:
        arrays = super().samples()
        if arrays is not None:
            arrays = arrays | {"labels": arrays["labels"].copy()}
            arrays["labels"][len(arrays["labels"]) // 2 :] = -1
            arrays.pop("identities", None)  # the name of a thing says its class
        return arrays
