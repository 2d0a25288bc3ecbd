"""The embedding canvas on a page of its own, with made-up maps: what it draws and answers can be checked point by point."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from core.maps import class_centres, density_contour
from core.maps.data import MapData
from pages.elements import embedding, routes

PAGE = """<!doctype html><meta charset=utf-8><title>canvas</title>
<style>%s body { margin: 20px; background: %s; --st-text-color: %s; --st-background-color: %s; --st-secondary-background-color: #8883;
--st-primary-color: #0072b2; }</style>
<div id=host>%s</div>
<script type=module>
import element from "/embedding/%s/element.js";
const host = document.getElementById("host");
window.told = []; // what the page would have been told: [name, value]
window.mount = (data) => { window.leave = element({ data: JSON.stringify(data), parentElement: host,
  setStateValue: (name, value) => window.told.push([name, value]) }); };
window.ready = true;
</script>"""


def made_up(n: int = 1000, epochs: int = 12, classes: int = 10, seed: int = 0, pictures: bool = True, name: str = "made") -> MapData:
    """Classes whose target half comes closer to the source half epoch by epoch; n samples in all."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    domain = (np.arange(n) >= n // 2).astype(np.uint8)
    angle = 2 * np.pi * labels / classes
    home = 0.65 * np.stack([np.cos(angle), np.sin(angle)], 1)
    noise = 0.08 * rng.normal(size=(n, 2))
    away = np.stack([np.full(n, 0.35), np.full(n, -0.2)], 1) * domain[:, None]
    share = np.linspace(1, 0, epochs) if epochs > 1 else np.ones(1)
    positions = np.stack([home * (1 - 0.5 * s * domain[:, None]) + noise + s * away for s in share]).clip(-1, 1).astype(np.float32)
    predictions = np.stack([np.where(rng.random(n) < 0.5 * s * domain, rng.integers(0, classes, n), labels) for s in share]).astype(
        np.int16
    )
    sprites = None
    if pictures:  # the brightness of sample i's picture is i modulo 251
        sprites = np.broadcast_to((np.arange(n) % 251).astype(np.uint8)[:, None, None], (n, 8, 8)).copy()
    return MapData(
        identity=f"{name}{seed}x{n}x{epochs}-pca-live",
        version=f"{name}{seed}x{n}x{epochs}{pictures}",
        epochs=tuple(range(epochs)),
        positions=positions,
        domain=domain,
        labels=labels.astype(np.int16),
        predictions=predictions,
        confidence=rng.uniform(0.3, 1, (epochs, n)).astype(np.float32),
        class_names=tuple(f"class {k}" for k in range(classes)),
        titles=tuple("before" if e == 0 else f"epoch {e}" for e in range(epochs)),
        captions=tuple(f"Domain AUC 0.{90 - e} in the full space" for e in range(epochs)),
        centres=np.stack([class_centres(p, labels, domain, classes) for p in positions]),
        outlines=tuple(tuple(density_contour(p[domain == d]) for d in (0, 1)) for p in positions),
        pictures=sprites,
        rows=None if pictures else rng.normal(size=(n, 4)).astype(np.float32),
        note=f"Showing {n} made-up samples.",
    )


class Harness:
    def __init__(self, url: str, page):
        self.url, self.page = url, page

    def show(self, data: MapData, **mount) -> None:
        """Mount the map and wait until all of its epochs are drawn."""
        self.mount(data, **mount)
        self.page.wait_for_selector(f".embedding[data-identity='{data.identity}'][data-frames='{len(data.epochs)}']:not([hidden])")
        self.page.wait_for_timeout(100)

    def mount(self, data: MapData, **mount) -> None:
        whole = {"key": "map", "address": routes.publish(data), "version": data.version, "mode": "pair", "alt": "A map.", "epoch": None}
        whole |= {"selection": "", "run": None, "follow": False, "height": 420, "export": False} | mount
        self.page.evaluate("(mount) => window.mount(mount)", whole)

    def told(self, name: str):
        """The values that the page was told under this name."""
        return [value for key, value in self.page.evaluate("window.told") if key == name]

    def attribute(self, name: str) -> str:
        return self.page.locator(".embedding").get_attribute(f"data-{name}")


@contextmanager
def serve(dark: bool = False):
    """The harness's server; yields its address."""
    colours = ("#12151b", "#e8eaee", "#12151b") if dark else ("#ffffff", "#1d2129", "#ffffff")
    html, css = ((embedding._FOLDER / f"embedding.{kind}").read_text("utf-8") for kind in ("html", "css"))
    page = PAGE % (css, *colours, html, embedding.VERSION)
    app = Starlette(routes=[Route("/", lambda request: HTMLResponse(page)), *routes.ROUTES])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


def on(page, url: str) -> Harness:
    page.goto(url)
    page.wait_for_function("window.ready")
    return Harness(url, page)
