"""Opening a page of the app without a browser, and reading what it says."""

from __future__ import annotations

import re

from streamlit.testing.v1 import AppTest

# A question that is answered in seconds.
TINY = {
    "source": {"name": "moons", "params": {"n": 200}},
    "target": {"name": "moons", "params": {"n": 200}, "shifts": [{"name": "rotation", "severity": 0.3}]},
    "backbone": {"name": "mlp", "params": {"width": 16, "bottleneck": 8}},
    "budget": {"source_epochs": 1, "epochs": 2, "batch_size": 16},
    "snapshot": 30,
}

WORDS = ("title", "header", "subheader", "markdown", "caption", "warning", "error", "info")


def page(name: str = "", **query: str) -> AppTest:
    """The page by its file's name, Explore without one, opened by a link with this query."""
    at = AppTest.from_file("../../pages/router.py", default_timeout=120)
    for key, value in query.items():
        at.query_params[key] = value
    return (at.switch_page(f"{name}.py") if name else at).run()


def texts(at: AppTest) -> str:
    """All sentences on the page, as they are read: without the backslashes that guard user text."""
    found = [str(e.value) for kind in WORDS for e in getattr(at, kind)] + [part.label for part in at.expander]
    return " ".join(found).replace("\\", "")


def everything(at: AppTest) -> str:
    """All that the page says: texts, numbers, tables, charts, choices, and what screen readers are told; not the lines of its icons."""
    parts = [texts(at)]
    parts += [f"{m.label} {m.value} {m.delta}" for m in at.metric]
    parts += [table.value.to_csv() for table in at.dataframe]
    parts += [" ".join(map(str, box.options)) for kind in ("selectbox", "multiselect") for box in at.get(kind)]
    parts += [str(e.proto) for kind in ("bidi_component", "plotly_chart", "imgs", "html") for e in at.get(kind)]
    return re.sub(r"<svg.*?</svg>", "", " ".join(parts), flags=re.DOTALL).replace("\\", "")
