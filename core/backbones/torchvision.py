"""torchvision's networks, fresh or with ImageNet weights, of which none, a part or all is frozen."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, create_model
from torch import Tensor, nn

from core.backbones.base import Frozen, Params, backbone
from core.errors import InputError


@dataclass(frozen=True)
class Weights:
    """One set of ImageNet weights: millions of them, megabytes, billions of multiply-adds for an image, top-1 accuracy in percent."""

    name: str
    millions: float
    megabytes: float
    gflops: float
    accuracy: float


@dataclass(frozen=True)
class Architecture:
    """``builder`` is torchvision's name. ``weights`` are torchvision's own, the default last.

    These are numbers of torchvision's ``weights.meta``, written down because importing torchvision takes five seconds that a page
    does not have; a test compares them with it.
    """

    name: str
    builder: str
    title: str
    paper: str
    weights: tuple[Weights, ...]


ARCHITECTURES = (
    Architecture("resnet18", "resnet18", "ResNet-18", "He et al. 2016", (Weights("IMAGENET1K_V1", 11.7, 44.7, 1.81, 69.8),)),
    Architecture(
        "resnet50",
        "resnet50",
        "ResNet-50",
        "He et al. 2016",
        (Weights("IMAGENET1K_V1", 25.6, 97.8, 4.09, 76.1), Weights("IMAGENET1K_V2", 25.6, 97.8, 4.09, 80.9)),
    ),
    Architecture(
        "mobilenet-v2",
        "mobilenet_v2",
        "MobileNetV2",
        "Sandler et al. 2018",
        (Weights("IMAGENET1K_V1", 3.5, 13.6, 0.3, 71.9), Weights("IMAGENET1K_V2", 3.5, 13.6, 0.3, 72.2)),
    ),
    Architecture(
        "mobilenet-v3",
        "mobilenet_v3_large",
        "MobileNetV3 large",
        "Howard et al. 2019",
        (Weights("IMAGENET1K_V1", 5.5, 21.1, 0.22, 74.0), Weights("IMAGENET1K_V2", 5.5, 21.1, 0.22, 75.3)),
    ),
    Architecture("vgg16", "vgg16", "VGG-16", "Simonyan and Zisserman 2015", (Weights("IMAGENET1K_V1", 138.4, 527.8, 15.47, 71.6),)),
    Architecture(
        "efficientnet-b0", "efficientnet_b0", "EfficientNet-B0", "Tan and Le 2019", (Weights("IMAGENET1K_V1", 5.3, 20.5, 0.39, 77.7),)
    ),
    Architecture("vit-b-16", "vit_b_16", "ViT-B/16", "Dosovitskiy et al. 2021", (Weights("IMAGENET1K_V1", 86.6, 330.3, 17.56, 81.1),)),
    Architecture("squeezenet", "squeezenet1_0", "SqueezeNet 1.0", "Iandola et al. 2016", (Weights("IMAGENET1K_V1", 1.2, 4.8, 0.82, 58.1),)),
)


class ImageNetParams(Params):
    """Parameters of every network here; each has its own choices of ``weights``."""

    bottleneck: int = Field(256, ge=2, le=2048, description="Number of features that methods align and maps show.")
    freeze: Literal["none", "part", "all"] = Field(
        "all",
        description="What training leaves as it is: all (features are computed once: by far the fastest, and safe with few samples), "
        "the first two thirds of the layers, or nothing. What is trained wants a learning rate of about 0.0001.",
    )
    side: int = Field(224, ge=32, le=384, description="Images are scaled to this many pixels; the weights were trained at 224.")
    weights: str = "none"


class ImageNetScale(nn.Module):
    """Images from 0 to 255, uint8 or float, to three channels of ``side`` pixels, normalised with ImageNet's mean and deviation."""

    mean: Tensor
    std: Tensor

    def __init__(self, side: int):
        super().__init__()
        self.side = side
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225])[:, None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.interpolate(x.float() / 255, (self.side, self.side), mode="bilinear", align_corners=False)
        return (x.expand(-1, 3, -1, -1) - self.mean) / self.std


class WeightsTransforms(nn.Module):
    """What the weights were trained to see: torchvision's own resize, middle part and normalisation, scaled to ``side`` pixels."""

    def __init__(self, weights, side: int):
        super().__init__()
        preset = weights.transforms()
        larger = round(preset.resize_size[0] * side / preset.crop_size[0])
        self.transforms = weights.transforms(crop_size=side, resize_size=larger)

    def forward(self, x: Tensor) -> Tensor:
        x = x if x.dtype == torch.uint8 else x / 255  # torchvision takes floats to lie between 0 and 1
        return self.transforms(x.expand(-1, 3, -1, -1))


class Patches(nn.Module):
    """The first step of a vision transformer: patches as vectors, a class token before them, places added."""

    token: nn.Parameter
    places: nn.Parameter

    def __init__(self, vit: Any):
        super().__init__()
        self.project, self.token, self.places = vit.conv_proj, vit.class_token, vit.encoder.pos_embedding

    def forward(self, x: Tensor) -> Tensor:
        x = self.project(x).flatten(2).transpose(1, 2)
        return torch.cat([self.token.expand(len(x), -1, -1), x], dim=1) + self.places

    def draw(self, generator: torch.Generator) -> None:
        nn.init.zeros_(self.token)
        nn.init.normal_(self.places, std=0.02, generator=generator)


class FirstToken(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, 0]


def _parts(net: Any, name: str) -> tuple[list[nn.Module], list[nn.Module], int]:
    """A network of torchvision as a row of layers, what stands between them and its classifier, and the number of features.

    Dropout and stochastic depth are left out: they draw from the generator that all threads share, and a run would not repeat.
    """
    pool = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    if name.startswith("resnet"):
        stem = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)
        return [stem, net.layer1, net.layer2, net.layer3, net.layer4], pool, net.fc.in_features
    if name.startswith("vit"):
        return [Patches(net), *net.encoder.layers], [net.encoder.ln, FirstToken()], net.hidden_dim
    if name.startswith("vgg"):
        fully = [layer for layer in net.classifier[:-1] if not isinstance(layer, nn.Dropout)]
        return [*net.features], [net.avgpool, nn.Flatten(), *fully], net.classifier[-1].in_features
    if name.startswith("squeezenet"):
        return [*net.features], pool, net.classifier[1].in_channels
    if name.startswith("mobilenet_v3"):
        return [*net.features], [*pool, *net.classifier[:2]], net.classifier[-1].in_features
    return [*net.features], pool, net.classifier[-1].in_features  # MobileNetV2, EfficientNet


def _make(architecture: Architecture, shape: tuple[int, ...], params: ImageNetParams) -> tuple[nn.Module, nn.Module, int]:
    from torchvision import models
    from torchvision.ops import StochasticDepth

    side = params.side
    more = {"image_size": side} if architecture.builder.startswith("vit") else {}
    if more and (side % 16 or (side != 224 and params.weights != "none")):
        raise InputError("backbone.params.side", f"{architecture.title} cannot read images of {side} pixels.", "Choose 224.")
    net = models.get_model(architecture.builder, weights=None, **more)
    prepare: nn.Module = ImageNetScale(side)
    if params.weights != "none":
        weights = models.get_model_weights(architecture.builder)[params.weights]
        _load_imagenet_weights(net, weights)
        prepare = WeightsTransforms(weights, side)
    for module in net.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.Dropout | StochasticDepth):
                setattr(module, name, nn.Identity())
    layers, end, width = _parts(net, architecture.builder)
    return prepare, partly_frozen(layers, end, params.freeze), width


def partly_frozen(layers: list[nn.Module], end: list[nn.Module], freeze: str) -> nn.Sequential:
    """A row of layers and what stands between them and the classifier; ``freeze`` as in `ImageNetParams`."""
    if freeze == "all":
        return Frozen(*layers, *end)
    first = 2 * len(layers) // 3 if freeze == "part" else 0
    return nn.Sequential(Frozen(*layers[:first]), *layers[first:], *end)


def _load_imagenet_weights(net: nn.Module, weights) -> None:
    """Fill ``net`` from torch's cache (``$TORCH_HOME/hub/checkpoints``) or by download."""
    file = weights.url.rsplit("/", 1)[1]
    folder = f"{torch.hub.get_dir()}/checkpoints"
    try:
        net.load_state_dict(weights.get_state_dict(progress=False, check_hash=True, weights_only=True))
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:  # no network, or a file that is no such checkpoint
        raise InputError(
            "backbone.params.weights",
            f"the ImageNet weights could not be fetched ({error}).",
            f"Connect to the network once, or put {file} into {folder} (TORCH_HOME moves that folder), or choose the weights none.",
        ) from error


def weights_at_hand(name: str) -> bool:
    """Whether the weights of one of these networks lie on this machine already, so that it needs no network to be used."""
    builder = next(one.builder for one in ARCHITECTURES if one.name == name)
    return any(Path(torch.hub.get_dir(), "checkpoints").glob(f"{builder}-*.pth"))


def about_weights(name: str) -> str:
    """What to know of the weights of a network before its first use, where they are not on this machine; "" for all others."""
    known = next((one for one in ARCHITECTURES if one.name == name), None)
    if known is None or weights_at_hand(name):
        return ""
    size, folder = known.weights[-1].megabytes, Path(torch.hub.get_dir(), "checkpoints")
    return (
        f"Its ImageNet weights ({size:.0f} MB) are not on this machine yet. They are fetched once, when they are first used; without a "
        f"network, put {known.builder}-….pth into {folder}, or choose a network that needs none."
    )


def _params(architecture: Architecture) -> type[ImageNetParams]:
    """The parameters with this network's own choice of weights."""
    names = tuple(weights.name for weights in architecture.weights)
    known = ", ".join(f"{w.name}: {w.accuracy:g} % of ImageNet right" for w in architecture.weights)
    description = (
        f"Start from these ImageNet weights, downloaded once ({architecture.weights[-1].megabytes:.0f} MB). {known}. none: fresh ones."
    )
    return imagenet_params(architecture.builder, names, description)


def imagenet_params(name: str, names: tuple[str, ...], description: str) -> type[ImageNetParams]:
    """Parameters whose ``weights`` are one of these names, by default the last, or none."""
    weights: Any = (Literal[(*names, "none")], Field(names[-1], description=description))
    return create_model(f"{name}_params", __base__=ImageNetParams, weights=weights)


def _facts(architecture: Architecture) -> tuple[tuple[str, str], ...]:
    best = architecture.weights[-1]
    return (
        ("Weights", f"{best.millions:g} M"),
        ("Download", f"{best.megabytes:.0f} MB"),
        ("Work per image", f"{best.gflops:g} GFLOPs"),
        ("ImageNet accuracy", f"{best.accuracy:g} %"),
    )


def _register(architecture: Architecture) -> None:
    facts = _facts(architecture)
    backbone(
        architecture.name,
        title=architecture.title,
        kinds=("image", "sound"),
        params=_params(architecture),
        facts=facts,
        summary=f"{architecture.paper}, pretrained on ImageNet. " + " · ".join(f"{name}: {value}" for name, value in facts),
    )(partial(_make, architecture))


for _one in ARCHITECTURES:
    _register(_one)
