"""What was made once is held for the next who asks: one bounded, thread-safe cache with a name, over `cachetools`."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Generic, TypeVar

from cachetools import LRUCache

Value = TypeVar("Value")
_CACHES: weakref.WeakValueDictionary[str, Cache] = weakref.WeakValueDictionary()


@dataclass(frozen=True)
class Statistics:
    """How a cache fares: how often a value was found or had to be made, and the values that it holds.

    ``size`` is in entries or bytes, of ``bound`` at most.
    """

    name: str
    hits: int
    misses: int
    held: int
    size: int
    bound: int
    unit: str


class Cache(Generic[Value]):
    """Holds the values that were asked for last, by their keys. Give it one bound, in entries or in bytes.

    Values are shared by all who ask, so nobody may change them.

    Parameters
    ----------
    name : str
        What it holds, in the plural; no two caches have the same.
    entries : int, optional
        How many values are held.
    nbytes : int, optional
        How many bytes they have together, as `size_of` counts. A value larger than this is held alone.

    Raises
    ------
    ValueError
        Two bounds or none, or the name is taken.
    """

    def __init__(self, name: str, *, entries: int | None = None, nbytes: int | None = None):
        if (entries is None) == (nbytes is None):
            raise ValueError(f"The cache of {name} needs one bound: entries or nbytes.")
        if name in _CACHES:
            raise ValueError(f"There is already a cache of {name}.")
        self.name = name
        self._unit, bound = ("entries", entries) if nbytes is None else ("bytes", nbytes)
        size = None if nbytes is None else lambda held: min(size_of(held[1]), nbytes)
        self._held: LRUCache[Hashable, tuple[Hashable, Value]] = LRUCache(bound or 0, size)
        self._changed = threading.Condition()  # guards all of this
        self._making: set[Hashable] = set()
        self._hits = self._misses = 0
        _CACHES[name] = self

    def get(self, key: Hashable, make: Callable[[], Value], stamp: Hashable = None) -> Value:
        """The value that is held for ``key``, or else what ``make`` returns.

        Each value is made once: who asks for it meanwhile, in another thread, waits. If ``make`` raises, nothing is held, and the next of
        those who wait tries. So ``make`` must not ask for its own key.

        Parameters
        ----------
        stamp : hashable, optional
            Of what changes, such as a file: a value that was made at another stamp is made anew and replaced.
        """
        with self._changed:
            self._changed.wait_for(lambda: key not in self._making)
            held = self._held.get(key)
            if held is not None and held[0] == stamp:
                self._hits += 1
                return held[1]
            self._misses += 1
            self._making.add(key)
        try:
            value = make()
            with self._changed:
                self._held[key] = (stamp, value)
        finally:
            with self._changed:
                self._making.discard(key)
                self._changed.notify_all()
        return value

    def find(self, key: Hashable) -> Value | None:
        """The value that is held for ``key``, whatever its stamp; None where there is none."""
        with self._changed:
            held = self._held.get(key)
            return None if held is None else held[1]

    def clear(self) -> None:
        with self._changed:
            self._held.clear()

    @property
    def statistics(self) -> Statistics:
        with self._changed:
            size, bound = int(self._held.currsize), int(self._held.maxsize)
            return Statistics(self.name, self._hits, self._misses, len(self._held), size, bound, self._unit)


def statistics() -> list[Statistics]:
    """Of all caches of this process, by name."""
    return sorted((cache.statistics for cache in list(_CACHES.values())), key=lambda found: found.name)


def size_of(value: Any) -> int:
    """Bytes of the arrays, tensors and texts that a value is made of; what else is in it is small beside them."""
    if isinstance(value, bytes | str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(size_of, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(size_of, value))
    if is_dataclass(value):
        return sum(size_of(getattr(value, field.name)) for field in fields(value))
    return getattr(value, "nbytes", 0)
