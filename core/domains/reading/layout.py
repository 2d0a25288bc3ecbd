"""Which domain and which class a file belongs to, told by the folders it lies in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Literal

from pydantic import Field

from core.domains.reading.archives import Member, members
from core.domains.reading.base import Given, Note, Options

Layout = Literal["automatic", "class/file", "domain/class/file", "domain/file"]


class FolderOptions(Options):
    """Choices for samples that are files in folders."""

    layout: Layout = Field(
        "automatic",
        description="What the folders mean. automatic: one level is the class, two are domain and class, none is a domain without labels.",
    )


Labelled = tuple[Member, str | None]


@contextmanager
def files_by_domain(
    givens: Sequence[Given], suffixes: tuple[str, ...], layout: Layout, notes: list[Note]
) -> Iterator[tuple[dict[str, list[Labelled]], dict[str, int]]]:
    """The files of each domain with their classes, which can be read inside the context, and how many files lie in each that was given."""
    with ExitStack() as stack:
        groups: dict[str, list[Labelled]] = {}
        counts: dict[str, int] = {}
        for given in givens:
            inside, counts[given.title] = stack.enter_context(members(given, suffixes, notes))
            for name, files in arrange(given, inside, layout, notes).items():
                groups.setdefault(name, []).extend(files)
        yield groups, counts


def arrange(given: Given, inside: Sequence[Member], layout: Layout, notes: list[Note]) -> dict[str, list[Labelled]]:
    """The members of each domain with their classes; None for the members of a domain without labels.

    Outer folders that hold everything are passed by. Where no folder is a domain, the file itself names it.
    """
    name, folders = given.stem, [member.folders for member in inside]
    while folders and all(len(f) > 1 and f[0] == folders[0][0] for f in folders):
        folders = [f[1:] for f in folders]
    if layout == "automatic":
        by_depth: dict[int, Layout] = {0: "domain/file", 1: "class/file"}
        layout = by_depth.get(max(map(len, folders), default=0), "domain/class/file")
    found: dict[str, list[Labelled]] = defaultdict(list)
    for member, f in zip(inside, folders, strict=True):
        if layout == "class/file":
            found[name].append((member, f[0] if f else None))
        elif layout == "domain/file":
            found[f[0] if f else name].append((member, None))
        else:
            found[f[0] if f else name].append((member, f[1] if len(f) > 1 else None))
    return {domain: _one_sort(domain, files, notes) for domain, files in found.items()}


def _one_sort(domain: str, files: list[Labelled], notes: list[Note]) -> list[Labelled]:
    """Files without a class are left out where others of the domain have one."""
    labelled: list[Labelled] = [(member, label) for member, label in files if label is not None]
    if labelled and len(labelled) < len(files):
        loose = len(files) - len(labelled)
        notes.append(Note(domain, f"Left out: {loose:,} files that lie in no class folder.", loose))
    return labelled or files
