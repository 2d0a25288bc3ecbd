"""What is added as the README shows passes the suite without another edit: no row in a table, no preset, no list of names.

The README's method and data set are registered, and a shift, a backbone and a measure of the same size; then the tests that go through
registries are run once more, those of the new entries and those of what must hold for all.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_readme import EXAMPLES, PRELUDE

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
MORE = """
import math
from torch import nn
from core.backbones import Params, backbone
from core.measures import MEASURES, Measure
from core.shifts import SHIFTS, ShiftEntry

SHIFTS.add(ShiftEntry("drift", "Drift", "Moves rows by up to two units.", features=lambda x, severity, draws: x + 2 * severity))

@backbone("one-layer", title="One layer", kinds=("features",), params=Params, summary="A single layer.")
def one_layer(shape, params):
    return nn.Identity(), nn.Sequential(nn.Linear(math.prod(shape), 16), nn.Tanh()), 16

MEASURES.add(Measure(
    name="sureness", title="Sureness", meaning="Mean probability of the predicted class, from chance to 100 %.",
    formula=r"\\frac1m\\sum_j \\max_k p_{jk}", source="This test, 2026.",
    limits="A network may be sure and wrong, and often is where the domains differ.", range="1/K to 1",
    of_run=lambda e: {"sureness": float(e.target_probabilities.max(1).mean())},
))
"""
NEW = ("maximum-squares", "circles", "drift", "one-layer", "sureness")
FOR_ALL = ("presets", "groups_hold", "filters", "situations", "charts_have")  # tests that go over all entries at once
REGISTRY = re.compile(r"\b(METHODS|DOMAINS|SHIFTS|BACKBONES|MEASURES|NAMES|ADAPTING|ITERATIVE)\b(?!\.get)")


def test_what_is_added_passes_the_suite(tmp_path):
    (tmp_path / "additions.py").write_text(PRELUDE + "".join(EXAMPLES[:2]) + MORE)
    tests = [path for room in ("core", "pages") for path in (ROOT / "tests" / room).rglob("test_*.py")]
    through_a_registry = [str(path) for path in tests if REGISTRY.search(path.read_text())]
    asked = ["-v", "-n", "0", "-p", "additions", "-p", "no:cacheprovider", "-k", " or ".join(NEW + FOR_ALL)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *asked, *through_a_registry],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    for name in NEW:
        assert f"keeps_the_contract[{name}] PASSED" in done.stdout, name
