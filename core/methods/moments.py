"""Methods that make two feature distributions agree: kernel mean embeddings and covariances."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from core.methods.base import Batch, Method, MethodInfo, MethodParams, Step, method


def mk_mmd2(x: Tensor, y: Tensor) -> Tensor:
    """Unbiased squared MMD with the mean of five Gaussian kernels.

    MMD²_u = 1/(m(m−1)) Σ_{i≠j} k(x_i,x_j) + 1/(n(n−1)) Σ_{i≠j} k(y_i,y_j) − 2/(mn) Σ_{ij} k(x_i,y_j)
    with k(a,b) = ⅕ Σ_q exp(−‖a−b‖² / (q·h)), q ∈ {¼, ½, 1, 2, 4}, and h the mean squared distance between
    different samples of the pooled batch, held constant in the gradient.
    (Gretton et al. 2012, JMLR 13, eq. 3; Long et al. 2015, arXiv 1502.02791.)

    Parameters
    ----------
    x, y : Tensor
        m×D and n×D, m, n ≥ 2.

    Returns
    -------
    Tensor
        A scalar; negative values are possible, as the estimator is unbiased.
    """
    m, n = len(x), len(y)
    z = torch.cat([x, y])
    z = z - z.mean(0).detach()  # |a|²+|b|²−2ab loses its digits far from the origin
    squares = z.square().sum(1)
    d2 = (squares[:, None] + squares[None, :] - 2 * z @ z.T).clamp_min(0)
    h = (d2.detach().sum() / ((m + n) * (m + n - 1))).clamp_min(torch.finfo(z.dtype).tiny)
    power = torch.exp(-d2 / (4 * h))  # the widest kernel; the narrower ones are its squares
    k = power
    for _ in range(4):
        power = power * power
        k = k + power
    k = k / 5
    same_x = (k[:m, :m].sum() - k[:m, :m].diagonal().sum()) / (m * (m - 1))
    same_y = (k[m:, m:].sum() - k[m:, m:].diagonal().sum()) / (n * (n - 1))
    return same_x + same_y - 2 * k[:m, m:].mean()


def coral(x: Tensor, y: Tensor) -> Tensor:
    """CORAL loss ‖C_x − C_y‖²_F / (4D²) with unbiased covariances (Sun and Saenko 2016, arXiv 1607.01719, eq. 1).

    Parameters
    ----------
    x, y : Tensor
        m×D and n×D, m, n ≥ 2.
    """

    def covariance(z: Tensor) -> Tensor:
        centred = z - z.mean(0)
        return centred.T @ centred / (len(z) - 1)

    return (covariance(x) - covariance(y)).square().sum() / (4 * x.shape[1] ** 2)


class AlignmentMethod(Method):
    """Task loss on the source plus ``trade_off`` times a distance between the domains. Subclasses write ``distance``."""

    def distance(self, features: Tensor, probabilities: Tensor, n: int) -> Tensor:
        """Of the first n rows (source) to the others (target)."""
        raise NotImplementedError

    def step(self, batch: Batch, progress: float) -> Step:
        features, logits = self.forward_both(batch)
        n = len(batch.source)
        distance = self.distance(features, logits.softmax(1), n)
        return Step({"task": F.cross_entropy(logits[:n], batch.labels), "align": self.params.trade_off * distance}, features)


@method
class DAN(AlignmentMethod):
    """Deep Adaptation Network: multi-kernel MMD between both domains, summed over the last layers.

    The paper sums over fc6, fc7 and fc8. Here the layers are the bottleneck and the class probabilities; the latter
    instead of fc8's activations, whose growth would drown the kernel.
    """

    info = MethodInfo(
        name="dan",
        title="DAN",
        family="moments and kernels",
        summary="Pulls the two clouds of features together until a kernel test cannot tell them apart.",
        helps="When the classes are equally frequent in both domains and batches are large enough to compare clouds.",
        hurts="Under label shift: equal clouds then mean wrong classes on top of each other.",
        formula=r"\min_{F,C}\; \mathcal{L}_\text{task} + \lambda \sum_{\ell}\mathrm{MMD}^2_u\big(z^\ell_S, z^\ell_T\big),"
        r"\quad z \in \{F(x),\, \operatorname{softmax} C(F(x))\}",
        paper="Long et al., Learning Transferable Features with Deep Adaptation Networks",
        year=2015,
        arxiv="1502.02791",
    )

    class Params(MethodParams):
        trade_off: float = Field(0.5, ge=0, le=100, description="Weight λ of the summed MMD² against the task loss.")

    def distance(self, features: Tensor, probabilities: Tensor, n: int) -> Tensor:
        return mk_mmd2(features[:n], features[n:]) + mk_mmd2(probabilities[:n], probabilities[n:])


@method
class DeepCORAL(AlignmentMethod):
    """Deep CORAL: equal covariances of both domains' features."""

    info = MethodInfo(
        name="deepcoral",
        title="DeepCORAL",
        family="moments and kernels",
        summary="Makes the covariances of the two domains' features equal.",
        helps="When domains differ in scale or correlation of features; it is cheap and stable.",
        hurts="When means or higher moments carry the shift, and when classes are unbalanced.",
        formula=r"\min_{F,C}\; \mathcal{L}_\text{task} + \lambda\,\tfrac{1}{4d^2}\lVert C_S - C_T\rVert_F^2",
        paper="Sun and Saenko, Deep CORAL: Correlation Alignment for Deep Domain Adaptation",
        year=2016,
        arxiv="1607.01719",
    )

    class Params(MethodParams):
        trade_off: float = Field(100.0, ge=0, le=100_000, description="Weight λ of the CORAL loss, which is divided by 4d².")

    def distance(self, features: Tensor, probabilities: Tensor, n: int) -> Tensor:
        return coral(features[:n], features[n:])
