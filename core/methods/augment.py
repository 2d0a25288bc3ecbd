"""Random views of a batch that keep its classes: weak ones and strong ones, for images, rows of numbers and texts.

No view is mirrored: digits and letters mean something else in a mirror.
"""

from __future__ import annotations

import torch
from torch import Tensor

from core.methods.base import Draws
from core.shifts.image import warp

SHIFT = 1 / 8  # of the side, at most
TURN, SIZE, CONTRAST, NOISE, HOLE = 20.0, 0.2, 0.5, 0.1, 1 / 4  # degrees; shares of size, contrast, value range and side
WEAK_NOISE, STRONG_NOISE, DROPPED = 0.05, 0.2, 0.1  # of a column's deviation; share of the columns
FEW_WORDS, MANY_WORDS = 0.05, 0.3  # shares of a text's words and pairs of words


def weak(x: Tensor, draws: Draws) -> Tensor:
    """Images are moved by up to an eighth of their side; rows get noise of 0.05 of each column's deviation in the batch; texts lose
    one word in twenty (random deletion: Wei and Zou 2019, arXiv 1901.11196).

    Parameters
    ----------
    x : Tensor
        Images N×C×H×W from 0 to 255, uint8 or float, float rows N×D, or int64 buckets of words N×L, 0 for none.
    draws : Draws

    Returns
    -------
    Tensor
        The same shape; floats, but for texts. Images still lie in 0 to 255. What a move uncovers repeats the edge.
    """
    if x.ndim == 2:
        return _noisy(x, WEAK_NOISE, draws) if x.is_floating_point() else _shortened(x, FEW_WORDS, draws)
    x = x if x.is_floating_point() else x.float()
    right, down = 2 * SHIFT * (2 * draws.uniform(2, len(x), like=x) - 1)
    zero = torch.zeros_like(right)
    return _affine(x, zero, zero + 1, right, down)


def strong(x: Tensor, draws: Draws) -> Tensor:
    """Images are moved, turned by up to 20°, resized by up to 20 %, given other contrast (±50 %), noise (up to 0.1 of the value range)
    and a hole of a quarter of the side; rows get noise of 0.2 of each column's deviation, and one value in ten becomes the column's mean;
    texts lose three words in ten.

    Parameters and result are those of `weak`.
    """
    if x.ndim == 2 and not x.is_floating_point():
        return _shortened(x, MANY_WORDS, draws)
    if x.ndim == 2:
        kept = draws.uniform(*x.shape, like=x) >= DROPPED
        return torch.where(kept, _noisy(x, STRONG_NOISE, draws), x.mean(0))
    x = x if x.is_floating_point() else x.float()
    angle, size, right, down, contrast, noise, across, along = 2 * draws.uniform(8, len(x), like=x) - 1
    x = _affine(x, torch.deg2rad(TURN * angle), 1 + SIZE * size, 2 * SHIFT * right, 2 * SHIFT * down)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    x = mean + (1 + CONTRAST * _each(contrast)) * (x - mean)
    x = x + 255 * NOISE * (1 + _each(noise)) / 2 * draws.normal(*x.shape, like=x)
    return torch.where(_hole(across, along, x), mean, x).clamp(0, 255)


def _affine(x: Tensor, angle: Tensor, size: Tensor, right: Tensor, down: Tensor) -> Tensor:
    """Turn counter-clockwise (radians), resize and move (in half sides) each image by its own amounts, in that order."""
    aspect = x.shape[-2] / x.shape[-1]  # normalised coordinates stretch an image that is not square
    c, s = angle.cos() / size, angle.sin() / size
    back = torch.stack([torch.stack([c, -s * aspect], 1), torch.stack([s / aspect, c], 1)], 1)  # from where a pixel is fetched
    start = -back @ torch.stack([right, down], 1)[:, :, None]
    return warp(x, torch.cat([back, start], 2), padding="border")


def _hole(across: Tensor, along: Tensor, x: Tensor) -> Tensor:
    """N×1×H×W, true within a rectangle of `HOLE` of each side around a point of the image in [−1, 1]²."""
    inside = []
    for centre, side in ((along, x.shape[-2]), (across, x.shape[-1])):
        pixels = (2 * torch.arange(side, dtype=x.dtype, device=x.device) + 1) / side - 1
        inside.append((pixels - centre[:, None]).abs() < HOLE)
    return (inside[0][:, :, None] & inside[1][:, None, :])[:, None]


def _noisy(x: Tensor, share: float, draws: Draws) -> Tensor:
    return x + share * x.std(dim=0, correction=0) * draws.normal(*x.shape, like=x)


def _shortened(x: Tensor, share: float, draws: Draws) -> Tensor:
    """Texts without some of their words; one of which none is left stays whole."""
    kept = x * (draws.uniform(*x.shape, like=torch.empty((), device=x.device)) >= share)
    return torch.where(kept.any(1, keepdim=True), kept, x)


def _each(x: Tensor) -> Tensor:
    return x[:, None, None, None]
