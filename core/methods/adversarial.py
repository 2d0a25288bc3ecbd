"""Methods that train features against a discriminator of domains."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from core.backbones import initialise
from core.methods.base import Batch, Method, MethodInfo, MethodParams, Step, method, ramp


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, scale: float) -> Tensor:
        ctx.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient: Tensor):
        return -ctx.scale * gradient, None


def reverse_gradient(x: Tensor, scale: float) -> Tensor:
    """The identity forwards; backwards the gradient times −``scale`` (Ganin and Lempitsky 2015, arXiv 1409.7495)."""
    return _Reverse.apply(x, scale)


def domain_loss(logits: Tensor, n_source: int) -> tuple[Tensor, Tensor]:
    """Binary cross-entropy of a domain discriminator on its logits, and its balanced accuracy (no gradient).

    The first ``n_source`` of the N logits belong to the source (label 1), the others to the target (label 0).
    """
    truth = torch.zeros_like(logits)
    truth[:n_source] = 1
    right = ((logits.detach() > 0) == truth.bool()).float()
    return F.binary_cross_entropy_with_logits(logits, truth), (right[:n_source].mean() + right[n_source:].mean()) / 2


@method
class DANN(Method):
    """Domain-adversarial neural network: gradient reversal in front of a domain discriminator."""

    info = MethodInfo(
        name="dann",
        title="DANN",
        family="adversarial",
        clip=5.0,
        summary="A discriminator learns to tell the domains apart while the features learn to fool it.",
        helps="With plenty of data, a gentle schedule and balanced classes.",
        hurts="Under label shift, on small data, and when the discriminator wins early: accuracy can fall below source-only.",
        formula=r"\min_{F,C}\max_{D}\; \mathcal{L}_\text{task} - \lambda_p\,\mathcal{L}_\text{domain}(D(F(x)))",
        paper="Ganin et al., Domain-Adversarial Training of Neural Networks",
        year=2016,
        arxiv="1505.07818",
    )

    class Params(MethodParams):
        trade_off: float = Field(1.0, ge=0, le=10, description="Final weight λ of the reversed gradient; it ramps up from 0.")
        hidden: int = Field(128, ge=4, le=2048, description="Units in each of the discriminator's two hidden layers.")

    def build(self, bottleneck: int, generator: torch.Generator) -> None:
        h = self.params.hidden
        self.discriminator = nn.Sequential(nn.Linear(bottleneck, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU(), nn.Linear(h, 1))
        initialise(self.discriminator, generator)

    def step(self, batch: Batch, progress: float) -> Step:
        features, logits = self.forward_both(batch)
        n = len(batch.source)
        reversed_features = reverse_gradient(features, self.params.trade_off * ramp(progress))
        domain, accuracy = domain_loss(self.discriminator(reversed_features).squeeze(1), n)
        return Step({"task": F.cross_entropy(logits[:n], batch.labels), "domain": domain}, features, {"discriminator_accuracy": accuracy})
