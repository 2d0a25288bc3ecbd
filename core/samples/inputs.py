"""What a network reads of many samples: a tensor, or pictures that stay on disk and become one where a batch is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import torch
from torch import Tensor


class Indexed(Protocol):
    """N samples of which ``[rows]`` is a tensor: all that may be asked of what is not in memory for certain."""

    @property
    def shape(self) -> torch.Size: ...

    @property
    def device(self) -> torch.device: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: Tensor, /) -> Tensor: ...


class OnDisk(Protocol):
    """Images N×C×H×W that stay on disk (`core.domains.reading.stream`)."""

    @property
    def shape(self) -> torch.Size: ...

    @property
    def device(self) -> torch.device: ...

    @property
    def dtype(self) -> torch.dtype: ...

    @property
    def ndim(self) -> int: ...

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: Tensor | slice, /) -> Tensor: ...

    def split(self, size: int, /) -> Iterable[Tensor]:
        """All of them in batches."""
        ...

    def to(self, device: torch.device, /) -> OnDisk:
        """The same pictures, whose batches go to ``device``."""
        ...

    def subset(self, index: Tensor, /) -> OnDisk:
        """Some of the pictures, still on disk."""
        ...

    def resized(self, channels: int, side: int, /) -> OnDisk:
        """The same pictures in another size."""
        ...

    def shifted(self, name: str, severity: float, seed: int, /) -> OnDisk:
        """The same pictures, passed through one more shift."""
        ...


Inputs = Tensor | OnDisk
