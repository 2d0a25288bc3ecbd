"""How fast the embedding canvas is in Chromium with software GL: ``uv run python tests/benchmarks/canvas.py``.

Tween frames a second (a bare page that only clears a canvas of the same size is the alternative: what this machine can give at all),
time from the data's arrival to the end of the first draw, and the bytes that travel. Made-up maps of 12 epochs, one and two panes.

The first draw begins when the last byte of the map has arrived (the browser's own clock, whether or not the script has time for it
then), and ends when the GPU has nothing left to do after the frame that shows all points. It is taken on pages just opened, one after
the other: the median and the worst are said.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

sys.path[:0] = [str(Path(__file__).parents[i]) for i in (2, 1)]

from browser import harness  # noqa: E402
from browser.conftest import ARGUMENTS, chromium  # noqa: E402

PAGES = 7  # just opened
SECONDS = 4  # a tween over all epochs in slow motion
BARE = """async () => {
  const canvas = document.createElement("canvas");
  canvas.width = 573; canvas.height = 418; canvas.style.cssText = "position:fixed;left:20px;top:110px";
  document.body.append(canvas);
  const gl = canvas.getContext("webgl2", { alpha: false, antialias: false });
  let frames = 0; const start = performance.now();
  await new Promise((done) => { (function draw(now) {
    gl.clearColor(Math.random(), 1, 1, 1); gl.clear(gl.COLOR_BUFFER_BIT); frames += 1;
    if (performance.now() - start < 3000) requestAnimationFrame(draw); else done();
  })(); });
  canvas.remove();
  return frames / ((performance.now() - start) / 1000);
}"""
# The mark after the first draw waits until every canvas can be read, which is when it is drawn.
WAIT = """() => { const mark = performance.mark.bind(performance);
  performance.mark = (name) => {
    if (name === "embedding-drawn") for (const canvas of document.querySelectorAll(".points")) {
      const gl = canvas.getContext("webgl2");
      gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
    }
    return mark(name);
  }; }"""
COUNT = """() => { window.drawn = []; new MutationObserver(() => window.drawn.push(performance.now()))
  .observe(document.querySelector(".embedding"), { attributeFilter: ["data-draws"] }); }"""


def tween(shown: harness.Harness) -> float:
    """Frames a second of a slow tween over all epochs."""
    page = shown.page
    page.evaluate(COUNT)
    page.locator(".stage").focus()
    page.keyboard.press("s")
    page.keyboard.press("s")
    page.evaluate("window.drawn.length = 0")
    page.keyboard.press("Home")
    page.wait_for_timeout(1000 * SECONDS - 200)
    at = np.array(page.evaluate("window.drawn"))
    return (len(at) - 1) / (at[-1] - at[0]) * 1000


def first_draw(page) -> float:
    """Milliseconds from the arrival of the data to the end of the draw, which is waited for."""
    return page.evaluate("""() => {
      const map = performance.getEntriesByType("resource").filter((entry) => entry.name.includes("since=")).at(-1);
      return performance.getEntriesByName("embedding-drawn").at(-1).startTime - map.responseEnd; }""")


def main() -> None:
    with harness.serve() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1200, "height": 700})
        harness.on(page, url)
        print(f"bare canvas that is only cleared: {page.evaluate(BARE):.0f} frames a second")
        for count in (1000, 5000, 20000):
            data = harness.made_up(count, seed=count)
            for mode in ("pair", "single"):
                cold = []
                for _ in range(PAGES):
                    page.close()
                    page = browser.new_page(viewport={"width": 1200, "height": 700})
                    shown = harness.on(page, url)
                    page.evaluate(WAIT)
                    shown.show(data, mode=mode)
                    cold.append(first_draw(page))
                size = int(shown.attribute("bytes"))
                shown.show(harness.made_up(count, seed=count, name="again"), mode=mode)
                warm = first_draw(page)
                page.wait_for_timeout(1500)
                fps = tween(shown)
                draws = f"first draw {np.median(cold):.0f} ms on a page just opened (worst of {PAGES}: {max(cold):.0f})"
                draws += f", {warm:.0f} ms of another map"
                print(f"{count} points × 12 epochs, {mode}: {fps:.0f} frames a second, {draws}, {size / 1000:.0f} kB")
        browser.close()


if __name__ == "__main__":
    main()
