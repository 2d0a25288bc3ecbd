"""Methods with a second classifier: where two classifiers disagree, the target lies outside the source's support."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from core.backbones import initialise
from core.methods.adversarial import reverse_gradient
from core.methods.base import Batch, Method, MethodInfo, Side, Step, TwoDomainParams, method, ramp
from core.methods.heads import HeadParams, classifier
from core.methods.norm import Norm, norm_field


def classifier_discrepancy(first: Tensor, second: Tensor) -> Tensor:
    """Mean |p₁ − p₂| over samples and classes of two B×K logits (Saito et al. 2018, arXiv 1712.02560, eq. 1 and 2)."""
    return (first.softmax(1) - second.softmax(1)).abs().mean()


def margin_disparity(logits: Tensor, adversary: Tensor, n: int, margin: float) -> Tensor:
    """γ·E_S[−log p'_y(x)] + E_T[−log(1 − p'_y(x))], with y the class that ``logits`` hold for most probable.

    The adversary minimises it: it agrees with the classifier on the source and disagrees on the target
    (Zhang et al. 2019, arXiv 1904.05801, eq. 27 to 30; γ = e^ρ for a margin of ρ).

    Parameters
    ----------
    logits, adversary : Tensor
        N×K, of the classifier (no gradient) and of its adversary; the first n rows belong to the source.
    n : int
    margin : float
        γ.
    """
    predicted = logits.argmax(1)
    agree = F.cross_entropy(adversary[:n], predicted[:n])
    others = adversary[n:].masked_fill(F.one_hot(predicted[n:], adversary.shape[1]).bool(), -torch.inf)
    disagree = (adversary[n:].logsumexp(1) - others.logsumexp(1)).mean()  # log(1 − p) without a difference of near equals
    return margin * agree + disagree


class MDDParams(TwoDomainParams):
    norm: Norm = norm_field("separate")
    trade_off: float = Field(0.1, ge=0, le=10, description="Final weight λ of the reversed gradient; it ramps up from 0.")
    margin: float = Field(4.0, ge=1, le=20, description="Margin factor γ: how much agreeing on the source counts.")
    hidden: int = Field(128, ge=4, le=4096, description="Units in the adversary's hidden layer.")


@method
class MDD(Method[MDDParams]):
    """Margin Disparity Discrepancy: an adversary agrees with the classifier on the source, and disagrees on the target."""

    info = MethodInfo(
        name="mdd",
        title="MDD",
        family="adversarial",
        clip=5.0,
        summary="A rival classifier looks for target samples that could be called otherwise; features learn to leave it none.",
        helps="When classes have room between them; its theory bounds the target's error.",
        hurts="With few classes or noisy ones, and on small data, where the rival always finds something.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\min_{F,C}\max_{C'}\; \mathcal{L}_\text{task} + \lambda_p\Big(\mathbb{E}_T \log\big(1 - p'_{\hat y}\big)"
        r" + \gamma\,\mathbb{E}_S \log p'_{\hat y}\Big)",
        paper="Zhang et al., Bridging Theory and Algorithm for Domain Adaptation",
        year=2019,
        arxiv="1904.05801",
    )

    def build(self, bottleneck: int, generator: torch.Generator) -> None:
        h = self.params.hidden
        self.adversary = nn.Sequential(nn.Linear(bottleneck, h), nn.ReLU(), nn.Linear(h, self.classes))
        initialise(self.adversary, generator)

    def step(self, batch: Batch, progress: float) -> Step:
        features, logits = self.forward_both(batch)
        n = len(batch.source)
        rival = self.adversary(reverse_gradient(features, self.params.trade_off * ramp(progress)))
        disparity = margin_disparity(logits, rival, n, self.params.margin)
        return Step({"task": F.cross_entropy(logits[:n], batch.labels), "disparity": disparity}, features)


class MCDParams(HeadParams):
    # As in the authors' code. Pooled, the target's features may shrink to where both classifiers know nothing, and agree.
    norm: Norm = norm_field("separate")
    trade_off: float = Field(1.0, ge=0, le=100, description="Weight λ of the discrepancy.")
    repeats: int = Field(4, ge=1, le=10, description="Updates k of the features for each batch.")


@method
class MCD(Method[MCDParams]):
    """Maximum Classifier Discrepancy: two classifiers are driven apart on the target, features bring them together.

    Three kinds of updates for each batch, as in the paper: everything on the source; the classifiers alone, apart; the
    features alone, k times, together. The first classifier predicts. Both are newly drawn, with hidden layers as in the authors'
    code; linear ones begin with the network's own head as the first.
    """

    info = MethodInfo(
        name="mcd",
        title="MCD",
        family="adversarial",
        clip=5.0,
        summary="Two classifiers show where they disagree on the target; the features learn to leave no such place.",
        helps="When target samples lie near the boundary between classes. It needs no domain discriminator.",
        hurts="It takes k + 2 updates for each batch. When both classifiers agree on something wrong, nothing corrects it.",
        shines="small-digits",
        fails="turned-moons",
        formula=r"\min_{C_1,C_2}\; \mathcal{L}_\text{task} - \lambda\, d(T),\qquad \min_{F}\; \lambda\, d(T),"
        r"\quad d(T) = \mathbb{E}_{x\sim T} \tfrac{1}{K}\lVert p_1(x) - p_2(x)\rVert_1",
        paper="Saito et al., Maximum Classifier Discrepancy for Unsupervised Domain Adaptation",
        year=2018,
        arxiv="1712.02560",
    )

    def build(self, bottleneck: int, generator: torch.Generator) -> None:
        params = self.params
        if params.hidden:
            self.network.add_module("head", classifier(bottleneck, params.hidden, self.classes, generator, params.dropout))
        self.second = classifier(bottleneck, params.hidden, self.classes, generator, params.dropout)

    def said(self, side: Side, features: Tensor, batch: Batch) -> list[Tensor]:
        """Logits that the two classifiers give to one side's rows. Pooled, the other side passes through their batch norm as well."""
        heads, which = (self.network.head, self.second), 0 if side == "source" else 1
        if self.norm == "pooled":
            return [batch.split(head(features))[which] for head in heads]
        with self.statistics(side):
            return [head(batch.split(features)[which]) for head in heads]

    def both_tasks(self, features: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy of both classifiers on the source."""
        first, second = self.said("source", features, batch)
        return F.cross_entropy(first, batch.labels) + F.cross_entropy(second, batch.labels)

    def discrepancy(self, features: Tensor, batch: Batch) -> Tensor:
        """Their weighted discrepancy on the target."""
        return self.params.trade_off * classifier_discrepancy(*self.said("target", features, batch))

    def target_again(self, features: Tensor, batch: Batch) -> Tensor:
        """Features 2B×D after an update of the encoder; of the source, only where batch norm needs it, others than the given ones."""
        if self.norm == "pooled":
            return self.features_of(batch.source, batch.target)
        with self.statistics("target"):
            return torch.cat([batch.split(features)[0], self.network.features(batch.target)])

    def steps(self, batch: Batch, progress: float) -> Iterator[Step]:
        features = self.features_of(batch.source, batch.target)
        yield Step({"task": self.both_tasks(features, batch)}, features)
        with torch.no_grad():
            features = self.features_of(batch.source, batch.target)
        apart = self.both_tasks(features, batch) - self.discrepancy(features, batch)
        yield Step({"classifiers": apart}, features, trains=[*self.network.head.parameters(), *self.second.parameters()])
        for _ in range(self.params.repeats):
            again = self.target_again(features, batch)
            yield Step({"align": self.discrepancy(again, batch)}, again, trains=self.network.encoder())
