"""Which domain and which class a file belongs to, told by the folders it lies in."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Literal

from pydantic import Field

from core.domains.reading.archives import Member, members
from core.domains.reading.base import Given, Note, Options, few
from core.domains.reading.names import distinct

Layout = Literal["automatic", "class/file", "domain/class/file", "domain/file", "split/class/file", "domain/split/class/file"]
LEVELS = {"automatic": 1, "class/file": 1, "domain/class/file": 2, "domain/file": 1, "split/class/file": 1, "domain/split/class/file": 2}
SPLITS = ("train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval", "evaluation")
HOLDERS = ("images", "image", "imgs", "img", "pictures", "photos", "jpg", "jpegs", "png", "sounds", "audio", "wav", "wavs", "data", "files")


class FolderOptions(Options):
    """Choices for samples that are files in folders."""

    layout: Layout = Field(
        "automatic",
        description="What the folders mean. automatic: one level is the class, two are domain and class, none is a domain without labels; "
        "folders such as train or images between them are passed by. split/class: the class is the folder that a file lies in.",
    )


Labelled = tuple[Member, str | None]
Folders = tuple[str, ...]


@contextmanager
def files_by_domain(
    givens: Sequence[Given], suffixes: tuple[str, ...], layout: Layout, notes: list[Note]
) -> Iterator[tuple[dict[str, list[Labelled]], dict[str, int]]]:
    """The files of each domain with their classes, which can be read inside the context, and how many files lie in each that was given."""
    with ExitStack() as stack:
        counts: dict[str, int] = {}
        arranged: list[tuple[Given, dict[str, list[Labelled]]]] = []
        for given in givens:
            inside, counts[given.title] = stack.enter_context(members(given, suffixes, notes))
            arranged.append((given, arrange(given, inside, layout, notes)))
        yield _apart(arranged, notes), counts


def _apart(arranged: list[tuple[Given, dict[str, list[Labelled]]]], notes: list[Note]) -> dict[str, list[Labelled]]:
    """All domains by their names; those of one name in several files are called by their files as well."""
    often = Counter(name for _, groups in arranged for name in groups)
    found: dict[str, list[Labelled]] = {}
    for given, groups in arranged:
        names = [name if often[name] == 1 else f"{name} ({given.title})" for name in groups]
        found |= dict(zip(distinct([*found, *names])[len(found) :], groups.values(), strict=True))
    for name, times in often.items():
        if times > 1:
            notes.append(Note(name, f"A domain of this name is in {times} files; each is a domain of its own."))
    return found


def arrange(given: Given, inside: Sequence[Member], layout: Layout, notes: list[Note]) -> dict[str, list[Labelled]]:
    """The members of each domain with their classes; None for the members of a domain without labels.

    Outer folders that hold everything are passed by. Where no folder is a domain, the file itself names it.
    """
    name, folders = given.stem, [member.folders for member in inside]
    while folders and all(len(f) > LEVELS[layout] and f[0] == folders[0][0] for f in folders):
        folders = [f[1:] for f in folders]
    if layout == "automatic":
        folders = _plain(given, folders, notes)
        layout = _layout(given, folders, notes)
    found: dict[str, list[Labelled]] = defaultdict(list)
    for member, f in zip(inside, folders, strict=True):
        domain = f[0] if f and layout.startswith("domain") else name
        within = f[1:] if layout.startswith("domain") else f
        label = within[-1 if "split" in layout else 0] if within and layout != "domain/file" else None
        found[domain].append((member, label))
    return {domain: _one_sort(domain, files, notes) for domain, files in found.items()}


def _plain(given: Given, folders: list[Folders], notes: list[Note]) -> list[Folders]:
    """The folders without those that say neither domain nor class: splits such as train, and holders such as images.

    The last folder stays, and so do splits where nothing else could be the domain.
    """
    passed: dict[str, None] = {}

    def plain(f: Folders) -> Folders:
        *outer, last = f
        for words, fewest in ((HOLDERS, 0), (SPLITS, 1)):
            for part in [part for part in outer if part.lower() in words]:
                if len(outer) > fewest:
                    outer.remove(part)
                    passed[part] = None
        return (*outer, last)

    found = [plain(f) if len(f) > 1 else f for f in folders]
    while (level := _constant(found)) is not None:
        passed[next(f[level] for f in found if len(f) > level + 1)] = None
        found = [f[:level] + f[level + 1 :] if len(f) > level + 1 else f for f in found]
    if passed:
        listed = few(list(passed))
        notes.append(Note(given.stem, f"The folders {listed} are neither domains nor classes: what lies in them is read together."))
    return found


def _constant(folders: list[Folders]) -> int | None:
    """A level between domain and class at which there is one folder only; None where there is none."""
    depth = max(map(len, folders), default=0)
    for level in range(1, depth - 1):
        if len({f[level] for f in folders if len(f) > level + 1}) == 1:
            return level
    return None


def _layout(given: Given, folders: list[Folders], notes: list[Note]) -> Layout:
    """What the folders mean, told by how deep they are; of more than two levels also by whether the last one's names recur."""
    depth = max(map(len, folders), default=0)
    if depth < 3:
        by_depth: dict[int, Layout] = {0: "domain/file", 1: "class/file", 2: "domain/class/file"}
        return by_depth[depth]
    homes: dict[str, set[str]] = defaultdict(set)
    for f in folders:
        if len(f) > 2:
            homes[f[-1]].add(f[1])
    recur = all(len(places) > 1 for places in homes.values()) and not all(name.isdigit() for name in homes)
    example = "/".join(next(f for f in folders if len(f) == depth))
    which = "last" if recur else "second"
    notes.append(Note(given.stem, f"The class is the {which} of the folders, as in {example}. Choose another layout if that is wrong."))
    return "domain/split/class/file" if recur else "domain/class/file"


def _one_sort(domain: str, files: list[Labelled], notes: list[Note]) -> list[Labelled]:
    """Files without a class are left out where others of the domain have one."""
    labelled: list[Labelled] = [(member, label) for member, label in files if label is not None]
    if labelled and len(labelled) < len(files):
        loose = len(files) - len(labelled)
        notes.append(Note(domain, f"Left out: {loose:,} files that lie in no class folder.", loose))
    return labelled or files
