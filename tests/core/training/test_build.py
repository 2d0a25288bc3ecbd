"""What is trained: networks and methods from an experiment."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from training_tools import assert_equal, data_of, recorded, run_of, snapshots, tiny

from core.methods import METHODS
from core.training import train
from core.training.build import make_method
from core.training.data import batches


@pytest.mark.parametrize("role", ["source-only", "oracle", "joint"])
def test_references_learn_smoothed_labels_and_methods_their_own(role):
    experiment = tiny("dan", params={"trade_off": 0}, budget={"label_smoothing": 0.3})
    data = data_of(experiment)
    batch = next(batches(data.seen(METHODS.get("dan").info), 16, 1, data.generator("x")))
    for name, share in ((role, 0.3), ("dan", 0.0)):
        method = make_method(data, name, experiment.method.params if name == "dan" else {}, "reference").eval()
        found = method.step(batch, 0.0).losses["task"]
        p = method.network(batch.source)[1].double().softmax(1)
        wanted = torch.full_like(p, share / 2).scatter_(1, batch.labels[:, None], 1 - share / 2)  # two classes
        assert found.item() == pytest.approx(-(wanted * p.log()).sum(1).mean().item(), rel=1e-5)


def test_half_precision_is_the_backbones_alone():
    experiment = tiny("dan", budget={"precision": "bfloat16"})
    data = data_of(experiment)
    network = make_method(data, "source-only", {}, "reference").network
    assert network.body(data.source.inputs[:4]).dtype == torch.float32  # its weights are kept whole
    kinds = []
    network.body.register_forward_hook(lambda body, inputs, output: kinds.append(output.dtype))
    features, logits = network(data.source.inputs[:8])
    assert (kinds, features.dtype, logits.dtype) == ([torch.bfloat16], torch.float32, torch.float32)
    epochs, checkpoints, stores = recorded(experiment)
    assert not np.array_equal(snapshots(epochs)[-1], snapshots(run_of("dan")[0])[-1])
    at = len(epochs) - 2  # after the first epoch of adaptation
    assert_equal(list(train(experiment, references=dict(stores[at]), checkpoint=checkpoints[at])), epochs[at + 1 :])
