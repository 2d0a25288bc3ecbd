"""Pictures that stay on disk: the same samples, batches and runs as from memory."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from core.domains import DOMAINS, files
from core.domains import pair as pairs_module
from core.domains.base import shifted
from core.domains.pair import load_pair
from core.domains.reading import images, stream
from core.errors import InputError
from core.experiment import Experiment
from core.shifts import SHIFTS, apply_shift
from core.training import train
from core.training.build import make_method
from core.training.data import Data
from core.training.evaluation import evaluate

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two domains of two classes, 30 pictures each, and a home of its own."""
    monkeypatch.setenv("SHIFTSCOPE_HOME", str(tmp_path / "home"))
    for place in ("a/cat", "a/dog", "b/cat", "b/dog"):
        (tmp_path / "data" / place).mkdir(parents=True)
        for i in range(30):
            out = io.BytesIO()
            Image.fromarray(RNG.integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(out, "PNG")
            (tmp_path / "data" / place / f"{i:02}.png").write_bytes(out.getvalue())
    return tmp_path / "data"


def make(folder, domain="a", **options):
    files.READINGS.clear()
    entry = DOMAINS.get("file")
    return entry.make(entry.params(path=str(folder), domain=domain, options=options), 0)


@pytest.fixture
def both(folder, monkeypatch):
    memory = make(folder)
    monkeypatch.setattr(images, "STREAM_FROM", 0)
    return memory, make(folder)


def test_batches_are_those_from_memory(both):
    memory, disk = both
    assert isinstance(disk.inputs, stream.StreamedImages)
    assert (disk.inputs.shape, disk.inputs.dtype, disk.kind) == (memory.inputs.shape, memory.inputs.dtype, "image")
    assert torch.equal(disk.labels, memory.labels)
    assert torch.equal(disk.train, memory.train)
    for index in (torch.tensor([5, 0, 59, 5]), slice(3, 9), disk.test):
        for _ in range(2):  # decoded, and read back
            assert torch.equal(disk.inputs[index], memory.inputs[index])
    part = disk.inputs.subset(disk.train)
    assert torch.equal(part[torch.arange(len(part))], memory.inputs[memory.train])
    assert torch.equal(part.subset(np.array([3, 1]))[slice(0, 2)], memory.inputs[memory.train][[3, 1]])


def test_another_size(both, folder):
    small = both[1].inputs.resized(1, 8)
    assert small.shape == (60, 1, 8, 8)
    expected = make(folder, side=8, colour="grey").inputs
    assert torch.equal(small[slice(0, 60)], expected[slice(0, 60)])
    assert both[1].inputs.resized(3, 20) is both[1].inputs


def test_each_picture_is_decoded_once(folder, monkeypatch):
    monkeypatch.setattr(images, "STREAM_FROM", 0)
    calls = []
    real = images.decode
    monkeypatch.setattr(images, "decode", lambda *a, **k: calls.append(1) or real(*a, **k))
    inputs = make(folder).inputs
    for _ in range(3):
        inputs[torch.randperm(60, generator=torch.Generator().manual_seed(0))]
    assert len(calls) == 60


def test_a_full_disk_only_costs_time(both, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stream.os, "pwrite", full)
    inputs = both[1].inputs.resized(3, 16)
    assert torch.equal(inputs[slice(0, 9)], inputs[slice(0, 9)])


def test_a_damaged_picture_is_named(both, folder):
    (folder / "a" / "dog" / "03.png").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="a/dog/03.png: it is damaged, or no picture. Remove"):
        both[1].inputs[slice(0, 60)]


def read_anew(folder) -> dict:
    """An experiment's two sides, of the domains of the folder; nothing that was read before is used."""
    files.READINGS.clear()
    pairs_module.PAIRS.clear()
    return {side: {"name": "file", "params": {"path": str(folder), "domain": d}} for side, d in (("source", "a"), ("target", "b"))}


def test_the_same_is_measured(folder, monkeypatch):
    def evaluated():
        experiment = Experiment.parse(read_anew(folder) | {"backbone": {"name": "lenet"}, "budget": {"batch_size": 16}, "snapshot": 20})
        data = Data.of(experiment, load_pair(*experiment.pair), "cpu")
        return data, evaluate(data, make_method(data, "source-only", {}, "adapt"))

    memory, a = evaluated()
    monkeypatch.setattr(images, "STREAM_FROM", 0)
    streamed, b = evaluated()
    assert isinstance(streamed.source.inputs, stream.StreamedImages)
    assert isinstance(streamed.source.held_out, torch.Tensor)
    np.testing.assert_array_equal(a.target_probabilities, b.target_probabilities)
    index = torch.tensor([3, 1, 2])
    assert torch.equal(streamed.source.inputs[index], memory.source.inputs[index])


def run(folder, method: str, **settings) -> list[dict]:
    """The measures of a short run on the two domains of the folder."""
    short = {"budget": {"batch_size": 16, "source_epochs": 1, "epochs": 1}, "snapshot": 20}
    lenet = {"backbone": {"name": "lenet", "params": {"bottleneck": 8}}, "method": {"name": method}}
    return [epoch.measures for epoch in train(Experiment.parse(read_anew(folder) | lenet | short | settings))]


@pytest.mark.parametrize(
    ("method", "at_once"),  # of the 40 training pictures of a domain; those that look at all of them do so in parts of 512
    [
        ("dan", 20),
        ("tri-training", 20),
        ("mme", 20),
        ("cycada", 20),
        ("ot-emd", 40),
        ("fixmatch", 40),
        ("shot", 40),
        ("nrc", 40),
        ("tent", 40),
    ],
)
def test_runs_are_those_from_memory_and_never_hold_all_pictures(folder, monkeypatch, method, at_once):
    settings = {"shots": 2} if method == "mme" else {"joint": True}
    memory = run(folder, method, **settings)
    monkeypatch.setattr(images, "STREAM_FROM", 0)
    asked, real = [], stream.StreamedImages.__getitem__
    monkeypatch.setattr(stream.StreamedImages, "__getitem__", lambda self, index: asked.append(len(self._rows[index])) or real(self, index))
    assert run(folder, method, **settings) == memory
    assert max(asked) <= at_once


def test_adabn_looks_at_a_part_after_another(folder, monkeypatch):
    memory = run(folder, "adabn")
    monkeypatch.setattr(images, "STREAM_FROM", 0)
    assert run(folder, "adabn") == memory


@pytest.mark.parametrize("name", [entry.name for entry in SHIFTS if entry.image])
def test_a_shifted_picture_is_what_it_would_be_in_memory(both, name):
    memory, disk = (shifted(d, [(name, 0.6)], 3) for d in both)
    assert isinstance(disk.inputs, stream.StreamedImages)
    for seed in (0, 1):  # decoded and shifted, then read back, in other batches
        index = torch.randperm(60, generator=torch.Generator().manual_seed(seed))
        for part in index.split(7):
            assert torch.equal(disk.inputs[part], memory.inputs[part])
    assert not torch.equal(memory.inputs, both[0].inputs)
    assert torch.equal(both[1].inputs[slice(0, 60)], both[0].inputs), "the pictures as they were are still there"


def test_shifts_of_a_stream_follow_each_other(folder, monkeypatch):
    chain = [("noise", 0.3), ("class-prior", 0.8), ("tint", 0.7), ("jpeg", 0.4), ("blur", 0.0)]
    memory = shifted(make(folder, colour="grey"), chain, 5)
    monkeypatch.setattr(images, "STREAM_FROM", 0)
    disk = shifted(make(folder, colour="grey"), chain, 5)
    assert disk.inputs.shape == memory.inputs.shape == (60, 3, 20, 20)
    assert torch.equal(disk.train, memory.train)
    assert torch.equal(disk.inputs[memory.train], memory.inputs[memory.train])
    part = disk.inputs.subset(torch.tensor([41, 2]))
    assert torch.equal(part[torch.tensor([1, 0])], memory.inputs[[2, 41]]), "a sample keeps its draws in a part of the domain"


def test_a_shifted_stream_takes_another_size(both):
    grey = shifted(both[1], [("rotation", 0.4)], 0).inputs.resized(3, 12)
    clean = both[1].inputs.resized(3, 12)[slice(0, 60)]
    assert torch.equal(grey[slice(0, 60)], apply_shift("rotation", clean, 0.4, 0))


def test_a_shifted_picture_is_decoded_once(folder, monkeypatch):
    monkeypatch.setattr(images, "STREAM_FROM", 0)
    calls = []
    real = images.decode
    monkeypatch.setattr(images, "decode", lambda *a, **k: calls.append(1) or real(*a, **k))
    inputs = shifted(make(folder), [("noise", 0.5), ("rotation", 0.5)], 0).inputs
    for _ in range(3):
        inputs[torch.arange(60)]
    assert len(calls) == 60


def test_a_shift_without_meaning_for_pictures_is_refused(both):
    with pytest.raises(InputError, match="no meaning for images"):
        shifted(both[1], [("missing", 0.5)], 0)
