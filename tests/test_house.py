"""The house keeps its rules: who may import whom, and what must not be loaded."""

from __future__ import annotations

import ast
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


def test_pages_and_command_line_load_without_umap():
    """UMAP compiles for seconds: nothing that a page needs may import it."""
    code = "import sys; import core.runs.worker, core.runs.maps, core.preflight, core.shift_report; sys.exit('umap' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
