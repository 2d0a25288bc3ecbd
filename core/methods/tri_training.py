"""Asymmetric tri-training: a third classifier learns from what two others agree upon."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from core.methods.base import Batch, Draws, MethodInfo, Seen, Side, Step, method
from core.methods.confidence import ConfidentMethod, ConfidentParams
from core.methods.heads import HeadParams, classifier, first_weight
from core.samples.inputs import Inputs

SOURCE_ROWS = 1000  # on which a relative threshold is measured before an epoch, at most


class TriTrainingParams(HeadParams, ConfidentParams):
    trade_off: float = Field(1.0, ge=0, le=10, description="Weight λ of the target's labels against the source's.")
    views: float = Field(0.01, ge=0, le=1, description="Weight μ that keeps the two labellers from using the same features.")
    warm_up: float = Field(0.1, ge=0, le=0.5, description="Share of the run before the first labels are given.")


@method
class TriTraining(ConfidentMethod[TriTrainingParams]):
    """Asymmetric tri-training: two classifiers label the target where they agree, and a third one learns from these labels alone.

    Before each epoch, target samples drawn at random (more of them each time) are candidates; those on which both labellers agree, and
    one is sure, keep their label for the epoch. The third classifier is the one that predicts; while no target sample has a label it
    learns from the source. All three are newly drawn, with hidden layers, of which those of the labellers alone have batch norm, as in
    the authors' code; linear ones have none, and begin with the network's own head as the third. A relative threshold is a share of
    the labellers' mean confidence on the source.
    """

    info = MethodInfo(
        name="tri-training",
        title="Asymmetric tri-training",
        family="self-training",
        transfers="model",
        summary="Co-training: two classifiers that look at different features label the target where they agree; a third learns only that.",
        helps="When the source model has a fair start: agreement of two views is a better sign than the confidence of one.",
        hurts="When the source model is wrong on half of the target: both views then agree on the same mistakes, and the third classifier"
        " learns nothing but these, so it may stay weak whatever is set, as on printed to handwritten digits. Rare classes, which are never"
        " agreed upon, die out.",
        shines="far-turned-moons",
        fails="moved-blobs",
        formula=r"\min\; \mathcal{L}_{S\cup\hat T}(C_1) + \mathcal{L}_{S\cup\hat T}(C_2) + \mathcal{L}_{\hat T}(C_t)"
        r" + \tfrac{\mu}{H}\lvert W_1^\top W_2\rvert_1,\quad \hat T = \{x : \hat y_1 = \hat y_2,\; \max(p_1, p_2) \ge \tau\}",
        paper="Saito et al., Asymmetric Tri-training for Unsupervised Domain Adaptation",
        year=2017,
        arxiv="1702.08400",
    )

    given: Tensor  # labels of the target's samples; −1: none

    def build(self, bottleneck: int, generator: torch.Generator) -> None:
        params = self.params
        sizes = bottleneck, params.hidden, self.classes, generator, params.dropout
        self.labellers = nn.ModuleList(classifier(*sizes) for _ in range(2))
        if params.hidden:
            self.network.add_module("head", classifier(*sizes, normed=False))
        self.draws = Draws(generator)

    def begin(self, seen: Seen) -> None:
        super().begin(seen)
        self.register_buffer("given", torch.full((len(seen.target),), -1, device=seen.target.device))

    @torch.no_grad()
    def guesses(self, inputs: Inputs, side: Side) -> list[Tensor]:
        """Logits of both labellers in evaluation mode."""
        features, _ = self.look(inputs, side=side)
        self.labellers.eval()
        with self.statistics(side):
            logits = [labeller(features) for labeller in self.labellers]
        self.labellers.train(self.training)
        return logits

    def confidence_on_source(self, seen: Seen) -> Tensor:
        """The higher of the two labellers' confidences on some source samples, or on all of them if they are few."""
        rows = self.draws.uniform(len(seen.labels), like=seen.labels.double()).argsort()[:SOURCE_ROWS]
        return torch.maximum(*(logits.softmax(1).amax(1) for logits in self.guesses(seen.source[rows], "source")))

    def epoch(self, seen: Seen, progress: float) -> dict[str, float]:
        if progress < self.params.warm_up:
            return {}
        first, second = self.guesses(seen.target, "target")
        labels, sure = agreed_labels(first, second)
        rows = torch.arange(len(labels), device=labels.device)
        enough = self.thresholds(sure, labels, lambda: self.confidence_on_source(seen), rows)
        # Of n samples, the paper looks at n·k/20 in step k of 30.
        candidate = self.draws.uniform(len(labels), like=sure) < 1.5 * progress
        self.given.copy_(torch.where((sure > 0) & (sure >= enough) & candidate, labels, -1))
        return {"labelled": float((self.given >= 0).float().mean())}

    def step(self, batch: Batch, progress: float) -> Step:
        features, own = self.forward_both(batch)
        n, given = len(batch.source), self.given[batch.index]
        pairs = [self.through(labeller, *batch.split(features)) for labeller in self.labellers]
        unlabelled = (self.given < 0).all()  # a tensor, as reading it would wait for the device
        task = sum(F.cross_entropy(logits[:n], batch.labels) for logits in pairs) + unlabelled * F.cross_entropy(own[:n], batch.labels)
        known = (given >= 0).sum().clamp_min(1)
        pseudo = sum(F.cross_entropy(logits[n:], given, ignore_index=-1, reduction="sum") for logits in [*pairs, own]) / known
        first, second = (first_weight(labeller) for labeller in self.labellers)
        views = (first @ second.T).abs().sum(1).mean()
        losses = {"task": task, "pseudo": self.params.trade_off * pseudo, "views": self.params.views * views}
        return Step(losses, features)


def agreed_labels(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Labels of two B×K logits that have the same most probable class, and how sure the surer of the two is; 0 where they differ."""
    (sure, labels), (other_sure, others) = first.softmax(1).max(1), second.softmax(1).max(1)
    return labels, torch.maximum(sure, other_sure) * (labels == others)
