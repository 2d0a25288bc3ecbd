"""Runs and reference networks are found, bounded and deleted; damaged ones are as good as absent."""

from __future__ import annotations

import os
import threading

import pytest
import torch

from core.errors import InputError
from core.runs import store
from core.runs.record import Record, Writer
from core.training import Checkpoint, Reference

QUESTION = '{"seed": 0, "method": {"name": "dan"}}'
IDS = ["aaaa00000001", "aaaa00000002", "bbbb00000003"]


def make(run_id: str, state: str = "finished", age: float = 0) -> Record:
    writer = store.writer(run_id).open(QUESTION)
    writer.update(state=state)
    writer.close()
    path = writer.folder / "experiment.json"
    os.utime(path, (path.stat().st_mtime - age,) * 2)
    return Record(writer.folder)


@pytest.fixture
def runs(home, monkeypatch, tmp_path):
    """Three runs, the first the newest, and none that ships."""
    monkeypatch.setattr(store, "SHIPPED", tmp_path / "gallery")
    return [make(run_id, age=10 * i) for i, run_id in enumerate(IDS)]


@pytest.fixture
def shipped(runs, tmp_path):
    writer = Writer(tmp_path / "gallery" / "cccc00000004").open(QUESTION)
    writer.update(state="finished")
    writer.close()
    return Record(writer.folder)


def test_a_run_is_found_by_the_start_of_its_id(runs, shipped):
    assert store.find("bbbb").id == IDS[2]
    assert store.find(IDS[0]).id == IDS[0]
    assert store.find("cccc0").folder == shipped.folder


def test_an_id_that_names_several_runs_is_refused(runs):
    with pytest.raises(InputError, match="could be 2 runs"):
        store.find("aaaa")


@pytest.mark.parametrize("run_id", ["dddd", "ffffffffffff", "aaaa00000009"])
def test_an_unknown_run_is_refused(runs, run_id):
    with pytest.raises(InputError, match="not stored here"):
        store.find(run_id)


HOSTILE = [
    "",
    ".",
    "..",
    "../..",
    "aaa",
    "*",
    "aaaa*",
    "[a-f]*",
    "/etc",
    "aaaa/../bbbb",
    "AAAA00000001",
    "aaaa\n",
    "\0",
    "ａａａａ",
    "é" * 500,
]


@pytest.mark.parametrize("run_id", HOSTILE)
def test_what_is_no_id_is_refused(runs, run_id):
    with pytest.raises(InputError) as caught:
        store.find(run_id)
    assert len(str(caught.value)) < 300
    with pytest.raises(InputError):
        store.delete(run_id)
    assert len(store.records()) == 3


def test_a_folder_without_a_question_is_no_run(runs, home):
    (home / "runs" / "eeee00000005").mkdir()
    make("eeee00000006").folder.joinpath("experiment.json").write_bytes(b"{")
    (home / "runs" / "notes.txt").write_text("mine")
    assert [record.id for record in store.records()] == IDS
    with pytest.raises(InputError):
        store.find("eeee")


def test_the_list_has_the_newest_first_then_those_that_ship(runs, shipped, monkeypatch):
    assert [record.id for record in store.records()] == [*IDS, shipped.id]
    monkeypatch.setattr(store, "LISTED", 2)
    assert [record.id for record in store.records()] == [*IDS[:2], shipped.id]


def test_a_run_of_ones_own_hides_the_shipped_one(runs, shipped):
    mine = make(shipped.id)
    assert store.find(shipped.id).folder == mine.folder
    assert [record.id for record in store.records()].count(shipped.id) == 1


def test_only_a_finished_run_needs_no_computing(runs, shipped):
    assert store.finished(IDS[0]).id == IDS[0]
    assert store.finished(shipped.id).folder == shipped.folder
    assert store.finished("dddd00000000") is None
    for state in ("running", "cancelled", "failed", "interrupted"):
        assert store.finished(make("dddd00000007", state).id) is None


def test_delete(runs, home):
    store.delete(IDS[0])
    assert [record.id for record in store.records()] == IDS[1:]
    assert sorted(path.name for path in (home / "runs").iterdir()) == IDS[1:]  # nothing is left of it


def test_a_run_under_way_is_not_deleted(runs):
    writer = store.writer(IDS[1]).open("{}")
    with pytest.raises(InputError, match="being computed"):
        store.delete(IDS[1])
    assert Record(writer.folder).exists
    writer.close()
    store.delete(IDS[1])


def test_a_shipped_run_is_not_deleted(runs, shipped):
    with pytest.raises(InputError, match="not one of your runs"):
        store.delete(shipped.id)
    assert shipped.exists


def test_lists_and_looks_survive_deletion_beside_them(runs):
    stop, wrong = threading.Event(), []

    def look() -> None:
        while not stop.is_set():
            try:
                for record in store.records():
                    record.status(), record.epochs(), record.version(), record.snapshot_numbers()
            except Exception as error:  # noqa: BLE001  (whatever it is)
                wrong.append(error)

    viewers = [threading.Thread(target=look) for _ in range(2)]
    for viewer in viewers:
        viewer.start()
    for i in range(40):
        run_id = f"dddd{i:08x}"
        make(run_id, "running")
        store.delete(run_id)
    stop.set()
    for viewer in viewers:
        viewer.join()
    assert not wrong
    assert [record.id for record in store.records()] == IDS


# Reference networks


def reference(value: float = 1.0) -> Reference:
    return Reference(
        {"weight": torch.full((3, 2), value), "count": torch.tensor(7)}, [{"phase": "source", "number": 1, "measures": {"a": None}}]
    )


def age(references: store.ReferenceStore, key: str, seconds: float) -> None:
    path = references.path(key)
    os.utime(path, (path.stat().st_mtime - seconds,) * 2)


def test_a_reference_comes_back_as_it_was(home):
    references = store.ReferenceStore()
    assert "k1" not in references
    assert len(references) == 0
    with pytest.raises(KeyError):
        references["k1"]
    references["k1"] = reference(0.1)
    found = store.ReferenceStore()["k1"]
    assert torch.equal(found.model["weight"], torch.full((3, 2), 0.1))
    assert found.model["count"] == 7
    assert found.epochs == reference().epochs
    assert list(references) == ["k1"]
    del references["k1"]
    assert "k1" not in references


def test_a_look_whether_a_reference_is_there_does_not_read_the_network(home, monkeypatch):
    references = store.ReferenceStore()
    references["k1"] = reference()
    monkeypatch.setattr(store, "load_file", None)
    assert "k1" in references
    assert "k2" not in references


def test_the_reference_longest_unused_goes_first(home, monkeypatch):
    monkeypatch.setattr(store, "REFERENCES", 3)
    references = store.ReferenceStore()
    for i, key in enumerate("abc"):
        references[key] = reference()
        age(references, key, 100 - i)
    assert references["a"]  # used, and so the newest
    references["d"] = reference()
    assert set(references) == {"a", "c", "d"}


@pytest.mark.parametrize("damage", [b"", b"x", b"\xff" * 64, b"\x10\0\0\0\0\0\0\0{}              ", "cut", "zeros"])
def test_a_damaged_reference_is_as_good_as_absent(home, damage):
    references = store.ReferenceStore()
    references["k"] = reference()
    path = references.path("k")
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[:-5], "zeros": b"\0" * len(whole)}.get(damage, damage))
    assert "k" not in references
    with pytest.raises(KeyError):
        references["k"]
    references["k"] = reference(2.0)
    assert references["k"].model["weight"][0, 0] == 2


def test_two_threads_store_references_at_the_bound(home, monkeypatch):
    monkeypatch.setattr(store, "REFERENCES", 2)
    wrong = []

    def put(name: str) -> None:
        try:
            for i in range(60):
                store.ReferenceStore()[f"{name}{i}"] = reference()
        except Exception as error:  # noqa: BLE001  (whatever it is)
            wrong.append(error)

    threads = [threading.Thread(target=put, args=(name,)) for name in "xyz"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(store.ReferenceStore()) <= 3


# Checkpoints


def test_a_checkpoint_comes_back_as_it_was(runs):
    writer = store.writer(IDS[0])
    assert store.read_checkpoint(writer) is None
    generator = torch.Generator().manual_seed(1)
    tensors = {
        "method/w": torch.randn(4, 3, generator=generator),
        "optimizer/0/step": torch.tensor(5.0),
        "generator": generator.get_state(),
    }
    store.write_checkpoint(writer, Checkpoint("oracle", 4, tensors, [{"number": 4, "measures": {"a": 0.1, "b": None}}]))
    found = store.read_checkpoint(writer)
    assert (found.phase, found.number, found.past) == ("oracle", 4, [{"number": 4, "measures": {"a": 0.1, "b": None}}])
    assert found.tensors.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert torch.equal(found.tensors[name], tensor)
        assert found.tensors[name].dtype == tensor.dtype


@pytest.mark.parametrize("damage", [b"", b"x", b"\xff" * 64, b"\x10\0\0\0\0\0\0\0{}              ", "cut"])
def test_a_damaged_checkpoint_is_as_good_as_absent(runs, damage):
    writer = store.writer(IDS[0])
    store.write_checkpoint(writer, Checkpoint("adapt", 1, {"w": torch.zeros(100)}, []))
    path = writer.folder / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-5] if damage == "cut" else damage)
    assert store.read_checkpoint(writer) is None
