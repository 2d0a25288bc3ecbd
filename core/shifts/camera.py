"""Shifts of images: colour, photographs behind them, and what JPEG leaves of them."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from core.shifts.base import Draws

# Quantisation of 8×8 blocks at quality 50, ITU-T T.81 annex K: brightness, then colour.
_LUMINANCE = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
)
_CHROMINANCE = (
    "17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99 "
    "99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99"
)
COARSEST = 12.5  # times the tables: what encoders call quality 4
# Red, green, blue to brightness and two differences of colour (ITU-R BT.601).
_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


def tint(x: Tensor, severity: float, draws: Draws) -> Tensor:
    """Light of a random hue for each image: channels are multiplied by (1 − s) + s · colour, full saturation at severity 1."""
    hue = 6 * draws.uniform(1)
    colour = torch.stack([(hue - 3).abs() - 1, 2 - (hue - 2).abs(), 2 - (hue - 4).abs()], dim=1).clamp(0, 1)
    return _coloured(x) * (1 - severity + severity * colour[..., None])


def photograph(x: Tensor, severity: float, draws: Draws) -> Tensor:
    """|x − s · patch| with a random patch of a photograph for each image: at severity 1 the recipe of MNIST-M.

    Ganin et al. 2016 (JMLR 17) blend with patches of BSDS500; here they are cut from the two photographs that scikit-learn ships.
    """
    height, width = x.shape[-2:]
    return (_coloured(x) - severity * patches((height, width), draws.uniform(3), x.device)).abs()


def patches(size: tuple[int, int], places: Tensor, device: torch.device) -> Tensor:
    """float32 N×3×H×W, cut where ``places`` (N×3 in [0, 1): which photograph, down, right) say, at 4 to 1 for small images."""
    photos = _photographs().to(device)
    # A patch of 28 pixels from a photograph of 427×640 would show sky alone: photographs are reduced for small images.
    scale = max(max(size) / photos.shape[-2], min(1.0, max(size) * 6 / photos.shape[-2]))
    photos = F.interpolate(photos, scale_factor=scale * 1.001, mode="bilinear", antialias=scale < 1, align_corners=False)
    which = (places[:, 0] * len(photos)).long()
    top, left = ((places[:, i + 1] * (photos.shape[2 + i] - size[i] + 1)).long() for i in (0, 1))
    rows = top[:, None] + torch.arange(size[0], device=device)
    columns = left[:, None] + torch.arange(size[1], device=device)
    return photos[which[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def jpeg(x: Tensor, severity: float, _: Draws) -> Tensor:
    """What is left when the cosine transform of 8×8 blocks is rounded to steps of s · `COARSEST` · the standard's tables.

    Without the thinning out of colours that encoders may add.
    """
    height, width = x.shape[-2:]
    ycc = torch.tensor(_YCC, device=x.device)
    channels = x if x.shape[1] == 1 else torch.einsum("dc,nchw->ndhw", ycc, x)
    channels = F.pad(channels, (0, -width % 8, 0, -height % 8), mode="replicate")
    tables = torch.tensor([[float(v) for v in text.split()] for text in (_LUMINANCE, _CHROMINANCE, _CHROMINANCE)], device=x.device)
    steps = (tables * COARSEST * severity).clamp(max=255) / 255
    steps = steps[: x.shape[1]].reshape(1, -1, 1, 1, 8, 8).clamp_min(1e-6)
    n, c, h, w = channels.shape
    blocks = channels.reshape(n, c, h // 8, 8, w // 8, 8).transpose(3, 4)
    cosines = _cosines().to(x.device)
    centre = torch.tensor([0.5, 0, 0], device=x.device)[:c].reshape(1, c, 1, 1, 1, 1)
    spectrum = cosines @ (blocks - centre) @ cosines.T
    blocks = cosines.T @ ((spectrum / steps).round() * steps) @ cosines + centre
    channels = blocks.transpose(3, 4).reshape(n, c, h, w)[..., :height, :width]
    return channels if c == 1 else torch.einsum("cd,ndhw->nchw", torch.linalg.inv(ycc), channels)


def _coloured(x: Tensor) -> Tensor:
    return x.expand(-1, 3, -1, -1)


@lru_cache(maxsize=1)
def _photographs() -> Tensor:
    """float32 2×3×427×640 in [0, 1]."""
    from sklearn.datasets import load_sample_images

    return torch.stack([torch.tensor(image).permute(2, 0, 1).float() / 255 for image in load_sample_images().images])


def _cosines() -> Tensor:
    """The orthonormal cosine transform of eight values, 8×8."""
    k, i = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    matrix = torch.cos(math.pi * (2 * i + 1) * k / 16) / 2
    matrix[0] /= math.sqrt(2)
    return matrix
