"""Feature augmentation with a few target labels: EasyAdapt."""

from __future__ import annotations

import numpy as np

from core.methods.base import MethodInfo, Seen, Side, method
from core.methods.shallow.base import Shallow, ShallowParams


def augment(x: np.ndarray, side: Side) -> np.ndarray:
    """Three copies of each feature, one for both domains and one for each: (x, x, 0) on the source, (x, 0, x) on the target.

    A linear classifier on them has a common weight and a correction per domain, both held small (Daumé 2007, arXiv 0907.1815).

    Parameters
    ----------
    x : ndarray
        N×D.
    side : str

    Returns
    -------
    ndarray
        N×3D.
    """
    none = np.zeros_like(x)
    return np.concatenate([x, x, none] if side == "source" else [x, none, x], axis=1)


@method
class EasyAdapt(Shallow[ShallowParams]):
    """One head on tripled features, trained on the source and the shots.

    Both domains are scaled by the source: a mean of a few shots would be noise, and each domain's own copy has its own offset anyway.
    """

    info = MethodInfo(
        name="easyadapt",
        title="EasyAdapt",
        family="shallow, on frozen features",
        setting="semi-supervised",
        instant=True,
        summary="Triples the features: shared, source only, target only. The head learns from source labels and a few target ones.",
        helps="When a few target labels are there and the domains agree on most features; ten lines of code.",
        hurts="With one or two labels per class in many dimensions: the target's own copy is hardly trained.",
        shines="far-turned-moons",
        fails="rare-classes",
        formula=r"\Phi_S(x) = (x, x, 0),\quad \Phi_T(x) = (x, 0, x)",
        paper="Daumé III, Frustratingly Easy Domain Adaptation",
        year=2007,
        arxiv="0907.1815",
    )

    def epoch(self, seen: Seen, progress: float) -> dict[str, float]:
        parts = [augment(self.scale(self.source), "source"), augment(self.scale(self.shots), "target")]
        labels = np.concatenate([self.labels, seen.shot_labels.cpu().numpy()])
        self.head = self.fitted(np.concatenate(parts), labels)
        self.adapted = True
        return {}

    def log_probabilities(self, shown: np.ndarray, side: Side) -> np.ndarray:
        return super().log_probabilities(augment(shown, side) if self.adapted else shown, side)

    adapted = False
