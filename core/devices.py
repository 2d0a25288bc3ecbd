"""Which device computes, and how many threads it may use."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache

import torch
from threadpoolctl import ThreadpoolController, threadpool_limits

from core.errors import InputError


def available() -> list[str]:
    """Devices of this machine, the best first: CUDA, then MPS, then the CPU."""
    found = [f"cuda:{i}" if i else "cuda" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        found.append("mps")
    return [*found, "cpu"]


def choose(name: str | None = None) -> str:
    """``name`` if this machine has it, the best device for None; raises `InputError` otherwise."""
    devices = available()
    if name is None:
        return devices[0]
    if name not in devices:
        raise InputError("device", f"{name!r} is not available here.", f"Choose one of: {', '.join(devices)}.")
    return name


def title(device: str) -> str:
    """The device in words, for example ``"NVIDIA H200"`` or ``"CPU, 1 thread"``."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    if device == "mps":
        return "Apple GPU"
    return f"CPU, {torch.get_num_threads()} thread{'s' if torch.get_num_threads() > 1 else ''}"


def limit_threads() -> None:
    """Leave one core to the pages. Called by each thread that trains; the number is part of what makes results repeat.

    BLAS is limited too: its threads wait by spinning, and on a busy machine the measures after each epoch then take
    many times as long.
    """
    threads = max(1, (os.cpu_count() or 1) - 1)
    torch.set_num_threads(threads)
    import sklearn.linear_model  # noqa: F401  (only libraries that are loaded can be limited)

    threadpool_limits(threads, user_api="blas")


@contextmanager
def one_thread() -> Iterator[None]:
    """BLAS and OpenMP use one core: for what is computed for a page while a run trains.

    With more, they wait for each other by spinning, and what takes 10 ms took a second on a busy machine. BLAS has one limit for the
    whole process: the first who comes sets it, the last who leaves takes it back.
    """
    global _inside
    with _entering:
        _inside += 1
        if _inside == 1:
            _limit.enter_context(_pools().limit(limits=1, user_api="blas"))
    try:
        with _pools().limit(limits=1, user_api="openmp"):  # each thread's own
            yield
    finally:
        with _entering:
            _inside -= 1
            if _inside == 0:
                _limit.close()


_entering = threading.Lock()
_inside = 0
_limit = ExitStack()  # holds the one of the whole process while somebody is inside


@cache
def _pools() -> ThreadpoolController:
    import sklearn.neighbors  # noqa: F401  (only libraries that are loaded can be limited)

    return ThreadpoolController()


def warm_up() -> None:
    """Do once what the first job would otherwise wait for: PyTorch's optimisers import its compiler, which takes seconds."""
    limit_threads()

    weight = torch.zeros(1, requires_grad=True)
    weight.sum().backward()
    torch.optim.Adam([weight]).step()
    for device in available()[:-1]:
        torch.zeros(1, device=device)
