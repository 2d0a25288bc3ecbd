"""What the README shows works: its two examples are run, and the places that it names exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)

PRELUDE = """
import torch
from torch import Tensor
from pydantic import Field
from sklearn.datasets import make_circles
from core.domains import Domain, NoParams, domain, random_split
from core.methods import AlignmentMethod, AlignmentParams, Batch, MethodInfo, MethodParams, method
"""
RUN = """
from core.experiment import Experiment
from core.training import train
last = list(train(Experiment.parse({
    "source": {"name": "SOURCE"}, "target": {"name": "SOURCE", "shifts": [{"name": "rotation", "severity": 0.2}]},
    "backbone": {"name": "mlp", "params": {"width": 16, "bottleneck": 8}}, "method": {"name": "METHOD"},
    "budget": {"source_epochs": 1, "epochs": 1}, "snapshot": 50})))[-1]
assert last.phase == "adapt" and last.number == 1
print(sorted(last.losses))
"""


@pytest.mark.parametrize(
    ("number", "source", "method", "losses"),
    [(0, "moons", "maximum-squares", ["align", "task"]), (1, "circles", "dan", ["align", "task"])],
    ids=["method", "data set"],
)
def test_the_example_runs(number, source, method, losses):
    code = PRELUDE + EXAMPLES[number] + RUN.replace("SOURCE", source).replace("METHOD", method)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(losses)


def test_the_places_exist():
    for place in re.findall(r"`((?:core|pages|assets|tests)/[\w/.]+)`", README):
        assert (ROOT / place).exists(), place
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (ROOT / picture).exists(), picture


def test_the_two_commands_are_named():
    assert "pip install uv && uv run streamlit run app.py" in README
    assert "pip install uv && uv run pytest" in README
