"""Pictures that stay on disk: decoded by workers when a batch asks for them, and kept decoded in a file of their own."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import IO

import numpy as np
import torch
from torch import Tensor

from core.domains.reading.archives import Unreadable
from core.errors import InputError
from core.home import home
from core.samples.inputs import Inputs
from core.shifts import SHIFTS, apply_shift

MAX_KEPT = 40 * 10**9  # bytes of the file with decoded pictures; beyond that every picture is decoded each time
Decode = Callable[[bytes, int, int, str], tuple[np.ndarray, list[str]]]


class StreamedImages:
    """N pictures that behave like a uint8 tensor N×C×S×S where a batch is asked for.

    ``images[index]`` returns a tensor on `device`. What was decoded once is read back from a nameless file under
    ``$SHIFTSCOPE_HOME``, which the operating system removes with the process, so that later epochs decode nothing.

    Parameters
    ----------
    names : sequence of str
        What each picture is called in an error message.
    reads : sequence of callable
        Each returns the bytes of one file.
    decode : callable
        ``decode(content, side, channels, fit)`` as `core.domains.reading.images.decode`.

    Shifts are applied to what is decoded, batch by batch, and their result is kept in its place: every image shift looks at one picture
    at a time, so that a streamed picture becomes what it would become in memory.
    """

    ndim = 4
    dtype = torch.uint8

    def __init__(self, names: Sequence[str], reads: Sequence[Callable[[], bytes]], decode: Decode, side: int, channels: int, fit: str):
        self._names, self._reads, self._decode, self._form = names, reads, decode, (side, channels, fit)
        self._kept = _Kept(len(reads), channels * side * side)
        self._rows, self._channels = np.arange(len(reads)), channels
        self._shifts: tuple[tuple[str, float, int], ...] = ()
        self.device = torch.device("cpu")

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def shape(self) -> torch.Size:
        side = self._form[0]
        return torch.Size((len(self), self._channels, side, side))

    def subset(self, index: Tensor | np.ndarray) -> StreamedImages:
        """Some of the pictures, still on disk; they share what has been decoded."""
        return self._copy(_rows=self._rows[np.asarray(index)])

    def to(self, device: torch.device) -> StreamedImages:
        """The same pictures, whose batches go to ``device``."""
        return self._copy(device=torch.device(device))

    def resized(self, channels: int, side: int) -> StreamedImages:
        """The same pictures decoded to another size; those that are shifted are shifted at that size."""
        if (side, channels) == (self._form[0], self._channels):
            return self
        # A shift sees the channels that the pictures have, as in memory; only then they become more.
        form = (side, self._form[1] if self._shifts else channels, self._form[2])
        return self._copy(_form=form, _channels=channels, _kept=_Kept(len(self._reads), channels * side * side))

    def shifted(self, name: str, severity: float, seed: int) -> StreamedImages:
        """The same pictures, passed through one more shift; raises `InputError` as `core.shifts.apply_shift`."""
        apply_shift(name, torch.empty(0, *self.shape[1:], dtype=torch.uint8), severity, seed, kind="image")
        if severity == 0:
            return self
        channels = 3 if SHIFTS.get(name, "shift").colours else self._channels
        side = self._form[0]
        return self._copy(
            _shifts=(*self._shifts, (name, severity, seed)), _channels=channels, _kept=_Kept(len(self._reads), channels * side * side)
        )

    def _copy(self, **changes) -> StreamedImages:
        other = object.__new__(StreamedImages)
        other.__dict__ |= self.__dict__ | changes
        return other

    def __getitem__(self, index: Tensor | slice) -> Tensor:
        """uint8 batch on `device`; raises `InputError` for a picture that cannot be read."""
        rows = self._rows[index if isinstance(index, slice) else index.cpu().numpy()]
        batch = np.empty((len(rows), *self.shape[1:]), np.uint8)

        def fill(places: np.ndarray) -> None:
            fresh = [i for i in places if not self._kept.load(int(rows[i]), batch[i])]
            if fresh:
                batch[fresh] = self._fresh(rows[fresh])
            for i in fresh:
                self._kept.keep(int(rows[i]), batch[i])

        step = max(8, -(-len(rows) // (4 * _workers()._max_workers)))
        list(_workers().map(fill, np.split(np.arange(len(rows)), range(step, len(rows), step))))
        return torch.from_numpy(batch).to(self.device)

    def split(self, size: int) -> Iterator[Tensor]:
        """All pictures in batches of ``size``, as `torch.Tensor.split`; one of them is in memory at a time."""
        return (self[start : start + size] for start in range(0, len(self), size))

    def _fresh(self, rows: np.ndarray) -> np.ndarray:
        """Decoded and shifted, uint8 n×C×S×S."""
        pictures = np.stack([self._decoded(row) for row in rows])
        if not self._shifts:
            return pictures
        x = torch.from_numpy(pictures)
        for name, severity, seed in self._shifts:
            x = apply_shift(name, x, severity, seed, kind="image", rows=rows)
        return x.expand(-1, self._channels, -1, -1).numpy()

    def _decoded(self, row: int) -> np.ndarray:
        try:
            return self._decode(self._reads[row](), *self._form)[0]
        except Unreadable as error:
            raise InputError(self._names[row], f"{error}.", "Remove or repair this picture and start again.") from error


class Joined:
    """The pictures of several sources, at least one of them streamed, one after the other: a batch is asked of each for its share."""

    def __init__(self, parts: Sequence[Inputs]):
        self._parts, self._starts = parts, np.cumsum([0, *map(len, parts)])
        self.device, self.shape = parts[0].device, torch.Size((int(self._starts[-1]), *parts[0].shape[1:]))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Tensor) -> Tensor:
        """uint8 batch on `device`."""
        batch = torch.empty((len(index), *self.shape[1:]), dtype=torch.uint8, device=self.device)
        for part, start, end in zip(self._parts, self._starts, self._starts[1:], strict=False):
            here = (index >= start) & (index < end)
            batch[here] = part[index[here] - start]
        return batch


def joined(parts: Sequence[Inputs]) -> Tensor | Joined:
    """The samples of all parts, which have one shape: a tensor where all are in memory."""
    tensors = [part for part in parts if isinstance(part, Tensor)]
    return torch.cat(tensors) if len(tensors) == len(parts) else Joined(parts)


@cache
def _workers() -> ThreadPoolExecutor:
    """Threads are enough: Pillow lets go of the interpreter while it decodes."""
    return ThreadPoolExecutor(min(8, os.cpu_count() or 1), "decode")


class _Kept:
    """Decoded pictures in a nameless file, one after the other."""

    def __init__(self, count: int, size: int):
        self._size, self._known, self._lock = size, np.zeros(count, bool), threading.Lock()
        self._file: IO[bytes] | None = None
        self._used = count * size <= MAX_KEPT

    def load(self, row: int, into: np.ndarray) -> bool:
        """Fill ``into`` if the picture has been kept."""
        if self._file is None or not self._known[row]:
            return False
        return os.preadv(self._file.fileno(), [into.data], row * self._size) == self._size

    def keep(self, row: int, picture: np.ndarray) -> None:
        if not self._used:
            return
        with self._lock:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=home())  # noqa: SIM115  (open for as long as the pictures live)
        try:
            os.pwrite(self._file.fileno(), np.ascontiguousarray(picture).data, row * self._size)
        except OSError:  # the disk is full: what is kept stays, the rest is decoded each time
            self._used = False
            return
        self._known[row] = True
