"""What every registered domain must keep, how two of them become a pair, and where files come from."""

import gzip
import hashlib
import http.server
import os
import shutil
import socket
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.datasets import MNIST, USPS

from core.domains import DOMAINS, Domain, DomainEntry, make_pair, random_split, stratified_order, vision
from core.domains.check import check_domain
from core.errors import InputError
from core.home import home

DATA = Path(os.environ.get("SHIFTSCOPE_DATA") or Path(__file__).parents[3].parent / "shared" / "data")
# The other downloads are tested with little files of their own.
AT_HAND = ("mnist", "usps", "mnist-m")
LISTED = [entry.name for entry in DOMAINS if entry.listed and (not entry.downloads or entry.name in AT_HAND)]
GENERATED = ("printed-digits", "moons", "blobs", "opinions-reviews", "opinions-chat", "vowels-men", "vowels-women", "vowels-children")


def make(name: str, seed: int = 0, **params) -> Domain:
    entry = DOMAINS.get(name)
    return entry.make(entry.params(**params), seed)


def usps_at(address: str) -> dict:
    """torchvision's list of USPS files, moved to another address."""
    return {part: (address + name, name, md5) for part, (_, name, md5) in USPS.split_list.items()}


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch, tmp_path):
    """Nothing is read from or written to the user's own folders, and no address but this machine is asked."""
    monkeypatch.delenv("SHIFTSCOPE_DATA", raising=False)
    monkeypatch.setenv("SHIFTSCOPE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:9/"])
    monkeypatch.setattr(USPS, "split_list", usps_at("http://127.0.0.1:9/"))


@pytest.fixture
def data(monkeypatch) -> Path:
    if not (DATA / "MNIST" / "raw").is_dir() or not (DATA / "USPS").is_dir():
        pytest.skip(f"MNIST and USPS are not in {DATA}; set SHIFTSCOPE_DATA to the folder that holds them.")
    monkeypatch.setenv("SHIFTSCOPE_DATA", str(DATA))
    return DATA


# Downloads are read from disk by the hundred thousand, and sounds are made by the minute.
SLOW = {entry.name for entry in DOMAINS if entry.downloads or entry.kind == "sound" or entry.name == "printed-digits"}


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in LISTED])
def name(request) -> str:
    if DOMAINS.get(request.param).downloads:
        request.getfixturevalue("data")
    return request.param


def test_every_domain_keeps_the_contract(name):
    check_domain(name)


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in GENERATED])
def test_another_seed_draws_other_samples(name):
    assert not torch.equal(make(name).inputs, make(name, 1).inputs)


def entry(change=lambda d: d, **more) -> DomainEntry:
    """Moons, and what is made of them."""
    moons = DOMAINS.get("moons")
    made = replace(moons, name="toy", make=lambda params, seed: change(replace(moons.make(params, seed), name="toy")))
    return replace(made, **more)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (entry(lambda d: replace(d, name="other")), "facts: the domain calls itself 'other'"),
        (entry(lambda d: replace(d, inputs=d.inputs.double())), "inputs: features inputs are torch.float64"),
        (entry(lambda d: replace(d, inputs=d.inputs / 0)), "not all finite"),
        (entry(lambda d: replace(d, labels=d.labels + 1)), r"labels: labels are \[1, 2\] for the classes"),
        (entry(lambda d: replace(d, class_names=("moon", "moon"))), "two classes have one name"),
        (entry(lambda d: replace(d, test=d.train)), "split: train and test overlap"),
        (entry(lambda d: replace(d, train=d.labels.argsort()[:900], test=d.labels.argsort()[900:])), "the share of a class differs"),
        (entry(lambda d: replace(d, inputs=torch.randn(d.inputs.shape))), "seeded: the same seed makes other inputs"),
        (entry(summary="Moons"), "summary is no sentence"),
    ],
)
def test_what_is_wrong_with_a_domain_is_told(wrong, message):
    check_domain(entry())
    with pytest.raises(AssertionError, match=message):
        check_domain(wrong)


class TestDrawing:
    def test_split_is_random_and_repeatable(self):
        train, test = random_split(30, 1 / 3, 0)
        assert (len(train), len(test)) == (20, 10)
        assert sorted([*train.tolist(), *test.tolist()]) == list(range(30))
        assert torch.equal(random_split(30, 1 / 3, 0)[1], test)
        assert not torch.equal(random_split(30, 1 / 3, 1)[1], test)

    def test_held_out_classes_vary_as_they_do_by_chance(self):
        """Split by class, exactly 100 of 200 were of either class, always."""
        labels = np.repeat([0, 1], 300)
        counts = np.array([labels[random_split(600, 1 / 3, seed)[1].numpy()].sum() for seed in range(400)])
        assert counts.mean() == pytest.approx(100, abs=1.5)
        assert counts.std() == pytest.approx(np.sqrt(200 / 4 * (1 - 200 / 600)), rel=0.12)

    def test_any_first_part_of_an_order_keeps_shares(self):
        shares = np.array([0.5, 0.375, 0.12, 0.005])
        labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2, 3], [200, 150, 48, 2]))
        order = stratified_order(labels, 400, 0)
        assert sorted(order.tolist()) == list(range(400))
        counts = np.cumsum(np.eye(4)[labels[order]], axis=0)
        expected = np.arange(1, 401)[:, None] * shares
        # A class is within one of its share of the place reached, which is within four samples of their number.
        assert (np.abs(counts - expected) < 1 + 4 * shares).all()

    def test_an_order_is_random_and_repeatable(self):
        labels = np.repeat([0, 1], 50)
        order = stratified_order(labels, 100, 0)
        np.testing.assert_array_equal(order, stratified_order(labels, 100, 0))
        assert order.tolist() != stratified_order(labels, 100, 1).tolist()
        for label in (0, 1):
            members = order[labels[order] == label]
            assert members.tolist() != sorted(members.tolist())
            assert 25 < members[:25].mean() - 50 * label + 12.5 < 50  # no part of the class stands first

    @pytest.mark.parametrize("labels", [None, np.zeros(30, int), np.arange(30)])
    def test_an_order_without_classes_is_a_permutation(self, labels):
        order = stratified_order(labels, 30, 0)
        assert sorted(order.tolist()) == list(range(30))
        assert order.tolist() != list(range(30))
        assert order.tolist() != stratified_order(labels, 30, 1).tolist()

    @pytest.mark.parametrize("n", [10, 137, 400])
    def test_draw_is_nested(self, n):
        drawn = vision.random_draw(400, n, [3]).tolist()
        assert len(set(drawn)) == n
        assert set(vision.random_draw(400, n // 2, [3]).tolist()) <= set(drawn)


@pytest.mark.slow
class TestVision:
    @pytest.mark.parametrize(
        ("name", "official", "folder", "side", "full"),
        [("mnist", MNIST, "", 28, (60_000, 10_000)), ("usps", USPS, "USPS", 16, (7291, 2007))],
    )
    def test_full_set_is_the_official_one(self, data, name, official, folder, side, full):
        d = make(name, n_train=full[0], n_test=full[1])
        assert d.inputs.shape == (sum(full), 1, side, side)
        for part, train in ((d.train, True), (d.test, False)):
            reference = official(data / folder, train=train)
            assert torch.equal(d.inputs[part][:, 0], torch.as_tensor(reference.data))
            assert torch.equal(d.labels[part], torch.as_tensor(reference.targets))

    def test_draw_keeps_the_official_parts(self, data):
        d = make("usps", n_train=500, n_test=200)
        images = {image.tobytes() for image in USPS(data / "USPS", train=False).data}
        assert (len(d.train), len(d.test)) == (500, 200)
        assert all(image.numpy().tobytes() in images for image in d.inputs[d.test])

    def test_sizes_are_bounded(self):
        with pytest.raises(ValueError, match="n_train"):
            DOMAINS.get("usps").params(n_train=7292)

    @pytest.mark.parametrize(
        ("name", "paths"),
        [
            (
                "mnist",
                [
                    "MNIST/raw/train-images-idx3-ubyte",
                    "MNIST/raw/train-labels-idx1-ubyte",
                    "MNIST/raw/t10k-images-idx3-ubyte",
                    "MNIST/raw/t10k-labels-idx1-ubyte",
                ],
            ),
            ("usps", ["USPS/usps.bz2", "USPS/usps.t.bz2"]),
        ],
    )
    def test_without_network_says_both_ways_out(self, name, paths):
        with pytest.raises(InputError, match="Connect to the network and try again, or set SHIFTSCOPE_DATA") as caught:
            make(name)
        assert all(path in str(caught.value) for path in paths)
        assert not [path for path in home().rglob("*") if path.is_file() and path.name != ".lock"]

    def test_a_server_that_never_answers_is_given_up(self, monkeypatch):
        monkeypatch.setattr(vision, "TIMEOUT", 0.3)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            monkeypatch.setattr(MNIST, "mirrors", [f"http://127.0.0.1:{silent.getsockname()[1]}/"])
            with pytest.raises(InputError, match="timed out"):
                make("mnist")

    def test_folder_that_lacks_files_is_named(self, monkeypatch, tmp_path):
        monkeypatch.setenv("SHIFTSCOPE_DATA", str(tmp_path))
        with pytest.raises(InputError, match="holds 0 of its 2 files"):
            make("usps")

    def test_folder_that_does_not_exist(self, monkeypatch, tmp_path):
        monkeypatch.setenv("SHIFTSCOPE_DATA", str(tmp_path / "nowhere"))
        with pytest.raises(InputError, match="there is no folder"):
            make("usps")

    @pytest.mark.parametrize("damage", [b"", b"abc", "half"])
    @pytest.mark.parametrize(
        ("name", "path"),
        [("usps", "USPS/usps.t.bz2"), ("mnist", "MNIST/raw/t10k-images-idx3-ubyte"), ("mnist", "MNIST/raw/t10k-labels-idx1-ubyte")],
    )
    def test_damaged_file(self, data, monkeypatch, tmp_path, name, path, damage):
        for file in (data / path).parent.iterdir():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).with_name(file.name).symlink_to(file)
        whole = (data / path).read_bytes()
        (tmp_path / path).unlink()
        (tmp_path / path).write_bytes(whole[: len(whole) // 2] if damage == "half" else damage)
        monkeypatch.setenv("SHIFTSCOPE_DATA", str(tmp_path))
        with pytest.raises(InputError, match=rf"the test files of {name} (are damaged|hold)") as caught:
            make(name)
        assert path in caught.value.remedy

    def test_too_few_samples(self, data, monkeypatch, tmp_path):
        shutil.copytree(data / "USPS", tmp_path / "USPS")
        (tmp_path / "USPS/usps.bz2").chmod(0o600)
        shutil.copyfile(data / "USPS/usps.t.bz2", tmp_path / "USPS/usps.bz2")
        monkeypatch.setenv("SHIFTSCOPE_DATA", str(tmp_path))
        with pytest.raises(InputError, match="hold 2007 images and 2007 labels, not 7291"):
            make("usps")


@pytest.mark.slow
class TestDownload:
    @pytest.fixture
    def serve(self):
        """Serve a folder on this machine; gives its address."""
        servers = []

        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass

        def start(folder: Path) -> str:
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            servers.append(server)
            return f"http://127.0.0.1:{server.server_port}/"

        yield start
        for server in servers:
            server.shutdown()
            server.server_close()

    def test_fetched_once_with_progress_then_kept(self, data, monkeypatch, serve):
        address = serve(data / "USPS")
        split_list = {
            part: (address + name, name, hashlib.md5((data / "USPS" / name).read_bytes()).hexdigest())
            for part, (_, name, _) in USPS.split_list.items()
        }
        monkeypatch.setattr(USPS, "split_list", split_list)
        expected = make("usps")
        monkeypatch.delenv("SHIFTSCOPE_DATA")
        entry, shares = DOMAINS.get("usps"), []
        d = entry.make(entry.params(), 0, shares.append)
        assert torch.equal(d.inputs, expected.inputs)
        assert shares == sorted(shares)
        assert shares[-1] == 1
        assert len(shares) > 10
        kept = sorted(path.name for path in (home() / "data" / "USPS").iterdir())
        assert kept == ["usps.bz2", "usps.t.bz2"]
        again = []
        entry.make(entry.params(), 0, again.append)
        assert again == []

    def test_unpacks(self, tmp_path, serve):
        packed = gzip.compress(b"content")
        (tmp_path / "a.gz").write_bytes(packed)
        file = vision.RemoteFile("set/a", ("http://127.0.0.1:9/a.gz", serve(tmp_path) + "a.gz"), hashlib.md5(packed).hexdigest())
        vision.fetch(file, tmp_path, lambda share: None)
        assert [(path.name, path.read_bytes()) for path in (tmp_path / "set").iterdir()] == [("a", b"content")]

    def test_wrong_checksum_leaves_nothing(self, tmp_path, monkeypatch, serve):
        for _, name, _ in USPS.split_list.values():
            (tmp_path / name).write_bytes(b"not it")
        monkeypatch.setattr(USPS, "split_list", usps_at(serve(tmp_path)))
        with pytest.raises(InputError, match="damaged or cut short"):
            make("usps")
        assert list((home() / "data" / "USPS").iterdir()) == []

    def test_stopped_midway_leaves_nothing(self, data, monkeypatch, serve):
        monkeypatch.delenv("SHIFTSCOPE_DATA")
        monkeypatch.setattr(USPS, "split_list", usps_at(serve(data / "USPS")))

        def stop(share):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            DOMAINS.get("usps").make(DOMAINS.get("usps").params(), 0, stop)
        assert list((home() / "data" / "USPS").iterdir()) == []


class TestHome:
    def test_is_made(self, tmp_path):
        assert home() == tmp_path / "home"
        assert home().is_dir()

    def test_a_file_is_refused(self, monkeypatch, tmp_path):
        (tmp_path / "file").write_text("")
        for place in (tmp_path / "file", tmp_path / "file" / "below"):
            monkeypatch.setenv("SHIFTSCOPE_HOME", str(place))
            with pytest.raises(InputError, match="SHIFTSCOPE_HOME"):
                home()

    def test_read_only_is_refused(self, monkeypatch, tmp_path):
        monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere, so the real thing cannot be set up
        with pytest.raises(InputError, match="cannot be written to"):
            home()


class TestPair:
    def of(self, shape, labels=(0, 1), class_names=("a", "b"), name="d") -> Domain:
        x = torch.randint(0, 256, shape, dtype=torch.uint8) if len(shape) == 4 else torch.randn(shape)
        y = None if labels is None else torch.tensor(labels).repeat(len(x))[: len(x)]
        index = torch.arange(len(x))
        return Domain(name, x, y, class_names, index[::2], index[1::2], "test", "none")

    def test_images_are_brought_together(self):
        pair = make_pair(self.of((20, 1, 8, 8)), self.of((10, 3, 16, 12)))
        assert pair.source.inputs.shape == (20, 3, 16, 16)
        assert pair.target.inputs.shape == (10, 3, 16, 16)
        assert pair.source.inputs.dtype == pair.target.inputs.dtype == torch.uint8
        assert torch.equal(pair.source.inputs[:, 0], pair.source.inputs[:, 2])
        assert pair.class_names == ("a", "b")

    def test_equal_shapes_stay(self):
        source, target = self.of((20, 1, 8, 8)), self.of((10, 1, 8, 8))
        pair = make_pair(source, target)
        assert torch.equal(pair.source.inputs, source.inputs)
        assert torch.equal(pair.target.inputs, target.inputs)

    def test_real_digits(self):
        pair = make_pair(make("printed-digits", n=100), make("handwritten-digits"))
        assert pair.source.inputs.shape[1:] == pair.target.inputs.shape[1:]

    def test_unlabelled_target_is_fine(self):
        make_pair(self.of((20, 3)), self.of((20, 3), None, ()))

    @pytest.mark.parametrize(
        ("target", "message"),
        [
            ({"shape": (20, 3), "class_names": ("a", "c")}, "classes"),
            ({"shape": (20, 4)}, "4 features"),
            ({"shape": (20, 1, 8, 8)}, "images"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, target, message):
        with pytest.raises(InputError, match=message) as caught:
            make_pair(self.of((20, 3)), self.of(**target))
        assert caught.value.where == "target"

    def test_unlabelled_source_is_refused(self):
        with pytest.raises(InputError, match="no labels"):
            make_pair(self.of((20, 3), None, ()), self.of((20, 3)))
