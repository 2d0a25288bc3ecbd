"""The bytes in which a browser gets a map, and the sheet of its pictures.

The browser holds the epochs that it has been given and asks for what is new (``since``), so that following a run costs one epoch an
update, not all of them again. ``assets/embedding/payload.js`` reads what `pack` writes.
"""

from __future__ import annotations

import gzip
import io
import json
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from PIL import Image

from core.maps.data import MapData
from core.samples.raw import Originals

UNIT = 16383  # int16 steps of one map unit: coordinates may leave [-1, 1] up to 2, as those of a running job do
NOT_PLACED = -32768
COLUMNS = 8  # of a sample's row that are shown on hover
LINE = 240  # characters of a text that are shown on hover
LARGEST_SHEET = 4096


class Shown(Protocol):
    """What has samples that a tooltip shows: a `MapData`, or the frames of a run."""

    @property
    def rows(self) -> np.ndarray | None: ...

    @property
    def originals(self) -> Originals: ...


def pack(data: MapData, since: int = 0, sheet: dict[str, Any] | None = None, rows: str | None = None) -> bytes:
    """The epochs from the ``since``-th on as gzip: a length, a JSON header, then the arrays that the header lists.

    Positions, predictions and confidences are differences to the epoch before (the first is whole), and the low bytes of positions
    stand before the high ones: so they become a third smaller.

    Parameters
    ----------
    data : MapData
    since : int
        How many epochs the browser holds.
    sheet : dict, optional
        Where the sprite sheet is and how it is cut: ``url``, ``columns``, ``width``, ``height``.
    rows : str, optional
        Where `pack_rows` is served.
    """
    arrays = {
        "positions": _planes(_steps(data.positions[since:])),
        "predictions": _changes(data.predictions[since:].astype("<i2" if len(data.class_names) > 256 else "u1")),
        "confidence": _changes(np.rint(np.clip(np.nan_to_num(data.confidence[since:]), 0, 1) * 255).astype("u1")),
        "centres": _coordinates(data.centres[since:]),
        "outlines": _coordinates(
            np.concatenate([np.zeros((0, 2)), *(ring for epoch in data.outlines[since:] for rings in epoch for ring in rings)])
        ),
    }
    if since == 0:
        arrays |= {"domain": data.domain.astype("u1"), "labels": data.labels.astype("<i2")}
    if data.ground is not None:
        arrays |= {"groundClasses": _changes(data.ground.classes[since:]), "groundConfidence": _changes(data.ground.confidence[since:])}
    described, body = [], b""
    for name, array in arrays.items():
        described.append({"name": name, "type": array.dtype.str[1:], "offset": len(body), "length": array.nbytes})
        body += array.tobytes()
    header = {
        "identity": data.identity,
        "version": data.version,
        "n": len(data.domain),
        "since": since,
        "epochs": data.epochs[since:],
        "titles": data.titles[since:],
        "captions": data.captions[since:],
        "classNames": data.class_names,
        "outlineLengths": [[[len(ring) for ring in rings] for rings in epoch] for epoch in data.outlines[since:]],
        "grid": 0 if data.ground is None else data.ground.classes.shape[1],
        "note": data.note,
        "judged": data.judged,
        "sheet": sheet,
        "rows": rows,
        "arrays": described,
    }
    text = json.dumps(header).encode()
    return gzip.compress(len(text).to_bytes(4, "little") + text + body, compresslevel=4, mtime=0)


def pack_rows(data: Shown) -> bytes:
    """The first columns of every sample's row, float32 N×min(D, 8), for the tooltip."""
    return b"" if data.rows is None else data.rows[:, :COLUMNS].astype("<f4").tobytes()


def sample_lines(data: Shown) -> list[str]:
    """What the tooltip says of every text, or of every row whose columns have names."""
    originals = data.originals
    if originals.texts:
        return [text if len(text) <= LINE else text[:LINE] + "…" for text in originals.texts]
    if data.rows is None or not originals.columns:
        return []
    more = " …" if len(originals.columns) > COLUMNS else ""
    names = originals.columns[:COLUMNS]
    return [", ".join(f"{name} = {value:.3g}" for name, value in zip(names, row, strict=False)) + more for row in data.rows]


def _steps(positions: np.ndarray) -> np.ndarray:
    """int16 E×N×2, each epoch after the first as the difference to the one before, modulo 2¹⁶."""
    return _changes(_coordinates(positions))


def _coordinates(places: np.ndarray) -> np.ndarray:
    """int16 steps; a place that is not finite becomes `NOT_PLACED`."""
    finite = np.isfinite(places).all(axis=-1, keepdims=True)
    return np.where(finite, np.rint(np.clip(np.nan_to_num(places), -2, 2) * UNIT), NOT_PLACED).astype("<i2")


def _changes(values: np.ndarray) -> np.ndarray:
    changed = values.copy()
    changed[1:] = values[1:] - values[:-1]
    return changed


def _planes(values: np.ndarray) -> np.ndarray:
    """The low bytes of all values, then the high ones."""
    return np.ascontiguousarray(values).reshape(-1).view("u1").reshape(-1, 2).T.copy()


@dataclass(frozen=True)
class Sheet:
    """All pictures in one PNG, row by row; ``width`` and ``height`` are one picture's."""

    png: bytes
    columns: int
    width: int
    height: int


def sprite_sheet(pictures: np.ndarray) -> Sheet:
    """Draw uint8 N×H×W or N×H×W×3 as one sheet of at most `LARGEST_SHEET` pixels a side: browsers decode all of it."""
    count, height, width = pictures.shape[:3]
    columns = int(np.ceil(np.sqrt(count)))
    shrink = max(1, -(-max(height, width) // (LARGEST_SHEET // columns)))
    pictures = pictures[:, ::shrink, ::shrink]
    height, width = pictures.shape[1:3]
    rows = -(-count // columns)
    cells = np.zeros((rows * columns, *pictures.shape[1:]), np.uint8)
    cells[:count] = pictures
    grid = cells.reshape(rows, columns, *pictures.shape[1:]).swapaxes(1, 2)
    buffer = io.BytesIO()
    Image.fromarray(grid.reshape(rows * height, columns * width, *pictures.shape[3:])).save(buffer, "PNG", compress_level=4)
    return Sheet(buffer.getvalue(), columns, width, height)
