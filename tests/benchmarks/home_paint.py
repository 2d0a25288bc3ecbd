"""How soon Home is painted and whether it jumps: largest contentful paint and layout shift on a cold browser and a warm server.

Run it with ``python tests/benchmarks/home_paint.py URL``, where the app runs at URL. Each line is one visit with a browser of its own
(software graphics), the first of which only warms the server; afterwards the medians. What jumped is written below.
"""

from __future__ import annotations

import shutil
import statistics
import sys

from playwright.sync_api import sync_playwright

VISITS = 5
REST = 4000  # milliseconds after the map is there, in which something might still jump
FLAGS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
WATCH = """window.seen = { paint: 0, shift: 0, jumps: [] };
new PerformanceObserver((list) => { for (const entry of list.getEntries()) seen.paint = entry.startTime; })
  .observe({ type: "largest-contentful-paint", buffered: true });
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    seen.shift += entry.value;
    for (const { node, previousRect, currentRect } of entry.sources) {
      const moved = `${Math.round(previousRect.top)} to ${Math.round(currentRect.top)}`;
      seen.jumps.push(`${entry.value.toFixed(4)} ${node?.className ?? ""} ${moved}`);
    }
  }
}).observe({ type: "layout-shift", buffered: true });"""


def visit(url: str, width: int, height: int) -> tuple[float, float, list[str]]:
    """Largest paint in seconds, layout shift, and what jumped."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.add_init_script(WATCH)
        page.goto(url)
        page.locator(".embedding[data-frames]").first.wait_for(timeout=120_000)
        page.wait_for_timeout(REST)
        seen = page.evaluate("seen")
        browser.close()
    return seen["paint"] / 1000, seen["shift"], seen["jumps"]


def main() -> None:
    for width, height in ((1440, 900), (390, 844)):
        visit(sys.argv[1], width, height)
        visits = [visit(sys.argv[1], width, height) for _ in range(VISITS)]
        for paint, shift, _ in visits:
            print(f"{width} wide: largest paint {paint:.2f} s, layout shift {shift:.4f}")
        paint, shift = (statistics.median(one[i] for one in visits) for i in (0, 1))
        print(f"{width} wide, median of {VISITS}: largest paint {paint:.2f} s, layout shift {shift:.4f}")
        for jump in dict.fromkeys(jump for one in visits for jump in one[2]):
            print(f"  {jump}")


if __name__ == "__main__":
    main()
