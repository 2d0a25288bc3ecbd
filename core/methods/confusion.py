"""Methods that compare no clouds: confident, diverse and unconfused predictions on the target, and features of large norm."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from core.methods.base import AlignmentMethod, AlignmentParams, Batch, MethodInfo, method


def minimum_class_confusion(logits: Tensor, temperature: float) -> Tensor:
    """Minimum class confusion (Jin et al. 2020, arXiv 1912.03699, eq. 2 to 6).

    Ŷ = softmax(Z/T); w_i ∝ 1 + exp(−H(ŷ_i)), scaled to mean 1; C = Ŷᵀ diag(w) Ŷ, rows normalised;
    loss = mean over classes of the off-diagonal sum. As in the authors' code, w is held constant in the gradient.

    Parameters
    ----------
    logits : Tensor
        B×K, of target samples.
    temperature : float
        T > 0; larger softens.
    """
    p = F.softmax(logits / temperature, dim=1)
    entropy = -(p * torch.log(p + 1e-5)).sum(1).detach()
    weight = 1 + torch.exp(-entropy)
    weight = len(p) * weight / weight.sum()
    confusion = (p * weight[:, None]).T @ p
    # A class whose probability underflows everywhere has a row of zeros.
    confusion = confusion / confusion.sum(1, keepdim=True).clamp_min(torch.finfo(p.dtype).tiny)
    return (confusion.sum() - confusion.trace()) / logits.shape[1]


def prediction_entropy(logits: Tensor) -> Tensor:
    """Mean entropy of the predictions, −1/B Σ_i Σ_k p_ik log p_ik (Grandvalet and Bengio 2004, eq. 5), of B×K logits."""
    log_p = F.log_softmax(logits, dim=1)
    return -(log_p.exp() * log_p).sum(1).mean()


def information_loss(logits: Tensor) -> Tensor:
    """Minus the mutual information of sample and prediction (Shi and Sha 2012, arXiv 1206.6438, eq. 6), of B×K logits.

    1/B Σ_i H(p_i) − H(1/B Σ_i p_i): sure of each sample, and undecided over all of them.
    """
    mean = F.softmax(logits, dim=1).mean(0)
    return prediction_entropy(logits) + (mean * mean.clamp_min(torch.finfo(mean.dtype).tiny).log()).sum()


def nuclear_loss(logits: Tensor) -> Tensor:
    """−‖P‖_* / B, P the B×K predicted probabilities (Cui et al. 2020, arXiv 2003.12237, eq. 9).

    The sum of P's singular values is large if each row is sure, and if the rows differ.
    """
    return -torch.linalg.matrix_norm(F.softmax(logits, dim=1), "nuc") / len(logits)


def norm_step_loss(features: Tensor, step: float) -> Tensor:
    """Stepwise norm loss 1/N Σ_i (‖f_i‖ − (‖f_i‖₀ + Δr))² (Xu et al. 2019, arXiv 1811.07456, eq. 8), of N×D features.

    ‖f_i‖₀ is the norm as it is now, held constant in the gradient. So the value is always Δr², and the gradient
    lengthens each feature by the same pull.
    """
    norms = features.norm(dim=1)
    return (norms - (norms.detach() + step)).square().mean()


class MCCParams(AlignmentParams):
    trade_off: float = Field(1.0, ge=0, le=100, description="Weight λ of the confusion loss.")
    temperature: float = Field(2.5, gt=0, le=20, description="Softens the predictions before they are compared.")


@method
class MCC(AlignmentMethod[MCCParams]):
    """Minimum class confusion on the target's predictions."""

    info = MethodInfo(
        name="mcc",
        title="MCC",
        family="norm, confusion, nuclear",
        transfers="model",
        summary="Asks that no two classes are confused on the target; needs no alignment of clouds.",
        helps="Nearly always; the most stable single loss, also when classes are unbalanced.",
        hurts="When the source model is mostly wrong: it then grows sure of its mistakes.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\min_{F,C}\; \mathcal{L}_\text{task} + \lambda\,\tfrac{1}{K}\sum_{j\ne j'} \tilde{C}_{jj'}",
        paper="Jin et al., Minimum Class Confusion for Versatile Domain Adaptation",
        year=2020,
        arxiv="1912.03699",
    )

    def alignment(self, features: Tensor, logits: Tensor, batch: Batch) -> Tensor:
        return minimum_class_confusion(batch.split(logits)[1], self.params.temperature)


class EntropyMinimisationParams(AlignmentParams):
    trade_off: float = Field(0.1, ge=0, le=10, description="Weight λ of the entropy.")


@method
class EntropyMinimisation(AlignmentMethod[EntropyMinimisationParams]):
    """Entropy minimisation: confident predictions on the target."""

    info = MethodInfo(
        name="entropy",
        title="Entropy minimisation",
        family="norm, confusion, nuclear",
        transfers="model",
        summary="Asks for confident predictions on the target.",
        helps="When the source model is mostly right and the classes lie apart on the target too.",
        hurts="When it is not: mistakes become certain, and in the end all samples may fall into a few classes.",
        shines="small-digits",
        fails="far-turned-moons",
        formula=r"\min_{F,C}\; \mathcal{L}_\text{task} + \lambda\,\mathbb{E}_{x\sim T}\, H\big(C(F(x))\big)",
        paper="Grandvalet and Bengio, Semi-supervised Learning by Entropy Minimization",
        year=2004,
    )

    def alignment(self, features: Tensor, logits: Tensor, batch: Batch) -> Tensor:
        return prediction_entropy(batch.split(logits)[1])


class InfoMaxParams(AlignmentParams):
    trade_off: float = Field(1.0, ge=0, le=10, description="Weight λ of the information against the task loss.")


@method
class InfoMax(AlignmentMethod[InfoMaxParams]):
    """Information maximisation: predictions on the target are confident one by one and diverse together."""

    info = MethodInfo(
        name="infomax",
        title="InfoMax",
        family="norm, confusion, nuclear",
        transfers="model",
        summary="Asks for confident predictions on the target that use all classes about equally.",
        helps="When classes are about equally frequent on the target; it does not collapse as entropy alone does.",
        hurts="Under label shift: it spreads the predictions evenly, whatever the truth is.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\min_{F,C}\; \mathcal{L}_\text{task} + \lambda\Big(\mathbb{E}_{x\sim T}\, H\big(C(F(x))\big)"
        r" - H\big(\mathbb{E}_{x\sim T}\, C(F(x))\big)\Big)",
        paper="Shi and Sha, Information-Theoretical Learning of Discriminative Clusters for Unsupervised Domain Adaptation",
        year=2012,
        arxiv="1206.6438",
    )

    def alignment(self, features: Tensor, logits: Tensor, batch: Batch) -> Tensor:
        return information_loss(batch.split(logits)[1])


class BNMParams(AlignmentParams):
    trade_off: float = Field(1.0, ge=0, le=100, description="Weight λ of the nuclear norm against the task loss.")


@method
class BNM(AlignmentMethod[BNMParams]):
    """Batch Nuclear-norm Maximisation: predictions on the target that are both sure and diverse."""

    info = MethodInfo(
        name="bnm",
        title="BNM",
        family="norm, confusion, nuclear",
        transfers="model",
        summary="Asks that the target's predictions are sure and span as many classes as they can.",
        helps="When rare classes tend to be swallowed by frequent ones.",
        hurts="When the source model is mostly wrong: it then grows sure of its mistakes. Also when a batch truly lacks classes.",
        shines="moved-blobs",
        fails="far-turned-moons",
        formula=r"\min_{F,C}\; \mathcal{L}_\text{task} - \lambda\,\tfrac{1}{B}\big\lVert P_T\big\rVert_\ast",
        paper="Cui et al., Towards Discriminability and Diversity: Batch Nuclear-norm Maximization under Label Insufficient Situations",
        year=2020,
        arxiv="2003.12237",
    )

    def alignment(self, features: Tensor, logits: Tensor, batch: Batch) -> Tensor:
        return nuclear_loss(batch.split(logits)[1])


class AFNParams(AlignmentParams):
    trade_off: float = Field(0.05, ge=0, le=10, description="Weight λ of the norm loss.")
    step: float = Field(1.0, gt=0, le=25, description="How much longer, Δr, each feature is asked to be.")


@method
class AFN(AlignmentMethod[AFNParams]):
    """Stepwise Adaptive Feature Norm: features of both domains grow longer, step by step."""

    info = MethodInfo(
        name="afn",
        title="AFN",
        family="norm, confusion, nuclear",
        summary="Lets the features of both domains grow longer, as the target's are usually the shorter ones.",
        helps="When target features are short, so that no class is sure; it also bears missing classes.",
        hurts="When the shift moves clouds rather than shrinks them: longer features are not better matched ones.",
        shines="small-digits",
        fails="rare-classes",
        formula=r"\min_{F,C}\; \mathcal{L}_\text{task} + \lambda\,\mathbb{E}_{x\sim S\cup T}"
        r"\big(\lVert F(x)\rVert - \lVert F_0(x)\rVert - \Delta r\big)^2",
        paper="Xu et al., Larger Norm More Transferable: An Adaptive Feature Norm Approach for Unsupervised Domain Adaptation",
        year=2019,
        arxiv="1811.07456",
    )

    def alignment(self, features: Tensor, logits: Tensor, batch: Batch) -> Tensor:
        return norm_step_loss(features, self.params.step)
