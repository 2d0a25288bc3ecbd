"""What the embedding canvas asks the server for: the epochs that it does not hold yet, the samples, its own script.

The canvas fetches these itself, as soon as a run's pulse tells it of a new epoch: it need not wait until the page has been drawn again,
and the page's own messages stay small.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core.cache import Cache
from core.errors import InputError
from core.figures import map_script
from core.maps import run_map
from core.maps.data import MapData
from core.maps.packing import Sheet, pack, pack_rows, sample_lines, sprite_sheet
from core.runs import snapshots, store
from core.runs.blind import Blind
from core.runs.record import Record
from pages.elements import embedding
from pages.elements.text import whole_number

BLIND = "-blind"  # ends the name of a run in an address whose map must not show target labels
ASKED = 32  # epochs whose quality is asked for at once
_FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}
_NEVER = {"Cache-Control": "no-store"}

PUBLISHED: Cache[MapData] = Cache("maps that belong to no run", entries=32)
_PACKED: Cache[bytes | None] = Cache("packed maps", nbytes=1 << 26)
_SHEETS: Cache[Sheet] = Cache("sprite sheets", nbytes=1 << 26)


def address_of(record: Record, kind: str) -> str:
    """Where the canvas finds a run's map."""
    return f"run/{_name(record)}/{kind}"


def _name(record: Record) -> str:
    return record.id + BLIND * record.blind


def _found(name: str) -> Record:
    """The run that an address names, without target labels if the address says so."""
    record = store.find(name.removesuffix(BLIND))
    return Blind(record.folder) if name.endswith(BLIND) else record


def publish(data: MapData) -> str:
    """Hold a map that belongs to no run; returns where the canvas finds it."""
    name = hashlib.sha256(data.version.encode()).hexdigest()[:16]
    PUBLISHED.get(name, lambda: data)
    return f"data/{name}/map"


def _answered(handler):
    """An `InputError` becomes words that the canvas shows."""

    def answer(request: Request) -> Response:
        try:
            return handler(request)
        except InputError as error:
            return JSONResponse({"message": f"{error.what} {error.remedy}"}, 404, headers=_NEVER)

    return answer


def _missing() -> InputError:
    return InputError("map", "The server no longer holds this map.", "Reload the page.")


def _run(request: Request) -> tuple[Record, run_map.Kind]:
    kind = request.path_params["kind"]
    if kind not in run_map.KINDS:
        raise InputError("map", f"There is no map called {kind[:20]!r}.", f"Choose one of: {', '.join(run_map.KINDS)}.")
    record = _found(request.path_params["name"])
    if kind not in run_map.kinds(record):
        raise InputError("map", "The inputs of this run are not points of a plane.", "Choose another map.")
    return record, kind


def _number(request: Request, name: str) -> int:
    return whole_number(request.query_params.get(name, "")) or 0


@_answered
def _map(request: Request) -> Response:
    """Every epoch from ``since`` on, or all of them where the browser holds an older map (``identity``)."""
    since, identity = _number(request, "since"), request.query_params.get("identity", "")
    if request.path_params["source"] == "data":
        name = request.path_params["name"]
        data = _published(name)
        body = _PACKED.get(("data", name), lambda: pack(data, 0, *_places(data, f"map/data/{name}/samples")))
    else:
        record, kind = _run(request)
        stamp = f"{record.version()}-{record.status()['state']}"
        body = _PACKED.get((_name(record), kind, since, identity), lambda: _packed(record, kind, since, identity), stamp)
    if body is None:
        raise InputError("map", "This map is not ready yet.", "It appears as soon as its first epoch is finished.")
    # Streamlit's own files are sent as they are, so nothing compresses this again.
    return Response(body, media_type="application/octet-stream", headers=_NEVER | {"Content-Encoding": "gzip"})


def _packed(record: Record, kind: run_map.Kind, since: int, identity: str) -> bytes | None:
    data = run_map.run_map(record, kind)
    if data is None:
        return None
    holds = since if data.identity == identity and since <= len(data.epochs) else 0
    return pack(data, holds, *_places(data, f"map/run/{_name(record)}/samples"))


def _published(name: str) -> MapData:
    data = PUBLISHED.find(name)
    if data is None:
        raise _missing()
    return data


def _places(data: MapData, place: str) -> tuple[dict[str, Any] | None, str | None]:
    """Where the sprite sheet and the rows are, in the words of the header."""
    if data.pictures is None:
        return None, place if data.rows is not None or data.originals.texts else None
    digest, sheet = _sheet_of(data.pictures)
    return {"url": f"{place}?{digest}", "columns": sheet.columns, "width": sheet.width, "height": sheet.height}, None


def _sheet_of(pictures: np.ndarray) -> tuple[str, Sheet]:
    """Drawn once: epochs come in all the time, the samples stay."""
    digest = hashlib.sha256(np.ascontiguousarray(pictures).data).hexdigest()[:16]
    return digest, _SHEETS.get(digest, lambda: sprite_sheet(pictures))


@_answered
def _samples(request: Request) -> Response:
    """The sprite sheet; where the samples are no pictures, their rows as numbers, or a line of words for each."""
    name = request.path_params["name"]
    data = _published(name) if request.path_params["source"] == "data" else snapshots.frames(_found(name))
    if data is None:
        raise _missing()
    if data.pictures is None and (lines := sample_lines(data)):
        return JSONResponse(lines, headers=_NEVER)
    if data.pictures is None:
        return Response(pack_rows(data), media_type="application/octet-stream", headers=_NEVER)
    return Response(_sheet_of(data.pictures)[1].png, media_type="image/png", headers=_FOREVER)


@_answered
def _quality(request: Request) -> Response:
    record, kind = _run(request)
    numbers = map(whole_number, request.query_params.get("epochs", "").split(","))
    epochs = [number for number in numbers if number is not None]
    return JSONResponse(run_map.quality(record, kind, epochs[:ASKED]), headers=_NEVER)


@_answered
def _script(request: Request) -> Response:
    """A Python program that draws this map from the run's folder, without Shiftscope."""
    record, kind = _run(request)
    found = run_map.positions(record, kind, record.status()["state"] == "finished")
    if found is None:
        raise InputError("map", "This map is not ready yet.", "It appears as soon as its first epoch is finished.")
    epoch = _number(request, "epoch")
    if epoch not in found.epochs:
        raise InputError("map", f"The map has no epoch {epoch}.", f"Choose one from {found.epochs[0]} to {found.epochs[-1]}.")
    headers = _NEVER | {"Content-Disposition": f'attachment; filename="shiftscope-{record.id}-{kind}.py"'}
    return Response(map_script.write(record, kind, epoch), media_type="text/x-python", headers=headers)


def _module(request: Request) -> Response:
    """One of the element's scripts; the version in its address changes with their content."""
    text = _MODULES.get(request.path_params["name"])
    if text is None or request.path_params["version"] != embedding.VERSION:
        return Response("There is no such script. Reload the page.", 404, headers=_NEVER)
    return Response(text, media_type="text/javascript", headers=_FOREVER)


_MODULES = embedding.modules()
ROUTES = [
    Route("/embedding/{version}/{name}", _module),
    Route("/map/{source}/{name}/samples", _samples),
    Route("/map/run/{name}/{kind}/quality", _quality),
    Route("/map/run/{name}/{kind}/script.py", _script),
    Route("/map/{source}/{name}/{kind}", _map),
]
