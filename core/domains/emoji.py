"""Emoji: the same 783 things in six classes, as five vendors draw them. `tests/benchmarks/emoji_sheets.py` makes what is read here.

What one vendor drew, the others drew too: an emoji has a twin in each of the other domains, which is known by its code point. By one
seed all five hold out the same emoji, so that no test picture has its twin among the training pictures of the other side. Nor has it a
sibling there: a cook, a man and a woman who cook are drawn alike, by some vendors as the very same picture.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from core.domains.base import Domain, NoParams, domain, random_split
from core.errors import InputError

FOLDER = Path(__file__).parents[2] / "assets" / "emoji"
SIDE = 32  # pixels of a picture
COLUMNS = 28  # pictures of a sheet's row
CLASS_NAMES = ("animals", "faces", "food and plants", "people", "signs", "vehicles and places")
_REMEDY = "Put back the files of assets/emoji as they came, or make them anew with tests/benchmarks/emoji_sheets.py."


@dataclass(frozen=True)
class Vendor:
    """Who drew a set. ``sheet`` is the name of its file; ``licence`` names its author too, as all five ask for."""

    sheet: str
    title: str
    style: str
    licence: str
    source: str

    @property
    def name(self) -> str:
        return f"emoji-{self.sheet}"


VENDORS = (
    Vendor(
        "twemoji",
        "Emoji: Twemoji",
        "flat and round",
        "CC BY 4.0. Twemoji, © Twitter, Inc and other contributors.",
        "github.com/jdecked/twemoji",
    ),
    Vendor(
        "noto", "Emoji: Noto", "shaded, with fine outlines", "Apache-2.0. Noto Emoji, © Google, Inc.", "github.com/googlefonts/noto-emoji"
    ),
    Vendor(
        "openmoji",
        "Emoji: OpenMoji",
        "thick black outlines and few colours",
        "CC BY-SA 4.0. OpenMoji, the open-source emoji and icon project.",
        "openmoji.org",
    ),
    Vendor(
        "fluent-flat",
        "Emoji: Fluent flat",
        "flat, with large eyes",
        "MIT. Fluent Emoji, © Microsoft Corporation.",
        "github.com/microsoft/fluentui-emoji",
    ),
    Vendor(
        "fluent-3d",
        "Emoji: Fluent 3-D",
        "with soft light and gradients",
        "MIT. Fluent Emoji, © Microsoft Corporation.",
        "github.com/microsoft/fluentui-emoji",
    ),
)


@dataclass(frozen=True)
class Thing:
    """One emoji, whoever drew it: its code points in hexadecimal, joined by hyphens, its class and its name."""

    code: str
    label: int
    name: str

    @property
    def family(self) -> str:
        """The same for a person, a man and a woman who do the same, whichever way they face."""
        return self.code.replace("1f468", "1f9d1").replace("1f469", "1f9d1").removesuffix("-200d-27a1")

    @property
    def identity(self) -> str:
        """As one reads it: the emoji itself and its name."""
        return f"{''.join(chr(int(part, 16)) for part in self.code.split('-'))} {self.name}"


def read_things(file: Path) -> tuple[Thing, ...]:
    """Every emoji, in the order of the sheets. A line has code points, class and name, with tabs between them.

    Raises
    ------
    InputError
        The file is missing, or a line is not like that.
    """
    try:
        lines = list(csv.reader(file.read_text("utf-8").splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
        return tuple(Thing(code, CLASS_NAMES.index(of), name) for code, of, name in lines)
    except (OSError, ValueError) as error:
        raise InputError(file.name, f"the list of emoji cannot be read ({error}).", _REMEDY) from error


def read_sheet(file: Path, count: int) -> Tensor:
    """The first ``count`` pictures of a sheet, uint8 count×3×`SIDE`×`SIDE`.

    Raises
    ------
    InputError
        The file is missing, is no picture, or has another size than so many pictures need.
    """
    try:
        with Image.open(file) as sheet:
            pixels = np.asarray(sheet.convert("RGB"))
    except (OSError, UnidentifiedImageError, SyntaxError) as error:  # SyntaxError is Pillow's for a broken PNG
        raise InputError(file.name, f"the sheet of emoji cannot be read ({error}).", _REMEDY) from error
    rows = -(-count // COLUMNS)
    if pixels.shape[:2] != (rows * SIDE, COLUMNS * SIDE):
        found, needed = f"{pixels.shape[1]}×{pixels.shape[0]}", f"{COLUMNS * SIDE}×{rows * SIDE}"
        raise InputError(file.name, f"the sheet has {found} pixels, and {count} emoji need {needed}.", _REMEDY)
    pictures = pixels.reshape(rows, SIDE, COLUMNS, SIDE, 3).transpose(0, 2, 4, 1, 3).reshape(-1, 3, SIDE, SIDE)
    return torch.from_numpy(np.ascontiguousarray(pictures[:count]))


@lru_cache
def _shipped(sheet: str) -> tuple[Tensor, tuple[Thing, ...]]:
    """Pictures and things of one vendor; shared by all who ask, so never written to."""
    things = read_things(FOLDER / "things.tsv")
    return read_sheet(FOLDER / f"{sheet}.png", len(things)), things


def split(things: tuple[Thing, ...], seed: int) -> tuple[Tensor, Tensor]:
    """Indices of things to train on and of a third or so to test on, in order; families stay together."""
    families = {family: place for place, family in enumerate(dict.fromkeys(thing.family for thing in things))}
    _, held_out = random_split(len(families), 1 / 3, seed)
    tested = torch.isin(torch.tensor([families[thing.family] for thing in things]), held_out)
    return (~tested).nonzero().squeeze(1), tested.nonzero().squeeze(1)


def emoji(vendor: Vendor, params: NoParams, seed: int) -> Domain:
    """All things as one vendor draws them, on white. The split by one seed is the same for all vendors."""
    pictures, things = _shipped(vendor.sheet)
    train, test = split(things, seed)
    return Domain(
        vendor.name,
        pictures,
        torch.tensor([thing.label for thing in things]),
        CLASS_NAMES,
        train,
        test,
        f"{len(things)} emoji from {vendor.source}, drawn at {SIDE}×{SIDE} on white and brought to 255 colours.",
        vendor.licence,
        identities=tuple(thing.identity for thing in things),
    )


for _vendor in VENDORS:
    domain(
        _vendor.name,
        title=_vendor.title,
        kind="image",
        summary=f"783 emoji in six classes, {_vendor.style}, 32×32 in colour. Each has a twin in the other sets of emoji.",
        licence=_vendor.licence,
    )(partial(emoji, _vendor))
