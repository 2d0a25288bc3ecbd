"""Methods that learn to learn from few samples: episodes on the labelled source, then the target's shots as the lesson.

Every batch is an episode: half of each class's source samples are the support set that one learns from, the other half the queries
that one is asked. The shots are queries too, so that features of both domains learn to gather; the papers, whose episodes are all of
one domain, have no such term. When the target is classified, the shots are the support set.
"""

from __future__ import annotations

from typing import TypeVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn
from torch.func import functional_call

from core.methods.base import Batch, Draws, Method, MethodInfo, Seen, Side, Step, TwoDomainParams, method


def episode(labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Rows of the support set and of the queries: of each class every other sample, in turn.

    A class with one sample is in neither.

    Parameters
    ----------
    labels : Tensor
        N int64 in 0 … ``classes`` − 1.
    """
    member = F.one_hot(labels, classes)
    rank = member.cumsum(0).gather(1, labels[:, None])[:, 0]  # 1 for the first of its class
    paired = member.sum(0)[labels] > 1
    return (paired & (rank % 2 == 1)).nonzero()[:, 0], (paired & (rank % 2 == 0)).nonzero()[:, 0]


def centre_scores(queries: Tensor, centres: Tensor, present: Tensor) -> Tensor:
    """−‖f − cₖ‖² of M×D queries and K×D class means (Snell et al. 2017, arXiv 1703.05175, eq. 2); −∞ for classes not ``present``."""
    return -(queries[:, None] - centres).square().sum(2).masked_fill(~present, torch.inf)


def attention_scores(queries: Tensor, support: Tensor, member: Tensor, temperature: float) -> Tensor:
    """log Σᵢ a(f, sᵢ) yᵢ with a = softmaxᵢ(cos(f, sᵢ)/T) (Vinyals et al. 2016, arXiv 1606.04080, eq. 1 and section 2.1.1).

    Parameters
    ----------
    queries, support : Tensor
        M×D and N×D features.
    member : Tensor
        N×K, yᵢ: 1 where sample i is of class k, 0 elsewhere.
    temperature : float
        T; 1 in the paper.
    """
    attention = (F.normalize(queries) @ F.normalize(support).T / temperature).softmax(1)
    return (attention @ member).clamp_min(torch.finfo(queries.dtype).tiny).log()


def adapted_weights(
    head: nn.Module, weights: dict[str, Tensor], support: Tensor, labels: Tensor, steps: int, size: float
) -> dict[str, Tensor]:
    """w ← w − η ∇_w L_support(w), ``steps`` times (Finn et al. 2017, arXiv 1703.03400, eq. 1 and algorithm 1).

    Where gradients are recorded, they go through the steps, to second order.

    Parameters
    ----------
    head : Module
        Its form alone is used.
    weights : dict of Tensor
        Where it starts.
    support, labels : Tensor
        N×D features and N int64.
    steps : int
    size : float
        η.
    """
    through = torch.is_grad_enabled()
    with torch.enable_grad():
        for _ in range(steps):
            loss = F.cross_entropy(functional_call(head, weights, (support,)), labels)
            slopes = torch.autograd.grad(loss, tuple(weights.values()), create_graph=through)
            weights = {name: w - size * g for (name, w), g in zip(weights.items(), slopes, strict=True)}
    return weights


class EpisodicParams(TwoDomainParams):
    """What all methods that learn from episodes have."""

    trade_off: float = Field(1.0, ge=0, le=100, description="Weight λ of the shots as queries; 0 learns from the source alone.")


E = TypeVar("E", bound=EpisodicParams)


class EpisodicMethod(Method[E]):
    """Cross-entropy on the queries of episodes. Subclasses say what is learned from a support set, and how it classifies.

    Side "target" is classified by the shots, side "source" by as many source samples per class, drawn once.
    """

    def learned(self, support: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        """What is learned from N×D features and their labels."""
        raise NotImplementedError

    def scores(self, queries: Tensor, learned: tuple[Tensor, ...]) -> Tensor:
        """Logits M×K of M×D features."""
        raise NotImplementedError

    def build(self, bottleneck: int, generator: torch.Generator) -> None:
        self.draws = Draws(generator)
        self.remembered: dict[Side, tuple[list, tuple[Tensor, ...]]] = {}

    def begin(self, seen: Seen) -> None:
        k = int(seen.shot_labels.bincount().max())
        order = torch.randperm(len(seen.labels), generator=self.draws.generator).to(seen.labels.device)
        few = torch.cat([order[seen.labels[order] == c][:k] for c in range(self.classes)])
        for side, inputs, labels in (("source", seen.source[few], seen.labels[few]), ("target", seen.shots, seen.shot_labels)):
            self.register_buffer(f"{side}_support", inputs.clone())
            self.register_buffer(f"{side}_labels", labels.clone())

    def from_support(self, side: Side) -> tuple[Tensor, ...]:
        """What is learned from a side's support set, computed once for each state of the weights.

        PyTorch counts the changes of every tensor, and a batch norm those of its statistics in one of them.
        """
        state = [(t.data_ptr(), t._version) for t in (*self.parameters(), *self.buffers())]
        if self.remembered.get(side, (None,))[0] != state:
            inputs, labels = getattr(self, f"{side}_support"), getattr(self, f"{side}_labels")
            with torch.inference_mode(False), torch.no_grad():
                learned = self.learned(self.network.features(inputs), labels)
            self.remembered[side] = state, tuple(part.detach() for part in learned)
        return self.remembered[side][1]

    def infer(self, inputs: Tensor, side: Side) -> tuple[Tensor, Tensor]:
        with self.statistics(side):
            features = self.network.features(inputs)
            return features, self.scores(features, self.from_support(side))

    def step(self, batch: Batch, progress: float) -> Step:
        sizes = [len(part) for part in (batch.source, batch.shots, batch.target)]
        features = self.features_of(batch.source, torch.cat([batch.shots, batch.target]))
        source, shots, _ = features.split(sizes)
        support, queries = episode(batch.labels, self.classes)
        if not len(queries):  # a small batch of many classes
            return Step({"task": 0 * source.sum(), "shots": 0 * shots.sum()}, features)
        learned = self.learned(source[support], batch.labels[support])
        task = F.cross_entropy(self.scores(source[queries], learned), batch.labels[queries])
        told = torch.isin(batch.shot_labels, batch.labels[support])
        asked = F.cross_entropy(self.scores(shots[told], learned), batch.shot_labels[told], reduction="sum") / told.sum().clamp_min(1)
        return Step({"task": task, "shots": self.params.trade_off * asked}, features)


@method
class Prototypical(EpisodicMethod[EpisodicParams]):
    """Prototypical networks: the nearest class mean of the support set."""

    info = MethodInfo(
        name="prototypical",
        title="Prototypical networks",
        family="few target labels",
        transfers="model",
        setting="semi-supervised",
        summary="Learns features in which the mean of a few samples stands for a class; the target's shots then give the means.",
        helps="When shots are few: a mean is the least that can be learned from them, and the hardest to overfit.",
        hurts="When a class falls into several clouds on the target, or the one shot is an odd one.",
        shines="far-turned-moons",
        fails="same-moons",
        formula=r"p(y=k\mid x) = \mathrm{softmax}_k\big(-\lVert F(x) - c_k\rVert^2\big),\quad c_k = \operatorname{mean}_{x\in S_k} F(x)",
        paper="Snell et al., Prototypical Networks for Few-shot Learning",
        year=2017,
        arxiv="1703.05175",
    )

    def learned(self, support: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        member = F.one_hot(labels, self.classes).to(support.dtype)
        count = member.sum(0)
        return member.T @ support / count.clamp_min(1)[:, None], count > 0

    def scores(self, queries: Tensor, learned: tuple[Tensor, ...]) -> Tensor:
        return centre_scores(queries, *learned)


class MatchingParams(EpisodicParams):
    temperature: float = Field(0.1, ge=0.02, le=1, description="T, which divides the cosines: smaller lets the nearest samples decide.")


@method
class Matching(EpisodicMethod[MatchingParams]):
    """Matching networks: the support set votes, each sample as much as it resembles the query.

    Without the paper's full-context embeddings (an LSTM over the support set).
    """

    info = MethodInfo(
        name="matching",
        title="Matching networks",
        family="few target labels",
        transfers="model",
        setting="semi-supervised",
        summary="Learns features in which alike means of one class; the target's shots then vote on every sample.",
        helps="When a class has several clouds: any shot near by can speak for it, where a mean would lie between them.",
        hurts="With odd shots, as each votes on its own.",
        shines="far-turned-moons",
        fails="rare-classes",
        formula=r"p(y\mid x) = \sum_{i\in S} a(x, x_i)\, y_i,\quad a(x, x_i) = \mathrm{softmax}_i\big(\cos(F(x), F(x_i))/T\big)",
        paper="Vinyals et al., Matching Networks for One Shot Learning",
        year=2016,
        arxiv="1606.04080",
    )

    def learned(self, support: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        return support, F.one_hot(labels, self.classes).to(support.dtype)

    def scores(self, queries: Tensor, learned: tuple[Tensor, ...]) -> Tensor:
        support, member = learned
        return attention_scores(queries, support, member, self.params.temperature)


class MAMLParams(EpisodicParams):
    inner_steps: int = Field(5, ge=1, le=50, description="Gradient steps of the head on a support set.")
    inner_lr: float = Field(0.5, gt=0, le=10, description="Step size η of these.")


@method
class MAML(EpisodicMethod[MAMLParams]):
    """Model-agnostic meta-learning of the head: a start from which a few steps of gradient descent on the support set suffice.

    The inner steps change the head alone (Raghu et al. 2020, arXiv 1909.09157, show that this does as well as changing all); the
    outer loss goes through them, to first and second order, into head and encoder.
    """

    info = MethodInfo(
        name="maml",
        title="MAML head",
        family="few target labels",
        transfers="model",
        setting="semi-supervised",
        summary="Learns a start from which a few gradient steps on a few samples make a good head; the target's shots then make it.",
        helps="When the target needs other boundaries between classes, not only moved ones.",
        hurts="When the features themselves do not fit: its few steps change the head alone.",
        shines="far-turned-moons",
        fails="rare-classes",
        formula=r"\min_{F,w}\; \mathcal{L}_\text{queries}\big(w - \eta\,\nabla_w \mathcal{L}_\text{support}(w) - \dots\big)",
        paper="Finn et al., Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks",
        year=2017,
        arxiv="1703.03400",
    )

    def learned(self, support: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        head, params = self.network.head, self.params
        weights: dict[str, Tensor] = dict(head.named_parameters())
        return tuple(adapted_weights(head, weights, support, labels, params.inner_steps, params.inner_lr).values())

    def scores(self, queries: Tensor, learned: tuple[Tensor, ...]) -> Tensor:
        names = (name for name, _ in self.network.head.named_parameters())
        return functional_call(self.network.head, dict(zip(names, learned, strict=True)), (queries,))
