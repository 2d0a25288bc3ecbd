"""What a domain is called wherever it is named: on pages, in reports and on the command line."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from core.cache import Cache
from core.domains.base import DOMAINS
from core.domains.own import entries, folder
from core.shifts import SHIFTS

_NAMES: Cache[dict[str, str]] = Cache("names of uploads", entries=1)


def domain_title(spec: Mapping[str, Any]) -> str:
    """For example "Handwritten digits, rotation 0.5"; own data by the name that they came with, files by theirs.

    Parameters
    ----------
    spec : mapping
        A domain as an experiment stores it: ``name``, ``params`` and ``shifts``. It need not be there any more.
    """
    return ", ".join([domain_name(spec["name"], spec["params"]), *shift_titles(spec["shifts"])])


def domain_licence(spec: Mapping[str, Any]) -> str:
    """Under what terms its samples are shown, and whose they are; empty for a domain that is not registered any more."""
    return DOMAINS.get(spec["name"]).licence if spec["name"] in DOMAINS else ""


def shift_titles(shifts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every shift with its severity: "rotation 0.5"."""
    return [f"{shift_title(shift['name']).lower()} {shift['severity']:g}" for shift in shifts]


def shift_title(name: str) -> str:
    return SHIFTS.get(name).title if name in SHIFTS else name.capitalize()


def domain_name(name: str, params: Mapping[str, Any]) -> str:
    """The title of a domain without its shifts."""
    if name == "own":
        return own_names().get(params["digest"], "Own data that were deleted")
    if name == "file":
        file = params["path"].replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
        return f"{file} / {params['domain']}" if params.get("domain") else file
    return DOMAINS.get(name).title if name in DOMAINS else name.capitalize()


def own_names() -> dict[str, str]:
    """Digest → name of everything that is stored, the newest first; where several have one name, with the time at which they came."""
    place = folder()
    # A list of runs asks for hundreds of titles. What is stored is known by its digests, so their list says whether anything has changed.
    stamp = tuple(sorted(path.name for path in place.iterdir())) if place.is_dir() else ()
    return _NAMES.get(str(place), lambda: distinct({e.digest: (e.name, e.created) for e in entries()}), stamp)


def distinct(named: Mapping[str, tuple[str, float]]) -> dict[str, str]:
    """Key → title, of names with their times (seconds since 1970): where several have one name the time says which, and then a number."""
    often = Counter(name for name, _ in named.values())
    dated = {key: name if often[name] == 1 else f"{name}, {moment(when)}" for key, (name, when) in named.items()}
    count: Counter[str] = Counter()
    titles = {}
    for key in sorted(dated, key=lambda key: (named[key][1], key)):  # the oldest of a minute is the first, whatever comes later
        count[dated[key]] += 1
        titles[key] = dated[key] if count[dated[key]] == 1 else f"{dated[key]} ({count[dated[key]]})"
    return {key: titles[key] for key in named}


def moment(when: float) -> str:
    """ "27 Nov 21:30", by this machine's clock."""
    local = time.localtime(when)
    return f"{local.tm_mday} {time.strftime('%b %H:%M', local)}"
