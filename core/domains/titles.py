"""What a domain is called wherever it is named: on pages, in reports and on the command line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from core.cache import Cache
from core.domains.base import DOMAINS
from core.domains.own import entries, folder

_NAMES: Cache[dict[str, str]] = Cache("names of uploads", entries=1)


def domain_title(spec: Mapping[str, Any]) -> str:
    """For example "Handwritten digits, rotation 0.5"; own data by the name that they came with, files by theirs.

    Parameters
    ----------
    spec : mapping
        A domain as an experiment stores it: ``name``, ``params`` and ``shifts``. It need not be there any more.
    """
    return ", ".join([_name(spec["name"], spec["params"]), *shift_titles(spec["shifts"])])


def domain_licence(spec: Mapping[str, Any]) -> str:
    """Under what terms its samples are shown, and whose they are; empty for a domain that is not registered any more."""
    return DOMAINS.get(spec["name"]).licence if spec["name"] in DOMAINS else ""


def shift_titles(shifts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every shift with its severity: "rotation 0.5"."""
    return [f"{shift['name']} {shift['severity']:g}" for shift in shifts]


def _name(name: str, params: Mapping[str, Any]) -> str:
    if name == "own":
        return _own(params["digest"])
    if name == "file":
        file = params["path"].replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
        return f"{file} / {params['domain']}" if params.get("domain") else file
    return DOMAINS.get(name).title if name in DOMAINS else name.capitalize()


def _own(digest: str) -> str:
    """The name of an upload; where another has the same, with the digits that tell them apart."""
    place = folder()
    # A list of runs asks for hundreds of titles. What is stored is known by its digests, so their list says whether anything has changed.
    stamp = tuple(sorted(path.name for path in place.iterdir())) if place.is_dir() else ()
    return _NAMES.get(str(place), _names, stamp).get(digest, f"own data {digest[:6]} (deleted)")


def _names() -> dict[str, str]:
    """Digest → name of everything that is stored."""
    stored = entries()
    often = Counter(entry.name for entry in stored)
    return {entry.digest: entry.name if often[entry.name] == 1 else entry.title for entry in stored}
