"""A registry keeps the entries of one kind by name: domains, shifts, backbones, methods, measures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from core.errors import unknown


class Named(Protocol):
    @property
    def name(self) -> str: ...


Entry = TypeVar("Entry", bound=Named)


class Registry(Generic[Entry]):
    """Entries in the order in which they were added; looking up an unknown name says which exist.

    Parameters
    ----------
    kind : str
        What the entries are, in the singular; used in error messages.
    """

    def __init__(self, kind: str):
        self.kind = kind
        self._entries: dict[str, Entry] = {}

    def add(self, entry: Entry) -> None:
        if entry.name in self._entries:
            raise ValueError(f"There is already a {self.kind} called {entry.name!r}.")
        self._entries[entry.name] = entry

    def get(self, name: str, where: str | None = None) -> Entry:
        """The entry called ``name``; raises `InputError` at ``where`` if there is none."""
        if name not in self._entries:
            raise unknown(where or self.kind, name, self._entries)
        return self._entries[name]

    @contextmanager
    def holding(self, entry: Entry) -> Iterator[Entry]:
        """For the time of a ``with`` block the entry is in the registry; it goes again if it was not there before."""
        if self._entries.get(entry.name) is entry:
            yield entry
            return
        self.add(entry)
        try:
            yield entry
        finally:
            del self._entries[entry.name]

    def names(self) -> list[str]:
        return list(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)
