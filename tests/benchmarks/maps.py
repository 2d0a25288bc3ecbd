"""What maps cost and what they keep: ``uv run python tests/benchmarks/maps.py [FOLDER OF A RUN]``.

Without a folder it runs the default experiment with 1,000 samples per domain (a minute or two). Prints CPU-seconds of one core
in a warm process. A run with fewer samples is also drawn with its rows repeated, a little changed, to 2,000 points: the cost that
counts is the cost of 31 × 2,000 rows.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", NUMBA_NUM_THREADS="1")
sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import torch

from core.experiment import Experiment
from core.maps import (
    class_purity,
    density_contour,
    discriminant_map,
    live_discriminant,
    map_quality,
    pca_map,
    prepare_numba_cache,
    trustworthiness,
    umap_map,
)
from core.maps.frame import nearest, prepare
from core.runs.execute import run_here
from core.runs.record import Record

POINTS = 2000
rng = np.random.default_rng(0)


def main() -> None:
    prepare_numba_cache(Path(__file__).parents[2] / ".pytest_cache" / "d" / "numba")
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) > 1:
            record = Record(Path(sys.argv[1]))
        else:
            os.environ["SHIFTSCOPE_HOME"] = folder
            record = run_here(Experiment(snapshot=1000), "cpu")
        numbers = record.snapshot_numbers()
        features = np.stack([record.snapshot(number)["features"] for number in numbers])
        labels = record.samples()["labels"]
    torch.set_num_threads(1)
    umap_map(features[:2, :100], [0, 1], seed=0)  # imports and compilation
    print(f"run of {features.shape[0]} epochs × {features.shape[1]} points × {features.shape[2]} columns")
    as_trained(features, labels)
    cost(features)
    search(features)


def as_trained(features: np.ndarray, labels: np.ndarray) -> None:
    count = features.shape[1]
    domain = (np.arange(count) >= count // 2).astype(np.uint8)
    epochs = [*range(len(features)), "unchanged", "with 1 % noise"]
    noisy = features[-1] + 0.01 * features[-1].std() * rng.normal(size=features[-1].shape).astype(np.float32)
    positions = umap_map([*features, features[-1], noisy], range(len(epochs)), seed=0).positions
    extent = np.ptp(positions.reshape(-1, 2), axis=0).max()
    for name, which in (("unchanged features", -2), ("1 % of noise", -1)):
        moved = np.linalg.norm(positions[which] - positions[-3], axis=1) / extent
        print(
            f"{name} moves points by: median {np.median(moved):.5f}, p99 {np.quantile(moved, 0.99):.5f}, most {moved.max():.5f} of the map"
        )

    maps = {
        "UMAP": umap_map(features, range(len(features)), seed=0).positions,
        "discriminant": discriminant_map(features, range(len(features)), domain).positions,
        "PCA": pca_map(features, range(len(features))).positions,
    }
    known = labels >= 0
    for name, found in maps.items():
        kept = [trustworthiness(features[e], found[e]) for e in range(len(features))]
        print(f"{name}: trustworthiness by epoch {' '.join(f'{k:.3f}' for k in kept)}; least {min(kept):.3f}")
        purity = [class_purity(points[known], labels[known]) for points in (found[-1], prepare(features[-1]))]
        print(f"  class purity at the last epoch {purity[0]:.3f}, in all columns {purity[1]:.3f}")
        for epoch in (0, len(features) - 1):
            quality = map_quality(features[epoch], found[epoch], domain, labels)
            print(f"  mixing at epoch {epoch}: {quality.mixing_map:.2f}, in all columns {quality.mixing_full:.2f}")
    print(f"map_quality {1000 * seconds(lambda: map_quality(features[-1], maps['PCA'][-1], domain, labels), 20):.1f} ms")
    print(f"live_discriminant {1000 * seconds(lambda: live_discriminant(features[-1], domain), 20):.1f} ms")
    points = maps["UMAP"][-1][:1000]
    print(f"density_contour of {len(points)} points {1000 * seconds(lambda: density_contour(points), 50):.1f} ms")


def cost(features: np.ndarray) -> None:
    """At 2,000 points, with the columns as they are and twice as many."""
    more = rng.integers(0, features.shape[1], max(0, POINTS - features.shape[1]))
    blurred = features[:, more] + 0.1 * features.std() * rng.normal(size=(len(more), features.shape[2]))
    wide = np.concatenate([features, blurred.astype(np.float32)], axis=1)[:, :POINTS]
    for rows in (wide, np.concatenate([wide, wide[..., ::-1]], axis=2)):
        taken = seconds(lambda rows=rows: umap_map(rows, range(len(rows)), seed=0))
        print(f"umap_map of {' × '.join(map(str, rows.shape))}: {taken:.2f} s of one core")


def search(features: np.ndarray) -> None:
    """The 9 nearest of 7,000 rows for 8,192 others: scikit-learn, and a blockwise product with top-k in PyTorch."""
    rows = np.concatenate([prepare(epoch) for epoch in features])
    rows = rng.permutation(rows + 1e-3 * rng.normal(size=rows.shape).astype(np.float32))[:15_192]
    among, asked = torch.from_numpy(rows[:7000]), torch.from_numpy(rows[7000:])
    lengths = (among**2).sum(1)

    def by_torch() -> None:
        for block in asked.split(512):
            torch.addmm(lengths, block, among.T, alpha=-2).topk(9, largest=False)

    ours, other = seconds(lambda: nearest(rows[7000:], rows[:7000], 9), 3), seconds(by_torch, 3)
    print(f"nearest rows: scikit-learn {ours:.2f} s, PyTorch {other:.2f} s; ratio {ours / other:.2f}")


def seconds(call, times: int = 1) -> float:
    """CPU time of one call, mean."""
    start = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - start) / times


if __name__ == "__main__":
    main()
