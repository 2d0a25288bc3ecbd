"""Methods that adapt a finished network to the target without ever seeing a source sample."""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import deepcopy

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from core.errors import InputError
from core.methods.base import Batch, Method, MethodInfo, MethodParams, Seen, Side, Step, TrainedParams, method
from core.methods.confusion import information_loss, prediction_entropy
from core.methods.norm import norms

CHUNK = 512


def centroid_labels(features: Tensor, probabilities: Tensor) -> Tensor:
    """Labels by weighted k-means with one update (Liang et al. 2020, arXiv 2002.08546, eq. 4 and 5).

    c_k = Σ_i p_ik f_i / Σ_i p_ik; ŷ_i = argmin_k of the cosine distance of f_i and c_k; the same once more, with p
    replaced by ŷ. As in the authors' code, f is the feature with a 1 appended, at unit length, and a class that no sample
    is predicted to be gets no label.

    Parameters
    ----------
    features, probabilities : Tensor
        N×D and N×K.

    Returns
    -------
    Tensor
        int64, N.
    """
    f = F.normalize(torch.cat([features, torch.ones_like(features[:, :1])], 1))
    classes = probabilities.shape[1]
    missing = F.one_hot(probabilities.argmax(1), classes).sum(0) == 0

    def nearest(shares: Tensor) -> Tensor:
        centroids = shares.T @ f  # their length does not matter to a cosine
        return (f @ F.normalize(centroids).T).masked_fill(missing, -torch.inf).argmax(1)

    return nearest(F.one_hot(nearest(probabilities), classes).to(f))


class SHOTParams(TrainedParams):
    pseudo: float = Field(
        0.1,
        ge=0,
        le=10,
        description="Weight β of the labels that each epoch gives to the target; its authors take 0.1 on digits and 0.3 on photographs.",
    )


@method
class SHOT(Method[SHOTParams]):
    """Source Hypothesis Transfer: the classifier stays, the features learn to please it, one by one and all together."""

    info = MethodInfo(
        name="shot",
        title="SHOT",
        family="source-free and test-time",
        transfers="model",
        setting="source-free",
        sees_source=False,
        summary="Keeps the source's classifier and moves the target's features until its answers are sure, diverse and in groups.",
        helps="When the source data must not leave their place. The features' groups correct what the classifier gets wrong at first.",
        hurts="Under label shift, as it spreads predictions evenly; and when the first groups are mostly wrong.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\min_{F}\; \mathbb{E}_{T} H(p) - H\big(\mathbb{E}_{T}\, p\big) - \beta\,\mathbb{E}_{x\sim T} \log p_{\hat y}(x),"
        r"\quad \hat y = \arg\max_k \cos\big(F(x), c_k\big)",
        paper="Liang et al., Do We Really Need to Access the Source Data? Source Hypothesis Transfer",
        year=2020,
        arxiv="2002.08546",
    )

    given: Tensor  # labels of the target's samples; −1: none yet

    def begin(self, seen: Seen) -> None:
        self.register_buffer("given", torch.full((len(seen.target),), -1, device=seen.target.device))

    def epoch(self, seen: Seen, progress: float) -> dict[str, float]:
        features, logits = self.look(seen.target)
        labels = centroid_labels(features, logits.softmax(1))
        known = bool((self.given >= 0).all())
        changed = float((labels != self.given).float().mean())
        self.given.copy_(labels)
        return {"relabelled": changed} if known else {}

    def step(self, batch: Batch, progress: float) -> Step:
        features, logits = self.network(batch.target)
        pseudo = F.cross_entropy(logits, self.given[batch.index])
        losses = {"information": information_loss(logits), "pseudo": self.params.pseudo * pseudo}
        return Step(losses, features, trains=self.network.encoder())


def neighbour_losses(
    p: Tensor, features: Tensor, index: Tensor, bank: Tensor, scores: Tensor, near: int, far: int, r: float
) -> dict[str, Tensor]:
    """The four terms of NRC (Yang et al. 2021, arXiv 2110.04202, eq. 2 to 8), for B samples that lie in the bank.

    ``neighbours`` −1/B Σ_i Σ_{k∈N(i)} A_ik S_k·p_i, with A_ik = 1 if i ∈ M(k), else r; ``expanded``
    −1/B Σ_i Σ_{k∈N(i)} Σ_{m∈M(k)} r S_m·p_i; ``itself`` −1/B Σ_i S_i·p_i; ``diversity`` Σ_c p̄_c log p̄_c. N(i) are the
    ``near`` nearest others of i by cosine, M(k) the ``far`` nearest others of k. Only p has a gradient.

    Parameters
    ----------
    p, features : Tensor
        B×K probabilities and B×D features at unit length.
    index : Tensor
        int64, B: the samples' rows in the bank.
    bank, scores : Tensor
        N×D features at unit length, and N×K probabilities, of the whole target.
    near, far : int
    r : float
    """
    with torch.no_grad():
        first = _nearest(features, bank, index, near)
        second = _nearest(bank[first.flatten()], bank, first.flatten(), far).view(*first.shape, -1)
        mutual = (second == index[:, None, None]).any(2)
        affinity = r + (1 - r) * mutual.to(p)
        wanted = (affinity[:, :, None] * scores[first]).sum(1)
        expanded = r * scores[second].sum((1, 2))
    mean = p.mean(0)
    return {
        "neighbours": -(wanted * p).sum(1).mean(),
        "expanded": -(expanded * p).sum(1).mean(),
        "itself": -(scores[index] * p).sum(1).mean(),
        "diversity": (mean * mean.clamp_min(torch.finfo(mean.dtype).tiny).log()).sum(),
    }


def _nearest(features: Tensor, bank: Tensor, index: Tensor, count: int) -> Tensor:
    """int64 B×count: rows of the bank that are nearest by cosine, without the samples' own rows ``index``."""
    similarity = (features @ bank.T).scatter_(1, index[:, None], -torch.inf)
    return similarity.topk(min(count, len(bank) - 1), dim=1).indices


class NRCParams(TrainedParams):
    neighbours: int = Field(3, ge=1, le=20, description="How many nearest neighbours each sample is compared with.")
    expanded: int = Field(2, ge=1, le=20, description="How many neighbours of each neighbour are looked at.")
    affinity: float = Field(0.1, ge=0, le=1, description="Weight r of a neighbour that does not count the sample among its own.")


@method
class NRC(Method[NRCParams]):
    """Neighbourhood Reciprocity Clustering: what lies together in the source model's features shall be called the same."""

    info = MethodInfo(
        name="nrc",
        title="NRC",
        family="source-free and test-time",
        transfers="model",
        setting="source-free",
        sees_source=False,
        summary="Asks each target sample to be classified like its nearest neighbours, above all those whose neighbour it is too.",
        helps="When the source's features keep the target's classes in clusters, even where its classifier cuts through them.",
        hurts="When clusters of different classes run into each other; under label shift, as it spreads predictions evenly.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\min_{F,C}\; -\mathbb{E}_{x_i\sim T}\Big[\sum_{k\in N_i} A_{ik}\, S_k^\top p_i"
        r" + r\sum_{k\in N_i}\sum_{m\in M_k} S_m^\top p_i + S_i^\top p_i\Big] + \sum_c \bar p_c \log \bar p_c",
        paper="Yang et al., Exploiting the Intrinsic Neighborhood Structure for Source-free Domain Adaptation",
        year=2021,
        arxiv="2110.04202",
    )

    bank: Tensor
    scores: Tensor

    def begin(self, seen: Seen) -> None:
        features, logits = self.look(seen.target)
        self.register_buffer("bank", F.normalize(features))
        self.register_buffer("scores", logits.softmax(1))

    def step(self, batch: Batch, progress: float) -> Step:
        features, logits = self.network(batch.target)
        p, unit = logits.softmax(1), F.normalize(features.detach())
        self.bank[batch.index], self.scores[batch.index] = unit, p.detach()
        a = self.params
        losses = neighbour_losses(p, unit, batch.index, self.bank, self.scores, a.neighbours, a.expanded, a.affinity)
        return Step(losses, features)


@method
class AdaBN(Method[MethodParams]):
    """Adaptive Batch Normalisation: each domain is normalised by its own statistics. No weight is learned.

    Mean and variance of each batch norm are averaged over the whole target, in parts of equal size that take every n-th sample,
    so that the order of the samples does not matter much. The source keeps its own.
    """

    info = MethodInfo(
        name="adabn",
        title="AdaBN",
        family="source-free and test-time",
        transfers="model",
        setting="test-time",
        sees_source=False,
        instant=True,
        summary="Replaces the statistics that batch norm took from the source by those of the target. Takes a moment, learns nothing.",
        helps="When the domains differ in brightness, contrast or style, and the network has batch norm in many layers.",
        hurts="Under label shift, as statistics then tell of classes rather than style; and with few target samples."
        " On printed to handwritten digits a well-trained network gains nothing.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\hat x = \gamma\,\frac{x - \mu_T}{\sqrt{\sigma_T^2 + \epsilon}} + \beta",
        paper="Li et al., Revisiting Batch Normalization for Practical Domain Adaptation",
        year=2016,
        arxiv="1603.04779",
    )

    def build(self, bottleneck: int, generator: torch.Generator) -> None:
        self.source_network = deepcopy(self.network)

    def infer(self, inputs: Tensor, side: Side) -> tuple[Tensor, Tensor]:
        return (self.source_network if side == "source" else self.network)(inputs)

    def epoch(self, seen: Seen, progress: float) -> dict[str, float]:
        parts = math.ceil(len(seen.target) / CHUNK)
        update_bn((seen.target[part::parts] for part in range(parts)), self.network)
        return {}


class TENTParams(TrainedParams):
    guard: float = Field(
        0.7, ge=0, le=1, description="Least number of classes, g, in a batch's mean prediction, as a share of the source model's."
    )


@method
class TENT(Method[TENTParams]):
    """Test-time entropy minimisation: batch norm follows the target, its scales and offsets make predictions sure.

    In training, statistics are those of the batch; their running average answers afterwards. Entropy alone is lowest when all
    samples are called the same, so a batch whose predictions have fallen into too few classes is not learned from.

    The paper predicts online: each test batch is predicted once, in passing, and learned from. Here TENT passes over the target's training
    samples as often as all other methods, and held-out samples that it never saw are predicted afterwards. `TENTOnline` is the paper's.
    """

    info = MethodInfo(
        name="tent",
        title="TENT, over epochs",
        family="source-free and test-time",
        transfers="model",
        setting="test-time",
        sees_source=False,
        summary="Learns the scales and offsets of batch norm alone, so that predictions on target batches become sure. Not online as in the"
        " paper: it passes over training samples several times, and others are predicted afterwards.",
        helps="When the shift is one of style and the source model is mostly right: it needs no source and little time.",
        hurts="On tiny batches, whose statistics are noise; under label shift; and with long training, when all falls into few classes.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\min_{\gamma,\beta}\; \mathbb{E}_{x\sim T}\, H\big(p(x)\big)\quad\text{while}\quad"
        r" e^{H(\bar p)} \ge g\, e^{H(\bar p_0)}",
        paper="Wang et al., Tent: Fully Test-Time Adaptation by Entropy Minimization",
        year=2021,
        arxiv="2006.10726",
    )

    classes_before: Tensor

    def begin(self, seen: Seen) -> None:
        self.register_buffer("classes_before", effective_classes(self.look(seen.target)[1]))

    def steps(self, batch: Batch, progress: float) -> Iterator[Step]:
        features, logits = self.network(batch.target)
        if effective_classes(logits.detach()) >= self.params.guard * self.classes_before:
            trains = [weight for norm in norms_of(self.network) for weight in (norm.weight, norm.bias)]
            yield Step({"entropy": prediction_entropy(logits)}, features, trains=trains)


def norms_of(network: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    """The batch norms of a network; raises `InputError` where it has none, as nothing could be learned then."""
    found = norms(network)
    if not found:
        raise InputError("method", "TENT learns the scales of batch norm, and this network has none.", "Choose another backbone or method.")
    return found


def effective_classes(logits: Tensor) -> Tensor:
    """exp(H(p̄)) of N×K logits: K if the mean prediction is even, 1 if all samples are called the same."""
    mean = logits.softmax(1).mean(0)
    return torch.special.entr(mean).sum().exp()
