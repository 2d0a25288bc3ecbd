"""What one step is made of: each method hands the right rows, weights and schedules to its loss."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from method_tools import batch, double, make

from core.methods import METHODS
from core.methods.base import ramp
from core.methods.confusion import information_loss, minimum_class_confusion, norm_step_loss, nuclear_loss, prediction_entropy
from core.methods.kernels import joint_mmd2, local_mmd2, mk_mmd2
from core.methods.moments import central_moment_discrepancy, coral, moment_tensor_distance
from core.methods.transport import joint_transport_loss

# From features s, t and logits u, v of source and target, and the source's labels y.
TERMS = {
    "ddc": lambda s, t, u, v, y: mk_mmd2(s, t, 1),
    "dan": lambda s, t, u, v, y: mk_mmd2(s, t) + mk_mmd2(u.softmax(1), v.softmax(1)),
    "jan": lambda s, t, u, v, y: joint_mmd2([torch.cat([s, t]), torch.cat([u, v]).softmax(1)], len(s)),
    "dsan": lambda s, t, u, v, y: local_mmd2(s, t, y, v.softmax(1)),
    "deepcoral": lambda s, t, u, v, y: coral(s, t),
    "cmd": lambda s, t, u, v, y: central_moment_discrepancy(s.tanh(), t.tanh(), 5),
    "homm": lambda s, t, u, v, y: moment_tensor_distance(s, t, 3),
    "mcc": lambda s, t, u, v, y: minimum_class_confusion(v, 2.5),
    "entropy": lambda s, t, u, v, y: prediction_entropy(v),
    "infomax": lambda s, t, u, v, y: information_loss(v),
    "bnm": lambda s, t, u, v, y: nuclear_loss(v),
    "afn": lambda s, t, u, v, y: norm_step_loss(torch.cat([s, t]), 1.0),
    "deepjdot": lambda s, t, u, v, y: joint_transport_loss(s, t, y, v, 0.01, 0.3)[0],
}
RAMPED = {"jan", "dsan"}
# Zhu's main.py, Zellinger's exp_office.py (its K), Liang's digit.sh. ε: results/shallow.md; CMD's λ: its docstring.
DECIDED = {
    ("dsan", "trade_off"): 0.5,
    ("cmd", "trade_off"): 0.1,
    ("cmd", "moments"): 5,
    ("shot", "pseudo"): 0.1,
    ("ot-class", "entropy"): 0.1,
}


@pytest.mark.parametrize(("name", "setting"), DECIDED)
def test_defaults_are_those_that_were_decided(name, setting):
    assert getattr(METHODS.get(name).Params(), setting) == DECIDED[name, setting]


@pytest.mark.parametrize("name", ["dsan", "cmd"])
def test_by_default_the_term_has_that_weight(name):
    method, b = make(name).double(), double(batch())
    step = method.step(b, 0.4)
    logits = method.network.head(step.features)
    term = TERMS[name](*b.split(step.features), *b.split(logits), b.labels)
    torch.testing.assert_close(step.losses["align"], DECIDED[name, "trade_off"] * (ramp(0.4) if name in RAMPED else 1) * term)


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize(("n", "m"), [(6, 6), (4, 7)])
def test_the_term_compares_source_rows_with_target_rows(name, n, m):
    method, b = make(name, trade_off=3).double(), double(batch(n=n, m=m))
    step = method.step(b, 0.2)
    features = step.features.detach().requires_grad_()
    logits = method.network.head(features)
    expected = 3 * (ramp(0.2) if name in RAMPED else 1) * TERMS[name](features[:n], features[n:], logits[:n], logits[n:], b.labels)
    torch.testing.assert_close(step.losses["align"], expected)
    (found,) = torch.autograd.grad(step.losses["align"], step.features)
    torch.testing.assert_close(found, torch.autograd.grad(expected, features)[0])
    assert found[n:].norm() > 1e-4
    torch.testing.assert_close(step.losses["task"], F.cross_entropy(logits[:n], b.labels))
