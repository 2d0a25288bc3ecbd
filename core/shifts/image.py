"""Shifts of images: where things stand, how sharp and how bright they are."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from core.shifts.base import Draws


def warp(x: Tensor, matrix: Tensor, padding: str = "zeros") -> Tensor:
    """Resample images by one 2×3 affine matrix in normalised coordinates, or by one for each of them (N×2×3)."""
    theta = matrix.to(x).expand(len(x), 2, 3)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode=padding, align_corners=False)


def rotate(x: Tensor, severity: float, _: Draws) -> Tensor:
    """Counter-clockwise, as seen, by up to 90°."""
    c, s = math.cos(severity * math.pi / 2), math.sin(severity * math.pi / 2)
    aspect = x.shape[-2] / x.shape[-1]  # normalised coordinates stretch an image that is not square
    return warp(x, torch.tensor([[c, -s * aspect, 0], [s / aspect, c, 0]]))


def shrink(x: Tensor, severity: float, _: Draws) -> Tensor:
    """About the middle, to half the size at severity 1."""
    return warp(x, torch.tensor([[1 + severity, 0, 0], [0, 1 + severity, 0]]))


def translate(x: Tensor, severity: float, _: Draws) -> Tensor:
    return warp(x, torch.tensor([[1, 0, -0.5 * severity], [0, 1, -0.5 * severity]]))


def blur(x: Tensor, severity: float, _: Draws) -> Tensor:
    sigma = max(severity * 0.1 * x.shape[-1], 0.01)  # 0.01 blurs nothing; below it, float32 divides 0 by 0
    radius = min(max(1, math.ceil(3 * sigma)), min(x.shape[-2:]) - 1)
    grid = torch.arange(-radius, radius + 1, dtype=x.dtype, device=x.device)
    kernel = torch.exp(-(grid**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(x.shape[1], 1, -1)
    x = F.conv2d(F.pad(x, (radius, radius, 0, 0), mode="reflect"), kernel[:, :, None, :], groups=x.shape[1])
    return F.conv2d(F.pad(x, (0, 0, radius, radius), mode="reflect"), kernel[:, :, :, None], groups=x.shape[1])


def add_noise(x: Tensor, severity: float, draws: Draws) -> Tensor:
    return x + severity * 0.4 * draws.normal(*x.shape[1:])


def lower_contrast(x: Tensor, severity: float, _: Draws) -> Tensor:
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (1 - 0.85 * severity) * (x - mean)


def brighten(x: Tensor, severity: float, _: Draws) -> Tensor:
    return x + 0.6 * severity


def invert(x: Tensor, severity: float, draws: Draws) -> Tensor:
    return torch.where(draws.uniform(1, 1, 1) < severity, 1 - x, x)


def occlude(x: Tensor, severity: float, draws: Draws) -> Tensor:
    """A grey rectangle of half the height and width, at severity 1, hides a random place of each image; its edges fade within a pixel."""
    inside = torch.ones((), device=x.device)
    for axis, centre in zip((-2, -1), draws.uniform(2).T, strict=True):
        length = x.shape[axis]
        half = severity * length / 4
        middle = half + centre * (length - 2 * half)
        pixels = torch.arange(length, device=x.device) + 0.5
        # How much of each pixel the rectangle covers, along this axis.
        covered = (half + 0.5 - (pixels - middle[:, None]).abs()).clamp(0, min(1.0, 2 * half))
        inside = inside * (covered[:, None, :, None] if axis == -2 else covered[:, None, None, :])
    return x + inside * (0.5 - x)
