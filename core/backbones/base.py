"""The backbone contract: parameters, the registry, the network around a backbone, and how weights are drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from core.errors import InputError
from core.registry import Registry
from core.samples.inputs import Inputs


class Params(BaseModel):
    """Parameters that every backbone has."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    bottleneck: int = Field(64, ge=2, le=2048, description="Number of features that methods align and maps show.")


B = TypeVar("B", bound=BaseModel)
Make = Callable[[tuple[int, ...], B], tuple[nn.Module, nn.Module, int]]
OnShare = Callable[[float], None]
Encode = Callable[[tuple[str, ...], B, torch.device, OnShare | None], Tensor]


@dataclass(frozen=True)
class BackboneEntry:
    """``make(shape, params)`` returns ``(prepare, body, width)`` for inputs of ``shape`` (without the batch axis).

    ``prepare`` maps raw inputs (`core.domains.base.Domain` says what each kind's are) to what the body expects; the body returns
    N×width. A body of which no weight is ever trained says so by `Frozen`: then `embed` computes its features once.
    ``encode(texts, params, device, on_share)``, where there is one, takes the place of both: a network that reads strings.
    ``facts`` are what one compares networks by: name and value, in words.
    """

    name: str
    title: str
    summary: str
    kinds: tuple[str, ...]
    params: type[BaseModel]
    make: Make[Any]
    facts: tuple[tuple[str, str], ...] = ()
    encode: Encode[Any] | None = None


BACKBONES: Registry[BackboneEntry] = Registry("backbone")


def backbone(
    name: str,
    *,
    title: str,
    summary: str,
    kinds: tuple[str, ...],
    params: type[B],
    facts: tuple[tuple[str, str], ...] = (),
    encode: Encode[B] | None = None,
) -> Callable[[Make[B]], Make[B]]:
    """Register the decorated ``make(shape, params)``."""

    def register(make: Make[B]) -> Make[B]:
        BACKBONES.add(BackboneEntry(name, title, summary, kinds, params, make, facts, encode))
        return make

    return register


class Frozen(nn.Sequential):
    """Layers that training leaves as they are: no gradients, and batch norm keeps the statistics that it came with."""

    def __init__(self, *layers: nn.Module):
        super().__init__(*layers)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Frozen:
        return super().train(False)


class Network(nn.Module):
    """Backbone, bottleneck and head.

    ``forward(x)`` takes raw inputs and returns ``(features, logits)`` of shapes N×width and N×classes. Without a bottleneck
    (None) the features are the body's own. All are float32; where ``mixed`` is set the backbone's layers compute in bfloat16, while
    bottleneck, head and every loss do not.
    """

    mixed = False

    def __init__(self, prepare: nn.Module, body: nn.Module, width: int, bottleneck: int | None, classes: int):
        super().__init__()
        self.prepare, self.body = prepare, body
        self.width = bottleneck or width
        squeeze = (nn.Linear(width, self.width), nn.BatchNorm1d(self.width), nn.ReLU()) if bottleneck else ()
        self.bottleneck = nn.Sequential(*squeeze)
        self.head = nn.Linear(self.width, classes)

    def features(self, x: Tensor) -> Tensor:
        x = self.prepare(x)
        if self.mixed:
            with torch.autocast(x.device.type, torch.bfloat16):
                x = self.body(x)
            return self.bottleneck(x.float())
        return self.bottleneck(self.body(x))

    def encoder(self) -> list[nn.Parameter]:
        """Everything that is trained but the head."""
        return [p for p in (*self.body.parameters(), *self.bottleneck.parameters()) if p.requires_grad]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(x)
        return features, self.head(features)


def build_network(
    name: str, params: BaseModel, shape: tuple[int, ...], classes: int, generator: torch.Generator, kind: str | None = None
) -> Network:
    """A fresh network; every random weight is drawn from ``generator``.

    Parameters
    ----------
    name, params : str, Params
        A registered backbone and its parameters.
    shape : tuple of int
        Of one sample's inputs: (C, H, W) of images and spectrograms, (D,) of features, (L,) of texts.
    classes : int
    generator : torch.Generator
        On the CPU, so that a seed means the same weights on every device.
    kind : str, optional
        What the samples are (`core.domains.base.Kind`); told by the shape where it is left out.
    """
    prepare, body, width = _made(name, params, shape, kind, generator)
    network = Network(prepare, body, width, getattr(params, "bottleneck", None), classes)
    for module in (network.bottleneck, network.head):
        initialise(module, generator)
    # Batch norm and pooling are vectorised over channels on the CPU: a step of the small CNN takes 0.72 times as long.
    return network.to(memory_format=torch.channels_last) if len(shape) == 3 else network


def _made(name: str, params: BaseModel, shape: tuple[int, ...], kind: str | None, generator: torch.Generator):
    """What the entry makes, with weights."""
    entry = BACKBONES.get(name, "backbone.name")
    kind = kind or ("image" if len(shape) == 3 else "features")
    if kind not in entry.kinds:
        raise InputError(
            "backbone.name",
            f"{name} needs {' or '.join(entry.kinds)}, and the data are {kind}.",
            f"Choose one of: {', '.join(b.name for b in BACKBONES if kind in b.kinds)}.",
        )
    prepare, body, width = entry.make(shape, params)
    if getattr(params, "weights", "none") == "none":
        initialise(body, generator)
    return prepare, body, width


def fitting_backbone(kind: str | None) -> str:
    """The name of a small backbone that reads this kind of data; the one for images where the kind is not known yet."""
    return {"features": "mlp", "text": "word-net", "sound": "sound-cnn"}.get(kind or "", "small-cnn")


def is_frozen(name: str, params: Mapping[str, Any]) -> bool:
    """Whether this backbone's features stay as they are, so that they can be computed once."""
    return params.get("freeze", "none") == "all" or BACKBONES.get(name).encode is not None


class Embedded(Protocol):
    """What `embed` reads of a `core.domains.Domain`."""

    @property
    def kind(self) -> str: ...

    @property
    def inputs(self) -> Inputs: ...

    @property
    def texts(self) -> tuple[str, ...]: ...


@torch.inference_mode()
def embed(
    name: str,
    params: BaseModel,
    domain: Embedded,
    device: torch.device,
    generator: torch.Generator,
    on_share: OnShare | None = None,
    chunk: int = 64,
) -> Tensor:
    """A frozen backbone's features of all samples of a domain, float32 N×width on ``device``.

    ``on_share`` is told the fraction that is done; an exception that it raises ends the work.
    """
    entry = BACKBONES.get(name, "backbone.name")
    if entry.encode is not None:
        return entry.encode(domain.texts, params, device, on_share)
    prepare, body, _ = _made(name, params, tuple(domain.inputs.shape[1:]), domain.kind, generator)
    network = nn.Sequential(prepare, body).to(device).eval()
    if domain.inputs.ndim == 4:
        network = network.to(memory_format=torch.channels_last)
    parts = []
    for start in range(0, len(domain.inputs), chunk):
        parts.append(network(domain.inputs[start : start + chunk].to(device)).float())
        if on_share:
            on_share(min(1.0, (start + chunk) / len(domain.inputs)))
    return torch.cat(parts)


@runtime_checkable
class DrawsItself(Protocol):
    """A layer of our own with weights of its own."""

    def draw(self, generator: torch.Generator) -> None: ...


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw PyTorch's default initial weights (He et al. 2015, a = √5) from ``generator`` instead of the global one.

    The global generator is shared by all threads, so two runs at once would change each other's weights.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
            nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
            if layer.bias is not None:
                bound = 1 / math.sqrt(layer.weight[0].numel())
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.LayerNorm):
            layer.reset_parameters()
        elif isinstance(layer, nn.EmbeddingBag):
            # As fastText does: a word that was never seen then says nothing beside those that were learned.
            bound = 1 / layer.embedding_dim
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            layer._fill_padding_idx_with_zero()
        elif isinstance(layer, nn.MultiheadAttention):
            nn.init.xavier_uniform_(layer.in_proj_weight, generator=generator)
            nn.init.zeros_(layer.in_proj_bias)
        elif isinstance(layer, DrawsItself):
            layer.draw(generator)
        elif list(layer.parameters(recurse=False)):
            raise TypeError(f"initialise() does not know {type(layer).__name__}.")
