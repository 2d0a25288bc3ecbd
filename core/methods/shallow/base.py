"""What the shallow methods share: frozen features as float64 arrays, a head on them, and the picture before and after.

A method takes up to ``samples`` training samples of each domain, so that everything is done in seconds, and never changes the
network. Before `epoch` it shows and judges what would be deployed: the features as z-scores of the *source's* mean and deviation, and
the head that was fitted on the source. So the source-only line of such a run is the same head without adaptation.

Most methods were published for features of which each domain is scaled by its own mean and deviation. That is an adaptation by itself: it
repairs other units or light, and harms where class shares differ, as a mean holds them. So a method that begins with it does so in an
epoch of its own, which shows and judges this scaling alone, and the method's own work follows in the next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from core.errors import InputError
from core.methods.base import Method, MethodParams, Seen, Side
from core.methods.shallow.alignment import Alignment, Map, scaler
from core.methods.shallow.heads import HEADS, Head, HeadName
from core.samples.drawing import proportional_order

HEAD = "Classifier on the features: 1-nearest neighbour, logistic regression or linear SVM."


class ShallowParams(MethodParams):
    head: HeadName = Field("logistic", description=HEAD)
    layer: Literal["bottleneck", "backbone"] = Field(
        "bottleneck", description="Features: the bottleneck's, or what the backbone hands to it (of the raw-features backbone, the inputs)."
    )
    samples: int = Field(2000, ge=20, le=5000, description="Training samples of each domain that are used, at most; drawn by the seed.")


class ScaledParams(ShallowParams):
    """For methods that were made for domains each of which is scaled by itself, and with which their papers' numbers are reached."""

    scaling: Literal["domain", "source"] = Field(
        "domain",
        description="z-scores by each domain's own mean and deviation, as the papers have it, or by the source's for both: better where "
        "class shares differ between the domains.",
    )


class NearestParams(ScaledParams):
    """For methods that were made for the nearest neighbour."""

    head: HeadName = Field("nearest-neighbour", description=HEAD)


S = TypeVar("S", bound=ShallowParams)


class Shallow(Method[S]):
    """Frozen features, a head, and how features of each side are shown. Subclasses write ``epoch``."""

    def build(self, bottleneck: int, generator: torch.Generator) -> None:
        self.rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))

    def begin(self, seen: Seen) -> None:
        labels = seen.labels.cpu().numpy()
        rows = np.sort(proportional_order(labels, self.rng, all_first=True)[: self.params.samples])
        counts = np.bincount(labels[rows], minlength=self.classes)
        if counts.min() == 0:
            raise InputError(
                "source",
                f"class {int(counts.argmin())} (of 0 to {self.classes - 1}) has no sample among {len(rows)}.",
                "Choose a source in which every class has samples, or use more samples than there are classes.",
            )
        others = np.sort(self.rng.permutation(len(seen.target))[: self.params.samples])
        device = seen.labels.device
        self.source, self.labels = self.frozen(seen.source[torch.from_numpy(rows).to(device)]), labels[rows]
        self.target, self.shots = self.frozen(seen.target[torch.from_numpy(others).to(device)]), self.frozen(seen.shots)
        self.width = self.columns(self.source.shape[1])
        self.scale = scaler(self.source)
        self.show({"source": self.scale, "target": self.scale}, self.scale(self.source))

    def columns(self, given: int) -> int:
        """Columns of the features that are shown, of so many frozen ones; narrower ones are filled up with zeros."""
        return given

    def frozen(self, inputs: Tensor) -> np.ndarray:
        """Features of samples as float64; the network stays as it is."""
        self.network.eval()
        if not len(inputs):
            return np.empty((0, 0))
        compute: Callable[[Tensor], Tensor] = self.network.features
        if self.params.layer == "backbone":
            compute = torch.nn.Sequential(self.network.prepare, self.network.body)
        with torch.no_grad():
            found = torch.cat([compute(part) for part in inputs.split(512)]).double().cpu().numpy()
        if not np.isfinite(found).all():
            raise InputError(
                "features", "the network gives values that are not finite numbers.", "Lower the learning rate, or repair the data."
            )
        return found

    def show(self, maps: dict[Side, Map], source: np.ndarray, weights: np.ndarray | None = None) -> None:
        """From now on features go through ``maps``; a fresh head is fitted on the source's images."""
        self.maps = maps
        self.head = self.fitted(fill(source, self.width), self.labels, weights)

    def fitted(self, x: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> Head:
        return HEADS[self.params.head]().fit(x, labels, weights, self.rng)

    def log_probabilities(self, shown: np.ndarray, side: Side) -> np.ndarray:
        """N×K, what the head says of features that are shown."""
        return self.head.log_probabilities(shown)

    def infer(self, inputs: Tensor, side: Side) -> tuple[Tensor, Tensor]:
        """Features N×D as they are shown, and log-probabilities N×K, whose largest is the head's prediction.

        How a head comes by its probabilities is said in `core.methods.shallow.heads`.
        """
        shown = fill(self.maps[side](self.frozen(inputs)), self.width)
        parts = shown, self.log_probabilities(shown, side)
        features, logits = (torch.from_numpy(part).float().to(inputs.device) for part in parts)
        return features, logits


class Feature(Shallow[S]):
    """Methods that move the features. Subclasses write ``align``; the head is fitted on the source's images.

    Where each domain is scaled by itself, the first of two epochs does that alone, with the head as it was.
    """

    @classmethod
    def stages(cls, params: MethodParams) -> int:
        return 2 if isinstance(params, ScaledParams) and params.scaling == "domain" else 1

    def align(self, source: np.ndarray, target: np.ndarray) -> Alignment:
        """The alignment of z-scored features."""
        raise NotImplementedError

    def epoch(self, seen: Seen, progress: float) -> dict[str, float]:
        common = isinstance(self.params, ScaledParams) and self.params.scaling == "source"
        of_source, of_target = self.scale, self.scale if common else scaler(self.target)
        if self.stages(self.params) == 2 and progress < 0.5:
            self.maps = {"source": of_source, "target": of_target}
            return {}
        found = self.align(of_source(self.source), of_target(self.target))
        self.show({"source": lambda x: found.map_source(of_source(x)), "target": lambda x: found.map_target(of_target(x))}, found.source)
        return {}


def fill(x: np.ndarray, width: int) -> np.ndarray:
    """Columns of zeros up to ``width``: distances stay, and pictures before and after have the same space."""
    return np.pad(x, ((0, 0), (0, width - x.shape[1])))
