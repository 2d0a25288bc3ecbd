"""The sets that come by download, read from little files of the same form; archives, and what is said without a network."""

import gzip
import hashlib
import io
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from torchvision.datasets import CIFAR10, EMNIST, KMNIST, STL10, SVHN, FashionMNIST

from core.domains import DOMAINS, Domain, downloads, make_pair, vision
from core.domains.downloads import CIFAR_NUMBERS, OBJECTS, STL_NUMBERS
from core.errors import InputError
from core.home import home

TRAIN, TEST = 140, 110
NAMES = ("svhn", "emnist-digits", "kmnist", "fashion-mnist", "cifar", "stl")
RNG = np.random.default_rng(0)
CIFAR_URL = downloads.CIFAR_URL  # before the fixture below puts another in its place


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@pytest.fixture(autouse=True)
def _small(request, monkeypatch, tmp_path):
    """Little sets in a folder; no address but this machine."""
    if "shared_data" in request.fixturenames:
        yield
        return
    monkeypatch.setenv("SHIFTSCOPE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SHIFTSCOPE_DATA", str(tmp_path))
    for cls in (KMNIST, FashionMNIST):
        monkeypatch.setattr(cls, "mirrors", ["http://127.0.0.1:9/"])
    for cls in (EMNIST, STL10):
        monkeypatch.setattr(cls, "url", "http://127.0.0.1:9/archive")
    monkeypatch.setattr(downloads, "CIFAR_URL", "http://127.0.0.1:9/archive")
    monkeypatch.setattr(SVHN, "split_list", {part: ["http://127.0.0.1:9/", name, None] for part, (_, name, _) in SVHN.split_list.items()})
    for name in NAMES:
        monkeypatch.setitem(downloads.COUNTS, name, (TRAIN, TEST))
    vision.READ.clear()
    yield
    vision.READ.clear()


@pytest.fixture
def files(tmp_path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images and labels of the test part of each set, as they are to be read: N×C×H×W."""
    truth = {}
    for part, n in (("train", TRAIN), ("test", TEST)):
        labels = np.arange(n) % 10
        grey, colour = RNG.integers(0, 256, (n, 28, 28), np.uint8), RNG.integers(0, 256, (n, 3, 32, 32), np.uint8)
        for name, folder, prefix, images in (
            ("kmnist", "KMNIST", "", grey),
            ("fashion-mnist", "FashionMNIST", "", grey),
            ("emnist-digits", "EMNIST", "emnist-digits-", grey.transpose(0, 2, 1)),
        ):
            stem = f"{prefix}{part}" if prefix else {"train": "train", "test": "t10k"}[part]
            write(tmp_path / folder / "raw" / f"{stem}-images-idx3-ubyte", idx(np.ascontiguousarray(images)))
            write(tmp_path / folder / "raw" / f"{stem}-labels-idx1-ubyte", idx(labels.astype(np.uint8)))
            truth[name] = grey[:, None], labels
        (tmp_path / "SVHN").mkdir(exist_ok=True)
        y = np.where(labels == 0, 10, labels)[:, None]  # the files call a zero 10
        scipy.io.savemat(tmp_path / "SVHN" / f"{part}_32x32.mat", {"X": colour.transpose(2, 3, 1, 0), "y": y})
        truth["svhn"] = colour, labels
        objects = np.arange(n) % 9
        records = np.concatenate([np.array(CIFAR_NUMBERS, np.uint8)[objects][:, None], colour.reshape(n, -1)], axis=1)
        frogs = np.full((3, 3073), 6, np.uint8)
        pieces = np.array_split(records, 5) if part == "train" else [records]
        for i, piece in enumerate(pieces, 1):
            name = f"data_batch_{i}.bin" if part == "train" else "test_batch.bin"
            write(tmp_path / "cifar-10-batches-bin" / name, np.concatenate([frogs, piece]).tobytes())
        truth["cifar"] = colour, objects
        large = np.kron(colour, np.ones((1, 1, 3, 3), np.uint8))
        write(tmp_path / "stl10_binary" / f"{part}_X.bin", large.transpose(0, 1, 3, 2).tobytes())
        write(tmp_path / "stl10_binary" / f"{part}_y.bin", np.array(STL_NUMBERS, np.uint8)[objects].tobytes())
        truth["stl"] = large, objects
    return truth


def make(name: str) -> Domain:
    entry = DOMAINS.get(name)
    return entry.make(entry.params(n_train=TRAIN, n_test=TEST), 0)


@pytest.mark.parametrize("name", NAMES)
def test_images_and_labels_are_those_of_the_files(files, name):
    d = make(name)
    images, labels = files[name]
    assert (len(d.train), len(d.test)) == (TRAIN, TEST)
    assert d.inputs.dtype == torch.uint8
    np.testing.assert_array_equal(d.labels[d.test], labels)
    if name == "stl":
        assert d.inputs.shape[1:] == (3, 32, 32)
        means = images.mean((2, 3))
        assert np.abs(d.inputs[d.test].float().mean((2, 3)).numpy() - means).max() < 1
    else:
        np.testing.assert_array_equal(d.inputs[d.test], images)


def test_cifar_comes_from_where_torchvision_has_its_other_form():
    assert CIFAR10.url.replace("python", "binary") == CIFAR_URL
    assert CIFAR10.tgz_md5 != downloads.CIFAR_MD5, "another archive"


def test_cifar_and_stl_fit_together(files):
    pair = make_pair(make("cifar"), make("stl"))
    assert pair.class_names == OBJECTS
    assert pair.source.inputs.shape[1:] == pair.target.inputs.shape[1:]
    # By the order that each set documents for its own classes.
    cifar = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    stl = "airplane bird car cat deer dog horse monkey ship truck".replace("car ", "automobile ").split()
    assert [cifar[i] for i in CIFAR_NUMBERS] == [stl[i - 1] for i in STL_NUMBERS] == list(OBJECTS)


@pytest.mark.parametrize("name", [*NAMES, "mnist-m"])
def test_without_network_says_both_ways_out(monkeypatch, name):
    monkeypatch.delenv("SHIFTSCOPE_DATA")
    entry = DOMAINS.get(name)
    assert entry.downloads
    with pytest.raises(InputError, match="Connect to the network and try again, or set SHIFTSCOPE_DATA"):
        entry.make(entry.params(), 0)
    assert not [path for path in home().rglob("*") if path.is_file() and path.name != ".lock"]


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_of_an_archive_only_the_named_files_are_written(monkeypatch, tmp_path, kind):
    members = {"in/a.gz": gzip.compress(b"first"), "in/b": b"second", "../evil": b"no", "in/large": b"not wanted"}
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, data in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    packed = buffer.getvalue()
    monkeypatch.setattr(vision, "_chunks", lambda url: iter([(packed, len(packed))]))
    md5 = hashlib.md5(packed).hexdigest()
    places = {"a": "in/a.gz", "b": "in/b"}
    wanted = [vision.RemoteFile(f"set/{place}", ("http://127.0.0.1:9/x",), md5, inside) for place, inside in places.items()]
    root = tmp_path / "root"
    vision.fetch(wanted[0], root, lambda share: None, wanted)
    assert sorted((path.relative_to(root).as_posix(), path.read_bytes()) for path in root.rglob("*") if path.is_file()) == [
        ("set/a", b"first"),
        ("set/b", b"second"),
    ]
    lacking = [vision.RemoteFile("set/c", ("http://127.0.0.1:9/x",), md5, "in/c")]
    with pytest.raises(vision.Unreachable, match="lacks in/c"):
        vision.fetch(lacking[0], root, lambda share: None, lacking)
    assert not (root / "set" / "c").exists()


def test_mnist_m_is_mnist_blended_with_photographs(shared_data):
    mnist, blended = (DOMAINS.get(name).make(vision.Mnist(n_train=100, n_test=100), 0) for name in ("mnist", "mnist-m"))
    assert blended.inputs.shape == (200, 3, 28, 28)
    assert torch.equal(blended.labels, mnist.labels)
    ink = mnist.inputs.expand(-1, 3, -1, -1) > 200
    background = mnist.inputs.expand(-1, 3, -1, -1) == 0
    # |digit − patch|: where there is ink, the patch's negative.
    assert blended.inputs[background].float().mean() + blended.inputs[ink].float().mean() == pytest.approx(255, abs=25)
