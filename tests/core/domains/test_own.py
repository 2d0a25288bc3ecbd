"""The store of own data: named by content, bounded, deletable, and readable without this program."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from core.domains import DOMAINS, kind_of, own
from core.domains.reading.base import Note, Options, Population, Reading
from core.domains.titles import own_names
from core.errors import InputError
from core.experiment import Experiment

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SHIFTSCOPE_HOME", str(tmp_path))
    return tmp_path


def reading(kind="features", n=30, names=("a", "b"), labelled=True, offset=0.0):
    rows = {
        "features": lambda: (RNG.normal(size=(n, 4)) + offset).astype(np.float32),
        "image": lambda: RNG.integers(0, 256, (n, 3, 8, 8), dtype=np.uint8),
        "sound": lambda: RNG.integers(-9999, 9999, (n, 3200), dtype=np.int16),
        "text": lambda: tuple(f"word{i} and ünïcode שלום {i % 2}" for i in range(n)),
    }[kind]
    labels = (np.arange(n) % 2).astype(np.int64) if labelled else None
    populations = tuple(Population(name, rows(), labels) for name in names)
    columns = ("p", "q", "r", "s") if kind == "features" else None
    rate = 16_000 if kind == "sound" else 0
    return Reading(
        kind, ("no", "yes"), populations, Options(), (Note("a", "x is gone."), Note("b", "y too.")), {"Rows": "60"}, columns, rate
    )


def load(entry, seed=0):
    return DOMAINS.get("own").make(own.Own(digest=entry.digest), seed)


class TestKeeps:
    @pytest.mark.parametrize("kind", ["features", "image", "sound", "text"])
    def test_what_was_read_comes_back(self, kind):
        given = reading(kind)
        for population, entry in zip(given.populations, own.keep(given, "mine.zip"), strict=True):
            d = load(entry)
            back = d.originals if kind in ("sound", "text") else d.inputs.numpy()
            assert np.array_equal(back, population.inputs)
            assert d.labels.tolist() == population.labels.tolist()
            assert (d.kind, d.class_names, d.rate, d.name) == (kind, ("no", "yes"), given.rate, population.name)
            assert torch.cat([d.train, d.test]).sort().values.tolist() == list(range(30))
            assert kind_of("own", {"digest": entry.digest}) == kind

    def test_without_labels(self):
        entry = own.keep(reading(labelled=False), "mine.csv")[0]
        assert load(entry).labels is None
        assert entry.counts == ()

    def test_the_files_can_be_read_without_this_program(self, home):
        given = reading()
        entry = own.keep(given, "mine.csv")[0]
        about = json.loads((home / "own" / entry.digest / "about.json").read_text())
        assert (about["name"], about["source"], about["counts"], about["columns"]) == ("a", "mine.csv", [15, 15], ["p", "q", "r", "s"])
        assert about["notes"] == [["a", "x is gone."]], "each domain keeps its own notes"
        np.testing.assert_array_equal(load_file(home / "own" / entry.digest / "data.safetensors")["inputs"], given.populations[0].inputs)

    def test_only_the_domains_that_are_named(self):
        assert [e.name for e in own.keep(reading(), "x", ["b"])] == ["b"]
        assert [e.name for e in own.entries()] == ["b"]

    def test_the_same_content_is_stored_once(self):
        given = reading()
        assert own.keep(given, "x") == own.keep(given, "y")
        assert len(own.entries()) == 2

    def test_another_content_has_another_name(self):
        first, second = own.keep(reading(names=("a",)), "x")[0], own.keep(reading(names=("a",), offset=1.0), "x")[0]
        assert first.digest != second.digest
        names = own_names()
        assert names[first.digest] != names[second.digest]

    def test_provenance_says_what_was_left_out(self):
        d = load(own.keep(reading(), "mine.csv")[0])
        assert "mine.csv" in d.provenance
        assert "x is gone." in d.provenance


class TestRefuses:
    def test_deleted(self):
        entry = own.keep(reading(), "x")[0]
        own.delete(entry.digest)
        assert entry.digest not in [e.digest for e in own.entries()]
        with pytest.raises(InputError, match="not on this machine any more"):
            load(entry)
        with pytest.raises(InputError, match="any more"):
            own.delete(entry.digest)

    @pytest.mark.parametrize("digest", ["", "../../etc", "0" * 15, "G" * 16, "0" * 16 + "/"])
    def test_names_that_are_none(self, digest):
        with pytest.raises(InputError):
            Experiment.parse({"source": {"name": "own", "params": {"digest": digest}}})

    def test_damaged(self, home):
        entry = own.keep(reading(), "x")[0]
        (home / "own" / entry.digest / "data.safetensors").write_bytes(b"nonsense")
        with pytest.raises(InputError, match="damaged"):
            load(entry)
        (home / "own" / entry.digest / "about.json").write_text("{")
        assert [e.name for e in own.entries()] == ["b"]

    def test_too_many(self, monkeypatch):
        monkeypatch.setattr(own, "MAX_ENTRIES", 2)
        own.keep(reading(), "x")
        with pytest.raises(InputError, match="2 data sets .* Delete some"):
            own.keep(reading(offset=1.0), "x")

    def test_too_much(self, monkeypatch):
        monkeypatch.setattr(own, "MAX_BYTES", 1000)
        with pytest.raises(InputError, match="Delete some"):
            own.keep(reading(), "x")
        assert len(own.entries()) == 1, "the first one fitted"

    def test_nothing_half_written_stays(self, home, monkeypatch):
        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(own, "save_file", full)
        with pytest.raises(InputError, match="No space left"):
            own.keep(reading(), "x")
        assert own.entries() == []
        assert [p.name for p in (home / "own").iterdir()] == [".lock"]


def test_an_experiment_knows_what_own_data_are():
    images, rows = own.keep(reading("image"), "x")[0], own.keep(reading(names=("c",)), "y")[0]
    sides = {side: {"name": "own", "params": {"digest": e.digest}} for side, e in (("source", images), ("target", rows))}
    with pytest.raises(InputError, match="Choose two domains of one kind"):
        Experiment.parse(sides)
    with pytest.raises(InputError, match="backbone"):
        Experiment.parse({"source": sides["target"], "target": sides["target"], "backbone": {"name": "small-cnn"}})
