"""Methods that compare domains in a kernel's space: MMD and its joint and per-class forms."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from core.methods.base import AlignmentMethod, AlignmentParams, Batch, MethodInfo, method

KERNELS = 5


def gaussian_kernel(z: Tensor, kernels: int = KERNELS) -> Tensor:
    """Mean of ``kernels`` Gaussian kernels between all rows of z.

    k(a,b) = 1/Q Σ_q exp(−‖a−b‖² / (q·h)), where q doubles around 1 (five kernels: ¼, ½, 1, 2, 4), and h is the mean
    squared distance between different rows, held constant in the gradient.

    Parameters
    ----------
    z : Tensor
        N×D, N ≥ 2.
    kernels : int
        Q, odd.

    Returns
    -------
    Tensor
        N×N.
    """
    z = z - z.mean(0).detach()  # |a|²+|b|²−2ab loses its digits far from the origin
    squares = z.square().sum(1)
    d2 = (squares[:, None] + squares[None, :] - 2 * z @ z.T).clamp_min(0)
    h = (d2.detach().sum() / (len(z) * (len(z) - 1))).clamp_min(torch.finfo(z.dtype).tiny)
    power = torch.exp(-d2 / (2 ** (kernels // 2) * h))  # the widest kernel; the narrower ones are its squares
    k = power
    for _ in range(kernels - 1):
        power = power * power
        k = k + power
    return k / kernels


def mmd2_of_kernel(k: Tensor, m: int) -> Tensor:
    """Unbiased squared MMD of the first m rows against the others (Gretton et al. 2012, JMLR 13, eq. 3).

    MMD²_u = 1/(m(m−1)) Σ_{i≠j} k(x_i,x_j) + 1/(n(n−1)) Σ_{i≠j} k(y_i,y_j) − 2/(mn) Σ_{ij} k(x_i,y_j)

    Parameters
    ----------
    k : Tensor
        (m+n)×(m+n), the kernel between all samples; m, n ≥ 2.
    m : int

    Returns
    -------
    Tensor
        A scalar; negative values are possible, as the estimator is unbiased.
    """
    n = len(k) - m
    same_x = (k[:m, :m].sum() - k[:m, :m].diagonal().sum()) / (m * (m - 1))
    same_y = (k[m:, m:].sum() - k[m:, m:].diagonal().sum()) / (n * (n - 1))
    return same_x + same_y - 2 * k[:m, m:].mean()


def mk_mmd2(x: Tensor, y: Tensor, kernels: int = KERNELS) -> Tensor:
    """Unbiased squared MMD with the mean of several Gaussian kernels (Long et al. 2015, arXiv 1502.02791).

    Parameters
    ----------
    x, y : Tensor
        m×D and n×D, m, n ≥ 2.
    kernels : int
        As for `gaussian_kernel`.
    """
    return mmd2_of_kernel(gaussian_kernel(torch.cat([x, y]), kernels), len(x))


def joint_mmd2(layers: list[Tensor], m: int) -> Tensor:
    """Unbiased squared joint MMD (Long et al. 2017, arXiv 1605.06636, eq. 9): the kernel is the product over layers.

    k((z¹,…,z^L), (z'¹,…,z'^L)) = Π_ℓ k_ℓ(z^ℓ, z'^ℓ)

    Parameters
    ----------
    layers : list of Tensor
        (m+n)×D_ℓ each: what the layers say of the same samples.
    m : int
        How many of the rows, the first ones, belong to the source.
    """
    k = gaussian_kernel(layers[0])
    for layer in layers[1:]:
        k = k * gaussian_kernel(layer)
    return mmd2_of_kernel(k, m)


def local_mmd2(x: Tensor, y: Tensor, labels: Tensor, probabilities: Tensor) -> Tensor:
    """Local MMD: the squared MMD of each class, averaged (Zhu et al. 2020, arXiv 2106.09388, eq. 6 to 8).

    1/|C| Σ_c ‖Σ_i w_ic φ(x_i) − Σ_j v_jc φ(y_j)‖² with w_ic = [l_i = c] / Σ_i' [l_i' = c] and v_jc = p_jc / Σ_j' p_j'c.
    As in the authors' code, p is held constant in the gradient, and C are the classes that occur in this batch among
    the labels and among the most probable ones: a class that one side lacks cannot be compared.
    The estimator is the paper's biased one, with the terms i = j. The kernel is the *sum* of five Gaussians, not their mean, as in the
    authors' code: their trade-off of 0.5 is one for the sum.

    Parameters
    ----------
    x, y : Tensor
        m×D and n×D.
    labels : Tensor
        m, of the rows of x.
    probabilities : Tensor
        n×K, of the rows of y.

    Returns
    -------
    Tensor
        A scalar; 0 where no class is on both sides.
    """
    p = probabilities.detach()
    known, guessed = (F.one_hot(of, p.shape[1]).to(p) for of in (labels, p.argmax(1)))
    both = (known.sum(0) > 0) & (guessed.sum(0) > 0)
    weights = torch.cat([known / known.sum(0).clamp_min(1), -p / p.sum(0).clamp_min(torch.finfo(p.dtype).tiny)]) * both
    k = KERNELS * gaussian_kernel(torch.cat([x, y]))
    return (weights * (k @ weights)).sum() / both.sum().clamp_min(1)


class DDCParams(AlignmentParams):
    trade_off: float = Field(1.0, ge=0, le=100, description="Weight λ of the MMD² against the task loss.")


@method
class DDC(AlignmentMethod[DDCParams]):
    """Deep Domain Confusion: MMD with one Gaussian kernel on the bottleneck."""

    info = MethodInfo(
        name="ddc",
        title="DDC",
        family="moments and kernels",
        summary="Pulls the two clouds of features together, measured with one Gaussian kernel.",
        helps="When the shift is about as wide as the cloud itself, and classes are equally frequent in both domains.",
        hurts="Under label shift, and when the shift hides at a scale that one kernel does not see.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\min_{F,C}\; \mathcal{L}_\text{task} + \lambda\,\mathrm{MMD}^2_u\big(F(x_S), F(x_T)\big)",
        paper="Tzeng et al., Deep Domain Confusion: Maximizing for Domain Invariance",
        year=2014,
        arxiv="1412.3474",
    )

    def alignment(self, features: Tensor, logits: Tensor, batch: Batch) -> Tensor:
        return mk_mmd2(*batch.split(features), kernels=1)


class DANParams(AlignmentParams):
    trade_off: float = Field(0.5, ge=0, le=100, description="Weight λ of the summed MMD² against the task loss.")


@method
class DAN(AlignmentMethod[DANParams]):
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
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\min_{F,C}\; \mathcal{L}_\text{task} + \lambda \sum_{\ell}\mathrm{MMD}^2_u\big(z^\ell_S, z^\ell_T\big),"
        r"\quad z \in \{F(x),\, \operatorname{softmax} C(F(x))\}",
        paper="Long et al., Learning Transferable Features with Deep Adaptation Networks",
        year=2015,
        arxiv="1502.02791",
    )

    def alignment(self, features: Tensor, logits: Tensor, batch: Batch) -> Tensor:
        return mk_mmd2(*batch.split(features)) + mk_mmd2(*batch.split(logits.softmax(1)))


class JANParams(AlignmentParams):
    trade_off: float = Field(1.0, ge=0, le=100, description="Final weight λ of the joint MMD²; it ramps up from 0.")


@method
class JAN(AlignmentMethod[JANParams]):
    """Joint Adaptation Network: MMD of features and predictions together, so that a cloud is matched class by class."""

    info = MethodInfo(
        name="jan",
        title="JAN",
        family="moments and kernels",
        summary="Matches features together with the predicted classes, not the cloud of features alone.",
        helps="When the clouds have several modes, and predictions are good enough to tell which belongs to which.",
        hurts="When early predictions are wrong: it then ties features to the wrong class. Also under label shift.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\min_{F,C}\; \mathcal{L}_\text{task} + \lambda_p\,\mathrm{MMD}^2_u\Big(k = \prod_\ell k_\ell\Big),"
        r"\quad z \in \{F(x),\, \operatorname{softmax} C(F(x))\}",
        paper="Long et al., Deep Transfer Learning with Joint Adaptation Networks",
        year=2017,
        arxiv="1605.06636",
    )
    ramped = True

    def alignment(self, features: Tensor, logits: Tensor, batch: Batch) -> Tensor:
        return joint_mmd2([features, logits.softmax(1)], len(batch.source))


class DSANParams(AlignmentParams):
    trade_off: float = Field(
        0.5, ge=0, le=100, description="Final weight λ of the local MMD², whose kernel is a sum of five; it ramps up from 0."
    )


@method
class DSAN(AlignmentMethod[DSANParams]):
    """Deep Subdomain Adaptation Network: one MMD per class, with the target's predictions as soft labels."""

    info = MethodInfo(
        name="dsan",
        title="DSAN",
        family="moments and kernels",
        summary="Pulls each class of the target towards the same class of the source.",
        helps="When most predictions are right; batches should hold several samples of each class.",
        hurts="When predictions are mostly wrong, and with many classes in small batches.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\min_{F,C}\; \mathcal{L}_\text{task} + \lambda_p\,\tfrac{1}{K}\sum_c"
        r"\Big\lVert \sum_i w_i^{c}\,\phi(F(x_i^S)) - \sum_j w_j^{c}\,\phi(F(x_j^T))\Big\rVert^2",
        paper="Zhu et al., Deep Subdomain Adaptation Network for Image Classification",
        year=2020,
        arxiv="2106.09388",
    )
    ramped = True

    def alignment(self, features: Tensor, logits: Tensor, batch: Batch) -> Tensor:
        return local_mmd2(*batch.split(features), batch.labels, batch.split(logits)[1].softmax(1))
