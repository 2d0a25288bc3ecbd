"""Opening a page of the app without a browser, and reading what it says."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def page(name: str = "", **query: str) -> AppTest:
    """The page by its file's name, Explore without one, opened by a link with this query."""
    at = AppTest.from_file("../../pages/router.py", default_timeout=120)
    for key, value in query.items():
        at.query_params[key] = value
    return (at.switch_page(f"{name}.py") if name else at).run()


def texts(at: AppTest) -> str:
    """All sentences on the page, as they are read: without the backslashes that guard user text."""
    return " ".join(str(e.value) for kind in ("markdown", "caption", "warning", "error", "info") for e in at.get(kind)).replace("\\", "")
