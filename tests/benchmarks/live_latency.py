"""How soon the browser shows what the worker wrote: ``uv run python tests/benchmarks/live_latency.py``.

Measures, on a warm server and an idle machine: from the click on Run to the first point on the curve; and for each
adaptation epoch, from its line in ``epochs.jsonl`` to the canvas holding it. Also counts live figures removed from the DOM.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import numpy as np
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser.conftest import ARGUMENTS, Server, chromium

WATCH = """
window.frames_at = {}; window.arrived = []; new PerformanceObserver(list => { for (const e of list.getEntries())
  if (/\\/map\\/run\\/.*since=/.test(e.name)) window.arrived.push(performance.timeOrigin + e.responseEnd); }).observe({type: 'resource'});
 window.points_at = []; window.first_point = null; window.removed = 0;
const live = e => (e.shadowRoot && e.shadowRoot.querySelector('.embedding')) || e.matches('.shiftscope-chart');
new MutationObserver(list => { for (const m of list) for (const n of m.removedNodes)
  if (n.nodeType === 1 && [n, ...n.querySelectorAll('*')].some(live)) window.removed++;
}).observe(document.body, {childList: true, subtree: true});
(function look() {
  const now = performance.timeOrigin + performance.now();
  const chart = document.querySelector('[data-key=accuracy]');
  if (!window.map_ || !window.map_.isConnected) {
    const inside = e => e.shadowRoot && e.shadowRoot.querySelector('.embedding[data-key=embedding]');
    const host = [...document.querySelectorAll('*')].find(inside);
    window.map_ = host && host.shadowRoot.querySelector('.embedding');
  }
  const canvas = window.map_;
  if (location.search.includes('run=')) {
    // The shipped run, shown until now, has many points; a new curve begins with those of one epoch.
    if (!window.first_point && chart && +chart.dataset.points > 0 && +chart.dataset.points <= 8) window.first_point = now;
    const points = chart ? +chart.dataset.points : 0;
    if (points && points !== window.last_points) { window.last_points = points; window.points_at.push(now); }
    if (canvas?.dataset.frames && !(canvas.dataset.frames in window.frames_at)) window.frames_at[canvas.dataset.frames] = now;
  }
  setTimeout(look, 10);
})();
"""


def main(viewers: int = 1) -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(Path(folder))
        server.start()
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        try:
            page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
            page.goto(server.url)
            page.wait_for_timeout(75_000)  # until UMAP is compiled, which a new home folder asks for once
            # A first short run warms everything that a first visitor would have warmed.
            measure(page, server, {"epochs": "4", "source_epochs": "2", "seed": "77"})
            first, delays, removed = measure(page, server, {"seed": "78"})
            print(f"click to first point: {first:.2f} s")
            for name, values in delays.items():
                middle, late = np.percentile(values, [50, 95])
                print(f"epoch written to {name}, {len(values)} epochs: p50 {middle:.0f} ms, p95 {late:.0f} ms")
            print(f"live figures removed from the DOM: {removed}")
        finally:
            browser.close()
            server.stop()


def measure(page, server: Server, query: dict[str, str]) -> tuple[float, dict[str, list[float]], int]:
    page.goto(f"{server.url}/adapt?{urlencode(query)}")
    button = page.get_by_role("button", name="Run", exact=True)
    button.wait_for()
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_timeout(3000)
    page.evaluate(WATCH)
    clicked = time.time()
    button.click()
    page.wait_for_url("**run=*")
    page.locator(".st-key-controls .stMarkdownBadge", has_text="running").wait_for()
    page.wait_for_function("document.querySelectorAll('.st-key-controls').length === 1")
    page.wait_for_timeout(500)
    page.locator("[data-key=accuracy]").scroll_into_view_if_needed()
    page.evaluate("window.removed = 0")  # the shipped run, shown until now, had to make room
    lines = server.home / "data" / "runs" / parse_qs(urlsplit(page.url).query)["run"][0] / "epochs.jsonl"
    written: dict[int, float] = {}
    stop = threading.Event()
    watcher = threading.Thread(target=_watch, args=(lines, written, stop))
    watcher.start()
    page.locator(".st-key-controls .stMarkdownBadge", has_text="finished").wait_for(timeout=300_000)
    page.wait_for_timeout(1000)
    stop.set()
    watcher.join()
    shown = {int(k): v / 1000 for k, v in page.evaluate("window.frames_at").items()}
    first_frame = min(written)
    # Frame k of the map is the k-th line of the adaptation.
    # The shipped run, shown before, may have had as many frames.
    epochs = [k for k in sorted(written) if k > first_frame and shown.get(k, 0) >= written[k]]
    canvas = [1000 * (shown[k] - written[k]) for k in epochs]
    changes = [at / 1000 for at in page.evaluate("window.points_at")]
    curve = [1000 * (min(at for at in changes if at >= written[k]) - written[k]) for k in epochs if changes[-1] >= written[k]]
    arrivals = [at / 1000 for at in page.evaluate("window.arrived")]
    arrived = [1000 * (min(at for at in arrivals if at >= written[k]) - written[k]) for k in epochs if arrivals[-1] >= written[k]]
    delays = {"its map in the browser": arrived, "its map drawn": canvas, "the curve drawn": curve}
    return page.evaluate("window.first_point") / 1000 - clicked, delays, page.evaluate("window.removed")


def _watch(path: Path, written: dict[int, float], stop: threading.Event) -> None:
    while not stop.is_set():
        if path.exists():
            count = sum('"phase": "adapt"' in line for line in path.read_text().splitlines())
            if count:
                written.setdefault(count, time.time())
        time.sleep(0.01)


if __name__ == "__main__":
    main()
