"""`check_method` finds what is wrong with a method, says how to mend it, and needs no registration."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import nn

from core.errors import InputError
from core.methods import METHODS, AlignmentMethod, AlignmentParams, Method, MethodParams, Step
from core.methods.check import check_method

INFO = replace(METHODS.get("mcc").info, name="squares", shines="", fails="")


class SquaresParams(AlignmentParams):
    trade_off: float = Field(1.0, ge=0, le=10, description="Weight of the squares.")


class Squares(AlignmentMethod[SquaresParams]):
    """The README's example: sure predictions on the target."""

    info = INFO

    def alignment(self, features, logits, batch):
        return -batch.split(logits.softmax(1))[1].square().sum(1).mean() / 2


class Continued(METHODS.get("source-only")):
    """Looks at no target."""

    info = INFO


class Peeking(METHODS.get("source-only")):
    """A reference that lets the target through batch norm."""

    def step(self, batch, progress):
        features, logits = self.forward_both(batch)
        return Step({"task": F.cross_entropy(logits[: len(batch.source)], batch.labels)}, features)


class Detached(Squares):
    def alignment(self, features, logits, batch):
        return super().alignment(features, self.network.head(features.detach()), batch)


class Unweighted(Squares):
    def step(self, batch, progress):
        features, logits = self.forward_both(batch)
        task = F.cross_entropy(batch.split(logits)[0], batch.labels)
        return Step({"task": task, "align": self.alignment(features, logits, batch)}, features)


class Misnamed(Squares):
    def step(self, batch, progress):
        step = super().step(batch, progress)
        return replace(step, losses={"classification": step.losses["task"], "align": step.losses["align"]})


class Infinite(Squares):
    def alignment(self, features, logits, batch):
        return super().alignment(features, logits, batch) / 0


class Unreduced(Squares):
    def alignment(self, features, logits, batch):
        return -batch.split(logits.softmax(1))[1].square().sum(1)


class Drawing(Squares):
    def alignment(self, features, logits, batch):
        return super().alignment(features, logits + 0.1 * torch.randn_like(logits), batch)


class Remembering(Squares):
    """What it has seen steers its step, and is in no state dict."""

    steps_done = 0

    def alignment(self, features, logits, batch):
        self.steps_done += 1
        return super().alignment(features, logits, batch) * self.steps_done


class Loose(Squares):
    def build(self, bottleneck, generator):
        self.shift = [torch.zeros(bottleneck, requires_grad=True)]
        self.other = torch.zeros(bottleneck, requires_grad=True)


class TrainsOthers(Squares):
    def step(self, batch, progress):
        return replace(super().step(batch, progress), trains=[nn.Parameter(torch.zeros(2))])


class Idle(Method):
    """An instant method that does nothing."""

    info = replace(INFO, instant=True)


class Narrow(Squares):
    def infer(self, inputs, side):
        features, logits = super().infer(inputs, side)
        return features, logits[:, :1]


class Described(Squares):
    class Params(MethodParams):
        trade_off: float = Field(1.0, ge=0, le=10)


def told(**facts) -> type[Method]:
    return type("Told", (Squares,), {"info": replace(INFO, **facts)})


def test_a_method_that_is_not_registered_is_checked():
    check_method(Squares)
    assert "squares" not in METHODS


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (Continued, "target_data: no loss changes when the target does"),
        (Peeking, "target_data: a reference looks at the target"),
        (Detached, "gradient: the gradient .* is 0. Compute it from Step.features, not detached"),
        (Unweighted, "trade_off: trade_off=0 learns the same"),
        (Misnamed, 'task_loss: no step has a loss called "task"'),
        (Infinite, "losses: the loss 'align' is .*inf"),
        (Unreduced, r"losses: the loss 'align' has the shape \(16,\). Reduce it"),
        (Drawing, "state: restored from its state dict|seeded: the same seed led to other weights"),
        (Remembering, "state: restored from its state dict it goes on differently"),
        (Loose, "state: other would be lost"),
        (TrainsOthers, "trained_parameters: Step.trains names weights that are not the method's"),
        (Idle, "closed_form: epoch changes no prediction"),
        (Narrow, r"predictions: infer returns source logits of \(48, 1\), not \(48, 3\)"),
        (Described, "hyper_parameters: Params.trade_off has no meaning"),
        (told(summary="Aligns"), "facts: summary is no sentence"),
        (told(formula="{"), "facts: the formula is no LaTeX"),
        (told(name="Max Squares"), "stands in links"),
        (told(arxiv="1234"), "no number of arXiv"),
        (told(setting="source-free"), "contradict each other"),
        (told(family="references"), "references do not adapt"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_wrong_is_told(wrong, message):
    with pytest.raises(AssertionError, match=message):
        check_method(wrong)


def test_an_exception_needs_its_reason_and_params_can_be_given():
    check_method(Detached, exceptions={"gradient": "its head alone adapts"})
    with pytest.raises(AssertionError, match="gradient"):
        check_method(Squares, params={"trade_off": 0})


def test_what_cannot_be_checked_is_refused():
    with pytest.raises(InputError, match="Did you mean 'dann'"):
        check_method("dannn")
    with pytest.raises(InputError, match="reads text"):
        check_method(told(kinds=("text",)))
