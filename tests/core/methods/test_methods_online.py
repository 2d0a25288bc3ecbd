"""TENT as published: each test batch is predicted once, before it is learned from."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from method_tools import make, same, seen

from core.errors import InputError
from core.methods.online import in_batches
from core.methods.source_free import norms_of
from core.training import train


def adapted(**params):
    method = make("tent-online", **params)
    method.epoch(seen("tent-online"), 0.0)
    return method.eval()


def reference(method, inputs: torch.Tensor, size: int, rate: float) -> list[torch.Tensor]:
    """The published algorithm step by step, with Adam written out (Kingma and Ba 2015, algorithm 1), on the last layers of this network."""
    linear, norm = method.network.bottleneck[0], method.network.bottleneck[1]
    weights = [norm.weight.detach().clone(), norm.bias.detach().clone()]
    first, second = ([torch.zeros_like(w) for w in weights] for _ in range(2))
    found = []
    for t, part in enumerate(inputs.split(size), 1):
        scale, offset = (w.clone().requires_grad_() for w in weights)
        hidden = linear(method.network.body(method.network.prepare(part)))
        z = (hidden - hidden.mean(0)) / (hidden.var(0, unbiased=False) + norm.eps).sqrt()
        logits = method.network.head(F.relu(scale * z + offset))
        found.append(logits.detach())  # before the update
        p = logits.softmax(1)
        gradients = torch.autograd.grad(-(p * p.log()).sum(1).mean(), [scale, offset])
        for i, g in enumerate(gradients):
            first[i] = 0.9 * first[i] + 0.1 * g
            second[i] = 0.999 * second[i] + 0.001 * g**2
            weights[i] = weights[i] - rate * (first[i] / (1 - 0.9**t)) / ((second[i] / (1 - 0.999**t)).sqrt() + 1e-8)
    return found


def test_the_stream_is_the_published_algorithm():
    method = adapted(batch=12, rate=0.05).double()
    inputs = seen("tent-online").target.double()
    with torch.inference_mode():  # as the judge of a run asks
        found = [logits for _, logits in method.stream(inputs)]
    expected = reference(method, inputs, 12, 0.05)
    assert len(found) == 4
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-9)


def test_a_batch_is_not_predicted_by_what_comes_after_it():
    inputs = seen("tent-online").target
    long, short = (torch.cat([logits for _, logits in adapted(batch=16, rate=0.05).stream(part)]) for part in (inputs, inputs[:32]))
    torch.testing.assert_close(long[:32], short)
    other = torch.cat([inputs[16:32], inputs[:16], inputs[32:]])  # what came before does matter
    late = torch.cat([logits for _, logits in adapted(batch=16, rate=0.05).stream(other)])
    assert not torch.allclose(late[16:32], long[:16])


def test_each_judgement_begins_anew_and_leaves_the_method_as_it_was():
    method = adapted(batch=16, rate=0.05)
    start = make("tent-online")
    first, again = (torch.cat([logits for _, logits in method.stream(seen("tent-online").target)]) for _ in range(2))
    assert torch.equal(first, again)
    assert same(method, start)
    assert not method.network.training


def test_before_its_epoch_and_on_the_source_it_is_the_source_network():
    method, inputs = make("tent-online").eval(), seen("tent-online").target
    with torch.no_grad():
        plain = method.network(inputs)[1]
        assert torch.equal(torch.cat([logits for _, logits in method.stream(inputs)]), plain)
        method.epoch(seen("tent-online"), 0.0)
        assert torch.equal(method.infer(inputs, "source")[1], plain)


@pytest.mark.parametrize(("n", "sizes"), [(40, [16, 16, 8]), (33, [16, 17]), (16, [16]), (1, [1]), (3, [3])])
def test_no_batch_is_a_single_sample(n, sizes):
    assert [len(part) for part in in_batches(torch.zeros(n, 2), 16)] == sizes


def test_a_network_without_batch_norm_is_refused():
    with pytest.raises(InputError, match="no"):
        norms_of(torch.nn.Linear(2, 2))


@pytest.mark.slow
def test_a_run_reports_the_accuracy_of_the_stream(tiny):
    before, after = [epoch for epoch in train(tiny("tent-online")) if epoch.phase == "adapt"]
    assert (before.number, after.number) == (0, 1)
    n = len(after.snapshot.features) // 2
    assert (after.snapshot.probabilities[:n] == before.snapshot.probabilities[:n]).all()  # the source's are left alone
    assert (after.snapshot.probabilities[n:] != before.snapshot.probabilities[n:]).any()
