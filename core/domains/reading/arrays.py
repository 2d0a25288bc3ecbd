"""Arrays in an `.npz` file, as rows of numbers or images. The file is data only: nothing in it is ever unpickled."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from core.domains.reading.base import MIN_ROWS, Given, Note, Options, Progress, Raw, Reading, settle
from core.errors import InputError

MAX_FILE = 10**9  # bytes on disk
MAX_UNPACKED = 2 * 10**9  # bytes declared by all members together
MAX_RATIO = 200  # unpacked to packed
MAX_MEMBERS = 16
SAVE = "Save it with np.savez(path, X=X, y=y)."


class ArrayOptions(Options):
    """How arrays become inputs: as they are."""


def read(givens: Sequence[Given], options: ArrayOptions, on_progress: Progress | None = None) -> Reading:
    """One domain from each ``.npz`` file.

    ``X`` holds features N×D (any real numbers), or images N×H×W, N×C×H×W or N×H×W×C with C 1 or 3 (uint8 0 to 255, or floats
    0 to 1; where both layouts fit, channels come first). ``y`` (N integers or strings) is optional; its sorted values become
    classes 0 to K-1. ``class_names`` (K strings) is optional; it names the classes in that order.

    Raises
    ------
    InputError
        A file is damaged or unsafe to unpack, or its arrays do not fit this form.
    """
    notes: list[Note] = []
    raws = [_read_one(given, notes) for given in givens]
    shapes = {given.name: raw.inputs.shape[1:] for given, raw in zip(givens, raws, strict=True)}
    # Images may have any size: they are brought to one when two of them are paired.
    if len({shape if len(shape) == 1 else len(shape) for shape in shapes.values()}) > 1:
        what = "; ".join(f"{name}: {shape}" for name, shape in shapes.items())
        raise InputError("X", f"the samples have different shapes ({what}).", "Both domains need the same columns.")
    kind = "features" if raws[0].inputs.ndim == 2 else "image"
    rows = {given.title: len(raw.inputs) for given, raw in zip(givens, raws, strict=True)}
    return settle(givens[0].name, kind, raws, options, notes, rows, facts={})


def _read_one(given: Given, notes: list[Note]) -> Raw:
    with given.open() as stream:
        arrays, ignored = _arrays(given.name, stream)
    if ignored:
        notes.append(Note(given.stem, f"Not read: {', '.join(ignored)}."))
    if "X" not in arrays:
        raise InputError(given.name, f"there is no array X in it, only {', '.join(ignored) or 'nothing'}.", SAVE)
    where = f"{given.name}: X"
    x = arrays["X"]
    if len(x.shape) not in (2, 3, 4) or 0 in x.shape[1:]:
        raise InputError(where, f"its shape is {x.shape}.", "Give rows N×D, or images N×H×W, N×C×H×W or N×H×W×C.")
    if len(x) < MIN_ROWS:
        raise InputError(where, f"it has {len(x)} row{'s' * (len(x) != 1)}.", f"Give at least {MIN_ROWS} per domain.")
    inputs = _features(where, x) if x.ndim == 2 else _images(where, x)
    labels, class_names = _labels(given.name, arrays, len(x))
    return Raw(given.stem, inputs, None if labels is None else np.array(class_names, dtype=object)[labels], class_names)


def _arrays(path: str, stream: BinaryIO) -> tuple[dict[str, np.ndarray], list[str]]:
    """The arrays that a domain is made of, and the names of the others."""
    if stream.read(4) not in (b"PK\x03\x04", b"PK\x05\x06"):
        raise InputError(path, "this is not an .npz file.", SAVE)
    try:
        with zipfile.ZipFile(stream) as archive:
            _check_members(path, archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, f"the archive is damaged or cut short ({error}).", f"Copy or make the file again. {SAVE}") from error
    stream.seek(0)
    with np.load(stream, allow_pickle=False) as archive:
        wanted = [name for name in ("X", "y", "class_names") if name in archive.files]
        return {name: _array(path, archive, name) for name in wanted}, [name for name in archive.files if name not in wanted]


def _check_members(path: str, members: list[zipfile.ZipInfo]) -> None:
    """Refuse an archive that would unpack to more than it should, or that np.savez did not write."""
    if len(members) > MAX_MEMBERS:
        raise InputError(path, f"it holds {len(members)} arrays.", f"Keep at most {MAX_MEMBERS}; X, y and class_names are enough.")
    names = [member.filename for member in members]
    odd = [name for name in names if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}\.npy", name) or names.count(name) > 1]
    if odd:
        raise InputError(path, f"it holds {odd[0][:60]!r}, which is not the name of one array.", SAVE)
    # Of the compressions, zipfile unpacks only these two piece by piece, so that a lie about the size costs nothing.
    if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1 for member in members):
        raise InputError(path, "its arrays are encrypted, or packed in a way that NumPy does not use.", SAVE)
    unpacked, packed = sum(member.file_size for member in members), sum(member.compress_size for member in members)
    if unpacked > MAX_UNPACKED:
        raise InputError(path, f"it would unpack to {unpacked / 1e9:.1f} GB.", "Keep the arrays below 2 GB together; use fewer rows.")
    if unpacked > MAX_RATIO * packed:
        raise InputError(
            path, f"it would unpack to {unpacked / max(packed, 1):.0f} times its size.", "Save it with np.savez, which does not compress."
        )


def _array(path: str, archive: np.lib.npyio.NpzFile, name: str) -> np.ndarray:
    where = f"{path}: {name}"
    try:
        array = archive[name]
        if isinstance(array, np.ndarray) and array.dtype.kind == "U":
            "".join(array.ravel().tolist()).encode()  # bytes that are no text fail here, not when a page shows them
    except Exception as error:  # damaged bytes surface as anything, TokenError and SystemError among them
        if "allow_pickle" in str(error):
            raise InputError(
                where,
                "it holds Python objects, which are not read because they could run code.",
                "Make it a plain array of numbers or strings, for example with np.array(values, dtype=float).",
            ) from error
        raise InputError(where, f"it is damaged or cut short ({error}).", f"Copy or make the file again. {SAVE}") from error
    if not isinstance(array, np.ndarray):
        raise InputError(where, "it is not a NumPy array.", SAVE)
    return array


def _features(where: str, x: np.ndarray) -> np.ndarray:
    """float32 N×D."""
    if x.dtype.kind not in "fiub":
        raise InputError(where, f"its values are of type {x.dtype}.", "Give numbers, for example X.astype(np.float32).")
    with np.errstate(over="ignore"):
        rows = x.astype(np.float32)
    _check_finite(where, rows)
    return rows


def _images(where: str, x: np.ndarray) -> np.ndarray:
    """uint8 N×C×H×W."""
    if x.ndim == 3:
        x = x[:, None]
    elif x.shape[1] not in (1, 3):
        if x.shape[3] not in (1, 3):
            raise InputError(where, f"its shape is {x.shape}, with neither 1 nor 3 channels.", "Give N×C×H×W or N×H×W×C with C 1 or 3.")
        x = x.transpose(0, 3, 1, 2)
    if x.dtype == np.uint8:
        return np.ascontiguousarray(x)
    remedy = "Give uint8 from 0 to 255, or floats from 0 to 1."
    if x.dtype.kind != "f":
        raise InputError(where, f"its pixels are of type {x.dtype}.", remedy)
    _check_finite(where, x)
    if x.min() < 0 or x.max() > 1:
        raise InputError(where, f"its pixels run from {x.min():g} to {x.max():g}.", remedy)
    return np.ascontiguousarray(np.rint(x * x.dtype.type(255)).astype(np.uint8))


def _check_finite(where: str, x: np.ndarray) -> None:
    bad = ~np.isfinite(x)
    if bad.any():
        row = int(np.flatnonzero(bad.reshape(len(x), -1).any(axis=1))[0])
        raise InputError(
            where,
            f"{int(bad.sum())} values are missing (NaN), infinite or too large, the first in row {row} (from 0).",
            "Remove these rows or fill in the values.",
        )


def _labels(path: str, arrays: dict[str, np.ndarray], n: int) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """int64 labels 0 to K-1, or None, and the names of the classes."""
    names = arrays.get("class_names")
    if names is not None:
        _check_names(f"{path}: class_names", names)
    if "y" not in arrays:
        return None, () if names is None else tuple(names.tolist())
    where, y = f"{path}: y", arrays["y"]
    if y.ndim != 1 or len(y) != n:
        raise InputError(where, f"its shape is {y.shape}, and X has {n} rows.", "Give one label per row of X.")
    if y.dtype.kind == "f":
        whole = np.isfinite(y) & (y == np.floor(y)) & (np.abs(y) < 2**53)
        if not whole.all():
            row = int(np.flatnonzero(~whole)[0])
            raise InputError(where, f"it holds {y[row]:g} in row {row} (from 0).", "Labels are classes: give integers or strings.")
        y = y.astype(np.int64)
    if y.dtype.kind not in "iubU":
        raise InputError(where, f"its values are of type {y.dtype}.", "Give integers or strings, for example y.astype(str).")
    values, labels, sizes = np.unique(y, return_inverse=True, return_counts=True)
    if len(values) < 2:
        raise InputError(where, f"it holds only one class ({values[0]}).", "Give samples of at least two classes, or leave y out.")
    if sizes.min() < 2:
        raise InputError(where, f"class {values[sizes.argmin()]} has one sample.", "Give at least two of each: one to learn, one to test.")
    if names is None:
        return labels.astype(np.int64), tuple(str(value) for value in values.tolist())
    if len(names) != len(values):
        raise InputError(
            f"{path}: class_names",
            f"it has {len(names)} names, and y has {len(values)} classes.",
            "Give one name for each class, in the sorted order of the values in y.",
        )
    return labels.astype(np.int64), tuple(names.tolist())


def _check_names(where: str, names: np.ndarray) -> None:
    if names.ndim != 1 or names.dtype.kind != "U":
        raise InputError(where, f"it has shape {names.shape} and type {names.dtype}.", "Give a list of strings.")
    if len(set(names.tolist())) != len(names):
        raise InputError(where, "two classes have the same name.", "Give each class a name of its own.")
