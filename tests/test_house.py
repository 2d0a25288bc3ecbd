"""The house keeps its rules: who may import whom, and what must not be loaded."""

from __future__ import annotations

import ast
import graphlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from core import __version__

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


# From the ground up: a room imports those before it.
ROOMS = (
    ("errors", "registry", "home", "devices", "cache"),
    ("samples",),
    ("shifts", "backbones"),
    ("methods",),
    ("measures",),
    ("domains",),
    ("experiment",),
    ("training",),
    ("runs",),
    ("maps",),
    ("reports",),
    ("figures",),
    ("cli",),
)
FLOOR = {room: floor for floor, rooms in enumerate(ROOMS) for room in rooms}
LOOSE = 5  # files directly in core/, beside __init__ and __main__
NEVER = {
    "app": {"torch", "torchvision"},
    "pages": {"torch", "torchvision", "umap"},
    "core": {"streamlit", "pages", "app"},
    "core/figures": {"torch", "core.backbones", "core.methods", "core.training"},
    "core/measures": {"core.methods", "core.backbones"},
}


def place(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").as_posix()


def room(module: str) -> str:
    """The room of a module of `core` ("" for the package itself): ``"core.maps.data"`` is in ``"maps"``."""
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("path", SOURCES, ids=place)
def test_imports_run_downwards(path):
    names = imported(path)
    for where, never in NEVER.items():
        if place(path) == where or place(path).startswith(where + "/"):
            assert not {name for name in names for wrong in never if name == wrong or name.startswith(wrong + ".")}
    own = room(place(path).replace("/", "."))
    if place(path).startswith("core/") and own in FLOOR:
        others = {room(name) for name in names if name.startswith("core.")} & set(FLOOR) - {own}
        assert not {other for other in others if FLOOR[other] > FLOOR[own]}


def test_every_room_has_its_floor():
    found = {p.stem for p in (ROOT / "core").iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert found - {"__init__", "__main__"} == set(FLOOR)
    assert len([p for p in (ROOT / "core").glob("*.py") if not p.stem.startswith("__")]) <= LOOSE


def test_no_modules_import_each_other_in_a_circle():
    """Also none that would only close when a function is called."""
    names = {place(p).replace("/", ".").removesuffix(".__init__"): p for p in SOURCES}
    edges = {}
    for name, path in names.items():
        found = imported(path)
        # A package's __init__ gathers its own modules: the import of the package by one of them is what would close a circle.
        edges[name] = {other for other in found if other in names and other != name and not (name in other and path.name == "__init__.py")}
    sorter = graphlib.TopologicalSorter(edges)
    sorter.prepare()  # raises CycleError with the circle


@pytest.mark.parametrize("path", SOURCES, ids=place)
def test_files_are_short_and_say_what_they_are(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    assert len(path.read_text().splitlines()) <= 350


@pytest.mark.parametrize("path", SOURCES, ids=place)
def test_nothing_is_unpickled_and_no_html_is_injected(path):
    text = path.read_text()
    for sign in ("pickle.load", "torch.save(", "unsafe_allow_html", "allow_pickle=True", "weights_only=False"):
        assert sign not in text
    assert not re.search(r"torch\.load\((?!.*weights_only=True)", text)


@pytest.mark.slow
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


def test_the_version_stands_once():
    """In pyproject.toml for tools, in core for the runs that it writes, and at the head of the changes."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert declared == __version__
    assert re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1] == declared


def test_no_eight_lines_stand_twice():
    """Lines of code as they are, without their indentation; blank ones, imports, comments and lone brackets do not count."""
    seen: dict[tuple[str, ...], str] = {}
    twice = []
    for path in [*SOURCES, *sorted((ROOT / "assets").rglob("*.js"))]:
        lines = [line.strip() for line in path.read_text().splitlines()]
        code = [line for line in lines if re.search(r"\w", line) and not line.startswith(("#", "//", "import ", "from "))]
        for start in range(len(code) - 7):
            run = tuple(code[start : start + 8])
            here = f"{path.relative_to(ROOT)}, from its line of code {start + 1}: {run[0]}"
            if seen.setdefault(run, here) != here:
                twice.append((seen[run], here))
    assert not twice
