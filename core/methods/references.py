"""The lines every adaptation is judged by: no adaptation, and training on the target's own labels, alone or with the source's."""

from __future__ import annotations

import torch.nn.functional as F

from core.methods.base import Batch, Method, MethodInfo, MethodParams, Step, method


@method
class SourceOnly(Method[MethodParams]):
    """Keep training on the source; the target is never looked at."""

    info = MethodInfo(
        name="source-only",
        title="Source-only",
        family="references",
        transfers="nothing",
        setting="none",
        summary="Trains on the source and hopes for the best.",
        helps="As the line that every method has to beat.",
        hurts="Whenever source and target differ.",
        formula=r"\min_{F,C}\; \mathbb{E}_{(x,y)\sim S}\; \ell(C(F(x)), y)",
        paper="Empirical risk minimisation (Vapnik 1998)",
        year=1998,
    )

    def step(self, batch: Batch, progress: float) -> Step:
        features, logits = self.network(batch.source)
        return Step({"task": F.cross_entropy(logits, batch.labels, label_smoothing=self.label_smoothing)}, features)


@method
class Oracle(SourceOnly):
    """The same training, with the target's training part and its labels as the data."""

    info = MethodInfo(
        name="oracle",
        title="Oracle",
        family="references",
        transfers="nothing",
        setting="supervised",
        trains_on="target",
        summary="Trains on the target's own labels: what could be reached if they were known.",
        helps="As the upper line: the gap between it and source-only is what adaptation can close.",
        hurts="It uses the labels that adaptation does without, so it is no method to choose.",
        formula=r"\min_{F,C}\; \mathbb{E}_{(x,y)\sim T}\; \ell(C(F(x)), y)",
        paper="Empirical risk minimisation on the target",
    )


@method
class Joint(SourceOnly):
    """The same training, on the labelled training parts of both domains together."""

    info = MethodInfo(
        name="joint",
        title="Joint",
        family="references",
        transfers="nothing",
        setting="supervised",
        trains_on="both",
        summary="Trains on the labels of source and target together: what one network can do for both.",
        helps="As a second upper line: where it lies below the oracle, the domains want different decisions.",
        hurts="It uses the labels that adaptation does without, so it is no method to choose.",
        formula=r"\min_{F,C}\; \mathbb{E}_{(x,y)\sim S\cup T}\; \ell(C(F(x)), y)",
        paper="Empirical risk minimisation on the union of both domains",
    )
