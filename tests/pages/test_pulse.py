"""The pulse: one event when a record changes, none when it does not, and no way to ask for other files."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from pages.elements import pulse


class Viewer:
    """A request whose browser stays for a while."""

    def __init__(self, looks: int):
        self.looks = looks

    async def is_disconnected(self) -> bool:
        self.looks -= 1
        return self.looks < 0


class Clock:
    """Stands for `time`: moves when the test moves it."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    for name in ("LOOK", "SETTLE", "REST"):
        monkeypatch.setattr(pulse, name, 0.0001)
    made = Clock()
    monkeypatch.setattr(pulse, "time", made)
    return made


def run(coroutine):
    """In a thread of its own: Playwright keeps an event loop running in the one of the tests."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


async def seen_after(folder, *changes, looks: int = 10) -> list[str | None]:
    """What a pulse tells after each of ``changes``: its event, or None where it had nothing to tell for a while."""
    beats = pulse.beats(folder, Viewer(looks))
    told = [await anext(beats)]
    assert told == [": still here\n\n"]  # at its first look, nothing has changed
    for change in changes:
        change()
        told.append(await anext(beats))
    await beats.aclose()
    return [event.removeprefix("data: ").strip() if event.startswith("data:") else None for event in told[1:]]


def marks(folder) -> str:
    """The event that tells of the files as they are: when the epochs and the status were last written."""
    stamps = [f"{path.stat().st_mtime_ns:x}" if path.exists() else "0" for path in (folder / "epochs.jsonl", folder / "status.json")]
    return "-".join(stamps)


def test_a_changed_record_gives_one_event_each_time(tmp_path, clock):
    epochs, status, expected = tmp_path / "epochs.jsonl", tmp_path / "status.json", []

    def write(path, text: str):
        def change() -> None:
            clock.now += 1
            path.write_text(text)
            expected.append(marks(tmp_path))

        return change

    seen = run(seen_after(tmp_path, write(epochs, "{}\n"), write(status, "{}"), write(epochs, "{}\n{}\n"), lambda: None))
    assert seen == [*expected, None]
    assert [event.split("-")[1] == "0" for event in expected] == [True, False, False]
    assert expected[1].split("-")[0] == expected[0].split("-")[0] != expected[2].split("-")[0]


def test_an_epoch_and_its_status_are_one_event(tmp_path, clock):
    def change() -> None:
        (tmp_path / "epochs.jsonl").write_text("{}\n")
        (tmp_path / "status.json").write_text("{}")

    seen = run(seen_after(tmp_path, change, lambda: None))
    assert seen == [marks(tmp_path), None]


def test_notes_of_progress_wait_and_epochs_do_not(tmp_path, clock):
    epochs, status = tmp_path / "epochs.jsonl", tmp_path / "status.json"

    def later() -> None:
        clock.now += pulse.QUIET + 0.01

    seen = run(
        seen_after(
            tmp_path,
            lambda: epochs.write_text("{}\n"),
            lambda: status.write_text("{}"),  # so soon after an event it tells nothing,
            later,  # and is told when the quiet time is over
            lambda: status.write_text("{ }"),
            lambda: epochs.write_text("{}\n{}\n"),  # told at once, with the status that waited
            later,
        )
    )
    assert [event is not None for event in seen] == [True, False, True, False, True, False]
    assert seen[2].split("-")[0] == seen[0].split("-")[0]
    assert seen[4] == marks(tmp_path)


def test_a_deleted_record_is_an_event(tmp_path, clock):
    epochs = tmp_path / "epochs.jsonl"
    epochs.write_text("{}\n")
    assert run(seen_after(tmp_path, epochs.unlink)) == ["0-0"]


def test_an_unchanged_record_gives_none_and_a_viewer_who_left_ends_it(tmp_path, clock):
    (tmp_path / "epochs.jsonl").write_text("{}\n")

    async def all_of_it() -> list[str]:
        return [event async for event in pulse.beats(tmp_path, Viewer(2))]

    assert run(all_of_it()) == [": still here\n\n"] * 3


def test_only_run_ids_are_answered(tmp_path, monkeypatch):
    monkeypatch.setenv("SHIFTSCOPE_HOME", str(tmp_path))
    for hostile in ("nothing", "0123456789ABCDEF", "..", "../status", "0123456789ab\0", "0123456789ab\n"):
        assert run(pulse.events(SimpleNamespace(path_params={"run_id": hostile}))).status_code == 404
    assert run(pulse.events(SimpleNamespace(path_params={"run_id": "0123456789ab"}))).status_code == 200
