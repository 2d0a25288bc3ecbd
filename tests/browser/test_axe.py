"""axe-core, which comes through npm for development only, finds no serious fault of accessibility on any page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = {"serious", "critical"}


@pytest.mark.skipif(not AXE.exists(), reason="needs axe-core: npm install --prefix tests/browser")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("path", ["/", "/?view=Any+shift", "/adapt", "/compare"])
def test_axe_finds_nothing_serious(open_page, path, width, dark):
    page = open_page(path, width=width, dark=dark)
    page.locator(".embedding, .shiftscope-chart").first.wait_for()
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    faults = [
        {"rule": fault["id"], "where": [node["html"][:160] for node in fault["nodes"][:4]]} for fault in found if fault["impact"] in GRAVE
    ]
    assert not faults, json.dumps(faults, indent=1)
