"""Caches: bounded, made once for all who ask at the same time, and what they tell of themselves."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from core.cache import Cache, size_of, statistics


@pytest.fixture
def counted():
    """``counted(value)`` makes a function that returns it; ``counted.calls`` is how often these were called."""

    class Counted:
        calls = 0

        def __call__(self, value):
            def make():
                self.calls += 1
                return value

            return make

    return Counted()


def test_a_value_is_made_once(counted):
    cache = Cache("test values", entries=2)
    assert [cache.get("a", counted(1)), cache.get("a", counted(2))] == [1, 1]
    assert cache.get("b", counted(None)) is cache.get("b", counted(3)) is None
    assert counted.calls == 2


def test_what_was_asked_for_last_stays(counted):
    cache = Cache("test values", entries=2)
    for key in "abac":
        cache.get(key, counted(key))
    assert counted.calls == 3
    cache.get("a", counted("a"))
    assert counted.calls == 3
    cache.get("b", counted("b"))
    assert counted.calls == 4


def test_bytes_are_bounded_and_the_largest_value_is_held_alone(counted):
    cache = Cache("test arrays", nbytes=100)
    for key in range(4):
        cache.get(key, counted(np.zeros(40, np.uint8)))
    assert (cache.statistics.held, cache.statistics.size) == (2, 80)
    cache.get("large", counted(np.zeros(1000, np.uint8)))
    assert (cache.statistics.held, cache.statistics.size) == (1, 100)
    cache.get("large", counted(None))
    assert counted.calls == 5


def test_a_new_stamp_replaces_the_value(counted):
    cache = Cache("test values", entries=9)
    assert [cache.get("file", counted(n), stamp=n // 2) for n in range(4)] == [0, 0, 2, 2]
    assert cache.statistics.held == 1


def test_those_who_ask_at_once_get_one_value():
    cache, begun, go_on = Cache("test values", entries=9), threading.Event(), threading.Event()
    calls, found = [], []

    def make():
        calls.append(threading.current_thread())
        begun.set()
        go_on.wait()
        return object()

    threads = [threading.Thread(target=lambda: found.append(cache.get("slow", make))) for _ in range(4)]
    for thread in threads:
        thread.start()
    begun.wait()
    assert cache.get("another", lambda: 7) == 7, "what is made of one key holds up no other"
    go_on.set()
    for thread in threads:
        thread.join()
    assert len(calls) == len(set(found)) == 1
    assert len(found) == 4


def test_where_making_fails_the_next_one_tries(counted):
    cache, begun, fail = Cache("test values", entries=9), threading.Event(), threading.Event()
    found = []

    def fails():
        begun.set()
        fail.wait()
        raise OSError("no")

    def first():
        with pytest.raises(OSError, match="no"):
            cache.get("key", fails)

    threads = [threading.Thread(target=first), threading.Thread(target=lambda: found.append(cache.get("key", counted(1))))]
    threads[0].start()
    begun.wait()
    threads[1].start()
    fail.set()
    for thread in threads:
        thread.join()
    assert found == [1]
    assert cache.statistics.held == 1


def test_a_cache_tells_how_it_fares(counted):
    cache = Cache("test values", entries=2)
    for key in "aabcd":
        cache.get(key, counted(key))
    (told,) = [one for one in statistics() if one.name == "test values"]
    assert (told.hits, told.misses, told.held, told.size, told.bound, told.unit) == (1, 4, 2, 2, 2, "entries")
    cache.clear()
    assert cache.statistics.held == 0
    cache.get("a", counted("a"))
    assert counted.calls == 5


def test_one_bound_and_one_name():
    for bounds in ({}, {"entries": 1, "nbytes": 1}):
        with pytest.raises(ValueError, match="one bound"):
            Cache("test values", **bounds)
    kept = Cache("test values", entries=1)
    with pytest.raises(ValueError, match="already a cache of test values"):
        Cache("test values", entries=1)
    assert kept.statistics.held == 0


def test_bytes_are_counted_through_what_a_value_is_made_of():
    @dataclass
    class Both:
        array: np.ndarray
        tensor: torch.Tensor
        texts: tuple[str, ...]

    both = Both(np.zeros((2, 3), np.float32), torch.zeros(5, dtype=torch.int64), ("four", "and"))
    assert size_of(both) == 24 + 40 + 7
    assert size_of({"a": [both, b"12"], "n": 3}) == 73
