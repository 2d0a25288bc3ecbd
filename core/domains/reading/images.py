"""Pictures in folders, as uint8 images of one size."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Literal

import numpy as np
from PIL import Image, ImageOps
from pydantic import Field

from core.domains.reading.archives import Member, Unreadable
from core.domains.reading.base import Given, Note, Progress, Raw, Reading, few, settle
from core.domains.reading.depth import Spans, deep, extremes, reduced, spans
from core.domains.reading.layout import FolderOptions, Labelled, files_by_domain
from core.domains.reading.stream import StreamedImages
from core.errors import InputError

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
# Only formats that Pillow decodes by itself; some others start programs.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
MAX_PIXELS = 50_000_000  # of one picture, as its header declares
MAX_BYTES = 10**9  # of all pictures of an upload, decoded
STREAM_FROM = 5 * 10**8  # bytes from which on the pictures of a folder stay on disk
LARGEST = 128  # side that is chosen by itself, at most
LOOKED_AT = 500  # pictures that decide about side and colour
_GREY = {"1", "L", "LA", "I;16", "I;16B", "I;16L", "I", "F"}
_DAMAGED = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError, MemoryError, Image.DecompressionBombError)


Decoded = Callable[[bytes], tuple[np.ndarray, list[str]]]


class ImageOptions(FolderOptions):
    """How pictures become inputs."""

    side: int = Field(0, ge=0, le=512, description="Width and height in pixels; 0 chooses the usual size of the pictures, up to 128.")
    fit: Literal["crop", "stretch", "pad"] = Field("crop", description="What happens to pictures that are not square.")
    colour: Literal["automatic", "grey", "colour"] = Field("automatic", description="automatic: grey where no picture has colours.")


def read(givens: Sequence[Given], options: ImageOptions, on_progress: Progress | None = None) -> Reading:
    """Folders or zips of pictures, ``class/file`` or ``domain/class/file``.

    The pictures of a folder stay on disk where they are many (`core.domains.reading.stream`).

    Of an animation the first frame is read, CMYK becomes RGB, more than 8 bits become 8 (`core.domains.reading.depth`), transparent
    parts become white, and a photograph is turned as its camera noted. A picture that cannot be read is left out and noted.

    Raises
    ------
    InputError
        Nothing can be read, or too much would have to be.
    """
    notes: list[Note] = []
    where = ", ".join(given.name for given in givens)
    with files_by_domain(givens, SUFFIXES, options.layout, notes) as (groups, given):
        total = sum(map(len, groups.values()))
        if not total:
            raise InputError(where, "there are no pictures in it.", f"Give files that end in {', '.join(SUFFIXES[:6])}.")
        side, channels, chosen = _decide([member for files in groups.values() for member, _ in files], options)
        size = total * channels * side * side
        stream = size > STREAM_FROM and all(given.folder for given in givens)
        if size > MAX_BYTES and not stream:
            fitting = int((MAX_BYTES / total / channels) ** 0.5)
            what = f"{total:,} pictures of {side}×{side} pixels are too many."
            raise InputError(where, what, f"Choose a side of at most {fitting}, or give the folder to the command line.")
        done = 0
        raws = []
        for name, files in groups.items():
            if stream:
                raws.append(_streamed(name, files, side, channels, options, chosen))
                continue

            def tell(n: int, before: int = done) -> None:
                if on_progress:
                    on_progress((before + n) / total)

            one = partial(decode, side=side, channels=channels, fit=options.fit, chosen=chosen)
            raws.append(_decoded(name, files, (channels, side, side), one, notes, tell))
            done += len(files)
    if not any(len(raw.inputs) for raw in raws):
        raise InputError(where, f"no picture can be read. {notes[-1].what}", "Check one of them in another program and save it again.")
    full = options.model_copy(update={"side": side, "colour": "grey" if channels == 1 else "colour"})
    facts = {"Pictures": f"{side}×{side} pixels, {'grey' if channels == 1 else 'colour'}"}
    return settle(where, "image", raws, full, notes, given, "files", facts=facts)


def _decide(found: Sequence[Member], options: ImageOptions) -> tuple[int, int, Spans]:
    """Side, channels, and what is black and white where pixels have more than 8 bits, by at most `LOOKED_AT` pictures, evenly spread."""
    sides, modes, held = [], set(), []
    for i in np.unique(np.linspace(0, len(found) - 1, min(LOOKED_AT, len(found))).astype(int)):
        try:
            with Image.open(io.BytesIO(found[i].read()), formats=FORMATS) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    continue
                sides.append(min(picture.size))
                modes.add(picture.mode)
                if (kind := deep(picture)) and (ends := extremes(picture)):
                    held.append((kind, ends))
        except (Unreadable, *_DAMAGED):
            continue  # said when it is decoded
    side = options.side or int(min(LARGEST, max(8, np.median(sides)))) if sides or options.side else LARGEST
    grey = options.colour == "grey" or (options.colour == "automatic" and modes <= _GREY)
    return side, 1 if grey else 3, spans(held)


def _streamed(name: str, files: list[Labelled], side: int, channels: int, options: ImageOptions, chosen: Spans) -> Raw:
    """The pictures of one domain, which are decoded when they are needed."""
    one = partial(decode, chosen=chosen)
    inputs = StreamedImages([m.path for m, _ in files], [m.read for m, _ in files], one, side, channels, options.fit)
    return Raw(name, inputs, None if files[0][1] is None else np.array([label for _, label in files], dtype=object))


def _decoded(name: str, files: list[Labelled], shape: tuple[int, int, int], decoded: Decoded, notes: list[Note], tell) -> Raw:
    """All pictures of one domain, each uint8 of this shape; what cannot be read is left out and noted."""
    inputs = np.empty((len(files), *shape), np.uint8)
    problems: dict[int, str] = {}
    remarks: Counter[str] = Counter()

    def one(i: int) -> None:
        try:
            inputs[i], remark = decoded(files[i][0].read())
            remarks.update(remark)
        except Unreadable as error:
            problems[i] = str(error)

    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        for start in range(0, len(files), 256):
            list(pool.map(one, range(start, min(start + 256, len(files)))))
            tell(min(start + 256, len(files)))
    for reason, places in _by_reason(problems).items():
        notes.append(Note(name, f"Left out: {few([files[i][0].path for i in places], 3)}: {reason}.", len(places)))
    notes += [Note(name, f"{n} pictures: {remark}.") for remark, n in sorted(remarks.items())]
    kept = [i for i in range(len(files)) if i not in problems]
    labels = None if files[0][1] is None else np.array([files[i][1] for i in kept], dtype=object)
    return Raw(name, inputs if not problems else inputs[kept], labels)


def _by_reason(problems: dict[int, str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for i in sorted(problems):
        found.setdefault(problems[i], []).append(i)
    return found


def decode(content: bytes, side: int, channels: int, fit: str, chosen: Spans) -> tuple[np.ndarray, list[str]]:
    """One picture as uint8 C×side×side, and what is remarkable about it; ``chosen`` says what is black and white in deep ones.

    Raises
    ------
    Unreadable
        It is damaged, cut short, of no known format, or too large.
    """
    if not content:
        raise Unreadable("the file is empty")
    remarks = []
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise Unreadable(f"its {picture.width:,} × {picture.height:,} pixels are more than {MAX_PIXELS / 1e6:.0f} million")
            if getattr(picture, "n_frames", 1) > 1:
                remarks.append("only the first frame of an animation is read")
            if picture.mode == "CMYK":
                remarks.append("CMYK was turned into RGB")
            picture.draft(None, (2 * side, 2 * side))  # a JPEG can be decoded at a fraction of its size
            flat = _eight_bits(ImageOps.exif_transpose(picture), chosen, remarks)
            flat = flat.convert("L" if channels == 1 else "RGB")
            size, how = (side, side), Image.Resampling.BILINEAR
            if flat.size != size and fit == "stretch":
                flat = flat.resize(size, how)
            elif flat.size != size:
                flat = (ImageOps.fit if fit == "crop" else ImageOps.pad)(flat, size, how)
            array = np.asarray(flat)
    except Unreadable:
        raise
    except Image.DecompressionBombError as error:
        raise Unreadable(f"its header declares far more than {MAX_PIXELS / 1e6:.0f} million pixels") from error
    except _DAMAGED as error:
        cut = "truncated" in str(error) or isinstance(error, EOFError)
        raise Unreadable("it is damaged, or cut short" if cut else "it is damaged, or no picture") from error
    return array[None] if channels == 1 else array.transpose(2, 0, 1), remarks


def _eight_bits(picture: Image.Image, chosen: Spans, remarks: list[str]) -> Image.Image:
    """The picture with 8 bits a channel and nothing transparent."""
    if kind := deep(picture):
        return reduced(picture, kind, chosen, remarks)
    if picture.has_transparency_data:
        remarks.append("transparent parts became white")
        whole = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole).convert("RGB")
    return picture
