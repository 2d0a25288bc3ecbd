"""100,000 small pictures in a folder: images per second and peak memory, beside torchvision's ImageFolder with a DataLoader.

``python tests/benchmarks/streaming.py [how many]``. Each side runs in a process of its own, one after the other, with as many workers as
the machine has cores (at most 8). The same shuffled batches of 64 are asked for in two passes; torchvision's are decoded in both.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
SIDE, BATCH, CLASSES = 64, 64, 10
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


def passes(batch_of, count: int) -> list[float]:
    """Images per second of two shuffled passes."""
    import torch

    speeds = []
    for epoch in range(2):
        order = torch.randperm(count, generator=torch.Generator().manual_seed(epoch))
        started = time.perf_counter()
        for batch in batch_of(order):
            assert batch.dtype == torch.uint8
        speeds.append(count / (time.perf_counter() - started))
    return speeds


def ours(folder: Path, count: int) -> dict:
    from core.domains.reading import Given, images, read

    images.STREAM_FROM = 0  # also where so few would fit into memory
    started = time.perf_counter()
    (population,) = read([Given(folder.name, folder)], {"side": SIDE}).populations
    opened = time.perf_counter() - started
    return {"open": opened, "speeds": passes(lambda order: (population.inputs[part] for part in order.split(BATCH)), count)}


def torchvision(folder: Path, count: int) -> dict:
    from torch.utils.data import DataLoader
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import PILToTensor

    started = time.perf_counter()
    data = ImageFolder(str(folder), transform=PILToTensor())
    opened = time.perf_counter() - started

    def batches(order):
        return (x for x, _ in DataLoader(data, batch_size=BATCH, sampler=order.tolist(), num_workers=WORKERS))

    return {"open": opened, "speeds": passes(batches, count)}


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


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(json.dumps({"ours": ours, "torchvision": torchvision}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))))
    else:
        count = int(sys.argv[1]) if len(sys.argv) == 2 else 100_000
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "pictures"
            folder.mkdir()
            (Path(place) / "home").mkdir()
            generate(folder, count)
            print(f"{count:,} JPEGs of {SIDE}×{SIDE} pixels, {WORKERS} workers")
            for which in ("ours", "torchvision"):
                facts = measure(which, folder, count, Path(place) / "home")
                first, second = facts["speeds"]
                print(
                    f"{which:12} opened in {facts['open']:.1f} s, first pass {first:,.0f} images/s, "
                    f"second {second:,.0f} images/s, peak {facts['peak']:,.0f} MB"
                )
