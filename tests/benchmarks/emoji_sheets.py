"""Make the shipped emoji sheets anew: ``uv run --with resvg-py tests/benchmarks/emoji_sheets.py FOLDER [--side 32]``.

FOLDER is where ``npm install @iconify-json/twemoji @iconify-json/noto @iconify-json/openmoji @iconify-json/fluent-emoji-flat
@iconify-json/fluent-emoji emojibase-data`` was called. Every emoji of the chosen groups that all five vendors draw becomes one picture:
rendered at four times the side, reduced, on white. A vendor's pictures stand in one sheet of 255 colours, in the order of
``things.tsv``. ``--contact FILE`` also draws some of each class beside each other, to be looked at.
"""

from __future__ import annotations

import argparse
import io
import json
import math
from pathlib import Path

import numpy as np
import resvg_py
from PIL import Image

ASSETS = Path(__file__).parents[2] / "assets" / "emoji"
COLUMNS = 28
LARGER = 4  # how many times as large a picture is rendered
# Sheet → npm package. The 3-D package has no table of code points; its names are those of the flat one.
PACKAGES = {
    "twemoji": "twemoji",
    "noto": "noto",
    "openmoji": "openmoji",
    "fluent-flat": "fluent-emoji-flat",
    "fluent-3d": "fluent-emoji",
}
NAMED_BY = {"fluent-emoji": "fluent-emoji-flat"}
# Class → beginnings of the names of Unicode's subgroups.
CLASSES = {
    "animals": ("animal-",),
    "faces": ("face-", "cat-face", "monkey-face"),
    "food and plants": ("food-", "drink", "plant-"),
    "people": ("person-role", "person-fantasy", "person-activity", "person-sport"),
    "signs": ("transport-sign", "zodiac", "av-symbol", "keycap", "alphanum"),
    "vehicles and places": ("place-", "transport-ground", "transport-water", "transport-air"),
}
# The signs by which a runner becomes a running woman or man: the same picture with other hair.
SEXES = {"2640", "2642"}


class Vendor:
    """One package: SVGs by code point."""

    def __init__(self, modules: Path, package: str):
        folder = modules / "@iconify-json"
        self.set = json.loads((folder / package / "icons.json").read_text())
        self.names = json.loads((folder / NAMED_BY.get(package, package) / "chars.json").read_text())

    def has(self, code: str) -> bool:
        name = self.names.get(code)
        return name in self.set["icons"] or name in self.set["aliases"]

    def picture(self, code: str, side: int) -> Image.Image:
        """RGB, side×side, on white; what is not square stands in the middle."""
        name = self.names[code]
        icon = self.set["icons"].get(name)
        while icon is None:
            name = self.set["aliases"][name]["parent"]
            icon = self.set["icons"].get(name)
        default = self.set.get("height", 16)
        width, height = icon.get("width", self.set.get("width", default)), icon.get("height", default)
        size = max(width, height)
        left, top = icon.get("left", 0) - (size - width) / 2, icon.get("top", 0) - (size - height) / 2
        svg = (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{left} {top} {size} {size}" width="{size}" height="{size}">{icon["body"]}</svg>'
        )
        large = LARGER * side
        png = resvg_py.svg_to_bytes(svg_string=svg, width=large, height=large, background="white")
        return Image.open(io.BytesIO(bytes(png))).convert("RGB").resize((side, side), Image.Resampling.LANCZOS)


def things(modules: Path, vendors: list[Vendor]) -> list[tuple[str, str, str]]:
    """Code point, class and name of every emoji of the chosen groups that all vendors draw, in Unicode's order."""
    data = json.loads((modules / "emojibase-data" / "en" / "data.json").read_text())
    groups = json.loads((modules / "emojibase-data" / "meta" / "groups.json").read_text())["subgroups"]
    found = []
    for entry in sorted(data, key=lambda entry: entry.get("order", 0)):
        group = groups.get(str(entry.get("subgroup")), "")
        code = "-".join(part for part in entry["hexcode"].lower().split("-") if part != "fe0f")
        name = [name for name, beginnings in CLASSES.items() if group.startswith(beginnings)]
        if name and not SEXES & set(code.split("-")) and all(vendor.has(code) for vendor in vendors):
            found.append((code, name[0], entry["label"]))
    return found


def sheet(pictures: list[Image.Image], side: int) -> Image.Image:
    """All pictures in rows of `COLUMNS`, in the 255 colours that suit them best."""
    whole = Image.new("RGB", (COLUMNS * side, math.ceil(len(pictures) / COLUMNS) * side), "white")
    for i, picture in enumerate(pictures):
        whole.paste(picture, (i % COLUMNS * side, i // COLUMNS * side))
    return whole.quantize(255, Image.Quantize.MEDIANCUT, kmeans=3, dither=Image.Dither.NONE)


def contact(sheets: dict[str, Image.Image], chosen: list[tuple[str, str, str]], side: int, each: int = 8) -> Image.Image:
    """A row for each vendor in each class: the same ``each`` things, twice as large."""
    rows = []
    for name in CLASSES:
        members = [i for i, (_, of, _) in enumerate(chosen) if of == name]
        picked = [members[k] for k in np.linspace(0, len(members) - 1, each).astype(int)]
        for page in sheets.values():
            pixels = np.asarray(page.convert("RGB"))
            places = [(i // COLUMNS * side, i % COLUMNS * side) for i in picked]
            rows.append(np.concatenate([pixels[y : y + side, x : x + side] for y, x in places], axis=1))
        rows.append(np.full((4, each * side, 3), 200, np.uint8))
    whole = Image.fromarray(np.concatenate(rows))
    return whole.resize((2 * whole.width, 2 * whole.height), Image.Resampling.NEAREST)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--out", type=Path, default=ASSETS)
    parser.add_argument("--contact", type=Path)
    options = parser.parse_args()
    modules = options.folder / "node_modules"
    vendors = {name: Vendor(modules, package) for name, package in PACKAGES.items()}
    chosen = things(modules, list(vendors.values()))
    (options.out / "things.tsv").write_text("".join("\t".join(thing) + "\n" for thing in chosen))
    sheets = {}
    for name, vendor in vendors.items():
        sheets[name] = sheet([vendor.picture(code, options.side) for code, _, _ in chosen], options.side)
        sheets[name].save(options.out / f"{name}.png", optimize=True)
        print(f"{name}: {len(chosen)} pictures, {(options.out / f'{name}.png').stat().st_size:,} bytes")
    if options.contact:
        contact(sheets, chosen, options.side).save(options.contact)


if __name__ == "__main__":
    main()
