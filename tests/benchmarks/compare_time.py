"""Seconds that Compare takes to open with 200 stored runs, by the page's script alone (no browser), in a fresh process each time.

    OMP_NUM_THREADS=1 python tests/benchmarks/compare_time.py [--runs 200] [--times 5] [--against FOLDER]

The runs are copies of those that ship, each with a seed and so an id of its own, in a temporary folder. First the pages are opened where
only the shipped runs are stored: this imports what they need, once per server. Then, in another session, Compare is opened on the stored
runs, of which nothing has been read yet, and drawn a second time, as by a click; and Adapt is opened on one of them. Seconds of the wall,
and of the process's CPU time, which other programs on the machine disturb less. ``--against`` names another checkout, whose processes
take turns with this one's.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
MAKE = """
import json, os, shutil, sys
from pathlib import Path
from core.experiment import Experiment
shipped, runs, count = sorted(Path("assets/gallery").iterdir()), Path(sys.argv[1]) / "runs", int(sys.argv[2])
runs.mkdir()
for seed in range(count):
    folder = shipped[seed % len(shipped)]
    experiment = Experiment.parse(json.loads((folder / "experiment.json").read_text()) | {"seed": 1000 + seed})
    shutil.copytree(folder, runs / experiment.id)
    (runs / experiment.id / "experiment.json").write_text(experiment.canonical_json())
print(experiment.id)
"""
OPEN = """
import json, os, sys, time
from streamlit.testing.v1 import AppTest
def visitor():
    return AppTest.from_file("pages/router.py", default_timeout=300).run()
def seconds(act):
    wall, cpu = time.perf_counter(), time.process_time()
    page = act().run()
    taken = time.perf_counter() - wall, time.process_time() - cpu
    assert not page.exception, page.exception
    return taken
page, found = visitor(), {}
found["Compare, the first page of its kind in a process"] = seconds(lambda: page.switch_page("compare.py"))
page.query_params["run"] = os.listdir("assets/gallery")[0]
page.switch_page("adapt.py").run()
os.environ["SHIFTSCOPE_HOME"] = sys.argv[3]
page = visitor()
found["Compare, opened"] = seconds(lambda: page.switch_page("compare.py"))
assert len(page.multiselect(key="runs").options) >= int(sys.argv[2])
found["Compare, drawn again"] = seconds(lambda: page)
page.query_params["run"] = sys.argv[1]
found["Adapt with a finished run, opened"] = seconds(lambda: page.switch_page("adapt.py"))
found["Adapt, drawn again"] = seconds(lambda: page)
print(json.dumps(found))
"""


def python(code: str, folder: Path, home: Path, *arguments: object) -> str:
    """What a program says last that is run in a process of its own, in a checkout."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    environment = os.environ | {"SHIFTSCOPE_HOME": str(home)}
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--against", type=Path)
    asked = parser.parse_args()
    folders = {"here": ROOT} | ({"against": asked.against} if asked.against else {})
    home = Path(tempfile.mkdtemp())
    times: dict[str, list[dict[str, list[float]]]] = {name: [] for name in folders}
    try:
        run_id = python(MAKE, ROOT, home, home, asked.runs)
        for _ in range(asked.times):
            for name, folder in folders.items():
                (home / "empty").mkdir(exist_ok=True)
                times[name].append(json.loads(python(OPEN, folder, home / "empty", run_id, asked.runs, home)))
    finally:
        shutil.rmtree(home)
    print(f"Seconds (of CPU time), medians of {asked.times} processes, {asked.runs} stored runs.\n")
    print(f"| | {' | '.join(folders)} |")
    print(f"| --- |{' ---: |' * len(folders)}")
    for what in times["here"][0]:
        columns = [np.median([one[what] for one in times[name]], axis=0) for name in folders]
        print(f"| {what} | {' | '.join(f'{wall:.2f} ({cpu:.2f})' for wall, cpu in columns)} |")


if __name__ == "__main__":
    main()
