"""The method contract: facts, hyper-parameters, and one training step."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from core.backbones import Network
from core.registry import Registry


@dataclass(frozen=True)
class MethodInfo:
    """What a reader wants to know before choosing.

    ``trains_on`` is "target" only for references that are shown the target's labels; it is the one door through
    which these labels reach a network, and `core.training` opens it by handing the target over *as* the source.
    """

    name: str
    title: str
    family: Literal["references", "moments and kernels", "adversarial", "norm, confusion, nuclear"]
    summary: str
    helps: str
    hurts: str
    formula: str
    paper: str
    year: int | None = None
    arxiv: str | None = None
    setting: Literal["none", "unsupervised", "supervised"] = "unsupervised"
    trains_on: Literal["source", "target"] = "source"
    clip: float | None = None


class MethodParams(BaseModel):
    """Hyper-parameters: default, range and meaning side by side."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Batch:
    """What a method may see: labelled source samples, unlabelled target samples."""

    source: Tensor
    labels: Tensor
    target: Tensor


@dataclass(frozen=True)
class Step:
    """The terms of one step.

    Attributes
    ----------
    losses : dict of Tensor
        Scalars whose sum is minimised, already multiplied by their trade-off. ``"task"`` is the classification loss.
    features : Tensor
        The source and target features, 2B×D, through which the gradient of each loss can be measured.
    gauges : dict of float or Tensor
        Scalars to watch.
    """

    losses: dict[str, Tensor]
    features: Tensor
    gauges: dict[str, Tensor | float] = field(default_factory=dict)


class Method(nn.Module):
    """An iterative adaptation method. Subclasses set ``info`` and ``Params`` and write ``step``.

    It owns the network and whatever else it trains (a discriminator), so that one state dict holds everything.

    Parameters
    ----------
    network : Network
        Usually trained on the source already.
    params : Params
    bottleneck, classes : int
        Width of features and of logits.
    generator : torch.Generator
        For initial weights of the method's own modules.
    """

    info: ClassVar[MethodInfo]
    Params: ClassVar[type[MethodParams]] = MethodParams

    def __init__(self, network: Network, params: MethodParams, bottleneck: int, classes: int, generator: torch.Generator):
        super().__init__()
        self.network, self.params, self.classes = network, params, classes
        self.build(bottleneck, generator)

    def build(self, bottleneck: int, generator: torch.Generator) -> None:
        """Make the method's own modules; most have none."""

    def step(self, batch: Batch, progress: float) -> Step:
        """The losses of one batch; ``progress`` runs from 0 to 1 over this run's adaptation."""
        raise NotImplementedError

    def forward_both(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Features and logits of source and target in one pass: batch norm sees both domains pooled."""
        return self.network(torch.cat([batch.source, batch.target]))


METHODS: Registry[type[Method]] = Registry("method")


def method(cls: type[Method]) -> type[Method]:
    """Register the decorated method; it is then in the picker, the command line and the contract tests."""
    cls.name = cls.info.name
    METHODS.add(cls)
    return cls


def ramp(progress: float) -> float:
    """λ_p = 2 / (1 + e^(−10p)) − 1, the schedule of Ganin et al. (2016, JMLR 17), from 0 to 1."""
    return 2 / (1 + math.exp(-10 * progress)) - 1
