"""Methods that train features against a discriminator of domains."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import TypeVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from core.backbones import initialise
from core.methods.base import Batch, Method, MethodInfo, Step, TrainedParams, TwoDomainParams, method, ramp
from core.methods.norm import Norm, norm_field
from core.methods.rate import rate_field


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, scale: float) -> Tensor:
        ctx.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(ctx, *gradients: Tensor):
        return -ctx.scale * gradients[0], None


def reverse_gradient(x: Tensor, scale: float) -> Tensor:
    """The identity forwards; backwards the gradient times −``scale`` (Ganin and Lempitsky 2015, arXiv 1409.7495)."""
    return _Reverse.apply(x, scale)


def domain_loss(logits: Tensor, n_source: int, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Binary cross-entropy of a domain discriminator on its logits, and its balanced accuracy (no gradient).

    The first ``n_source`` of the N logits belong to the source (label 1), the others to the target (label 0).
    ``weights``, N numbers whose mean is 1, say how much each sample counts.
    """
    truth = torch.zeros_like(logits)
    truth[:n_source] = 1
    right = ((logits.detach() > 0) == truth.bool()).float()
    loss = F.binary_cross_entropy_with_logits(logits, truth, weights)
    return loss, (right[:n_source].mean() + right[n_source:].mean()) / 2


def spectral_penalty(features: Tensor) -> Tensor:
    """σ₁², the largest squared singular value of B×D features (Chen et al. 2019, PMLR 97, eq. 8, with k = 1)."""
    return torch.linalg.matrix_norm(features, 2).square()


def perceptron(inputs: int, hidden: int, generator: torch.Generator) -> nn.Sequential:
    """Two hidden layers and one output: a discriminator or a critic."""
    layers = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1), nn.Flatten(0))
    initialise(layers, generator)
    return layers


class ReversalParams(TwoDomainParams):
    """What all methods with a discriminator behind a gradient reversal have."""

    norm: Norm = norm_field("separate")
    trade_off: float = Field(1.0, ge=0, le=10, description="Final weight λ of the reversed gradient; it ramps up from 0.")
    hidden: int = Field(128, ge=4, le=2048, description="Units in each of the discriminator's two hidden layers.")


R = TypeVar("R", bound=ReversalParams)


class ReversalMethod(Method[R]):
    """A discriminator behind a gradient reversal. Subclasses may choose what it sees, and how much samples count."""

    def build(self, bottleneck: int, generator: torch.Generator) -> None:
        self.discriminator = perceptron(bottleneck, self.params.hidden, generator)

    def seen(self, features: Tensor, logits: Tensor) -> Tensor:
        """What the discriminator sees of N samples."""
        return features

    def weights(self, logits: Tensor, batch: Batch) -> Tensor | None:
        """How much each sample counts in the domain loss."""
        return None

    def step(self, batch: Batch, progress: float) -> Step:
        features, logits = self.forward_both(batch)
        reversed_features = reverse_gradient(features, self.params.trade_off * ramp(progress))
        guesses = self.discriminator(self.seen(reversed_features, logits))
        domain, accuracy = domain_loss(guesses, len(batch.source), self.weights(logits, batch))
        task = F.cross_entropy(batch.split(logits)[0], batch.labels)
        return Step({"task": task, "domain": domain}, features, {"discriminator_accuracy": accuracy})


class DANNParams(ReversalParams):
    trade_off: float = Field(
        0.3, ge=0, le=10, description="Final weight λ of the reversed gradient; it ramps up from 0. The paper's 1 makes small data swing."
    )


@method
class DANN(ReversalMethod[DANNParams]):
    """Domain-adversarial neural network: gradient reversal in front of a domain discriminator."""

    info = MethodInfo(
        name="dann",
        title="DANN",
        family="adversarial",
        clip=5.0,
        summary="A discriminator learns to tell the domains apart while the features learn to fool it.",
        helps="With plenty of data, a gentle schedule and balanced classes.",
        hurts="Under label shift, on small data, and when the discriminator wins early: accuracy can fall below source-only.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\min_{F,C}\max_{D}\; \mathcal{L}_\text{task} - \lambda_p\,\mathcal{L}_\text{domain}(D(F(x)))",
        paper="Ganin et al., Domain-Adversarial Training of Neural Networks",
        year=2016,
        arxiv="1505.07818",
    )


class BSPParams(ReversalParams):
    penalty: float = Field(1e-4, ge=0, le=1, description="Weight β of the largest squared singular values.")


@method
class BSP(ReversalMethod[BSPParams]):
    """Batch Spectral Penalisation on top of DANN: no direction may dominate the features."""

    info = MethodInfo(
        name="bsp",
        title="BSP",
        family="adversarial",
        clip=5.0,
        summary="DANN, with a brake on the strongest direction of the features so that the weaker ones keep their say.",
        helps="When DANN aligns the domains but blurs the classes.",
        hurts="Like DANN under label shift and on small data; a large brake flattens the features that tell classes apart.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\min_{F,C}\max_{D}\; \mathcal{L}_\text{task} - \lambda_p\,\mathcal{L}_\text{domain}(D(F(x)))"
        r" + \beta\,\big(\sigma_1^2(F_S) + \sigma_1^2(F_T)\big)",
        paper="Chen et al., Transferability vs. Discriminability: Batch Spectral Penalization for Adversarial Domain Adaptation",
        year=2019,
    )

    def step(self, batch: Batch, progress: float) -> Step:
        step = super().step(batch, progress)
        largest = sum(spectral_penalty(part) for part in batch.split(step.features))
        return replace(step, losses=step.losses | {"spectral": self.params.penalty * largest})


class ADDAParams(TrainedParams):
    rate: float = rate_field(0.25)
    trade_off: float = Field(1.0, ge=0, le=10, description="Weight λ of the target encoder's loss.")
    hidden: int = Field(128, ge=4, le=2048, description="Units in each of the discriminator's two hidden layers.")


@method
class ADDA(Method[ADDAParams]):
    """Adversarial Discriminative Domain Adaptation: a copy of the network learns to make target look like frozen source.

    The source's encoder stays as it was trained, and so does the classifier; discriminator and target encoder take
    turns. No task loss is trained, so this method must start from the source-trained network.
    """

    info = MethodInfo(
        name="adda",
        title="ADDA",
        family="adversarial",
        clip=5.0,
        summary="Freezes the source's features and teaches a second encoder to make target samples look like them.",
        helps="When one encoder cannot serve both domains. Start from the source-trained network.",
        hurts="Nothing holds the classes in place, as no label is learned from while features move. If the source network is wrong on half"
        " of the target, whole classes land on wrong ones, and no setting repairs that: it may stay below source-only, as on printed to"
        " handwritten digits. Also under label shift.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\min_{D}\; \mathcal{L}_\text{domain}\big(D(F_S(x_S)), D(F_T(x_T))\big),\qquad"
        r" \min_{F_T}\; -\lambda\,\mathbb{E}_{x\sim T} \log D(F_T(x))",
        paper="Tzeng et al., Adversarial Discriminative Domain Adaptation",
        year=2017,
        arxiv="1702.05464",
    )

    def build(self, bottleneck: int, generator: torch.Generator) -> None:
        self.discriminator = perceptron(bottleneck, self.params.hidden, generator)
        self.source_network = deepcopy(self.network).requires_grad_(False)

    def steps(self, batch: Batch, progress: float) -> Iterator[Step]:
        self.source_network.eval()  # its batch norm is frozen too
        n = len(batch.source)
        features = torch.cat([self.source_network.features(batch.source), self.network.features(batch.target)])
        domain, accuracy = domain_loss(self.discriminator(features.detach()), n)
        yield Step({"domain": domain}, features.detach(), {"discriminator_accuracy": accuracy}, list(self.discriminator.parameters()))
        guesses = self.discriminator(features[n:])
        fooled = F.binary_cross_entropy_with_logits(guesses, torch.ones_like(guesses))  # labels inverted, not gradients reversed
        yield Step({"align": self.params.trade_off * fooled}, features, trains=self.network.encoder())
