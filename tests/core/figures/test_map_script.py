"""The program that draws a map again: run without Shiftscope, it comes to the coordinates that were shown."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from core.figures import map_script
from core.maps import run_map
from core.maps.data import MapData
from core.runs import store
from core.runs.blind import Blind
from core.runs.record import Record, Writer

pytestmark = pytest.mark.slow

N, D, EPOCHS = 15, 6, 13
IDS = count(0xCCCC00000001)

# Several programs in one process: most of the time of each goes into imports.
RUNNER = """
import json, runpy, sys
for argv in json.loads(sys.argv[1]):
    sys.argv = argv
    runpy.run_path(argv[0], run_name="__main__")
ours = [name for name in sys.modules if name.split(".")[0] in ("core", "pages", "torch", "streamlit")]
assert not ours, ours
"""


def coordinates(folder: Path, *wanted: tuple[Record, str, int], moved: dict[str, Path] | None = None) -> list[np.ndarray]:
    """What the programs write for (run, kind, epoch), each n×2: the samples before adaptation, then those at the epoch.

    ``moved`` tells where the folders of some runs have gone since.
    """
    calls = []
    for record, kind, epoch in wanted:
        program = folder / f"{record.id}-{kind}.py"
        program.write_text(map_script.write(record, kind, epoch))
        calls.append([program.name])
    for run, place in (moved or {}).items():
        Path(store.find(run).folder).rename(place)
        calls = [[*call, str(place)] if call[0].startswith(run) else call for call in calls]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"MPLBACKEND": "Agg"}
    command = [sys.executable, "-c", RUNNER, json.dumps(calls)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = []
    for record, kind, _ in wanted:
        assert (folder / f"shiftscope-{record.id}-{kind}.png").read_bytes().startswith(b"\x89PNG")
        found.append(np.loadtxt(folder / f"shiftscope-{record.id}-{kind}.csv", delimiter=",", skiprows=1))
    return found


def assert_shown(found: np.ndarray, shown: MapData, *epochs: int) -> None:
    expected = shown.positions[[shown.epochs.index(epoch) for epoch in epochs]].reshape(-1, 2)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.fixture
def make(home):
    """``make(state, names)`` is a run of points of a plane with more epochs than a joint fit takes, every other one with a snapshot."""
    made = []

    def record(state: str, names: list[str] | None) -> Writer:
        one = store.writer(f"{next(IDS):012x}").open('{"seed": 0}')
        made.append(one)
        labels = np.concatenate([np.arange(N) % 3, np.full(N, -1)])
        rows = np.random.default_rng(1).uniform(-3, 3, (2 * N, 2)).astype(np.float32)
        one.write_samples({"labels": labels, "rows": rows, "plane": np.array([1, -2, 4], np.float32)})
        for number in range(0, 2 * EPOCHS, 2):
            features = np.random.default_rng(0).normal(size=(2 * N, D)) * np.roll([5, 3, 1, 1, 1, 1], number) + 0.2 * number
            features[N:, 2] += 6
            grid = np.full((4, 4), 128, np.uint8)
            arrays = {
                "features": features.astype(np.float32),
                "probabilities": np.random.default_rng(number).dirichlet(np.ones(3), 2 * N).astype(np.float32),
                "grid_classes": grid,
                "grid_confidence": grid,
                "grid_domain": grid,
            }
            one.add({"phase": "adapt", "number": number, "measures": {"domain_auc": 0.5, "target_accuracy": None}}, arrays)
        one.update(state=state, **({} if names is None else {"class_names": names}))
        return one

    yield record
    for one in made:
        one.close()


def test_a_program_comes_to_what_was_shown(make, tmp_path):
    done, young, copied = make("finished", ["a", "b", "c"]), make("running", None), make("finished", None)
    done.write_map(
        "umap", {"epochs": np.array([0, 4]), "positions": np.random.default_rng(0).normal(size=(2, 2 * N, 2)).astype(np.float32)}
    )
    wanted = [(record, kind, 8) for record in (done, young) for kind in ("pca", "discriminant", "inputs")]
    shown = [
        run_map.run_map(copied, "inputs"),
        *(run_map.run_map(record, kind) for record, kind, _ in wanted),
        run_map.run_map(done, "umap"),
    ]
    wanted = [(copied, "inputs", 0), *wanted, (done, "umap", 4)]
    found = coordinates(tmp_path, *wanted, moved={copied.id: tmp_path / 'a "copied" folder'})
    for places, data, (_, _, epoch) in zip(found, shown, wanted, strict=True):
        assert_shown(places, data, *sorted({0, epoch}))
    assert not np.allclose(found[1], found[4])  # a young run's map has another basis than a finished one's


@pytest.mark.parametrize("name", ["it's {here}", 'three """ quotes', r"\Users\name"])
def test_a_program_can_be_read_whatever_the_folder_is_called(make, tmp_path, name):
    record = make("finished", None)
    odd = tmp_path / name
    odd.mkdir()
    folder = record.folder.rename(odd / record.id)
    program = ast.parse(map_script.write(Record(folder), "inputs", 0))
    assert str(folder) in [node.value for node in ast.walk(program) if isinstance(node, ast.Constant)]


def test_a_shipped_map_is_drawn_again(tmp_path):
    records = [record for record in store.shipped() if record.map("umap") is not None]
    assert records
    record, last = records[0], int(records[0].map("umap")["epochs"][-1])
    (found,) = coordinates(tmp_path, (record, "umap", last))
    assert_shown(found, run_map.run_map(record, "umap"), 0, last)


@pytest.mark.parametrize("kind", [Record, Blind])
def test_a_blind_maps_program_draws_no_target_class(kind):
    record = kind(store.shipped()[0].folder)
    names: dict = {"np": np, "load_file": load_file, "folder": record.folder}
    for node in ast.parse(map_script.write(record, "pca", 0)).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in ("samples", "labels", "target"):
            exec(compile(ast.Module([node], []), "program", "exec"), names)  # noqa: S102  (our own program)
    assert (names["labels"][names["target"]] == -1).all() == record.blind
    assert (names["labels"][~names["target"]] >= 0).all()
