"""How sure is sure enough: the least probability at which a method that labels the target itself learns from a label."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

import torch
from pydantic import Field
from torch import Tensor

from core.methods.base import Method, Seen, TwoDomainParams

Confidence = Literal["fixed", "relative", "per-class"]


class ConfidentParams(TwoDomainParams):
    """What methods have that learn from those of their guesses of which they are sure."""

    confidence: Confidence = Field(
        "relative",
        description="What sure means. fixed: the threshold is the least probability of the most probable class. relative: it is a share"
        " of the mean such probability on the batch's labelled source. per-class: a class has the threshold once as many target samples"
        " were surely held for it as for any other, or as are still unsure, and a lower one before.",
    )
    threshold: float = Field(0.9, ge=0, lt=1, description="How sure a guess must be: a probability, or a share of one (relative).")


C = TypeVar("C", bound=ConfidentParams)


class ConfidentMethod(Method[C]):
    """A method that asks `enough` how sure a guess must be. Per class, it remembers how each target sample was last held."""

    learned: Tensor  # the class of which each target sample was last sure; −1: none yet

    def begin(self, seen: Seen) -> None:
        if self.params.confidence == "per-class":
            self.register_buffer("learned", torch.full((len(seen.target),), -1, device=seen.target.device))

    def enough(self, guesses: Tensor, source: Tensor, index: Tensor) -> Tensor:
        """The threshold of each guess.

        Parameters
        ----------
        guesses, source : Tensor
            Logits B×K of the target, by which it is labelled, and M×K of labelled source samples.
        index : Tensor
            The guesses' rows in the target.
        """
        sure, labels = guesses.detach().softmax(1).max(1)
        return self.thresholds(sure, labels, lambda: source.detach().softmax(1).amax(1), index)

    def thresholds(self, sure: Tensor, labels: Tensor, source: Callable[[], Tensor], index: Tensor) -> Tensor:
        """The same from the B probabilities of the most probable classes, these classes, and M such probabilities of the source."""
        least = self.params.threshold
        if self.params.confidence == "fixed":
            return torch.full_like(sure, least)
        if self.params.confidence == "relative":
            return relative_threshold(least, source()).expand_as(sure)
        found = class_thresholds(least, self.learned, self.classes)[labels]
        self.learned[index] = torch.where(sure >= least, labels, self.learned[index])
        return found.to(sure)


def relative_threshold(share: float, source: Tensor) -> Tensor:
    """c/M Σ_i max_k p_ik, from the M highest probabilities of labelled source samples (Berthelot et al. 2022, arXiv 2106.04732).

    A network that is sure of nothing on the source either can so label the target, and one that is too sure labels less of it.
    """
    return share * source.mean()


def class_thresholds(threshold: float, learned: Tensor, classes: int) -> Tensor:
    """τ·β_k/(2 − β_k) with β_k = σ_k / max(max_j σ_j, n − Σ_j σ_j) (Zhang et al. 2021, arXiv 2110.08263, eq. 5 to 7, 11 and 12).

    σ_k is how many of n target samples were last surely held for class k. At first, when n − Σσ of them are still unsure, all is
    learned; then a class's threshold rises with its share, so that those which are hard to learn are not forgotten.

    Parameters
    ----------
    threshold : float
        τ.
    learned : Tensor
        int64 of length n: the class, or −1.
    classes : int
        K.
    """
    counts = (learned == torch.arange(-1, classes, device=learned.device)[:, None]).sum(1)
    beta = counts[1:] / counts.amax()
    return threshold * beta / (2 - beta)
