"""Methods that make moments of two feature distributions agree: covariances, central moments, tensors of moments."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from core.methods.base import AlignmentMethod, AlignmentParams, Batch, MethodInfo, method


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


def central_moment_discrepancy(x: Tensor, y: Tensor, moments: int) -> Tensor:
    """CMD of samples in an interval of length 1 (Zellinger et al. 2017, arXiv 1702.08811, eq. 10 with b − a = 1).

    ‖E x − E y‖₂ + Σ_{k=2}^{K} ‖E(x − E x)^k − E(y − E y)^k‖₂, powers taken for each coordinate.

    Parameters
    ----------
    x, y : Tensor
        m×D and n×D.
    moments : int
        K, the highest order.
    """
    mean_x, mean_y = x.mean(0), y.mean(0)
    total = (mean_x - mean_y).norm()
    for k in range(2, moments + 1):
        total = total + ((x - mean_x).pow(k).mean(0) - (y - mean_y).pow(k).mean(0)).norm()
    return total


def moment_tensor_distance(x: Tensor, y: Tensor, order: int) -> Tensor:
    """‖E x^{⊗p} − E y^{⊗p}‖²_F / D^p, the distance of moment tensors (Chen et al. 2020, arXiv 1912.11976, eq. 4).

    The inner product of two tensor powers is a power of the inner product, ⟨a^{⊗p}, b^{⊗p}⟩ = ⟨a, b⟩^p, so the D^p
    entries are never formed: the distance is exact, and no entries have to be sampled.

    Parameters
    ----------
    x, y : Tensor
        m×D and n×D.
    order : int
        p; 1 compares means, 2 uncentred second moments.
    """
    xx, yy, xy = (((a @ b.T) / a.shape[1]).pow(order).mean() for a, b in ((x, x), (y, y), (x, y)))
    return xx + yy - 2 * xy


class DeepCORALParams(AlignmentParams):
    trade_off: float = Field(100.0, ge=0, le=100_000, description="Weight λ of the CORAL loss, which is divided by 4d².")


@method
class DeepCORAL(AlignmentMethod[DeepCORALParams]):
    """Deep CORAL: equal covariances of both domains' features."""

    info = MethodInfo(
        name="deepcoral",
        title="DeepCORAL",
        family="moments and kernels",
        summary="Makes the covariances of the two domains' features equal.",
        helps="When domains differ in scale or correlation of features; it is cheap and stable.",
        hurts="When means or higher moments carry the shift, and when classes are unbalanced.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\min_{F,C}\; \mathcal{L}_\text{task} + \lambda\,\tfrac{1}{4d^2}\lVert C_S - C_T\rVert_F^2",
        paper="Sun and Saenko, Deep CORAL: Correlation Alignment for Deep Domain Adaptation",
        year=2016,
        arxiv="1607.01719",
    )

    def alignment(self, features: Tensor, logits: Tensor, batch: Batch) -> Tensor:
        return coral(*batch.split(features))


class CMDParams(AlignmentParams):
    trade_off: float = Field(
        0.1, ge=0, le=100, description="Weight λ of the discrepancy against the task loss; its authors have 1, with batches of 300 or more."
    )
    moments: int = Field(5, ge=1, le=10, description="Highest order K of the moments.")


@method
class CMD(AlignmentMethod[CMDParams]):
    """Central Moment Discrepancy: equal means and equal central moments of every feature.

    K = 5 as in all experiments of the authors' code, on sigmoid units; features here are not bounded above, so tanh brings them into an
    interval of length 1. The authors' λ is 1. Here it is 0.1: the terms are lengths, not their squares, so they pull as hard at domains
    that are alike by now, and what they then follow is the difference of two batches by chance. That is √(300/64) = 2.2 times as large
    for 64 samples as for the authors' 300 (they give the whole target at once on Office). With λ = 1 three blobs gain a point, and
    digits, over three seeds, lose 4 to 7.
    """

    info = MethodInfo(
        name="cmd",
        title="CMD",
        family="moments and kernels",
        summary="Makes mean, variance, skewness and so on of every single feature equal.",
        helps="When features shift one by one; it needs no kernel width and grows only linearly with the batch.",
        hurts="When the shift is in how features vary together, which it does not see. Also under label shift.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\min_{F,C}\; \mathcal{L}_\text{task} + \lambda\Big(\lVert \mathbb{E}z_S - \mathbb{E}z_T\rVert_2"
        r" + \sum_{k=2}^{K}\lVert c_k(z_S) - c_k(z_T)\rVert_2\Big),\quad z = \tanh F(x)",
        paper="Zellinger et al., Central Moment Discrepancy for Domain-Invariant Representation Learning",
        year=2017,
        arxiv="1702.08811",
    )

    def alignment(self, features: Tensor, logits: Tensor, batch: Batch) -> Tensor:
        bounded = torch.tanh(features)  # moments determine a distribution on an interval; features are ≥ 0, so on [0, 1)
        return central_moment_discrepancy(*batch.split(bounded), self.params.moments)


class HoMMParams(AlignmentParams):
    trade_off: float = Field(3.0, ge=0, le=1_000_000, description="Weight λ of the distance, which is divided by d^p.")
    order: int = Field(3, ge=1, le=6, description="Order p of the moments.")


@method
class HoMM(AlignmentMethod[HoMMParams]):
    """Higher-order Moment Matching, the paper's matching term alone, without its clustering of pseudo-labels."""

    info = MethodInfo(
        name="homm",
        title="HoMM",
        family="moments and kernels",
        summary="Makes the products of any three features equal on average.",
        helps="When means and covariances agree already and the shape of the clouds still differs.",
        hurts="When a few features are large: third powers let them drown the others. Also under label shift.",
        shines="small-digits",
        fails="rare-classes",
        formula=r"\min_{F,C}\; \mathcal{L}_\text{task} + \lambda\,\tfrac{1}{d^p}"
        r"\big\lVert \mathbb{E}\,F(x_S)^{\otimes p} - \mathbb{E}\,F(x_T)^{\otimes p}\big\rVert_F^2",
        paper="Chen et al., HoMM: Higher-order Moment Matching for Unsupervised Domain Adaptation",
        year=2020,
        arxiv="1912.11976",
    )

    def alignment(self, features: Tensor, logits: Tensor, batch: Batch) -> Tensor:
        return moment_tensor_distance(*batch.split(features), self.params.order)
