"""Parametric shifts: a name, a severity in [0, 1], a batched tensor function.

Severity 0 is the identity; 1 is hard but still recognisable to a person. Random draws come from the seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.errors import InputError
from core.registry import Registry

Apply = Callable[[Tensor, float, torch.Generator], Tensor]


@dataclass(frozen=True)
class ShiftEntry:
    """``image`` maps float images N×C×H×W in [0, 1], ``features`` float rows N×D; None where it has no meaning."""

    name: str
    title: str
    summary: str
    image: Apply | None
    features: Apply | None

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(kind for kind in ("image", "features") if getattr(self, kind) is not None)


SHIFTS: Registry[ShiftEntry] = Registry("shift")


def apply_shift(name: str, x: Tensor, severity: float, seed: int, chunk: int = 4096) -> Tensor:
    """Shift a batch; the result has the shape and dtype of ``x``.

    Parameters
    ----------
    name : str
        A registered shift.
    x : Tensor
        uint8 images N×C×H×W or float32 features N×D.
    severity : float
        In [0, 1]; 0 returns ``x`` itself.
    seed : int
        Source of every random draw.

    Raises
    ------
    InputError
        Unknown name, severity outside [0, 1], or a shift without meaning for this kind of data.
    """
    entry = SHIFTS.get(name, "shift")
    if not 0 <= severity <= 1:
        raise InputError("shift.severity", f"{severity} is outside 0 to 1.", "Choose a severity from 0 (none) to 1 (hard).")
    kind = "image" if x.ndim == 4 else "features"
    function = getattr(entry, kind)
    if function is None:
        raise InputError(
            "shift",
            f"{name} has no meaning for {'images' if kind == 'image' else 'rows of numbers'}.",
            f"Choose one of: {', '.join(s.name for s in SHIFTS if kind in s.kinds)}.",
        )
    if severity == 0:
        return x
    generator = torch.Generator(device=x.device).manual_seed(seed)
    if kind == "features":
        return function(x, severity, generator)
    parts = [function(part.float() / 255, severity, generator).clamp(0, 1).mul(255).round().to(torch.uint8) for part in x.split(chunk)]
    return torch.cat(parts) if parts else x


def warp(x: Tensor, matrix: Tensor, padding: str = "zeros") -> Tensor:
    """Resample images by one 2×3 affine matrix in normalised coordinates, or by one for each of them (N×2×3)."""
    theta = matrix.to(x).expand(len(x), 2, 3)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode=padding, align_corners=False)


def _rotate_image(x: Tensor, severity: float, _: torch.Generator) -> Tensor:
    """Counter-clockwise, as seen."""
    c, s = math.cos(severity * math.pi / 2), math.sin(severity * math.pi / 2)
    aspect = x.shape[-2] / x.shape[-1]  # normalised coordinates stretch an image that is not square
    return warp(x, torch.tensor([[c, -s * aspect, 0], [s / aspect, c, 0]]))


def _rotate_features(x: Tensor, severity: float, _: torch.Generator) -> Tensor:
    if x.shape[1] < 2:
        raise InputError("shift", "rotation needs two columns, and there is one.", "Choose translation or noise.")
    c, s = math.cos(severity * math.pi / 2), math.sin(severity * math.pi / 2)
    turned = x.clone()
    turned[:, 0], turned[:, 1] = c * x[:, 0] - s * x[:, 1], s * x[:, 0] + c * x[:, 1]
    return turned


def _blur_image(x: Tensor, severity: float, _: torch.Generator) -> Tensor:
    sigma = max(severity * 0.1 * x.shape[-1], 0.01)  # 0.01 blurs nothing; below it, float32 divides 0 by 0
    radius = min(max(1, math.ceil(3 * sigma)), min(x.shape[-2:]) - 1)
    grid = torch.arange(-radius, radius + 1, dtype=x.dtype, device=x.device)
    kernel = torch.exp(-(grid**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(x.shape[1], 1, -1)
    x = F.conv2d(F.pad(x, (radius, radius, 0, 0), mode="reflect"), kernel[:, :, None, :], groups=x.shape[1])
    return F.conv2d(F.pad(x, (0, 0, radius, radius), mode="reflect"), kernel[:, :, :, None], groups=x.shape[1])


def _noise(scale: float) -> Apply:
    def apply(x: Tensor, severity: float, generator: torch.Generator) -> Tensor:
        return x + severity * scale * torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)

    return apply


def _contrast_image(x: Tensor, severity: float, _: torch.Generator) -> Tensor:
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (1 - 0.85 * severity) * (x - mean)


def _invert_image(x: Tensor, severity: float, generator: torch.Generator) -> Tensor:
    chosen = torch.rand((len(x), 1, 1, 1), generator=generator, device=x.device) < severity
    return torch.where(chosen, 1 - x, x)


def _translate_image(x: Tensor, severity: float, _: torch.Generator) -> Tensor:
    return warp(x, torch.tensor([[1, 0, -0.5 * severity], [0, 1, -0.5 * severity]]))


def _translate_features(x: Tensor, severity: float, _: torch.Generator) -> Tensor:
    return x + 1.5 * severity * x.std(dim=0, keepdim=True, correction=0)


for _entry in (
    ShiftEntry("rotation", "Rotation", "Turns by up to 90°; points turn in their first two columns.", _rotate_image, _rotate_features),
    ShiftEntry("blur", "Blur", "Gaussian blur, up to a tenth of the image's width.", _blur_image, None),
    ShiftEntry("noise", "Noise", "Adds Gaussian noise, up to 0.4 of the value range (0.5 units for features).", _noise(0.4), _noise(0.5)),
    ShiftEntry("contrast", "Low contrast", "Pulls pixels to the image's mean, down to 15 % of the contrast.", _contrast_image, None),
    ShiftEntry("invert", "Invert", "Turns a share of the images into negatives: all of them at 1.", _invert_image, None),
    ShiftEntry(
        "translation",
        "Translation",
        "Moves right and down by up to a quarter; features move by up to 1.5 standard deviations.",
        _translate_image,
        _translate_features,
    ),
):
    SHIFTS.add(_entry)
