"""Batch norm between two domains: whose mean and variance a sample is normalised by, in training and when it is tested."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from pydantic import Field
from torch import nn

Norm = Literal["pooled", "separate", "own"]

MEANING = (
    "Whose mean and variance batch norm uses. pooled: one pass over both domains, so each moves the other's. separate: each domain in a "
    "pass of its own, with one running average of both for testing. own: separate, and each domain is also tested with its own average."
)


def norm_field(default: Norm) -> Any:
    """The batch-norm mode as a hyper-parameter; each method gives its own default."""
    return Field(default, description=MEANING)


def norms(network: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    """The batch norms of a network that keep running statistics, in order."""
    return [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.running_mean is not None]


class TargetStatistics(nn.Module):
    """Running means and variances of the target, beside those in the network, which are then the source's alone.

    Of domain-specific batch normalisation (Chang et al. 2019, arXiv 1906.03950) the statistics, not the scales and offsets: no weight
    belongs to one domain. They begin as the source's, and are part of the state dict. ``network`` is any module: a method is given
    with all of its layers, its own heads among them.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        for i, norm in enumerate(norms(network)):
            for name in ("running_mean", "running_var"):
                self.register_buffer(f"{name}_{i}", getattr(norm, name).detach().clone())

    @contextmanager
    def used_by(self, network: nn.Module) -> Iterator[None]:
        """While it lasts, the network reads and updates these."""
        self._exchange(network)
        try:
            yield
        finally:
            self._exchange(network)

    def _exchange(self, network: nn.Module) -> None:
        for i, norm in enumerate(norms(network)):
            for name in ("running_mean", "running_var"):
                mine, its = getattr(self, f"{name}_{i}"), getattr(norm, name)
                setattr(self, f"{name}_{i}", its)
                setattr(norm, name, mine)
