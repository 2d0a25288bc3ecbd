"""The pulse of a run: the server tells the browser when a record has changed, and only then is the page drawn again.

A page that looks four times a second keeps a small machine busy with drawing what it shows already; this one is told
within a twentieth of a second, and does nothing in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from streamlit.components.v2 import component

from core.runs import store
from pages.elements.script import ASSETS, with_server

LOOK = 0.015  # seconds between two looks at the record's files: two calls of stat
SETTLE = 0.01
REST = 0.2  # seconds between two events: a rerun that is asked for during another one starts that one over
QUIET = 0.7  # seconds after an event in which a mere note of progress is not worth another one
LASTS = 600  # seconds until a connection is given up; the browser opens the next one by itself

_component = component("shiftscope_pulse", html="<span hidden></span>", js=with_server((ASSETS / "pulse.js").read_text("utf-8")))


def pulse(run_id: str) -> None:
    """Rerun the fragment that this stands in whenever the run's record changes."""
    _component(key="pulse", data={"run": run_id}, on_beat_change=_no_callback)


def _no_callback() -> None:
    """Declares the trigger ``beat``: that it comes is all that matters."""


async def events(request: Request) -> Response:
    """Server-sent events: one whenever ``epochs.jsonl`` or ``status.json`` of a run has changed."""
    run_id = request.path_params["run_id"]
    if not re.fullmatch(r"[0-9a-f]{12}", run_id):
        return PlainTextResponse("There is no such run.", 404)
    return StreamingResponse(
        beats(store.runs_folder() / run_id, request), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


async def beats(folder: Path, request: Request) -> AsyncIterator[str]:
    last, told = _beat(folder), 0.0
    for look in range(int(LASTS / LOOK)):
        await asyncio.sleep(LOOK)
        beat = _beat(folder)
        epoch = beat[0] != last[0]
        if epoch or (beat != last and time.monotonic() - told > QUIET):
            await asyncio.sleep(SETTLE)  # an epoch's line is followed by its status: one event for both
            last, told = _beat(folder), time.monotonic()
            yield f"data: {'-'.join(last)}\n\n"
            await asyncio.sleep(REST if epoch else REST / 2)
        elif look % 300 == 0:
            yield ": still here\n\n"  # lets the server notice that the browser has gone
            if await request.is_disconnected():
                return


def _beat(folder: Path) -> tuple[str, str]:
    """When the epochs and the status were last written."""
    marks = ["0", "0"]
    for i, name in enumerate(("epochs.jsonl", "status.json")):
        with contextlib.suppress(OSError):
            marks[i] = f"{(folder / name).stat().st_mtime_ns:x}"
    return marks[0], marks[1]
