"""The embedding canvas: source and target points of every epoch, drawn and moved by our own script in the browser.

This module packs the arrays into one byte string, once per version of the data. What the user sees and does is in
``assets/embedding``; all mathematics is in ``core``.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import streamlit as st
from PIL import Image
from streamlit import runtime

_FOLDER = Path(__file__).resolve().parents[2] / "assets" / "embedding"

# In the order in which they need each other.
_MODULES = ("payload", "palette", "view", "timeline", "stylepool", "overlay", "canvas2d", "webgl", "gestures", "panels", "element")

NOT_PLACED = -32768
_SCALE = 32767
_LARGEST_SHEET = 4096  # pixels a side; browsers decode the whole sheet


@dataclass(frozen=True, eq=False)
class EmbeddingData:
    """What the map shows. E epochs, N samples; the same index is the same sample everywhere.

    Attributes
    ----------
    epochs : tuple of int
        Numbers of the epochs, rising.
    positions : float32, E×N×2
        In [-1, 1], one projection for all epochs. A point that is not finite is left out of its epoch.
    domain : uint8, N
        0 source, 1 target.
    labels : int16, N
        True class, -1 unknown.
    predictions : int16, E×N
        Predicted class.
    confidence : float32, E×N
        Of the predicted class, in [0, 1].
    class_names : tuple of str
    captions : tuple of str
        One line per epoch, shown under the map: the number beside the picture.
    sprites : uint8, N×H×W or N×H×W×3, or None
        The samples themselves, shown on hover.
    title_of_epoch : tuple of str
        "before", "epoch 3", …
    version : str
        Changes whenever anything above does, and is unique among all data: the packed bytes are kept under it.
    """

    epochs: tuple[int, ...]
    positions: np.ndarray
    domain: np.ndarray
    labels: np.ndarray
    predictions: np.ndarray
    confidence: np.ndarray
    class_names: tuple[str, ...]
    captions: tuple[str, ...]
    sprites: np.ndarray | None
    title_of_epoch: tuple[str, ...]
    version: str

    def __post_init__(self) -> None:
        frames, count = len(self.epochs), len(self.domain)
        expected = {
            "positions": (frames, count, 2),
            "labels": (count,),
            "predictions": (frames, count),
            "confidence": (frames, count),
            "captions": (frames,),
            "title_of_epoch": (frames,),
        }
        if self.sprites is not None:
            expected["sprites"] = (count, *self.sprites.shape[1:])
        for name, shape in expected.items():
            value = getattr(self, name)
            found = (len(value),) if isinstance(value, tuple) else value.shape
            if found != shape:
                raise ValueError(f"EmbeddingData.{name} has shape {found}; {frames} epochs of {count} samples need {shape}.")


def embedding(
    data: EmbeddingData,
    *,
    key: str,
    mode: Literal["pair", "single"],
    epoch: int | None = None,
    follow: bool = False,
    height: int = 420,
    alt: str,
) -> dict[str, Any] | None:
    """Show the map and keep zoom, colouring, filters, pinned point and epoch while the data grow.

    Parameters
    ----------
    data : EmbeddingData
    key : str
        Identifies the element across reruns.
    mode : "pair" or "single"
        The first epoch beside the chosen one, or one map that moves.
    epoch : int, optional
        The epoch to show; it counts when it changes. Without it, the last one.
    follow : bool
        Move on to each new epoch, until the user chooses another.
    height : int
        Height of one map in CSS pixels, without title, caption and controls.
    alt : str
        What a reader who can't see the map should know.

    Returns
    -------
    dict or None
        ``{"epoch": int}``, the epoch on which the user came to rest; None as long as they have not chosen one.
    """
    described, body, sheet = _pack(data.version, data)
    mount = {"key": key, "mode": mode, "epoch": epoch, "follow": follow, "height": height, "alt": alt}
    header = json.dumps({"mount": mount, "data": described | {"sheet": _serve(sheet, key)}}).encode()
    state = _component(key=key, data=len(header).to_bytes(4, "little") + header + body, on_epoch_change=_no_callback)
    chosen = state.get("epoch")
    return None if chosen is None else {"epoch": int(chosen)}


def script() -> str:
    """All of the element's modules as the one script that Streamlit takes.

    The files are ES modules that Node can test one by one. Joining them takes two rules: ``import`` lines go, because
    everything is now in one scope, and only the last file's ``export default`` stays an export.
    """
    source = "\n".join((_FOLDER / f"{name}.js").read_text("utf-8") for name in _MODULES)
    return re.sub(r"^(import .*\n|export (?!default))", "", source, flags=re.MULTILINE)


_component = st.components.v2.component(
    "shiftscope_embedding",
    html=(_FOLDER / "embedding.html").read_text("utf-8"),
    css=(_FOLDER / "embedding.css").read_text("utf-8"),
    js=script(),
)


def _no_callback() -> None:
    """Declares the state ``epoch``; the page reads it from what `embedding` returns."""


@st.cache_resource(max_entries=32, show_spinner=False)
def _pack(version: str, _data: EmbeddingData) -> tuple[dict[str, Any], bytes, dict[str, Any] | None]:
    """The header's part about the data, the arrays as bytes, and the sprite sheet."""
    data = _data
    finite = np.isfinite(data.positions).all(axis=2, keepdims=True)
    positions = np.where(finite, np.rint(np.clip(np.nan_to_num(data.positions), -1, 1) * _SCALE), NOT_PLACED)
    arrays = {
        "positions": positions.astype("<i2"),
        "domain": data.domain.astype("u1"),
        "labels": data.labels.astype("<i2"),
        "predictions": data.predictions.astype("<i2" if len(data.class_names) > 256 else "u1"),
        "confidence": np.rint(np.clip(np.nan_to_num(data.confidence), 0, 1) * 255).astype("u1"),
    }
    described, body = [], b""
    for name, array in arrays.items():
        described.append({"name": name, "type": array.dtype.str[1:], "offset": len(body), "length": array.nbytes})
        body += array.tobytes()
    header = {
        "version": version,
        "n": len(data.domain),
        "epochs": list(data.epochs),
        "titles": data.title_of_epoch,
        "captions": data.captions,
        "classNames": data.class_names,
        "arrays": described,
    }
    return header, body, _sheet(data.sprites)


def _sheet(sprites: np.ndarray | None) -> dict[str, Any] | None:
    if sprites is None or len(sprites) == 0:
        return None
    # Under its own key: epochs come in all the time, the samples stay.
    return _draw_sheet(hashlib.sha256(np.ascontiguousarray(sprites)).hexdigest() + str(sprites.shape), sprites)


@st.cache_resource(max_entries=16, show_spinner=False)
def _draw_sheet(digest: str, _sprites: np.ndarray) -> dict[str, Any]:
    count, height, width = _sprites.shape[:3]
    columns = int(np.ceil(np.sqrt(count)))
    shrink = max(1, -(-max(height, width) * columns // _LARGEST_SHEET))
    sprites = _sprites[:, ::shrink, ::shrink]
    height, width = sprites.shape[1:3]
    rows = -(-count // columns)
    cells = np.zeros((rows * columns, *sprites.shape[1:]), np.uint8)
    cells[:count] = sprites
    grid = cells.reshape(rows, columns, *sprites.shape[1:]).swapaxes(1, 2)
    picture = io.BytesIO()
    Image.fromarray(grid.reshape(rows * height, columns * width, *sprites.shape[3:])).save(picture, "PNG")
    return {"png": picture.getvalue(), "columns": columns, "width": width, "height": height}


def _serve(sheet: dict[str, Any] | None, key: str) -> dict[str, Any] | None:
    """Puts the sheet where ``st.image`` puts pictures: its address is its content's hash, so the browser loads it once."""
    if sheet is None:
        return None
    url = runtime.get_instance().media_file_mgr.add(sheet["png"], "image/png", f"embedding-{key}")
    return {name: sheet[name] for name in ("columns", "width", "height")} | {"url": url}
