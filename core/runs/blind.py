"""A run as one would know it without target labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.runs.record import Record

# A measure that is computed from target labels bears one of these names, and no other measure does (a test holds this).
HIDDEN = ("target_", "source_only_target_", "gain")


class Blind(Record):
    """The same record without what was computed from target labels: accuracies on the target, gains, oracle and joint lines, labels."""

    blind = True

    def epochs(self) -> list[dict[str, Any]]:
        return [
            epoch | {"measures": {name: None if name.startswith(HIDDEN) else value for name, value in epoch["measures"].items()}}
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
        return arrays
