"""The house keeps its rules: who may import whom, and what must not be loaded."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [ROOT / "app.py", *sorted((ROOT / "core").rglob("*.py")), *sorted((ROOT / "pages").rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def below(modules: set[str], package: str) -> set[str]:
    return {name for name in modules if name == package or name.startswith(package + ".")}


FORBIDDEN = {
    "app.py": ("torch", "torchvision"),
    "pages": ("torch", "torchvision", "umap"),
    "core": ("streamlit", "pages", "app"),
    "core/figures": ("torch", "core.backbones", "core.methods", "core.training", "core.bench"),
    "core/measures": ("core.methods", "core.training", "core.runs", "core.domains"),
    "core/methods": ("core.measures", "core.training", "core.runs", "core.domains", "core.experiment"),
    "core/domains": ("core.methods", "core.training", "core.runs", "core.experiment"),
    "core/training.py": ("core.runs", "core.figures"),
}


@pytest.mark.parametrize("place", FORBIDDEN)
def test_imports_run_downwards(place):
    files = [path for path in SOURCES if path.relative_to(ROOT).as_posix().startswith(place)]
    assert files
    for path in files:
        wrong = {name for package in FORBIDDEN[place] for name in below(imported(path), package)}
        assert not wrong, path


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_files_are_short_and_say_what_they_are(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    assert len(path.read_text().splitlines()) <= 350


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_nothing_is_unpickled_and_no_html_is_injected(path):
    text = path.read_text()
    for sign in ("pickle.load", "torch.load(", "torch.save(", "unsafe_allow_html", "allow_pickle=True", "weights_only=False"):
        assert sign not in text


def test_opening_the_home_page_imports_no_umap(tmp_path):
    """UMAP compiles for seconds: nothing that a page needs may import it."""
    code = """
import sys
from streamlit.testing.v1 import AppTest
page = AppTest.from_file("pages/router.py", default_timeout=120).run()
assert not page.exception and page.metric
sys.exit("umap" in sys.modules)
"""
    environment = os.environ | {"SHIFTSCOPE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
