"""The files inside a folder or a zip: found without unpacking anything to disk, and read one at a time."""

from __future__ import annotations

import os
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from core.domains.reading.base import Given, Note, clean, few
from core.domains.reading.encodings import guess
from core.domains.reading.names import distinct
from core.errors import InputError

MAX_MEMBERS = 200_000
MAX_DIRECTORY = 32 * 2**20  # bytes of a zip's list of files, which is read whole
MAX_UNPACKED = 4 * 10**9  # bytes that all members declare together
MAX_RATIO = 200  # unpacked to packed
MAX_MEMBER = 100 * 2**20  # bytes of one file inside
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
_NOISE = ("thumbs.db", "desktop.ini", ".ds_store")
PACK = "Pack it again as a plain .zip."


class Unreadable(Exception):
    """One file inside cannot be read; its text says why."""


@dataclass(frozen=True)
class Member:
    """A file inside: the folders that lead to it, its name, its size in bytes, and a function that reads it.

    ``read`` raises `Unreadable`.
    """

    folders: tuple[str, ...]
    name: str
    size: int
    read: Callable[[], bytes]

    @property
    def path(self) -> str:
        return "/".join((*self.folders, self.name))


@contextmanager
def members(given: Given, suffixes: tuple[str, ...], notes: list[Note]) -> Iterator[tuple[list[Member], int]]:
    """The files with one of these suffixes, sorted by path, and how many files there are; says in ``notes`` what else lies there.

    Raises
    ------
    InputError
        It is not a folder or zip, damaged, encrypted, would unpack to too much, or names a file outside itself.
    """
    if given.folder:
        yield _sorted(given, _in_folder(given, given.folder, notes), suffixes, notes)
        return
    with given.open() as stream:
        check_directory(given, stream)
        try:
            archive = zipfile.ZipFile(stream)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
            raise InputError(given.name, f"the archive is damaged or cut short ({error}).", "Copy or make the file again.") from error
        with archive:
            yield _sorted(given, _in_zip(given, archive), suffixes, notes)


def _sorted(given: Given, found: list[Member], suffixes: tuple[str, ...], notes: list[Note]) -> tuple[list[Member], int]:
    wanted: dict[str, Member] = {}
    other, twice, packed, hidden = [], [], [], set()
    for member in found:
        if member.name.lower() in _NOISE or member.name.startswith("._") or "__MACOSX" in member.folders:
            continue
        if any(folder.startswith(".") for folder in member.folders):
            hidden.add(next(folder for folder in member.folders if folder.startswith(".")))
        elif not member.name.lower().strip().endswith(suffixes):
            (packed if member.name.lower().endswith(ARCHIVES) else other).append(member.path)
        elif member.path in wanted:
            twice.append(member.path)
        else:
            wanted[member.path] = member
    if hidden:
        notes.append(Note(given.stem, f"Not read: {few(hidden)}. Folders whose names begin with a dot are not looked into."))
    if packed:
        if not wanted:
            raise InputError(
                given.name, f"it holds an archive ({packed[0][:60]}), which is not opened.", "Unpack it first and give what is in it."
            )
        notes.append(Note(given.stem, f"Left out: {few(packed, 3)}. Archives inside an archive are not opened.", len(packed)))
    if other:
        notes.append(Note(given.stem, f"Left out: {few(other, 3)}. Only {', '.join(suffixes)} are read.", len(other)))
    if twice:
        why = f"Left out: {few(twice, 3)}: the name is there more than once, and the first of them is read."
        notes.append(Note(given.stem, why, len(twice)))
    return _shown([wanted[path] for path in sorted(wanted)]), len(wanted) + len(other) + len(twice) + len(packed)


def _shown(found: list[Member]) -> list[Member]:
    """The files with names that can be shown: different folders keep different names, however long they are."""
    folders = sorted({folder for member in found for folder in member.folders})
    names = dict(zip(folders, distinct(folders), strict=True))
    return [replace(m, folders=tuple(names[folder] for folder in m.folders), name=clean(m.name)) for m in found]


def _plain(part: str) -> str:
    """A name in the form in which equal ones are equal: letters with their accents in one piece, no halves of letters."""
    return unicodedata.normalize("NFC", part.encode("utf-8", "replace").decode("utf-8"))


def _in_folder(given: Given, root: Path, notes: list[Note]) -> list[Member]:
    found, hidden, linked, odd = [], [], [], []
    for place, folders, files in os.walk(root, onerror=_raise):
        inner = tuple(map(_plain, Path(place).relative_to(root).parts))
        linked += [f for f in folders if os.path.islink(os.path.join(place, f))]  # noqa: PTH114, PTH118
        hidden += [f for f in folders if f.startswith(".")]
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in files:
            path = os.path.join(place, name)  # noqa: PTH118  (a hundred thousand Path objects take seconds)
            if os.path.isfile(path):  # noqa: PTH113  (a pipe would never answer)
                found.append(Member(inner, _plain(name), os.path.getsize(path), lambda path=path: _read_path(path)))  # noqa: PTH202
            else:
                odd.append(clean(name))
        if len(found) > MAX_MEMBERS:
            raise InputError(given.name, f"it holds more than {MAX_MEMBERS:,} files.", "Give a folder with fewer.")
    for closed, why in (
        (hidden, "Folders whose names begin with a dot are not looked into"),
        (linked, "Links to folders are not followed"),
        (odd, "They are no files, but links to nothing, or devices"),
    ):
        if closed:
            notes.append(Note(given.stem, f"Not read: {few(closed, 3)}. {why}."))
    return found


def _raise(error: OSError) -> None:
    raise InputError(str(error.filename), f"it cannot be read ({error.strerror}).", "Check its permissions.") from error


def _read_path(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:  # noqa: PTH123
            content = stream.read(MAX_MEMBER + 1)
    except OSError as error:
        raise Unreadable(f"it cannot be read ({error.strerror})") from error
    if len(content) > MAX_MEMBER:
        raise Unreadable(f"it has more than {MAX_MEMBER >> 20} MB")
    return content


def check_directory(given: Given, stream) -> None:
    """Refuse a zip whose list of files alone would fill the memory. What is no zip at all is left to `zipfile`."""
    stream.seek(0, os.SEEK_END)
    size = stream.tell()
    stream.seek(max(0, size - 22 - 0xFFFF - 20))
    tail = stream.read()
    end = tail.rfind(b"PK\x05\x06")
    listed = struct.unpack_from("<I", tail, end + 12)[0] if 0 <= end <= len(tail) - 22 else 0
    stream.seek(0)
    if listed == 0xFFFFFFFF or listed > MAX_DIRECTORY:
        raise InputError(given.name, f"its list of files has more than {MAX_DIRECTORY >> 20} MB.", "Pack fewer files, or give the folder.")


def _in_zip(given: Given, archive: zipfile.ZipFile) -> list[Member]:
    infos = [info for info in archive.infolist() if not info.is_dir()]
    if len(infos) > MAX_MEMBERS:
        raise InputError(given.name, f"it holds {len(infos):,} files.", f"Pack at most {MAX_MEMBERS:,}.")
    if any(info.flag_bits & 1 for info in infos):
        raise InputError(given.name, "it is encrypted.", "Pack it again without a password.")
    unpacked, packed = sum(info.file_size for info in infos), given.size
    if unpacked > MAX_UNPACKED:
        raise InputError(given.name, f"it would unpack to {unpacked / 1e9:.1f} GB.", f"Pack at most {MAX_UNPACKED / 1e9:.0f} GB.")
    if unpacked > MAX_RATIO * packed:
        raise InputError(given.name, f"it would unpack to {unpacked / max(packed, 1):,.0f} times its size.", PACK)
    names = _names(infos)
    return [_zip_member(given, archive, info, name) for info, name in zip(infos, names, strict=True)]


def _names(infos: list[zipfile.ZipInfo]) -> list[str]:
    """What the files are called; of names that don't say that they are UTF-8 the encoding is found out."""
    old = [None if info.flag_bits & 0x800 or info.filename.isascii() else info.orig_filename.encode("cp437") for info in infos]
    written = b" ".join([name for name in old if name is not None][:2000])
    try:
        written.decode("utf-8")
        encoding = "utf-8"
    except UnicodeDecodeError:
        encoding = guess(written)
    return [info.filename if name is None else name.decode(encoding, "replace") for info, name in zip(infos, old, strict=True)]


def _zip_member(given: Given, archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Member:
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or parts[0] == "" or parts[0][1:] == ":":
        raise InputError(given.name, f"it names a file outside itself ({clean(name, 60)}).", PACK)
    # Of the compressions, zipfile unpacks only these two piece by piece, so that a lie about the size costs nothing.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError(given.name, "it is packed in an unusual way.", "Pack it again as a .zip with the normal compression.")
    parts = [_plain(part) for part in parts if part not in ("", ".")]

    def read() -> bytes:
        if info.file_size > MAX_MEMBER:
            raise Unreadable(f"it has more than {MAX_MEMBER >> 20} MB")
        try:
            with archive.open(info) as stream:
                return stream.read(info.file_size)
        except (zipfile.BadZipFile, OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zlib.error) as error:
            raise Unreadable(f"it is damaged ({error})") from error

    return Member(tuple(parts[:-1]), parts[-1] if parts else "", info.file_size, read)
