"""The Python program that draws a run's map again from its folder alone: NumPy, scikit-learn, safetensors and matplotlib, no Shiftscope.

It holds the very functions that made the map here, so the two cannot drift apart.
"""

from __future__ import annotations

import inspect
from textwrap import indent

from core.figures.style import CLASS_COLOURS
from core.maps import discriminant, frame, linear
from core.runs.record import Record

_HEAD = '''"""Shiftscope run {run}, {kind} map: before adaptation and epoch {epoch}.

    pip install numpy scikit-learn safetensors matplotlib
    python {name} [FOLDER]

FOLDER is the run's folder; without it, the one where the run was computed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from safetensors.numpy import load_file
{imports}
folder = Path(sys.argv[1] if len(sys.argv) > 1 else {folder!r})
CHECKPOINTS = {checkpoints}  # epochs in a joint fit
COLOURS = {colours}


'''

_LOAD = """
samples = load_file(folder / "samples.safetensors")
labels = samples["labels"]
target = np.arange(len(labels)) >= len(labels) // 2  # source samples come first
numbers = sorted(int(path.stem) for path in (folder / "snapshots").glob("[0-9]*.safetensors"))
features = [load_file(folder / "snapshots" / f"{number:04d}.safetensors")["features"] for number in numbers]
"""

_DRAW = """
names = json.loads((folder / "status.json").read_text()).get("class_names") or [str(k) for k in range(max(labels) + 1)]
shown = {shown}
figure, axes = plt.subplots(1, len(shown), figsize=(6.5 * len(shown), 6), squeeze=False, sharex=True, sharey=True)
for axis, number in zip(axes[0], shown):
    x, y = positions[numbers.index(number)].T
    colour = np.array([COLOURS[k % len(COLOURS)] if k >= 0 else "#888888" for k in labels])
    axis.scatter(x[~target], y[~target], 14, colour[~target], label="source")
    axis.scatter(x[target], y[target], 18, "none", marker="^", edgecolors=colour[target], linewidths=1, label="target")
    for k, name in enumerate(names):
        here = (labels == k) & ~target
        if here.any():
            axis.text(np.median(x[here]), np.median(y[here]), name, ha="center", va="center",
                      bbox=dict(boxstyle="round", facecolor="white", edgecolor=COLOURS[k % len(COLOURS)], alpha=0.85))
    axis.set(title="before" if number == 0 else f"epoch {{number}}", xticks=[], yticks=[], aspect="equal")
axes[0][0].legend(loc="lower left")
figure.tight_layout()
out = Path("shiftscope-{run}-{kind}.png")
figure.savefig(out, dpi=160)
np.savetxt(out.with_suffix(".csv"), positions[[numbers.index(n) for n in shown]].reshape(-1, 2), "%.6f", ",", header="x,y", comments="")
print(out.resolve())
"""


def write(record: Record, kind: str, epoch: int) -> str:
    """The program for the map ``kind`` of a run, as it is shown at ``epoch``; it also writes the coordinates as CSV."""
    finished = record.status()["state"] == "finished"
    imports, functions, place = _placing(kind, finished)
    shown = sorted({0, epoch})
    head = _HEAD.format(
        run=record.id,
        kind=kind,
        epoch=epoch,
        name=f"shiftscope-{record.id}-{kind}.py",
        folder=str(record.folder),
        imports=imports,
        checkpoints=frame.CHECKPOINTS,
        colours=list(CLASS_COLOURS),
    )
    sources = "\n\n".join(inspect.getsource(function) for function in functions)
    hide = "labels = np.where(target, -1, labels)  # blind: as if the target had no labels\n" if record.blind else ""
    return head + sources + _LOAD + hide + place + _DRAW.format(shown=shown, run=record.id, kind=kind)


def _placing(kind: str, finished: bool) -> tuple[str, list, str]:
    """The imports, the functions and the statements that give ``positions``, E×N×2."""
    if kind == "umap":
        return (
            "",
            [],
            'stored = load_file(folder / "maps" / "umap.safetensors")\n'
            + ('positions, numbers = stored["positions"], stored["epochs"].tolist()\n'),
        )
    if kind == "inputs":
        return (
            "",
            [],
            'plane = samples["plane"]\npositions = np.repeat(((samples["rows"] - plane[:2]) / plane[2])[None], len(numbers), 0)\n',
        )
    pooled = "[features[i] for i in checkpoints(len(features))]" if finished else "features[:1]"
    if kind == "discriminant":
        functions = [frame.checkpoints, frame.prepare, frame.bounds, discriminant._directions, discriminant._scaled]
        over = "features" if finished else "features[:1]"
        return (
            "from scipy.linalg import eigh\nfrom sklearn.covariance import ledoit_wolf\n",
            functions,
            (
                f"directions = _directions({pooled}, target)\n"
                f"middle, half = bounds(np.stack([prepare(rows) @ directions for rows in {over}]))\n"
                "positions = np.stack([(prepare(rows) @ directions - middle) / half for rows in features])\n"
            ),
        )
    functions = [frame.checkpoints, frame.prepare, frame.frame, linear._fit_pca]
    imports = "from collections.abc import Callable\n\nfrom sklearn.decomposition import PCA\n"
    if finished:
        place = (
            f"basis = _fit_pca(np.concatenate([prepare(rows) for rows in {pooled}]))\n"
            "positions = frame(np.stack([basis(prepare(rows)) for rows in features]))\n"
        )
        return imports, functions, place
    body = "positions.append(live_pca(rows, positions[-1] if positions else None))"
    place = f"positions = []\nfor rows in features:\n{indent(body, '    ')}\npositions = np.stack(positions)\n"
    return imports, [*functions, linear.live_pca], place
