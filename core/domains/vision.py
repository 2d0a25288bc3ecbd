"""Image sets that torchvision knows: read from a folder, or fetched once and kept.

torchvision names the addresses and checksums and reads the files. Fetching is done here, because torchvision's own has
no timeout, tells no progress, and takes a half-unpacked file for a whole one.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.client
import os
import pickle
import shutil
import tarfile
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import torch
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from core.cache import Cache
from core.domains.base import Domain, domain
from core.domains.digits import CLASS_NAMES
from core.errors import InputError
from core.home import home

TIMEOUT = 5.0  # seconds without an answer or a byte before an address is given up
Progress = Callable[[float], None]
Parts = tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]  # images and labels of the training and of the test part
READ: Cache[Parts] = Cache("data sets that were read", entries=4)
_HOW_MANY = "How many {} images, drawn at random by the seed; the full set with {}."


class Counts(BaseModel):
    """Parameters of every set here; each says itself how many images it has."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    n_train: int
    n_test: int


class Mnist(Counts):
    """Parameters of `mnist`."""

    n_train: int = Field(4000, ge=100, le=60_000, description=_HOW_MANY.format("training", 60000))
    n_test: int = Field(1000, ge=100, le=10_000, description=_HOW_MANY.format("test", 10000))


class Usps(Counts):
    """Parameters of `usps`."""

    n_train: int = Field(4000, ge=100, le=7291, description=_HOW_MANY.format("training", 7291))
    n_test: int = Field(1000, ge=100, le=2007, description=_HOW_MANY.format("test", 2007))


@dataclass(frozen=True)
class RemoteFile:
    """One file of a set. ``path`` is relative to the data folder; ``md5`` is that of what arrives, before unpacking.

    ``inside`` is its name in the zip or tar archive at that address, where it comes in one.
    """

    path: str
    urls: tuple[str, ...]
    md5: str
    inside: str | None = None


@dataclass(frozen=True)
class VisionSet:
    """One torchvision set: ``reader(folder / subfolder, train=...)`` gives an object with ``data`` and ``targets``."""

    name: str
    reader: Callable
    subfolder: str
    files: tuple[RemoteFile, ...]
    class_names: tuple[str, ...]
    counts: tuple[int, int]
    provenance: str
    licence: str


@domain(
    "mnist",
    title="MNIST",
    kind="image",
    params=Mnist,
    downloads=True,
    summary="70,000 real handwritten digits, 28×28, in their official training and test parts.",
    licence="CC BY-SA 3.0.",
)
def mnist(params: Mnist, seed: int, on_progress: Progress | None = None) -> Domain:
    """MNIST (LeCun, Bottou, Bengio and Haffner, 1998), uint8 N×1×28×28."""
    from torchvision.datasets import MNIST

    files = tuple(
        RemoteFile(f"MNIST/raw/{packed.removesuffix('.gz')}", tuple(mirror + packed for mirror in MNIST.mirrors), md5)
        for packed, md5 in MNIST.resources
    )
    one = VisionSet("mnist", MNIST, "", files, CLASS_NAMES, (60_000, 10_000), "MNIST (LeCun et al., 1998)", "CC BY-SA 3.0")
    return draw(one, params, seed, on_progress)


@domain(
    "usps",
    title="USPS",
    kind="image",
    params=Usps,
    downloads=True,
    summary="9,298 real digits from envelopes of the US Postal Service, 16×16, in their official training and test parts. They fill their "
    "frame; MNIST's stand in the middle of theirs.",
    licence="No licence stated; used for research.",
)
def usps(params: Usps, seed: int, on_progress: Progress | None = None) -> Domain:
    """USPS (Hull, 1994), as the LIBSVM project publishes it, uint8 N×1×16×16."""
    from torchvision.datasets import USPS

    files = tuple(RemoteFile(f"USPS/{name}", (url,), md5) for url, name, md5 in USPS.split_list.values())
    one = VisionSet("usps", USPS, "USPS", files, CLASS_NAMES, (7291, 2007), "USPS (Hull, 1994)", "No licence stated; used for research.")
    return draw(one, params, seed, on_progress)


def draw(one: VisionSet, params: Counts, seed: int, on_progress: Progress | None) -> Domain:
    """Draw the samples: ``train`` points to images of the official training part, ``test`` to those of the test part.

    Raises
    ------
    InputError
        The files are nowhere and cannot be fetched, or they cannot be read.
    """
    folder = _folder(one, on_progress)
    parts = READ.get((one, folder), lambda: _read(one, folder))
    picks = [
        random_draw(len(labels), n, [seed, stream])
        for stream, ((_, labels), n) in enumerate(zip(parts, (params.n_train, params.n_test), strict=True))
    ]
    images, labels = (torch.cat([part[i][pick] for part, pick in zip(parts, picks, strict=True)]) for i in (0, 1))
    index = torch.arange(len(labels))
    drawn = f"{params.n_train} of {one.counts[0]} training and {params.n_test} of {one.counts[1]} test images, seed {seed}"
    return Domain(
        one.name,
        images,
        labels,
        one.class_names,
        index[: params.n_train],
        index[params.n_train :],
        f"{one.provenance}, {drawn}.",
        one.licence,
    )


def random_draw(total: int, n: int, seed: list[int]) -> Tensor:
    """``n`` sorted indices, whatever the labels are. A larger draw contains every smaller one of the same seed."""
    return torch.from_numpy(np.sort(np.random.default_rng([*seed, 0xD3A3]).permutation(total)[:n]))


def _read(one: VisionSet, root: Path) -> Parts:
    """(images, labels) of the training and of the test part; shared between callers, so never written to."""
    folder = root / one.subfolder
    parts = []
    for train, count in zip((True, False), one.counts, strict=True):
        part = "training" if train else "test"
        remedy = f"Delete or replace the files of {one.name} there ({', '.join(file.path for file in one.files)}) and try again."
        try:
            data = one.reader(folder, train=train)
            images, labels = torch.as_tensor(data.data), torch.as_tensor(data.targets, dtype=torch.int64)
        except (OSError, EOFError, ValueError, TypeError, LookupError, RuntimeError, AssertionError, pickle.UnpicklingError) as error:
            raise InputError(str(root), f"the {part} files of {one.name} are damaged ({type(error).__name__}: {error}).", remedy) from error
        if len(images) != count or len(labels) != count:
            raise InputError(
                str(root),
                f"the {part} files of {one.name} hold {len(images)} images and {len(labels)} labels, not {count} of each.",
                remedy,
            )
        if labels.min() < 0 or labels.max() >= len(one.class_names):
            raise InputError(
                str(root),
                f"the {part} labels of {one.name} run from {labels.min()} to {labels.max()}, not from 0 to {len(one.class_names) - 1}.",
                remedy,
            )
        parts.append((images if images.ndim == 4 else images[:, None], labels))
    return parts[0], parts[1]


def _folder(one: VisionSet, on_progress: Progress | None) -> Path:
    """The folder that holds every file of the set: the user's own, else the cache, filled first if need be."""
    given = os.environ.get("SHIFTSCOPE_DATA")
    folder = Path(given).expanduser().absolute() if given else None
    if folder:
        if not folder.is_dir():
            raise InputError("SHIFTSCOPE_DATA", f"there is no folder {folder}.", "Set it to a folder that exists, or unset it.")
        if not _missing(one, folder):
            return folder
    cache = home() / "data"
    if not _missing(one, cache):
        return cache
    try:
        cache.mkdir(exist_ok=True)
        with FileLock(cache / ".lock"):  # one download, however many runs ask at once
            addresses = {file.urls: file for file in _missing(one, cache)}
            for i, (urls, file) in enumerate(addresses.items()):
                together = [file for file in one.files if file.urls == urls]
                fetch(file, cache, lambda share, i=i: on_progress and on_progress((i + share) / len(addresses)), together)
    except Unreachable as error:
        here = len(one.files) - len(_missing(one, folder)) if folder else 0
        lacking = f" SHIFTSCOPE_DATA is {folder}, which holds {here} of its {len(one.files)} files." if folder else ""
        raise InputError(
            one.name,
            f"its files are not on this machine and could not be downloaded ({error}).{lacking}",
            "Connect to the network and try again, or set SHIFTSCOPE_DATA to a folder that holds "
            f"{', '.join(file.path for file in one.files)}.",
        ) from error
    except OSError as error:
        raise InputError(
            "SHIFTSCOPE_HOME",
            f"{cache} cannot take the files of {one.name} ({error.strerror}).",
            "Free some space there, or set SHIFTSCOPE_HOME to another folder.",
        ) from error
    return cache


def _missing(one: VisionSet, folder: Path) -> list[RemoteFile]:
    return [file for file in one.files if not (folder / file.path).is_file()]


class Unreachable(Exception):
    """No address of a file gave the whole file."""


def fetch(file: RemoteFile, root: Path, on_share: Progress, together: list[RemoteFile] | None = None) -> None:
    """Download, check and unpack one file, or all those that come ``together`` in its archive; each gets its name when it is whole."""
    target = root / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    part, unpacked = target.with_name(target.name + ".part"), target.with_name(target.name + ".unpacked.part")
    failures = []
    try:
        for url in file.urls:
            try:
                _download(url, part, file.md5, on_share)
                break
            except Unreachable as error:
                failures.append(f"{urlsplit(url).hostname}: {error}")
        else:
            raise Unreachable("; ".join(failures))
        if file.inside:
            _unpack(part, {root / one.path: one.inside for one in together or [file] if one.inside})
        elif url.endswith(".gz") and not target.name.endswith(".gz"):
            with gzip.open(part) as packed, unpacked.open("wb") as out:
                shutil.copyfileobj(packed, out)
            unpacked.replace(target)
        else:
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)
        unpacked.unlink(missing_ok=True)


def _unpack(archive: Path, inside: dict[Path, str]) -> None:
    """Write files of a zip or tar archive to their places, which have the names inside; nothing else in it is touched."""
    with contextlib.ExitStack() as stack:
        if zipfile.is_zipfile(archive):
            members = stack.enter_context(zipfile.ZipFile(archive)).open
        else:
            members = stack.enter_context(tarfile.open(archive)).extractfile
        for place, name in inside.items():
            unpacked = place.with_name(place.name + ".unpacked.part")
            try:
                with contextlib.ExitStack() as inner:
                    member = members(name)
                    if member is None:
                        raise KeyError(name)  # a folder
                    stream = inner.enter_context(member)
                    if name.endswith(".gz"):
                        stream = inner.enter_context(gzip.open(stream))
                    with unpacked.open("wb") as out:
                        shutil.copyfileobj(stream, out)
                unpacked.replace(place)
            except KeyError as error:
                raise Unreachable(f"the archive lacks {name}") from error
            finally:
                unpacked.unlink(missing_ok=True)


def _download(url: str, part: Path, md5: str, on_share: Progress) -> None:
    digest, got = hashlib.md5(usedforsecurity=False), 0
    with part.open("wb") as out:
        for chunk, length in _chunks(url):
            out.write(chunk)
            digest.update(chunk)
            got += len(chunk)
            on_share(min(1.0, got / length) if length else 0.0)
    if digest.hexdigest() != md5:
        raise Unreachable("the file arrived damaged or cut short")


def _chunks(url: str) -> Iterator[tuple[bytes, int | None]]:
    """The bytes at an address, and how many there will be; only the network's errors become `Unreachable`, the disk's do not."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"User-Agent": "shiftscope"}), timeout=TIMEOUT) as response:
            length = response.length  # None where the server does not say
            while chunk := response.read(1 << 16):
                yield chunk, length
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(getattr(error, "reason", None) or error) from error
