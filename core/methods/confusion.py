"""Methods that look only at the target's predictions: confident, diverse, not confused."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from core.methods.base import Batch, Method, MethodInfo, MethodParams, Step, method


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


@method
class MCC(Method):
    """Minimum class confusion on the target's predictions."""

    info = MethodInfo(
        name="mcc",
        title="MCC",
        family="norm, confusion, nuclear",
        summary="Asks that no two classes are confused on the target; needs no alignment of clouds.",
        helps="Nearly always; the most stable single loss, also when classes are unbalanced.",
        hurts="When the source model is mostly wrong: it then grows sure of its mistakes.",
        formula=r"\min_{F,C}\; \mathcal{L}_\text{task} + \lambda\,\tfrac{1}{K}\sum_{j\ne j'} \tilde{C}_{jj'}",
        paper="Jin et al., Minimum Class Confusion for Versatile Domain Adaptation",
        year=2020,
        arxiv="1912.03699",
    )

    class Params(MethodParams):
        trade_off: float = Field(1.0, ge=0, le=100, description="Weight λ of the confusion loss.")
        temperature: float = Field(2.5, gt=0, le=20, description="Softens the predictions before they are compared.")

    def step(self, batch: Batch, progress: float) -> Step:
        features, logits = self.forward_both(batch)
        n = len(batch.source)
        confusion = minimum_class_confusion(logits[n:], self.params.temperature)
        return Step({"task": F.cross_entropy(logits[:n], batch.labels), "align": self.params.trade_off * confusion}, features)
