"""What the README shows works: its two examples are run, and the places that it names exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)

PRELUDE = """
import torch
from torch import Tensor
from pydantic import Field
from sklearn.datasets import make_circles
from core.domains import Domain, NoParams, domain, stratified_split
from core.methods import AlignmentMethod, Batch, MethodInfo, MethodParams, method
"""
RUN = """
from core.experiment import Experiment
from core.training import train
for source, method in [("moons", "maximum-squares"), ("circles", "dan")]:
    last = list(train(Experiment.parse({
        "source": {"name": source}, "target": {"name": source, "shifts": [{"name": "rotation", "severity": 0.2}]},
        "backbone": {"name": "mlp", "params": {"width": 16, "bottleneck": 8}}, "method": {"name": method},
        "budget": {"source_epochs": 1, "epochs": 1}, "snapshot": 50})))[-1]
    print(last.phase, last.number, sorted(last.losses))
"""


def test_the_examples_run():
    """A method and a data set, as they stand in the README, in a process of their own: they are registered there."""
    done = subprocess.run([sys.executable, "-c", PRELUDE + "".join(EXAMPLES) + RUN], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["adapt 1 ['align', 'task']"] * 2


def test_the_places_exist():
    for place in re.findall(r"`((?:core|pages|assets|tests)/[\w/.]+)`", README):
        assert (ROOT / place).exists(), place
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (ROOT / picture).exists(), picture


def test_the_two_commands_are_named():
    assert "pip install uv && uv run streamlit run app.py" in README
    assert "pip install uv && uv run pytest" in README
