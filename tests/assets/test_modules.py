"""Runs the embedding's own tests with Node, which Playwright brings along."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ASSETS = HERE.parents[1] / "assets"


def node() -> str:
    """The Node that comes with Playwright."""
    from playwright._impl._driver import compute_driver_executable

    return compute_driver_executable()[0]


@pytest.mark.parametrize("file", sorted(HERE.glob("*.test.mjs")), ids=lambda path: path.name)
def test_module(file, tmp_path):
    # The modules are served to browsers as they are; Node takes them for what they are by a package file, which it looks for upwards.
    (tmp_path / "assets").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "package.json").write_text(json.dumps({"type": "module"}))
    (tmp_path / "assets" / "embedding").symlink_to(ASSETS / "embedding")
    (tmp_path / "tests" / "assets").symlink_to(HERE)
    command = [node(), "--preserve-symlinks", "--preserve-symlinks-main", "--test", str(tmp_path / "tests" / "assets" / file.name)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"NO_COLOR": "1"}, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_types():
    compiler = shutil.which("tsc")
    if compiler is None:
        pytest.skip("needs TypeScript 7 or later: npm install --global typescript")
    done = subprocess.run([compiler, "-p", ASSETS / "jsconfig.json"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
