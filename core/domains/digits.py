"""Digits: printed ones, rendered from fonts, and scikit-learn's real handwritten ones."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import distribution

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from pydantic import BaseModel, ConfigDict, Field

from core.domains.base import Domain, NoParams, domain, random_split

SIDE = 16
CLASS_NAMES = tuple("0123456789")
# Text fonts that the matplotlib package carries (DejaVu, STIX and Computer Modern, free licences).
FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
    "cmr10",
    "cmb10",
    "cmss10",
    "cmtt10",
    "cmti10",
)


class PrintedDigits(BaseModel):
    """Parameters of `printed_digits`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    n: int = Field(3000, ge=100, le=20_000, description="How many images to render.")


@domain(
    "printed-digits",
    title="Printed digits",
    kind="image",
    params=PrintedDigits,
    summary="Digits 0–9 rendered from 16 fonts with small rotations, shears, sizes and strokes, 16×16.",
    licence="Rendered here from the free fonts that matplotlib carries.",
)
def printed_digits(params: PrintedDigits, seed: int) -> Domain:
    """Synthetic printed digits, white on black, 16×16, classes balanced.

    Each image draws its font, size, stroke width, rotation (±10°), shear (±0.2) and offset from ``seed``;
    it is drawn at four times the size and reduced, as scanning would.
    """
    rng = np.random.default_rng([seed, 0xD161])
    labels = np.arange(params.n) % 10
    rng.shuffle(labels)
    images = np.stack([_render(int(label), rng) for label in labels])
    train, test = random_split(params.n, 1 / 3, seed)
    return Domain(
        "printed-digits",
        torch.from_numpy(images)[:, None],
        torch.from_numpy(labels),
        CLASS_NAMES,
        train,
        test,
        f"{params.n} images rendered from {len(FONTS)} fonts, seed {seed}.",
        "Free fonts (DejaVu, STIX, Computer Modern).",
    )


@domain(
    "handwritten-digits",
    title="Handwritten digits",
    kind="image",
    summary="1,797 real digits written by 43 people (UCI, with scikit-learn), 8×8 scaled to 16×16.",
    licence="CC BY 4.0 (UCI Machine Learning Repository).",
)
def handwritten_digits(params: NoParams, seed: int) -> Domain:
    """The UCI optical recognition test set (Alpaydin and Kaynak, 1998), 8×8 counts 0..16, brought to 16×16."""
    from sklearn.datasets import load_digits

    rows, classes = load_digits(return_X_y=True)
    counts = torch.from_numpy((np.asarray(rows).reshape(-1, 8, 8) * (255 / 16)).astype(np.float32))[:, None]
    images = torch.nn.functional.interpolate(counts, (SIDE, SIDE), mode="bilinear", align_corners=False)
    labels = np.asarray(classes).astype(np.int64)
    train, test = random_split(len(labels), 1 / 3, seed)
    return Domain(
        "handwritten-digits",
        images.round().clamp(0, 255).to(torch.uint8),
        torch.from_numpy(labels),
        CLASS_NAMES,
        train,
        test,
        "UCI Optical Recognition of Handwritten Digits, as scikit-learn ships it.",
        "CC BY 4.0",
    )


def _render(digit: int, rng: np.random.Generator) -> np.ndarray:
    """One white-on-black digit, SIDE×SIDE uint8."""
    big = SIDE * 4
    font = _font(FONTS[rng.integers(len(FONTS))], int(rng.integers(44, 64)))
    stroke = int(rng.integers(0, 3))
    canvas = Image.new("L", (big, big))
    ImageDraw.Draw(canvas).text((big / 2, big / 2), str(digit), 255, font=font, anchor="mm", stroke_width=stroke)
    angle, shear = np.deg2rad(rng.uniform(-10, 10)), rng.uniform(-0.2, 0.2)
    rotate = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = rotate @ np.array([[1.0, shear], [0.0, 1.0]])
    centre = np.array([big / 2, big / 2])
    offset = centre - linear @ (centre + rng.uniform(-3, 3, 2))
    canvas = canvas.transform((big, big), Image.Transform.AFFINE, (*linear[0], offset[0], *linear[1], offset[1]), Image.Resampling.BILINEAR)
    canvas = canvas.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.5)))
    return np.asarray(canvas.resize((SIDE, SIDE), Image.Resampling.BOX))


@lru_cache(maxsize=512)
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    # Only its files are needed: to import matplotlib takes longer than to draw all digits.
    return ImageFont.truetype(str(distribution("matplotlib").locate_file(f"matplotlib/mpl-data/fonts/ttf/{name}.ttf")), size)
