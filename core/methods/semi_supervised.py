"""Methods that learn from labelled source, unlabelled target and the few labelled target samples, all at once."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from core.methods.adversarial import reverse_gradient
from core.methods.base import Batch, Method, MethodInfo, Side, Step, TwoDomainParams, method
from core.methods.confusion import prediction_entropy
from core.methods.fine_tuning import shot_accuracy


class MMEParams(TwoDomainParams):
    trade_off: float = Field(0.1, ge=0, le=10, description="Weight λ of the entropy.")
    temperature: float = Field(0.05, gt=0, le=1, description="Divides the cosines: smaller is surer.")


@method
class MME(Method[MMEParams]):
    """Minimax entropy: the classifier moves towards the unlabelled target, the features gather around the classifier.

    Its classifier compares directions: logits wₖ·f/‖f‖/T, without bias (Saito et al. 2019, eq. 1). The classes' weights start from
    the directions of the network's head.
    """

    info = MethodInfo(
        name="mme",
        title="MME",
        family="few target labels",
        setting="semi-supervised",
        summary="Classes' prototypes move to where the target is unsure; then the target's features gather around the prototypes.",
        helps="With one to a few labels per class, which tell each cloud of the target its name.",
        hurts="When the shots are no fair sample of their class, or when the source's classes overlap on the target.",
        shines="far-turned-moons",
        fails="rare-classes",
        formula=r"\min_{F}\max_{C}\; \lambda\,\mathbb{E}_{x\sim T}\, H\big(C(F(x))\big),\qquad \min_{F,C}\; \mathcal{L}_\text{task} + "
        r"\mathcal{L}_\text{shots},\qquad C(f) = \mathrm{softmax}\Big(\tfrac{1}{T} W^\top \tfrac{f}{\lVert f\rVert}\Big)",
        paper="Saito et al., Semi-supervised Domain Adaptation via Minimax Entropy",
        year=2019,
        arxiv="1904.06487",
    )

    def build(self, bottleneck: int, generator: torch.Generator) -> None:
        self.classifier = nn.Linear(bottleneck, self.classes, bias=False)
        with torch.no_grad():
            self.classifier.weight.copy_(F.normalize(self.network.head.weight))

    def classify(self, features: Tensor) -> Tensor:
        """Logits N×K of N×D features."""
        return self.classifier(F.normalize(features)) / self.params.temperature

    def infer(self, inputs: Tensor, side: Side) -> tuple[Tensor, Tensor]:
        with self.statistics(side):
            features = self.network.features(inputs)
        return features, self.classify(features)

    def step(self, batch: Batch, progress: float) -> Step:
        sizes = [len(part) for part in (batch.source, batch.shots, batch.target)]
        features = self.features_of(batch.source, torch.cat([batch.shots, batch.target]))
        source, shots, target = features.split(sizes)
        given = self.classify(shots)
        # Minimised by the classifier, which so raises the entropy; through the reversal, the features lower it.
        entropy = -self.params.trade_off * prediction_entropy(self.classify(reverse_gradient(target, 1.0)))
        losses = {
            "task": F.cross_entropy(self.classify(source), batch.labels),
            "shots": F.cross_entropy(given, batch.shot_labels),
            "entropy": entropy,
        }
        return Step(losses, features, {"shot_accuracy": shot_accuracy(given, batch)})
