"""The HTML that a browser gets first: Streamlit's own, with the house's style in it.

A style that a script sends comes after the page that it is for, which then jumps once; this one is there before anything is drawn.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import streamlit
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from pages.elements.script import ASSETS

PAGES = ("/", "/explore", "/adapt", "/compare")


@cache
def text() -> str:
    """Streamlit's first HTML with our title and style."""
    found = (Path(streamlit.__file__).parent / "static" / "index.html").read_text("utf-8")
    style = (ASSETS / "page.css").read_text("utf-8")
    return found.replace("<title>Streamlit</title>", "<title>Shiftscope</title>").replace("</head>", f"<style>{style}</style></head>")


def first(_: Request) -> HTMLResponse:
    return HTMLResponse(text(), headers={"Cache-Control": "no-cache"})


ROUTES = [Route(path, first) for path in PAGES]
