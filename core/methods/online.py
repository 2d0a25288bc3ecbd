"""Test-time adaptation as a stream: each target sample is predicted once, as it arrives, and learned from."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import torch
from pydantic import Field
from torch import Tensor

from core.methods.base import Method, MethodInfo, MethodParams, Seen, method
from core.methods.confusion import prediction_entropy
from core.methods.source_free import norms_of


class TENTOnlineParams(MethodParams):
    batch: int = Field(64, ge=2, le=1024, description="Test samples that arrive together; the authors take 200 on small pictures.")
    rate: float = Field(1e-3, gt=0, le=1, description="Adam's learning rate, with one update for each batch, as the authors have it.")


@method
class TENTOnline(Method[TENTOnlineParams]):
    """TENT as it was published: a stream of test batches, each predicted once and then learned from.

    The predictions of a batch come from the forward pass whose entropy is minimised, with the batch's own statistics, so an update
    changes only what comes after it, as in the authors' code. The stream are the held-out target samples in their fixed random
    order; it begins anew, from the source's network, whenever the method is judged. Samples outside of it, such as points of the
    plane, and the source are answered by the source's network. There is no guard against collapse, as the paper has none.
    """

    info = MethodInfo(
        name="tent-online",
        title="TENT, online",
        family="source-free and test-time",
        transfers="model",
        setting="test-time",
        sees_source=False,
        instant=True,
        summary="TENT as published: test samples arrive in batches, each of which is predicted once and then learned from, without labels.",
        helps="When the shift is one of style and the source model is mostly right. Its accuracy is that of the whole stream.",
        hurts="On small batches, whose statistics are noise; under label shift, or if samples arrive sorted by class; and on long streams,"
        " where all may fall into few classes. It is judged on the very samples that it learns from, which other methods never see.",
        formula=r"\hat y_t = \arg\max_k p_k(x_t; \theta_t),\quad"
        r" \theta_{t+1} = \theta_t - \eta\,\nabla_{\gamma,\beta}\, H\big(p(x_t; \theta_t)\big)",
        paper="Wang et al., Tent: Fully Test-Time Adaptation by Entropy Minimization",
        year=2021,
        arxiv="2006.10726",
    )
    adapted = False

    def epoch(self, seen: Seen, progress: float) -> dict[str, float]:
        self.adapted = True  # from now on the stream is learned from
        return {}

    def stream(self, inputs: Tensor, chunk: int = 512) -> Iterator[tuple[Tensor, Tensor]]:
        if not self.adapted:
            yield from super().stream(inputs, chunk)
            return
        with torch.inference_mode(False):  # the judge watches without gradients, and this one needs them
            network = deepcopy(self.network).eval()
            norms = norms_of(network)
            for norm in norms:
                norm.train()
            optimizer = torch.optim.Adam([weight for norm in norms for weight in (norm.weight, norm.bias)], lr=self.params.rate)
        for part in in_batches(inputs, self.params.batch):
            with torch.inference_mode(False), torch.enable_grad():
                features, logits = network(part.clone())
                optimizer.zero_grad()
                prediction_entropy(logits).backward()
                optimizer.step()
            yield features.detach(), logits.detach()


def in_batches(inputs: Tensor, size: int) -> tuple[Tensor, ...]:
    """Parts of so many rows; a last one of a single row, which has no variance, joins the part before."""
    parts = inputs.split(size)
    return (*parts[:-2], torch.cat(parts[-2:])) if len(parts) > 1 and len(parts[-1]) == 1 else parts
