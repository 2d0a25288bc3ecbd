"""Methods that learn from their own predictions on the target: those that are sure, or steady."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from core.methods.augment import strong, weak
from core.methods.base import Batch, Draws, MethodInfo, Seen, Side, Step, method, ramp
from core.methods.confidence import ConfidentMethod, ConfidentParams
from core.methods.norm import Norm, norm_field

MEMORY = 0.99  # of the running mean of guesses at each batch


def pseudo_label_loss(logits: Tensor, guesses: Tensor, threshold: float | Tensor) -> tuple[Tensor, Tensor]:
    """1/B Σ_i 1[max_k q_ik ≥ τ] · −log p_i(argmax_k q_ik), and the share of samples that count.

    Sohn et al. (2020, arXiv 2001.07685, eq. 4); with ``guesses`` equal to ``logits``, Lee (2013).

    Parameters
    ----------
    logits, guesses : Tensor
        B×K, of p which learns and of q which labels. No gradient reaches q through the labels.
    threshold : float or Tensor
        τ, one for all or one of each sample (`core.methods.confidence`).
    """
    sure, labels = guesses.detach().softmax(1).max(1)
    counts = (sure >= threshold).to(logits)
    return (counts * F.cross_entropy(logits, labels, reduction="none")).mean(), counts.mean()


def consistency_loss(logits: Tensor, teacher: Tensor, threshold: float | Tensor) -> tuple[Tensor, Tensor]:
    """1/B Σ_i 1[max_k t_ik ≥ τ] · 1/K Σ_k (p_ik − t_ik)², and the share of samples that count.

    French et al. (2018, arXiv 1706.05208, sections 3.1 and 3.2), of B×K logits; the teacher t is held constant.
    """
    fixed = teacher.detach().softmax(1)
    counts = (fixed.amax(1) >= threshold).to(logits)
    return (counts * (logits.softmax(1) - fixed).square().mean(1)).mean(), counts.mean()


def class_balance_loss(logits: Tensor) -> Tensor:
    """Σ_k of the binary cross-entropy of p̄_k, the mean prediction of B×K logits, and 1/K (French et al. 2018, section 3.4)."""
    mean = logits.softmax(1).mean(0)
    return F.binary_cross_entropy(mean, torch.full_like(mean, 1 / len(mean)), reduction="sum")


class PseudoLabelParams(ConfidentParams):
    norm: Norm = norm_field("separate")
    trade_off: float = Field(1.0, ge=0, le=10, description="Final weight λ of the pseudo-labels; it ramps up from 0.")


@method
class PseudoLabel(ConfidentMethod[PseudoLabelParams]):
    """Pseudo-label: predictions on the target that are sure become labels. Lee learned from all of them: a threshold of 0."""

    info = MethodInfo(
        name="pseudo-label",
        title="Pseudo-label",
        family="self-training",
        transfers="model",
        summary="Takes its own sure predictions on the target for labels, and learns from them.",
        helps="When the source model is mostly right, and sure only where it is right.",
        hurts="When it is sure and wrong: nothing ever contradicts a label that it gave itself. On printed to handwritten digits all"
        " samples end in one class.",
        shines="moved-blobs",
        fails="far-turned-moons",
        formula=r"\min_{F,C}\; \mathcal{L}_\text{task} + \lambda_p\,\mathbb{E}_{x\sim T}\,"
        r"\mathbf{1}\big[\max_k p_k(x) \ge \tau\big]\,\big(-\log p_{\hat y}(x)\big)",
        paper="Lee, Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural Networks",
        year=2013,
    )

    def step(self, batch: Batch, progress: float) -> Step:
        features, logits = self.forward_both(batch)
        source, target = batch.split(logits)
        pseudo, share = pseudo_label_loss(target, target, self.enough(target, source, batch.index))
        losses = {"task": F.cross_entropy(source, batch.labels), "pseudo": self.params.trade_off * ramp(progress) * pseudo}
        return Step(losses, features, {"labelled": share})


class FixMatchParams(ConfidentParams):
    trade_off: float = Field(1.0, ge=0, le=10, description="Weight λ of the pseudo-labels against the task loss.")


@method
class FixMatch(ConfidentMethod[FixMatchParams]):
    """FixMatch: the label comes from a weak view of a sample, the lesson is learned on a strong one.

    With the paper's distribution alignment: guesses q become q·s/t̄, scaled to sum 1, where s are the source's class shares and
    t̄ the running mean of the guesses. Without it, sure mistakes about a few classes swallow the others. The paper's threshold is
    fixed at 0.95; a relative one is AdaMatch's (Berthelot et al. 2022), one of each class is FlexMatch's (Zhang et al. 2021).
    """

    info = MethodInfo(
        name="fixmatch",
        title="FixMatch",
        family="self-training",
        transfers="model",
        summary="Labels a slightly changed target sample where it is sure, and learns that label on a strongly changed one.",
        helps="When turning, moving and disturbing a sample does not change its class, and the source model has a good start.",
        hurts="When the changes change the class; when the source model is sure and wrong; under label shift, as labels follow the"
        " source's class shares. On printed to handwritten digits it ended a little below source-only.",
        shines="moved-blobs",
        fails="far-turned-moons",
        formula=r"\min_{F,C}\; \mathcal{L}_\text{task} + \lambda\,\mathbb{E}_{x\sim T}\,"
        r"\mathbf{1}\big[\max_k \tilde q_k \ge \tau\big]\,\big(-\log p_{\hat y}(A(x))\big),"
        r"\quad \tilde q \propto p(a(x))\, s / \bar t,\; \hat y = \arg\max_k \tilde q_k",
        paper="Sohn et al., FixMatch: Simplifying Semi-Supervised Learning with Consistency and Confidence",
        year=2020,
        arxiv="2001.07685",
    )

    shares: Tensor
    guessed: Tensor

    def build(self, bottleneck: int, generator: torch.Generator) -> None:
        self.draws = Draws(generator)

    def begin(self, seen: Seen) -> None:
        super().begin(seen)
        self.register_buffer("shares", seen.labels.bincount(minlength=self.classes) / len(seen.labels))
        self.register_buffer("guessed", self.look(seen.target)[1].softmax(1).mean(0))

    def aligned(self, guesses: Tensor) -> Tensor:
        """Logits B×K of the guesses, aligned with the source's class shares; their running mean goes on."""
        self.guessed.lerp_(guesses.softmax(1).mean(0), 1 - MEMORY)
        return guesses + torch.log(self.shares / self.guessed)

    def step(self, batch: Batch, progress: float) -> Step:
        views = [weak(batch.source, self.draws), weak(batch.target, self.draws), strong(batch.target, self.draws)]
        features = self.features_of(views[0], torch.cat(views[1:]))
        source, guesses, learner = self.network.head(features).split([len(view) for view in views])
        aligned = self.aligned(guesses.detach())
        pseudo, share = pseudo_label_loss(learner, aligned, self.enough(aligned, source, batch.index))
        losses = {"task": F.cross_entropy(source, batch.labels), "pseudo": self.params.trade_off * pseudo}
        return Step(losses, features, {"labelled": share})


class MeanTeacherParams(ConfidentParams):
    norm: Norm = norm_field("separate")  # as French et al. have it
    trade_off: float = Field(3.0, ge=0, le=100, description="Weight λ of agreeing with the teacher.")
    decay: float = Field(0.99, ge=0, lt=1, description="How much, α, of the teacher stays at each update.")
    balance: float = Field(0.005, ge=0, le=1, description="Weight ν of using all classes alike, within that of agreeing.")


@method
class MeanTeacher(ConfidentMethod[MeanTeacherParams]):
    """Mean teacher: the student agrees with a slow average of itself, on other views of the target.

    As French et al. do, source and target pass through batch norm one by one, and only predictions of which the teacher is
    sure count; that replaces the ramp of Tarvainen and Valpola (2017). Their threshold is fixed at 0.968; a relative one is a share
    of the student's mean confidence on the source. Here the teacher looks at the weaker view of a sample. It sees the target alone,
    and so does its batch norm, but where each side has its own statistics.
    """

    info = MethodInfo(
        name="mean-teacher",
        title="Mean teacher",
        family="self-training",
        transfers="model",
        summary="A slowly moving average of the network teaches it on the target, and gives the answers.",
        helps="When turning, moving and disturbing a sample does not change its class. The average makes fewer sudden mistakes.",
        hurts="When the source model is mostly wrong: the teacher is then slow to unlearn. Under label shift, if the balance counts much.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\min_{\theta}\; \mathcal{L}_\text{task} + \lambda\,\mathbb{E}_{x\sim T}\,\mathbf{1}\big[\max_k t_k \ge \tau\big]\,"
        r"\tfrac{1}{K}\big\lVert p_\theta(A(x)) - t(a(x))\big\rVert^2 + \nu\,\mathcal{L}_\text{balance},\quad t = p_{\bar\theta},\;"
        r" \bar\theta \leftarrow \alpha\bar\theta + (1-\alpha)\theta",
        paper="French et al., Self-ensembling for Visual Domain Adaptation",
        year=2018,
        arxiv="1706.05208",
    )

    def build(self, bottleneck: int, generator: torch.Generator) -> None:
        self.draws = Draws(generator)
        self.teacher = deepcopy(self.network).requires_grad_(False)

    def infer(self, inputs: Tensor, side: Side) -> tuple[Tensor, Tensor]:
        with self.statistics(side):
            return self.teacher(inputs)

    @torch.no_grad()
    def taught(self, source: Tensor, target: Tensor) -> Tensor:
        """The teacher's logits of target samples."""
        if self.norm == "own":  # then its statistics of the source must go on as well
            self.teacher(source)
        with self.statistics("target"):
            return self.teacher(target)[1]

    def steps(self, batch: Batch, progress: float) -> Iterator[Step]:
        views = weak(batch.source, self.draws), strong(batch.target, self.draws)
        features = self.features_of(*views)
        source, target = batch.split(self.network.head(features))
        taught = self.taught(views[0], weak(batch.target, self.draws))
        agree, share = consistency_loss(target, taught, self.enough(taught, source, batch.index))
        losses = {"task": F.cross_entropy(source, batch.labels), "consistency": self.params.trade_off * agree}
        losses["diversity"] = self.params.trade_off * self.params.balance * share * class_balance_loss(target)
        yield Step(losses, features, {"labelled": share})
        with torch.no_grad():  # the network has been updated meanwhile
            for old, new in zip(self.teacher.parameters(), self.network.parameters(), strict=True):
                old.lerp_(new, 1 - self.params.decay)
