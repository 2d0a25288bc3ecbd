"""Classifiers with hidden layers, as methods have them that need two of them: batch norm, and dropout with draws of its own."""

from __future__ import annotations

from itertools import pairwise

import torch
from pydantic import Field
from torch import Tensor, nn

from core.backbones import initialise
from core.methods.base import Draws, TwoDomainParams
from core.methods.rate import Schedule, rate_field, schedule_field


class HeadParams(TwoDomainParams):
    """What methods have that bring classifiers of their own. Adam at 2e-4 all along, as in the code of MCD's authors."""

    rate: float = rate_field(0.1)
    schedule: Schedule = schedule_field("constant")
    hidden: int = Field(
        100, ge=0, le=4096, description="Units in each of the two hidden layers of every classifier; 0: linear classifiers."
    )
    dropout: float = Field(0.5, ge=0, lt=1, description="Share of each layer's inputs that classifiers with hidden layers drop by chance.")


class Dropout(nn.Module):
    """In training each number is dropped with chance ``share``, and what is left is scaled by 1/(1 − share).

    As `torch.nn.Dropout` (Srivastava et al. 2014), which draws from the generator that all threads share: here a resumed run drops
    the same numbers.
    """

    def __init__(self, share: float, generator: torch.Generator):
        super().__init__()
        self.share, self.draws = share, Draws(generator)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.share:
            return x
        return x * (self.draws.uniform(*x.shape, like=x) >= self.share) / (1 - self.share)


def classifier(inputs: int, hidden: int, classes: int, generator: torch.Generator, dropout: float = 0.5, normed: bool = True) -> nn.Module:
    """Two hidden layers of ``hidden`` units, with dropout before each linear layer, batch norm and ReLU after it; for 0 units a linear one.

    So is the classifier of Saito et al. (2018, arXiv 1712.02560) for the smallest digits, with 100 units. All weights, and the
    states of the dropout's draws, come from ``generator``.
    """
    layers: list[nn.Module] = []
    for before, after in pairwise([inputs, hidden, hidden] if hidden else []):
        layers += [Dropout(dropout, generator), nn.Linear(before, after), *([nn.BatchNorm1d(after)] if normed else []), nn.ReLU()]
    head = nn.Sequential(*layers, Dropout(dropout, generator), nn.Linear(hidden, classes)) if hidden else nn.Linear(inputs, classes)
    initialise(head, generator)
    return head


def first_weight(head: nn.Module) -> Tensor:
    """The weight, units×inputs, of the layer that reads the features."""
    return next(layer.weight for layer in head.modules() if isinstance(layer, nn.Linear))
