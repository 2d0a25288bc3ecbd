"""What is trained: an experiment's network and the method around it, from fresh weights or given ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from core.backbones import BACKBONES, Network, build_network, initialise
from core.methods import METHODS, Method
from core.training.data import Data


def make_network(data: Data, purpose: str, weights: Mapping[str, Tensor] | None = None) -> Network:
    """The backbone, its bottleneck and head; of a frozen backbone whose features the data are, only what follows it.

    ``purpose`` names the stream of random numbers that fresh weights are drawn from; ``weights`` take their place.
    """
    spec, classes, generator = data.experiment.backbone, len(data.pair.class_names), data.generator("network", purpose)
    params, shape = BACKBONES.get(spec.name).params(**spec.params), data.source.inputs.shape[1:]
    if data.is_embedded:
        network = Network(torch.nn.Identity(), torch.nn.Identity(), shape[0], getattr(params, "bottleneck", None), classes)
        initialise(network, generator)
    else:
        network = build_network(spec.name, params, tuple(shape), classes, generator, data.pair.source.kind)
    network.mixed = data.experiment.budget.precision == "bfloat16"
    if weights is not None:
        network.load_state_dict(weights)
    return network


def make_method(data: Data, name: str, params: dict[str, Any], purpose: str, weights: Mapping[str, Tensor] | None = None) -> Method:
    """A method that has not begun yet, on the data's device; the network is that of `make_network`.

    References of one experiment have one ``purpose``, so that they start from the same network.
    """
    cls, network = METHODS.get(name), make_network(data, purpose, weights)
    method = cls(network, cls.Params(**params), network.width, len(data.pair.class_names), data.generator("method"))
    method.label_smoothing = data.experiment.budget.label_smoothing
    return method.to(data.device)
