"""One scale for two populations: how their columns are standardised and how wide the kernel is, fixed once and used ever after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Scale:
    """Mean and deviation of each column, and the base bandwidth of the MMD kernel between rows that are standardised by them.

    A run fixes it on the features before adaptation and keeps it at every epoch; a shift report fixes it on what it compares. So both
    mean the same by MMD², and a change of scale is a change: rows that are divided by their own length would hide it.

    Attributes
    ----------
    mean, deviation : ndarray
        float64, D. A column that does not vary has the root mean square of all deviations, so that it counts in the unit of the others
        should it vary later; 1 if no column varies.
    varies : ndarray of bool
        Which columns vary.
    bandwidth : float
        Mean squared distance between two different standardised rows.
    """

    mean: np.ndarray
    deviation: np.ndarray
    varies: np.ndarray
    bandwidth: float

    @staticmethod
    def of(x: np.ndarray, y: np.ndarray) -> Scale:
        """The scale of both samples together, n×D and m×D.

        With z the N standardised rows and z̄ their mean, the mean over i ≠ j of |zᵢ−zⱼ|² is 2 Σ|zᵢ−z̄|² / (N−1), so no distance matrix
        is needed. What is left of a constant column after centring is rounding, and must not be blown up.
        """
        rows = np.concatenate([x, y]).astype(np.float64)
        mean, spread = rows.mean(0), rows.std(0)
        varies = spread > 1e-9 * np.maximum(1, np.abs(rows).max(0, initial=0))
        deviation = np.where(varies, spread, np.sqrt(np.square(spread[varies]).mean()) if varies.any() else 1.0)
        return Scale(mean, deviation, varies, 2.0 * int(varies.sum()) * len(rows) / (len(rows) - 1) or 1.0)

    def standardised(self, x: np.ndarray) -> np.ndarray:
        """Rows in this scale, float64."""
        return (x - self.mean) / self.deviation
