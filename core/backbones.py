"""Backbones: networks that turn raw inputs into features. Bottleneck and head are the same for all of them."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from core.errors import InputError
from core.registry import Registry


class Params(BaseModel):
    """Parameters that every backbone has."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    bottleneck: int = Field(64, ge=2, le=2048, description="Number of features that methods align and maps show.")


class MLPParams(Params):
    width: int = Field(128, ge=4, le=4096, description="Units in each hidden layer.")
    depth: int = Field(2, ge=1, le=8, description="Number of hidden layers.")


class CNNParams(Params):
    width: int = Field(32, ge=4, le=256, description="Channels of the first layer; the later ones have two and four times as many.")


class ResNetParams(Params):
    bottleneck: int = Field(256, ge=2, le=2048, description="Number of features that methods align and maps show.")
    pretrained: bool = Field(False, description="Start from ImageNet weights; they are downloaded once (45 MB).")
    side: int = Field(64, ge=32, le=224, description="Images are scaled to this many pixels before the network.")


@dataclass(frozen=True)
class BackboneEntry:
    """``make(shape, params)`` returns ``(prepare, body, width)`` for inputs of ``shape`` (without the batch axis).

    ``prepare`` maps raw inputs (uint8 images or float features) to what the body expects; the body returns N×width.
    """

    name: str
    title: str
    summary: str
    kinds: tuple[str, ...]
    params: type[Params]
    make: Callable[[tuple[int, ...], Params], tuple[nn.Module, nn.Module, int]]


BACKBONES: Registry[BackboneEntry] = Registry("backbone")


def backbone(name: str, *, title: str, summary: str, kinds: tuple[str, ...], params: type[Params]):
    """Register the decorated ``make(shape, params)``."""

    def register(make):
        BACKBONES.add(BackboneEntry(name, title, summary, kinds, params, make))
        return make

    return register


class Network(nn.Module):
    """Backbone, bottleneck and head.

    ``forward(x)`` takes raw inputs and returns ``(features, logits)`` of shapes N×bottleneck and N×classes.
    """

    def __init__(self, prepare: nn.Module, body: nn.Module, width: int, bottleneck: int, classes: int):
        super().__init__()
        self.prepare, self.body = prepare, body
        self.bottleneck = nn.Sequential(nn.Linear(width, bottleneck), nn.BatchNorm1d(bottleneck), nn.ReLU())
        self.head = nn.Linear(bottleneck, classes)

    def features(self, x: Tensor) -> Tensor:
        return self.bottleneck(self.body(self.prepare(x)))

    def encoder(self) -> list[nn.Parameter]:
        """Everything but the head."""
        return [*self.body.parameters(), *self.bottleneck.parameters()]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(x)
        return features, self.head(features)


def build_network(name: str, params: Params, shape: tuple[int, ...], classes: int, generator: torch.Generator) -> Network:
    """A fresh network; every random weight is drawn from ``generator``.

    Parameters
    ----------
    name, params : str, Params
        A registered backbone and its parameters.
    shape : tuple of int
        (C, H, W) of images or (D,) of features.
    classes : int
    generator : torch.Generator
        On the CPU, so that a seed means the same weights on every device.
    """
    entry = BACKBONES.get(name, "backbone.name")
    kind = "image" if len(shape) == 3 else "features"
    if kind not in entry.kinds:
        raise InputError(
            "backbone.name",
            f"{name} needs {' or '.join(entry.kinds)}, and the data are {kind}.",
            f"Choose one of: {', '.join(b.name for b in BACKBONES if kind in b.kinds)}.",
        )
    prepare, body, width = entry.make(shape, params)
    network = Network(prepare, body, width, params.bottleneck, classes)
    pretrained = getattr(params, "pretrained", False)
    for module in (network.bottleneck, network.head) if pretrained else (network,):
        initialise(module, generator)
    # Batch norm and pooling are vectorised over channels on the CPU: a step of the small CNN takes 0.72 times as long.
    return network.to(memory_format=torch.channels_last) if kind == "image" else network


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw PyTorch's default initial weights (He et al. 2015, a = √5) from ``generator`` instead of the global one.

    The global generator is shared by all threads, so two runs at once would change each other's weights.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
            if layer.bias is not None:
                bound = 1 / math.sqrt(layer.weight[0].numel())
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.reset_parameters()
        elif list(layer.parameters(recurse=False)):
            raise TypeError(f"initialise() does not know {type(layer).__name__}.")


class Scale(nn.Module):
    """Images, N×C×H×W from 0 to 255, to floats in [−1, 1]; float features N×D as they are.

    Images are uint8, or floats of the same range: so a method may hand on images that it has changed, and that have a gradient.
    """

    def forward(self, x: Tensor) -> Tensor:
        return (x if x.is_floating_point() else x.float()) / 127.5 - 1 if x.ndim == 4 else x


class ImageNetScale(nn.Module):
    """Images from 0 to 255, uint8 or float, to three channels of ``side`` pixels, normalised with ImageNet's mean and deviation."""

    def __init__(self, side: int):
        super().__init__()
        self.side = side
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225])[:, None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.interpolate(x.float() / 255, (self.side, self.side), mode="bilinear", align_corners=False)
        return (x.expand(-1, 3, -1, -1) - self.mean) / self.std


def _at_least_four_pixels(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """``shape``, if two poolings leave something of the image."""
    if min(shape[1:]) < 4:
        raise InputError("backbone.name", f"{name} needs images of 4×4 pixels or more; these have {shape[1]}×{shape[2]}.", "Choose mlp.")
    return shape


@backbone(
    "mlp",
    title="MLP",
    kinds=("image", "features"),
    params=MLPParams,
    summary="Fully connected layers. For points and tables; on images it knows nothing of neighbouring pixels.",
)
def mlp(shape, params: MLPParams):
    sizes = [math.prod(shape)] + [params.width] * params.depth
    layers: list[nn.Module] = [nn.Flatten()]
    for a, b in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return Scale(), nn.Sequential(*layers), sizes[-1]


@backbone(
    "identity",
    title="Raw features",
    kinds=("image", "features"),
    params=Params,
    summary="No layers of its own: the inputs as they are. For tables and ready-made features, and for methods on frozen features.",
)
def identity(shape, params: Params):
    return Scale(), nn.Flatten(), math.prod(shape)


@backbone(
    "small-cnn",
    title="Small CNN",
    kinds=("image",),
    params=CNNParams,
    summary="Three 3×3 convolutions with batch norm, about 100,000 weights. Trains in seconds on 16×16 digits.",
)
def small_cnn(shape, params: CNNParams):
    c = _at_least_four_pixels("small-cnn", shape)[0]
    width = params.width
    layers: list[nn.Module] = []
    for a, b, pool in ((c, width, True), (width, 2 * width, True), (2 * width, 4 * width, False)):
        layers += [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU()] + ([nn.MaxPool2d(2)] if pool else [])
    return Scale(), nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten()), 4 * width * 4


@backbone(
    "lenet",
    title="LeNet",
    kinds=("image",),
    params=Params,
    summary="LeCun et al. 1998: two 5×5 convolutions with pooling. The classic of MNIST and USPS papers.",
)
def lenet(shape, params: Params):
    c, h, w = _at_least_four_pixels("lenet", shape)
    body = nn.Sequential(
        nn.Conv2d(c, 20, 5, padding=2),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(20, 50, 5, padding=2),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(50 * (h // 4) * (w // 4), 500),
        nn.ReLU(),
    )
    return Scale(), body, 500


@backbone(
    "resnet18",
    title="ResNet-18",
    kinds=("image",),
    params=ResNetParams,
    summary="He et al. 2016, 11 million weights, with or without ImageNet pretraining. Wants a GPU or patience.",
)
def resnet18(shape, params: ResNetParams):
    from torchvision.models import ResNet18_Weights
    from torchvision.models import resnet18 as build

    body = build(weights=None)
    if params.pretrained:
        _load_imagenet_weights(body, ResNet18_Weights.IMAGENET1K_V1)
    body.fc = nn.Identity()
    return ImageNetScale(params.side), body, 512


def _load_imagenet_weights(body: nn.Module, weights) -> None:
    """Fill ``body`` from torch's cache (``$TORCH_HOME/hub/checkpoints``) or by download."""
    file = weights.url.rsplit("/", 1)[1]
    folder = f"{torch.hub.get_dir()}/checkpoints"
    try:
        body.load_state_dict(weights.get_state_dict(progress=False, check_hash=True, weights_only=True))
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:  # no network, or a file that is no such checkpoint
        raise InputError(
            "backbone.params.pretrained",
            f"the ImageNet weights could not be fetched ({error}).",
            f"Connect to the network once, or put {file} into {folder} (TORCH_HOME moves that folder), or start without pretraining.",
        ) from error
