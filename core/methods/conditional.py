"""Adversarial methods whose discriminator sees features together with predictions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from core.methods.adversarial import ReversalMethod, ReversalParams, perceptron
from core.methods.base import Batch, MethodInfo, method

LARGEST_PRODUCT = 4096  # features × classes; beyond it the map is random, as in the paper


def multilinear(features: Tensor, probabilities: Tensor) -> Tensor:
    """All products of a feature with a probability, N×D and N×K to N×DK (Long et al. 2018, arXiv 1705.10667, eq. 4)."""
    return (probabilities[:, :, None] * features[:, None, :]).flatten(1)


def random_multilinear(features: Tensor, probabilities: Tensor, feature_map: Tensor, probability_map: Tensor) -> Tensor:
    """(f R_f) ⊙ (p R_p) / √d, whose inner products are on average those of `multilinear` (arXiv 1705.10667, eq. 6).

    Parameters
    ----------
    features, probabilities : Tensor
        N×D and N×K.
    feature_map, probability_map : Tensor
        D×d and K×d, of independent standard normal numbers.

    Returns
    -------
    Tensor
        N×d.
    """
    return (features @ feature_map) * (probabilities @ probability_map) / feature_map.shape[1] ** 0.5


def entropy_weights(logits: Tensor) -> Tensor:
    """1 + exp(−H(p)) of each of B×K logits, scaled to mean 1 and held constant in the gradient (arXiv 1705.10667, eq. 8)."""
    log_p = F.log_softmax(logits.detach(), dim=1)
    weights = 1 + torch.exp((log_p.exp() * log_p).sum(1))
    return weights / weights.mean()


class CDANParams(ReversalParams):
    hidden: int = Field(32, ge=4, le=2048, description="Units in each of the discriminator's two hidden layers.")
    random_size: int = Field(
        1024, ge=16, le=16_384, description="Size of the random map, which is used if features × classes are more than 4096."
    )


@method
class CDAN(ReversalMethod[CDANParams]):
    """Conditional Domain-Adversarial Network: the discriminator sees features × predictions.

    The predictions are detached: they are a condition, and must not be bent to fool the discriminator.
    """

    info = MethodInfo(
        name="cdan",
        title="CDAN",
        family="adversarial",
        clip=5.0,
        summary="Like DANN, but the discriminator also sees what class each sample is taken for.",
        helps="When features have one cloud per class, and most predictions are right.",
        hurts="When early predictions are wrong, and on small data. Under label shift less than DANN, but still.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\min_{F,C}\max_{D}\; \mathcal{L}_\text{task} - \lambda_p\,\mathcal{L}_\text{domain}"
        r"\big(D(F(x)\otimes \operatorname{softmax} C(F(x)))\big)",
        paper="Long et al., Conditional Adversarial Domain Adaptation",
        year=2018,
        arxiv="1705.10667",
    )

    feature_map: Tensor
    probability_map: Tensor

    def build(self, bottleneck: int, generator: torch.Generator) -> None:
        width, size = bottleneck * self.classes, self.params.random_size
        self.random = width > LARGEST_PRODUCT
        if self.random:
            # Buffers: a resumed run must go on with the same maps.
            self.register_buffer("feature_map", torch.randn(bottleneck, size, generator=generator))
            self.register_buffer("probability_map", torch.randn(self.classes, size, generator=generator))
        self.discriminator = perceptron(size if self.random else width, self.params.hidden, generator)

    def seen(self, features: Tensor, logits: Tensor) -> Tensor:
        probabilities = logits.detach().softmax(1)
        if self.random:
            return random_multilinear(features, probabilities, self.feature_map, self.probability_map)
        return multilinear(features, probabilities)


@method
class CDANE(CDAN):
    """CDAN+E: CDAN in which samples with sure predictions count more."""

    info = MethodInfo(
        name="cdan-e",
        title="CDAN+E",
        family="adversarial",
        clip=5.0,
        summary="CDAN in which samples that the network is sure of count more.",
        helps="When some target samples are easy: they lead, and the hard ones follow.",
        hurts="When the network is sure and wrong, and on small data. Under label shift less than DANN, but still.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\min_{F,C}\max_{D}\; \mathcal{L}_\text{task} - \lambda_p\,\mathbb{E}\,\big(1 + e^{-H(C(F(x)))}\big)\,"
        r"\ell_\text{domain}\big(D(F(x)\otimes \operatorname{softmax} C(F(x)))\big)",
        paper="Long et al., Conditional Adversarial Domain Adaptation",
        year=2018,
        arxiv="1705.10667",
    )

    def weights(self, logits: Tensor, batch: Batch) -> Tensor:
        return torch.cat([entropy_weights(part) for part in batch.split(logits)])
