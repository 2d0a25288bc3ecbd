"""The front door: the server (routes, start, shutdown) and the script it shows.

Start it with ``streamlit run app.py``.
"""

import gc
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import plotly
import streamlit as st
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from core import devices
from core.maps.process import mapper
from core.runs.worker import worker
from pages.elements import pulse, routes
from pages.frame import shell, trouble

HERE = Path(__file__).parent


@asynccontextmanager
async def lifespan(_app):
    """Import what jobs need before the first visitor comes: an import holds the interpreter and freezes every page."""
    sys.setswitchinterval(0.001)  # a page waits at most so long for the interpreter while a run trains; the default is five times that
    devices.warm_up()
    mapper().start()  # a process that warms up by itself: compiling UMAP takes tens of seconds
    gc.collect()
    gc.freeze()  # half a million long-lived objects need not be walked again
    yield {}
    worker().close()
    mapper().close()


# The live charts load Plotly's script from the plotly package, so that no network is needed.
app = st.App(
    HERE / "pages" / "router.py",
    lifespan=lifespan,
    on_script_error=trouble.show,
    routes=[
        Mount("/vendor/plotly", StaticFiles(directory=Path(plotly.__file__).parent / "package_data")),
        Route("/pulse/{run_id}", pulse.events),
        *routes.ROUTES,
        *shell.ROUTES,
    ],
)
