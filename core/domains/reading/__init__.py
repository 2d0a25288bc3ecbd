"""Own data: a reader for each kind of file, all of them from files that the user gives to a `Reading`.

A reader checks everything before it believes it, and says in one sentence what it cannot use. `read` finds the right one.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from core.domains.reading import arrays, images, sounds, svmlight, tables
from core.domains.reading.archives import check_directory
from core.domains.reading.base import (
    Given,
    Note,
    Options,
    Population,
    Progress,
    Reading,
    Refusal,
    choosing,
    parse_options,
    told_apart,
)
from core.errors import InputError

__all__ = ["FORMATS", "Format", "Given", "Note", "Options", "Population", "Reading", "Refusal", "format_of", "read", "told_apart"]


@dataclass(frozen=True)
class Format:
    """A reader by its name, with the options it knows."""

    name: str
    title: str
    options: type[Options]
    read: Callable[..., Reading]


FORMATS = {
    f.name: f
    for f in (
        Format("images", "Pictures in folders", images.ImageOptions, images.read),
        Format("sounds", "WAV files in folders", sounds.SoundOptions, sounds.read),
        Format("table", "Table or texts", tables.TableOptions, tables.read),
        Format("arrays", "NumPy arrays", arrays.ArrayOptions, arrays.read),
        Format("svmlight", "svmlight rows", svmlight.SvmlightOptions, svmlight.read),
    )
}
WANTED = "Give a zip or folder of pictures or WAV files, a table as CSV or Parquet, an .npz file, or an svmlight file."
# How files begin that are sometimes given and cannot be read, and what to do with them.
_OTHERS = (
    (b"\x1f\x8b", "a gzip archive", "Unpack it first, or pack its content as .zip."),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "Unpack it first, or pack its content as .zip."),
    (b"Rar!", "a RAR archive", "Unpack it first, or pack its content as .zip."),
    (b"BZh", "a bzip2 archive", "Unpack it first, or pack its content as .zip."),
    (b"\xfd7zXZ", "an xz archive", "Unpack it first, or pack its content as .zip."),
    (b"%PDF", "a PDF", WANTED),
    (b"\x89HDF", "an HDF5 file", "Save the arrays with np.savez."),
    (b"MATLAB", "a MATLAB file", "Save the arrays with np.savez."),
    (b"\x93NUMPY", "not an .npz file but a single array", arrays.SAVE),
    (b"\xd0\xcf\x11\xe0", "an old Office file", "Save the table as CSV."),
    (b"\xff\xd8\xff", "a single picture", "Put the pictures into class folders and pack these as .zip."),
    (b"\x89PNG", "a single picture", "Put the pictures into class folders and pack these as .zip."),
    (b"RIFF", "a single sound", "Put the sounds into class folders and pack these as .zip."),
    (b"\x80\x04\x95", "a pickle, which could run code", arrays.SAVE),
)


def read(givens: Sequence[Given], options: dict[str, Any] | None = None, on_progress: Progress | None = None) -> Reading:
    """Read files or folders of one format together; ``options`` are those of their format.

    Raises
    ------
    InputError
        A file cannot be used, the files are of different formats, or an option does not exist.
    """
    if not givens:
        raise InputError("files", "no file was given.", WANTED)
    found = {given.name: format_of(given) for given in givens}
    if len(set(found.values())) > 1:
        what = "; ".join(f"{name}: {FORMATS[kind].title.lower()}" for name, kind in found.items())
        raise InputError(givens[-1].name, f"the files are of different kinds ({what}).", "Give files of one kind together.")
    chosen = FORMATS[next(iter(found.values()))]
    parsed = parse_options(chosen.options, options or {})
    with choosing(parsed):
        return chosen.read(told_apart(givens), parsed, on_progress)


def format_of(given: Given) -> str:
    """The name of the format of a file or folder, by its content; its ending decides only between texts."""
    if given.folder:
        return _by_endings(given, [path.name for path in given.folder.rglob("*")])
    with given.open() as stream:
        start = stream.read(16)
    if not start:
        raise InputError(given.name, "the file is empty.", WANTED)
    if start.startswith(b"PK"):
        try:
            with given.open() as stream:
                check_directory(given, stream)
                with zipfile.ZipFile(stream) as archive:
                    return _by_endings(given, archive.namelist())
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
            if isinstance(error, InputError):
                raise
            kind = "not an .npz file: the archive" if given.name.lower().endswith(".npz") else "the archive"
            raise InputError(given.name, f"{kind} is damaged or cut short ({error}).", "Copy or make the file again.") from error
    if given.name.lower().endswith(".npz"):
        raise InputError(given.name, "this is not an .npz file.", arrays.SAVE)
    if start.startswith(b"PAR1"):
        return "table"
    for sign, what, remedy in _OTHERS:
        if start.startswith(sign):
            raise InputError(given.name, f"this is {what}.", remedy)
    return "svmlight" if given.name.lower().endswith((".svmlight", ".libsvm", ".svm")) else "table"


def _by_endings(given: Given, names: Sequence[str]) -> str:
    """Whether a folder or zip holds pictures, sounds or arrays; pictures win where it holds several."""
    lower = [name.lower() for name in names]
    if given.name.lower().endswith(".npz") or (lower and all(name.endswith(".npy") for name in lower)):
        return "arrays"
    if any(name == "xl/workbook.xml" for name in lower):
        raise InputError(given.name, "this is a spreadsheet.", "Save the table as CSV.")
    pictures = sum(name.endswith(images.SUFFIXES) for name in lower)
    waves = sum(name.endswith(sounds.SUFFIXES) for name in lower)
    if waves > pictures:
        return "sounds"
    if not pictures and any(name.endswith((".csv", ".parquet", ".tsv")) for name in lower):
        raise InputError(given.name, "it holds tables.", "Give the tables themselves, several at once if you like.")
    return "images"
