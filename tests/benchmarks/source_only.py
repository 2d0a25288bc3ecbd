"""Source-only accuracies on real data, beside references: ``uv run python tests/benchmarks/source_only.py``.

Reads ``$SHIFTSCOPE_DATA`` or ``../shared/data`` as the product does (its domains and readers), trains scikit-learn's linear
classifiers on what comes out, and writes ``results/source_only.md``. Takes some minutes on one core.
"""

from __future__ import annotations

import itertools
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

sys.path.insert(0, str(Path(__file__).parents[2]))

from core.domains import DOMAINS, Domain, make_pair
from core.domains.reading import Given, read

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SHIFTSCOPE_DATA", ROOT.parent / "shared/data"))
RESULT = Path(__file__).parent / "results/source_only.md"
NEAR = 3.0  # points
SIZES = {"mnist": (60_000, 10_000), "usps": (7291, 2007)}
WINE = {"red→white": (66.7, 69.6), "white→red": (62.4, 68.4)}  # the source's scaler, z-scored per domain; from the data's README
AMAZON = 76.8  # the mean of the 12 pairs; from the data's README
Set = tuple[np.ndarray, np.ndarray]


def logistic() -> LogisticRegression:
    return LogisticRegression(C=1.0, max_iter=200)


def score(model, train: Set, test: Set) -> float:
    return 100 * float(model.fit(*train).score(*test))


def digits(source: str, target: str, sizes: dict[str, tuple[int, int]] | None = None) -> tuple[Set, Set]:
    """Training part of the source and test part of the target as the product brings them to one shape; pixels from 0 to 1."""
    domains = {}
    for name in (source, target):
        entry, (n_train, n_test) = DOMAINS.get(name), (sizes or SIZES)[name]
        domains[name] = entry.make(entry.params(n_train=n_train, n_test=n_test), 0)
    pair = make_pair(domains[source], domains[target])
    return _rows(pair.source, pair.source.train), _rows(pair.target, pair.target.test)


def _rows(d: Domain, part) -> Set:
    return d.inputs[part].flatten(1).float().div(255).numpy(), d.labels[part].numpy()


def plain_digits(source: str, target: str) -> tuple[Set, Set]:
    """The same without the product: torchvision's arrays, USPS enlarged to 28 pixels by Pillow."""
    from torchvision.datasets import MNIST, USPS

    def part(name: str, train: bool) -> Set:
        if name == "mnist":
            found = MNIST(str(DATA), train=train)
            images, labels = found.data.numpy(), found.targets.numpy()
        else:
            found = USPS(str(DATA / "USPS"), train=train)
            enlarged = [Image.fromarray(image).resize((28, 28), Image.Resampling.BILINEAR) for image in found.data]
            images, labels = np.stack([np.asarray(image) for image in enlarged]), np.asarray(found.targets)
        return images.reshape(len(images), -1).astype(np.float32) / 255, labels

    return part(source, True), part(target, False)


def in_the_middle(images: np.ndarray) -> np.ndarray:
    """28×28 digits that fill their frame, drawn as MNIST's are: in the middle 20×20."""
    small = F.interpolate(torch.from_numpy(images).reshape(-1, 1, 28, 28), (20, 20), mode="bilinear", antialias=True)
    return F.pad(small, (4, 4, 4, 4)).flatten(1).numpy()


def digits_table() -> list[str]:
    lines = [
        "## MNIST and USPS",
        "",
        "Trained on all training images of the source (60,000 or 7,291), tested on the whole test part of the target (2,007 or 10,000),",
        "pixels from 0 to 1, `LogisticRegression(C=1, max_iter=200)`. The README of the data names no number for these, so the reference",
        "is the same classifier on torchvision's own arrays, enlarged by Pillow, without any code of ours.",
        "",
        "| task | ours | reference | difference | within 3 | seconds of CPU |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for source, target in (("mnist", "usps"), ("usps", "mnist")):
        sets = [digits(source, target), plain_digits(source, target)]
        started = time.process_time()
        ours, reference = (score(logistic(), *one) for one in sets)
        lines.append(line(f"{source.upper()}→{target.upper()}", ours, reference, time.process_time() - started))
    lines += [
        "",
        "Both are near chance (10) because USPS's digits fill their frame and MNIST's stand in the middle 20×20 of theirs: a classifier of",
        "pixels cannot bridge that. The same with USPS's digits drawn into the middle 20×20:",
        "",
        "| task | ours |",
        "| --- | --- |",
    ]
    for source, target in (("mnist", "usps"), ("usps", "mnist")):
        sets = [
            (in_the_middle(x) if name == "usps" else x, y) for name, (x, y) in zip((source, target), digits(source, target), strict=True)
        ]
        lines.append(f"| {source.upper()}→{target.upper()} | {score(logistic(), *sets):.2f} |")
        print(lines[-1], flush=True)
    return lines


def line(name: str, ours: float, reference: float, seconds: float) -> str:
    near = "yes" if abs(ours - reference) <= NEAR else "**no**"
    found = f"| {name} | {ours:.2f} | {reference:.2f} | {ours - reference:+.2f} | {near} | {seconds:.0f} |"
    print(found, flush=True)
    return found


def wine_table() -> list[str]:
    lines = [
        "## Wine",
        "",
        "Both CSVs given together with `cut=6, scale=none`, all rows on both sides, `LogisticRegression(C=1)`.",
        "",
        "| task | scaled by | ours | reference | difference | within 3 | seconds of CPU |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    files = [Given(f"{c}.csv", DATA / f"wine_quality/winequality-{c}.csv") for c in ("red", "white")]
    populations = read(files, {"cut": 6, "scale": "none"}).populations
    sets = {p.name: (p.inputs, p.labels) for p in populations}
    for task, (by_source, by_domain) in WINE.items():
        source, target = (sets[name] for name in task.split("→"))
        started = time.process_time()
        ours = score(make_pipeline(StandardScaler(), logistic()), source, target)
        lines.append(line(f"{task} | the source", ours, by_source, time.process_time() - started))
        own = [(StandardScaler().fit_transform(x), y) for x, y in (source, target)]
        lines.append(line(f"{task} | each domain", score(logistic(), *own), by_domain, time.process_time() - started))
    return lines


def amazon_table() -> list[str]:
    lines = [
        "## Amazon",
        "",
        "Training file of the source, test file of the target, word counts as they are, `LinearSVC(C=0.01)`.",
        "",
        "| task | ours |",
        "| --- | --- |",
    ]
    names, scores, started = ("books", "dvd", "electronics", "kitchen"), [], time.process_time()
    for a, b in itertools.permutations(names, 2):
        files = [Given(f"{x}.svmlight", DATA / f"amazon_reviews/{x}_{part}.svmlight") for x, part in ((a, "train"), (b, "test"))]
        source, target = read(files).populations
        scores.append(score(LinearSVC(C=0.01, random_state=0), (source.inputs, source.labels), (target.inputs, target.labels)))
        lines.append(f"| {a}→{b} | {scores[-1]:.2f} |")
        print(lines[-1], flush=True)
    lines += ["", "| | ours | reference | difference | within 3 | seconds of CPU |", "| --- | --- | --- | --- | --- | --- |"]
    return [*lines, line("mean of the 12", float(np.mean(scores)), AMAZON, time.process_time() - started)]


def main() -> None:
    if not (DATA / "MNIST").is_dir() or not (DATA / "wine_quality").is_dir():
        print(f"Skipped: {DATA} holds no MNIST and no wine_quality. Set SHIFTSCOPE_DATA to the folder that does.")
        return
    os.environ["SHIFTSCOPE_DATA"] = str(DATA)  # the domains look there
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scikit-learn", "torch", "torchvision"))
    lines = [
        "# Source-only, linear classifiers",
        "",
        "Target accuracy in percent. Made by `uv run python tests/benchmarks/source_only.py`. Seconds are CPU time of one core, for all",
        "numbers of the line that were computed.",
        f"Python {platform.python_version()}, {versions}.",
    ]
    for table in (wine_table, amazon_table, digits_table):
        lines += ["", *table()]
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
