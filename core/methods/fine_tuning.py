"""Fine-tuning: the source's network goes on learning from the few labelled target samples, and from no source data.

Batch norm needs more samples than the shots are. So what may change takes its statistics from the shots and a batch of
unlabelled target samples, in one pass; what is frozen keeps the statistics of the source, with its weights.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from core.methods.base import Batch, Method, MethodInfo, P, Step, TrainedParams, method


def starting_point_penalty(weights: Tensor, start: Tensor, head: Tensor, alpha: float, beta: float) -> Tensor:
    """α/2 ‖w − w₀‖² + β/2 ‖v‖² (Li et al. 2018, arXiv 1802.01483, eq. 3 and 5).

    Parameters
    ----------
    weights, start : Tensor
        All P weights w of the encoder, and w₀, the ones it started from.
    head : Tensor
        The Q weights v of the head.
    alpha, beta : float
    """
    return alpha / 2 * (weights - start).square().sum() + beta / 2 * head.square().sum()


def spectral_shrinkage(features: Tensor, count: int) -> Tensor:
    """Σ_{i=1}^k σ²_{−i}, the ``count`` smallest singular values of B×D features, squared and summed (Chen et al. 2019, eq. 5)."""
    return torch.linalg.svdvals(features)[-count:].square().sum()


class FineTuningMethod(Method[P]):
    """Cross-entropy on the shots. Subclasses may keep parts of the network as they are, and add penalties."""

    def frozen(self) -> list[nn.Module]:
        """Parts of the network that keep weights and statistics."""
        return []

    def penalties(self, features: Tensor) -> dict[str, Tensor]:
        """More terms, from the shots' features."""
        return {}

    def train(self, mode: bool = True) -> FineTuningMethod:
        super().train(mode)
        for part in self.frozen():
            part.eval()
        return self

    def step(self, batch: Batch, progress: float) -> Step:
        features = self.network.features(torch.cat([batch.shots, batch.target]))[: len(batch.shots)]
        logits = self.network.head(features)
        losses = {"shots": F.cross_entropy(logits, batch.shot_labels)} | self.penalties(features)
        fixed = {id(p) for part in self.frozen() for p in part.parameters()}
        trained = [p for p in self.network.parameters() if id(p) not in fixed]
        return Step(losses, features, {"shot_accuracy": shot_accuracy(logits, batch)}, trained)


def shot_accuracy(logits: Tensor, batch: Batch) -> Tensor:
    """The share of the batch's shots that their logits get right."""
    return (logits.detach().argmax(1) == batch.shot_labels).float().mean()


class FineTuningParams(TrainedParams):
    trains: Literal["head", "bottleneck", "all"] = Field(
        "all", description="What may change: the head on a frozen backbone; bottleneck and head on a partly frozen one; or all."
    )


@method
class FineTuning(FineTuningMethod[FineTuningParams]):
    """Training goes on with the shots: the head alone, bottleneck and head, or everything."""

    info = MethodInfo(
        name="fine-tuning",
        title="Fine-tuning",
        family="few target labels",
        transfers="model",
        setting="semi-supervised",
        sees_source=False,
        summary="Goes on training the source's network with a few labelled target samples: all of it, or its last layers alone.",
        helps="When there are labels to be had: a few per class often beat any method without. It needs no source data.",
        hurts="With one or two samples per class it learns them by heart. A frozen backbone cannot mend features that do not fit.",
        shines="far-turned-moons",
        fails="same-moons",
        formula=r"\min_{w}\; \mathbb{E}_{(x,y)\sim \text{shots}}\; \ell(C(F(x)), y), \qquad w \text{ starts from } w_0",
        paper="Yosinski et al., How Transferable Are Features in Deep Neural Networks?",
        year=2014,
        arxiv="1411.1792",
    )

    def frozen(self) -> list[nn.Module]:
        network = self.network
        return {"head": [network.body, network.bottleneck], "bottleneck": [network.body], "all": []}[self.params.trains]


class L2SPParams(TrainedParams):
    trade_off: float = Field(1e-2, ge=0, le=10, description="Weight α of the pull towards the weights that the encoder started from.")
    head_decay: float = Field(1e-2, ge=0, le=10, description="Weight β of the pull of the head towards zero.")


@method
class L2SP(FineTuningMethod[L2SPParams]):
    """Fine-tuning on a leash: the weights may not go far from where they started."""

    info = MethodInfo(
        name="l2-sp",
        title="L2-SP",
        family="few target labels",
        transfers="model",
        setting="semi-supervised",
        sees_source=False,
        summary="Fine-tuning in which weight decay pulls towards the source's weights instead of towards zero.",
        helps="When the source's network is nearly right, so that few samples would only spoil it.",
        hurts="When it is far off: the leash holds it there.",
        shines="far-turned-moons",
        fails="same-moons",
        formula=r"\min_{w,v}\; \mathcal{L}_\text{shots} + \tfrac{\alpha}{2}\lVert w - w_0\rVert^2 + \tfrac{\beta}{2}\lVert v\rVert^2,"
        r"\qquad w \text{ the encoder's, } v \text{ the head's}",
        paper="Li et al., Explicit Inductive Bias for Transfer Learning with Convolutional Networks",
        year=2018,
        arxiv="1802.01483",
    )

    start: Tensor

    def build(self, bottleneck: int, generator: torch.Generator) -> None:
        self.register_buffer("start", self._encoder().detach().clone())

    def _encoder(self) -> Tensor:
        return torch.cat([p.flatten() for p in self.network.encoder()])

    def penalties(self, features: Tensor) -> dict[str, Tensor]:
        head = torch.cat([p.flatten() for p in self.network.head.parameters()])
        return {"anchor": starting_point_penalty(self._encoder(), self.start, head, self.params.trade_off, self.params.head_decay)}


class BSSParams(TrainedParams):
    trade_off: float = Field(1e-3, ge=0, le=10, description="Weight η of the smallest singular values.")
    count: int = Field(1, ge=1, le=64, description="How many of them, k, are shrunk.")


@method
class BSS(FineTuningMethod[BSSParams]):
    """Batch Spectral Shrinkage: fine-tuning that lets go of what does not carry over."""

    info = MethodInfo(
        name="bss",
        title="BSS",
        family="few target labels",
        transfers="model",
        setting="semi-supervised",
        sees_source=False,
        summary="Fine-tuning that shrinks the weakest directions of the features, which a few samples cannot fill with meaning.",
        helps="When features of the source that mean nothing on the target do harm.",
        hurts="When the shots vary in few directions only: these are then the weak ones.",
        shines="far-turned-moons",
        fails="same-moons",
        formula=r"\min_{w}\; \mathcal{L}_\text{shots} + \eta \sum_{i=1}^{k} \sigma_{-i}^2(F_\text{shots})",
        paper="Chen et al., Catastrophic Forgetting Meets Negative Transfer: Batch Spectral Shrinkage for Safe Transfer Learning",
        year=2019,
    )

    def penalties(self, features: Tensor) -> dict[str, Tensor]:
        return {"shrinkage": self.params.trade_off * spectral_shrinkage(features, self.params.count)}
