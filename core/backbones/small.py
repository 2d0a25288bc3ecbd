"""Small networks of our own: raw features, fully connected layers, and two convolutional ones for little images."""

from __future__ import annotations

import math
from itertools import pairwise

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from core.backbones.base import Params, backbone
from core.errors import InputError


class RawParams(BaseModel):
    """Raw features have no parameters, and no bottleneck either."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MLPParams(Params):
    width: int = Field(128, ge=4, le=4096, description="Units in each hidden layer.")
    depth: int = Field(2, ge=1, le=8, description="Number of hidden layers.")


class CNNParams(Params):
    width: int = Field(32, ge=4, le=256, description="Channels of the first layer; the later ones have two and four times as many.")


class Scale(nn.Module):
    """Images, N×C×H×W from 0 to 255, to floats in [−1, 1]; float features N×D as they are.

    Images are uint8, or floats of the same range: so a method may hand on images that it has changed, and that have a gradient.
    """

    def forward(self, x: Tensor) -> Tensor:
        return (x if x.is_floating_point() else x.float()) / 127.5 - 1 if x.ndim == 4 else x


def _at_least_four_pixels(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """``shape``, if two poolings leave something of the image."""
    if min(shape[1:]) < 4:
        raise InputError("backbone.name", f"{name} needs images of 4×4 pixels or more; these have {shape[1]}×{shape[2]}.", "Choose mlp.")
    return shape


@backbone(
    "identity",
    title="Raw features",
    kinds=("features", "image", "sound"),
    params=RawParams,
    summary="No network: the inputs themselves are the features (columns, pixels). For tables and shallow methods.",
)
def identity(shape: tuple[int, ...], params: RawParams):
    return Scale(), nn.Flatten(), math.prod(shape)


@backbone(
    "mlp",
    title="MLP",
    kinds=("features", "image", "sound"),
    params=MLPParams,
    summary="Fully connected layers. For points and tables; on images it knows nothing of neighbouring pixels.",
)
def mlp(shape: tuple[int, ...], params: MLPParams):
    sizes = [math.prod(shape)] + [params.width] * params.depth
    layers: list[nn.Module] = [nn.Flatten()]
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return Scale(), nn.Sequential(*layers), sizes[-1]


@backbone(
    "small-cnn",
    title="Small CNN",
    kinds=("image", "sound"),
    params=CNNParams,
    summary="Three 3×3 convolutions with batch norm, about 100,000 weights. Trains in seconds on 16×16 digits.",
)
def small_cnn(shape: tuple[int, ...], params: CNNParams):
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
def lenet(shape: tuple[int, ...], params: Params):
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
