"""100,000 small pictures in a folder: images per second and peak memory, beside torchvision's ImageFolder with a DataLoader.

``python tests/benchmarks/streaming.py [how many]``. Each side runs in a process of its own, one after the other, with as many workers as
the machine has cores (at most 8). The same shuffled batches of 64 are asked for: of ours in two passes, of torchvision in one, as it
decodes in each. Writes ``results/streaming.md``.
"""

from __future__ import annotations

import io
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
COUNT, SIDE, BATCH, CLASSES = 100_000, 64, 64, 10
RESULT = Path(__file__).parent / "results/streaming.md"
SIDES = {
    "ours": "ours",
    "torchvision": "torchvision: `ImageFolder`, `DataLoader`",
}
WORKERS = min(8, os.cpu_count() or 1)


def generate(folder: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    contents = []
    for _ in range(500):
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        out = io.BytesIO()
        coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(out, "JPEG", quality=90)
        contents.append(out.getvalue())
    for k in range(CLASSES):
        (folder / f"class{k}").mkdir()
    for i in range(count):
        (folder / f"class{i % CLASSES}" / f"{i:06}.jpg").write_bytes(contents[i % len(contents)])


def memory_of_tree(pid: int) -> float:
    """Proportional memory of a process and its children, in MB: shared pages count once."""
    total = 0.0
    for p in (pid, *(int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())):
        try:
            lines = Path(f"/proc/{p}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue  # a worker that has just ended
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    return total


def passes(batch_of, count: int, epochs: int) -> dict:
    """Images per second of each shuffled pass, and the processor time of an image in microseconds, workers included."""
    import torch

    speeds, before = [], sum(os.times()[:4])
    for epoch in range(epochs):
        order = torch.randperm(count, generator=torch.Generator().manual_seed(epoch))
        started = time.perf_counter()
        for batch in batch_of(order):
            assert batch.dtype == torch.uint8
        speeds.append(count / (time.perf_counter() - started))
    return {"speeds": speeds, "cpu": 1e6 * (sum(os.times()[:4]) - before) / (epochs * count)}


def ours(folder: Path, count: int) -> dict:
    from core.domains.reading import Given, images, read

    images.STREAM_FROM = 0  # also where so few would fit into memory
    started = time.perf_counter()
    (population,) = read([Given(folder.name, folder)], {"side": SIDE}).populations
    opened = time.perf_counter() - started
    return {"open": opened} | passes(lambda order: (population.inputs[part] for part in order.split(BATCH)), count, 2)


def torchvision(folder: Path, count: int) -> dict:
    from torch.utils.data import DataLoader
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import PILToTensor

    started = time.perf_counter()
    data = ImageFolder(str(folder), transform=PILToTensor())
    opened = time.perf_counter() - started

    def batches(order):
        return (x for x, _ in DataLoader(data, batch_size=BATCH, sampler=order.tolist(), num_workers=WORKERS))

    return {"open": opened} | passes(batches, count, 1)


def measure(which: str, folder: Path, count: int, home: Path) -> dict:
    environment = os.environ | {"SHIFTSCOPE_HOME": str(home), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, __file__, which, str(folder), str(count)], env=environment, stdout=subprocess.PIPE, text=True
    )
    peak, over = [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.2) and process.poll() is None:
            try:
                peak[0] = max(peak[0], memory_of_tree(process.pid))
            except OSError:
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, _ = process.communicate()
    over.set()
    watcher.join()
    return json.loads(out) | {"peak": peak[0]}


def table(folder: Path, count: int, home: Path) -> list[str]:
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "torchvision", "pillow"))
    lines = [
        "# Pictures that stay on disk",
        "",
        f"{count:,} JPEGs of {SIDE}×{SIDE} pixels in {CLASSES} class folders, asked for in shuffled batches of {BATCH}, {WORKERS} workers.",
        "Made by `uv run python tests/benchmarks/streaming.py`; each side in a process of its own, one after the other, on one run of the",
        "machine. The pictures lie in /dev/shm, so that the disk does not count: one that gives 200 files a second gives 200 images a",
        "second to whoever decodes. Memory is the peak of the process and its children (shared pages count once). *CPU* is processor time",
        f"per image. Python {platform.python_version()}, {versions}; {os.cpu_count()} cores.",
        "",
        "| | opened in | first pass | second pass | CPU | peak memory |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for which, title in SIDES.items():
        facts = measure(which, folder, count, home)
        first, *later = (f"{speed:,.0f} images/s" for speed in facts["speeds"])
        lines.append(
            f"| {title} | {facts['open']:.1f} s | {first} | {later[0] if later else 'as the first'} "
            f"| {facts['cpu']:.0f} µs | {facts['peak']:,.0f} MB |"
        )
        print(lines[-1], flush=True)
    return lines


def main(count: int) -> None:
    """Measure, and write the table if there are as many pictures as it is about."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as place, tempfile.TemporaryDirectory() as home:
        generate(Path(place), count)
        lines = table(Path(place), count, Path(home))
    if count == COUNT:
        RESULT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    if len(sys.argv) == 4:
        which, folder, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
        print(json.dumps({"ours": ours, "torchvision": torchvision}[which](folder, count)))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)
