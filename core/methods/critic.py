"""Methods that measure the Wasserstein distance of the domains by a critic: a function whose slope is about 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from core.methods.adversarial import perceptron
from core.methods.base import Batch, Draws, Method, MethodInfo, Step, TwoDomainParams, method
from core.methods.norm import Norm, norm_field


def gradient_penalty(critic: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, position: Tensor) -> Tensor:
    """E(‖∇c(h)‖ − 1)² over h: the rows of x, of y, and a point between each pair of them.

    (Shen et al. 2018, arXiv 1707.01217, eq. 3; the penalty of Gulrajani et al. 2017, arXiv 1704.00028.)

    Parameters
    ----------
    critic : callable
        N×D to N.
    x, y : Tensor
        m×D and n×D, without gradient.
    position : Tensor
        min(m, n)×1 in [0, 1]: where between x_i (0) and y_i (1).
    """
    pairs = len(position)
    between = x[:pairs] + position * (y[:pairs] - x[:pairs])
    points = torch.cat([between, x, y]).requires_grad_()
    (slopes,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    return (slopes.norm(dim=1) - 1).square().mean()


class WDGRLParams(TwoDomainParams):
    norm: Norm = norm_field("separate")
    trade_off: float = Field(0.1, ge=0, le=10, description="Weight λ of the estimated distance against the task loss.")
    penalty: float = Field(10.0, ge=0, le=100, description="Weight γ of the gradient penalty.")
    critic_updates: int = Field(5, ge=1, le=20, description="Updates of the critic for each batch.")
    hidden: int = Field(128, ge=4, le=2048, description="Units in each of the critic's two hidden layers.")


@method
class WDGRL(Method[WDGRLParams]):
    """Wasserstein Distance Guided Representation Learning: a critic estimates how far the clouds are, features reduce it."""

    info = MethodInfo(
        name="wdgrl",
        title="WDGRL",
        family="adversarial",
        clip=5.0,
        summary="A critic measures how far the two clouds of features must be carried; the features shorten the way.",
        helps="When domains lie so far apart that a discriminator wins at once: the critic's slope still shows the way.",
        hurts="It takes several updates of the critic for each batch. Under label shift, as it makes whole clouds equal.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\min_{F,C}\; \mathcal{L}_\text{task} + \lambda \max_{c}\Big(\mathbb{E}\,c(F(x_S)) - \mathbb{E}\,c(F(x_T))"
        r" - \gamma\,\mathbb{E}\big(\lVert\nabla c\rVert - 1\big)^2\Big)",
        paper="Shen et al., Wasserstein Distance Guided Representation Learning for Domain Adaptation",
        year=2018,
        arxiv="1707.01217",
    )

    def build(self, bottleneck: int, generator: torch.Generator) -> None:
        self.critic = perceptron(bottleneck, self.params.hidden, generator)
        self.draws = Draws(generator)

    def distance(self, features: Tensor, batch: Batch) -> Tensor:
        source, target = batch.split(self.critic(features))
        return source.mean() - target.mean()

    def steps(self, batch: Batch, progress: float) -> Iterator[Step]:
        features, logits = self.forward_both(batch)
        fixed = features.detach()  # the network does not change while the critic learns, so one pass serves all updates
        source, target = batch.split(fixed)
        for _ in range(self.params.critic_updates):
            position = self.draws.uniform(min(len(source), len(target)), 1, like=fixed)
            penalty = self.params.penalty * gradient_penalty(self.critic, source, target, position)
            yield Step({"critic": penalty - self.distance(fixed, batch)}, fixed, trains=list(self.critic.parameters()))
        task = F.cross_entropy(batch.split(logits)[0], batch.labels)
        align = self.params.trade_off * self.distance(features, batch)
        yield Step({"task": task, "align": align}, features, trains=list(self.network.parameters()))
