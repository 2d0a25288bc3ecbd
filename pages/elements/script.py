"""The scripts that Streamlit carries to the browser with an element, each of which knows where the app is."""

from __future__ import annotations

from pathlib import Path

ASSETS = Path(__file__).resolve().parents[2] / "assets"


def with_server(script: str) -> str:
    """An ES module's text with that of server.js before it: such a module is not loaded from the server, so it can't import by a path."""
    return (ASSETS / "embedding" / "server.js").read_text("utf-8") + script
