"""Methods that measure how far one cloud of features must be carried to become the other: optimal transport."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from core.methods.base import AlignmentMethod, AlignmentParams, Batch, Draws, MethodInfo, method


def transport_plan(cost: Tensor) -> Tensor:
    """The cheapest plan that carries m equal masses to n equal masses, exactly (POT's network simplex).

    Parameters
    ----------
    cost : Tensor
        m×n. Its gradient is not followed.

    Returns
    -------
    Tensor
        m×n, rows sum to 1/m, columns to 1/n; a constant.
    """
    from ot.lp import emd  # loads slowly, and only one method needs it

    return torch.from_numpy(emd([], [], cost.detach().double().cpu().numpy())).to(cost)


def joint_transport_loss(
    x: Tensor, y: Tensor, labels: Tensor, logits: Tensor, feature_weight: float, label_weight: float
) -> tuple[Tensor, Tensor]:
    """Cost of carrying source features with labels onto target features with predictions, by the cheapest plan.

    Σ_ij P_ij (α‖x_i − y_j‖² + λ_t ℓ(l_i, logits_j)), ℓ the cross-entropy and P the plan that minimises the same sum,
    held constant in the gradient (Damodaran et al. 2018, arXiv 1803.10081, eq. 6 to 8).

    Parameters
    ----------
    x, y : Tensor
        m×D and n×D.
    labels : Tensor
        m, of the rows of x.
    logits : Tensor
        n×K, of the rows of y.
    feature_weight, label_weight : float
        α and λ_t.

    Returns
    -------
    tuple of Tensor
        The loss and the plan, m×n.
    """
    far = (x[:, None, :] - y[None, :, :]).square().sum(2)
    wrong = -F.log_softmax(logits, dim=1)[:, labels].T
    cost = feature_weight * far + label_weight * wrong
    plan = transport_plan(cost)
    return (plan * cost).sum(), plan


def sliced_wasserstein2(x: Tensor, y: Tensor, directions: Tensor) -> Tensor:
    """Squared sliced 2-Wasserstein distance: the mean over directions of the squared distance on a line.

    On a line the best plan keeps the order, so sorting solves it: W₂² = ∫ |F_x⁻¹(t) − F_y⁻¹(t)|² dt.
    (Bonneel et al. 2015, JMIV 51; for adaptation Gabourie et al. 2019, arXiv 1907.02271, eq. 4 and 5.)

    Parameters
    ----------
    x, y : Tensor
        m×D and n×D; m and n may differ.
    directions : Tensor
        D×L, columns of length 1.
    """
    on_x, on_y = (torch.sort(z @ directions, dim=0).values for z in (x, y))
    m, n = len(x), len(y)
    if m != n:  # both quantile functions are steps: compare them on the pieces between all their jumps
        ends = torch.cat([torch.arange(1, k + 1, device=x.device, dtype=torch.float64) / k for k in (m, n)]).sort().values
        lengths = torch.diff(ends, prepend=ends.new_zeros(1))
        middles = ends - lengths / 2
        pairs = (on_x[(middles * m).long().clamp_max(m - 1)] - on_y[(middles * n).long().clamp_max(n - 1)]).square()
        return (lengths.to(pairs)[:, None] * pairs).sum(0).mean()
    return (on_x - on_y).square().mean()


class DeepJDOTParams(AlignmentParams):
    trade_off: float = Field(1.0, ge=0, le=100, description="Weight λ of the transport cost against the task loss.")
    feature_weight: float = Field(0.01, ge=0, le=10, description="Weight α of the squared distance of features.")
    label_weight: float = Field(0.3, ge=0, le=10, description="Weight λ_t of the disagreement of label and prediction.")


@method
class DeepJDOT(AlignmentMethod[DeepJDOTParams]):
    """Deep Joint Distribution Optimal Transport: features and labels are carried from source to target together."""

    info = MethodInfo(
        name="deepjdot",
        title="DeepJDOT",
        family="optimal transport",
        summary="Pairs each source sample with target samples that are near and look like its class, and draws the pairs together.",
        helps="When each class moves its own way; the pairs also pass labels on to the target.",
        hurts="Under label shift: every sample of a batch must be paired. Small batches make poor pairs.",
        shines="moved-blobs",
        fails="turned-moons",
        formula=r"\min_{F,C}\; \mathcal{L}_\text{task} + \lambda \min_{P\in\Pi} \sum_{ij} P_{ij}"
        r"\big(\alpha\lVert F(x_i^S) - F(x_j^T)\rVert^2 + \lambda_t\,\ell(y_i^S, C(F(x_j^T)))\big)",
        paper="Damodaran et al., DeepJDOT: Deep Joint Distribution Optimal Transport for Unsupervised Domain Adaptation",
        year=2018,
        arxiv="1803.10081",
    )

    def alignment(self, features: Tensor, logits: Tensor, batch: Batch) -> Tensor:
        weights = self.params.feature_weight, self.params.label_weight
        loss, _ = joint_transport_loss(*batch.split(features), batch.labels, batch.split(logits)[1], *weights)
        return loss


class SlicedWassersteinParams(AlignmentParams):
    trade_off: float = Field(1.0, ge=0, le=1000, description="Weight λ of the squared distance against the task loss.")
    directions: int = Field(128, ge=1, le=4096, description="Random lines for each batch.")


@method
class SlicedWasserstein(AlignmentMethod[SlicedWassersteinParams]):
    """Sliced Wasserstein distance between the features of both domains, without the paper's term for pseudo-labels."""

    info = MethodInfo(
        name="swd",
        title="Sliced Wasserstein",
        family="optimal transport",
        summary="Projects both clouds on random lines, where carrying one onto the other is only sorting, and shortens the way.",
        helps="When clouds are far apart or oddly shaped; it needs no kernel width and no discriminator.",
        hurts="Under label shift: equal clouds then mean wrong classes on top of each other.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\min_{F,C}\; \mathcal{L}_\text{task} + \lambda\,\mathbb{E}_{\theta}"
        r"\, W_2^2\big(\theta^\top F(x_S), \theta^\top F(x_T)\big)",
        paper="Gabourie et al., Learning a Domain-Invariant Embedding for Unsupervised Domain Adaptation Using Class-Conditioned"
        " Distribution Alignment",
        year=2019,
        arxiv="1907.02271",
    )

    def build(self, bottleneck: int, generator: torch.Generator) -> None:
        self.draws = Draws(generator)

    def alignment(self, features: Tensor, logits: Tensor, batch: Batch) -> Tensor:
        directions = F.normalize(self.draws.normal(features.shape[1], self.params.directions, like=features), dim=0)
        return sliced_wasserstein2(*batch.split(features), directions)
