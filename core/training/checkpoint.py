"""What is kept of training: a checkpoint, from which a run goes on, and a reference network, which many runs share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.experiment import Phase
from core.methods import Method

Line = dict[str, Any]  # the plain numbers of an epoch, as they are stored


@dataclass(frozen=True)
class Reference:
    """A network trained on labels alone (none for a linear classifier), and how that went: the lines of its epochs."""

    model: dict[str, Tensor]
    epochs: list[Line]

    @staticmethod
    def of(method: Method, epochs: list[Line]) -> Reference:
        return Reference({name: tensor.cpu().clone() for name, tensor in method.network.state_dict().items()}, epochs)


@dataclass(frozen=True)
class Checkpoint:
    """Everything that the rest of a run depends on, after epoch ``number`` of ``phase``.

    Attributes
    ----------
    tensors : dict of Tensor
        ``method/…``: the method's state with its network; ``optimizer/index/…``: what the optimiser remembers of each weight;
        ``generator``: where the stream of batches is. Copies, on the CPU.
    past : list of Line
        The lines of the phase's epochs so far, so that a reference ends with its whole history.
    """

    phase: Phase
    number: int
    tensors: dict[str, Tensor]
    past: list[Line]

    @staticmethod
    def of(
        phase: Phase,
        number: int,
        method: Method,
        optimizer: torch.optim.Optimizer,
        generator: torch.Generator,
        past: list[Line],
    ) -> Checkpoint:
        tensors = {f"method/{name}": tensor for name, tensor in method.state_dict().items()}
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{index}/{name}": torch.as_tensor(value) for name, value in state.items() if value is not None}
        tensors["generator"] = generator.get_state()
        copies = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
        return Checkpoint(phase, number, copies, list(past))

    def restore(self, method: Method, optimizer: torch.optim.Optimizer, generator: torch.Generator) -> None:
        """Bring a method that has begun, its optimiser and its stream of batches to where they were."""
        weights: dict[str, Tensor] = {}
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in self.tensors.items():
            kind, _, rest = name.partition("/")
            if kind == "method":
                weights[rest] = tensor
            elif kind == "optimizer":
                index, key = rest.split("/")
                state.setdefault(int(index), {})[key] = tensor.clone()
        method.load_state_dict(weights)
        optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
        generator.set_state(self.tensors["generator"])
