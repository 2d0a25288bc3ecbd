"""Further image sets by download: street numbers, letters of other scripts, clothes, small photographs; and MNIST-M by its recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field, create_model
from torch import Tensor

from core.domains import vision
from core.domains.base import Domain, domain
from core.domains.digits import CLASS_NAMES
from core.domains.vision import Progress, RemoteFile, VisionSet
from core.shifts import apply_shift

# Official numbers of training and test images (of the classes that are used).
COUNTS = {
    "svhn": (73_257, 26_032),
    "emnist-digits": (240_000, 40_000),
    "kmnist": (60_000, 10_000),
    "fashion-mnist": (60_000, 10_000),
    "cifar": (45_000, 9_000),
    "stl": (4_500, 7_200),
}
# The nine classes that CIFAR-10 and STL-10 share, in one order; each set's own numbers of them.
OBJECTS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "horse", "ship", "truck")
CIFAR_NUMBERS = (0, 1, 2, 3, 4, 5, 7, 8, 9)  # without frogs
STL_NUMBERS = (1, 3, 2, 4, 5, 6, 7, 9, 10)  # without monkeys; STL-10 counts from 1
CLOTHES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
KANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


@dataclass(frozen=True)
class Part:
    """What a reader gives: images N×H×W or N×C×H×W, labels N."""

    data: Tensor
    targets: Tensor


def _of_classes(images: np.ndarray, labels: np.ndarray, numbers: tuple[int, ...]) -> Part:
    """The images of some classes, numbered anew in the order of ``numbers``."""
    new = np.full(256, -1)
    new[list(numbers)] = np.arange(len(numbers))
    kept = new[labels] >= 0
    return Part(torch.from_numpy(np.ascontiguousarray(images[kept])), torch.from_numpy(new[labels[kept]]))


def read_cifar(folder: Path, train: bool) -> Part:
    """CIFAR-10 in its binary form: records of a class and 3×32×32 bytes. torchvision's reader would unpickle the other form."""
    files = [folder / f"data_batch_{i}.bin" for i in range(1, 6)] if train else [folder / "test_batch.bin"]
    records = np.concatenate([np.fromfile(file, np.uint8) for file in files]).reshape(-1, 3073)
    return _of_classes(records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0], CIFAR_NUMBERS)


def read_stl(folder: Path, train: bool) -> Part:
    """STL-10: columns of 3×96×96 bytes, brought to 32×32, the size of CIFAR-10."""
    part = "train" if train else "test"
    images = np.fromfile(folder / f"{part}_X.bin", np.uint8).reshape(-1, 3, 96, 96).transpose(0, 1, 3, 2)
    found = _of_classes(images, np.fromfile(folder / f"{part}_y.bin", np.uint8), STL_NUMBERS)
    small = [F.interpolate(some.float(), (32, 32), mode="bilinear", antialias=True).round() for some in found.data.split(1000)]
    return Part(torch.cat(small).clamp(0, 255).to(torch.uint8), found.targets)


def read_svhn(folder: Path, train: bool) -> Part:
    from torchvision.datasets import SVHN

    found = SVHN(folder, split="train" if train else "test")
    return Part(torch.from_numpy(found.data), torch.from_numpy(found.labels.astype(np.int64)))


def read_emnist(folder: Path, train: bool) -> Part:
    from torchvision.datasets import EMNIST

    found = EMNIST(folder, split="digits", train=train)
    return Part(found.data.transpose(1, 2).contiguous(), found.targets)  # the files hold the images on their side


def _mnist_like(name: str) -> VisionSet:
    from torchvision import datasets

    cls, title, classes, source, licence = {
        "kmnist": (datasets.KMNIST, "KMNIST", KANA, "Kuzushiji-MNIST (Clanuwat et al., 2018)", "CC BY-SA 4.0"),
        "fashion-mnist": (datasets.FashionMNIST, "FashionMNIST", CLOTHES, "Fashion-MNIST (Xiao et al., 2017)", "MIT"),
    }[name]
    files = tuple(
        RemoteFile(f"{title}/raw/{packed.removesuffix('.gz')}", tuple(mirror + packed for mirror in cls.mirrors), md5)
        for packed, md5 in cls.resources
    )
    return VisionSet(name, cls, "", files, classes, COUNTS[name], source, licence)


def _svhn() -> VisionSet:
    from torchvision.datasets import SVHN

    files = tuple(
        RemoteFile(f"SVHN/{SVHN.split_list[part][1]}", (SVHN.split_list[part][0],), SVHN.split_list[part][2]) for part in ("train", "test")
    )
    return VisionSet("svhn", read_svhn, "SVHN", files, CLASS_NAMES, COUNTS["svhn"], "SVHN (Netzer et al., 2011)", "For non-commercial use.")


def _emnist() -> VisionSet:
    from torchvision.datasets import EMNIST

    names = [f"emnist-digits-{part}-{what}-ubyte" for part in ("train", "test") for what in ("images-idx3", "labels-idx1")]
    files = tuple(RemoteFile(f"EMNIST/raw/{name}", (EMNIST.url,), EMNIST.md5, f"gzip/{name}.gz") for name in names)
    source = "EMNIST digits (Cohen et al., 2017)"
    return VisionSet("emnist-digits", read_emnist, "", files, CLASS_NAMES, COUNTS["emnist-digits"], source, "Public domain (NIST).")


# The binary form, whose checksum stands on its authors' page (https://www.cs.toronto.edu/~kriz/cifar.html).
CIFAR_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
CIFAR_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"


def _cifar() -> VisionSet:
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    files = tuple(RemoteFile(f"cifar-10-batches-bin/{name}", (CIFAR_URL,), CIFAR_MD5, f"cifar-10-batches-bin/{name}") for name in names)
    source, licence = "CIFAR-10 without frogs (Krizhevsky, 2009)", "No licence stated; used for research."
    return VisionSet("cifar", read_cifar, "cifar-10-batches-bin", files, OBJECTS, COUNTS["cifar"], source, licence)


def _stl() -> VisionSet:
    from torchvision.datasets import STL10

    names = ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin")
    files = tuple(RemoteFile(f"stl10_binary/{name}", (STL10.url,), STL10.tgz_md5, f"stl10_binary/{name}") for name in names)
    source, licence = "STL-10 without monkeys (Coates et al., 2011), brought to 32×32", "As ImageNet's images: for research."
    return VisionSet("stl", read_stl, "stl10_binary", files, OBJECTS, COUNTS["stl"], source, licence)


def _params(name: str) -> type[vision.Counts]:
    """How many images are drawn, with this set's own limits."""
    train, test = COUNTS[name]
    how_many = "How many {} images, drawn at random by the seed; the full set with {}."
    return create_model(
        f"{name}_params",
        __base__=vision.Counts,
        n_train=(int, Field(4000, ge=100, le=train, description=how_many.format("training", train))),
        n_test=(int, Field(1000, ge=100, le=test, description=how_many.format("test", test))),
    )


def _make(one: Callable[[], VisionSet], params: vision.Counts, seed: int, on_progress: Progress | None = None) -> Domain:
    return vision.draw(one(), params, seed, on_progress)


for _name, _title, _one, _summary, _licence in (
    ("svhn", "SVHN", _svhn, "99,289 house numbers photographed in the street, 32×32 in colour. 246 MB.", "For non-commercial use."),
    (
        "emnist-digits",
        "EMNIST digits",
        _emnist,
        "280,000 digits by other writers, made as MNIST was, 28×28. 562 MB with the letters, which are not kept.",
        "Public domain (NIST).",
    ),
    (
        "kmnist",
        "KMNIST",
        partial(_mnist_like, "kmnist"),
        "70,000 handwritten cursive Japanese letters of ten kinds, 28×28.",
        "CC BY-SA 4.0.",
    ),
    (
        "fashion-mnist",
        "FashionMNIST",
        partial(_mnist_like, "fashion-mnist"),
        "70,000 grey pictures of ten kinds of clothes, 28×28.",
        "MIT.",
    ),
    (
        "cifar",
        "CIFAR-10, nine classes",
        _cifar,
        "54,000 small photographs of the classes that STL-10 has too, 32×32. 170 MB.",
        "For research.",
    ),
    (
        "stl",
        "STL-10, nine classes",
        _stl,
        "11,700 photographs of the classes that CIFAR-10 has too, brought to 32×32. 2.6 GB to download, most of it not kept.",
        "For research.",
    ),
):
    domain(_name, title=_title, kind="image", params=_params(_name), summary=_summary, licence=_licence, downloads=True)(
        partial(_make, _one)
    )


@domain(
    "mnist-m",
    title="MNIST-M",
    kind="image",
    params=vision.Mnist,
    downloads=True,
    summary="MNIST blended with patches of photographs, made here by the published recipe from the two that scikit-learn ships.",
    licence="CC BY-SA 3.0 (MNIST); photographs CC BY 2.0.",
)
def mnist_m(params: vision.Mnist, seed: int, on_progress: Progress | None = None) -> Domain:
    """|digit − patch|, as Ganin et al. (2016) made MNIST-M, uint8 N×3×28×28. The original took its patches from BSDS500."""
    digits = vision.mnist(params, seed, on_progress)
    images = apply_shift("background", digits.tensor, 1.0, seed)
    return replace(digits, name="mnist-m", inputs=images, provenance=f"{digits.provenance} Blended with photographs.")
