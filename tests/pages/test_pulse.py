"""The pulse: one event when a record changes, none when it does not, and no way to ask for other files."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from pages.parts import pulse


class Viewer:
    """A request whose browser stays for a while."""

    def __init__(self, looks: int):
        self.looks = looks

    async def is_disconnected(self) -> bool:
        self.looks -= 1
        return self.looks < 0


def run(coroutine):
    """In a thread of its own: Playwright keeps an event loop running in the one of the tests."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


async def events_while(folder, changes, looks: int = 1) -> list[str]:
    """The events of a pulse during which each of ``changes`` is made after the event before it."""
    seen = []
    pending = iter(changes)
    async for event in pulse._beats(folder, Viewer(looks)):
        if event.startswith("data:"):
            seen.append(event)
        change = next(pending, None)
        if change is None:
            break
        change()
    return seen


def test_a_changed_record_gives_one_event_each_time(tmp_path, monkeypatch):
    for name in ("LOOK", "SETTLE", "REST"):
        monkeypatch.setattr(pulse, name, 0.001)
    epochs, status = tmp_path / "epochs.jsonl", tmp_path / "status.json"
    changes = [lambda: epochs.write_text("{}\n"), lambda: status.write_text("{}"), lambda: epochs.write_text("{}\n{}\n"), None]
    seen = run(events_while(tmp_path, changes[:3] + [None], looks=10))
    assert len(seen) == 3
    assert len(set(seen)) == 3


def test_an_unchanged_record_gives_none_and_a_viewer_who_left_ends_it(tmp_path, monkeypatch):
    monkeypatch.setattr(pulse, "LOOK", 0.0001)
    (tmp_path / "epochs.jsonl").write_text("{}\n")
    seen = run(events_while(tmp_path, [lambda: None] * 50, looks=2))
    assert seen == []


def test_only_run_ids_are_answered(tmp_path, monkeypatch):
    monkeypatch.setenv("SHIFTSCOPE_HOME", str(tmp_path))
    for hostile in ("nothing", "0123456789ABCDEF", "..", "../status", "0123456789ab\0", "0123456789ab\n"):
        assert run(pulse.events(SimpleNamespace(path_params={"run_id": hostile}))).status_code == 404
