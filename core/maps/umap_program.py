"""The program that `core.maps.process` keeps warm: it takes run ids on stdin, computes their UMAP maps and says on stdout how far it is."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

from core.errors import InputError
from core.home import home
from core.maps import prepare_numba_cache, umap_map
from core.maps.run_map import compute_umap
from core.runs import store

NICENESS = 5  # pages and training come first; with 10, a busy machine of two cores took twice as long for a map


def main() -> None:
    """The process: answers run ids on stdin until it closes."""
    os.nice(NICENESS)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer

    def say(**answer: Any) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    try:
        _warm_up()
        say(warm=True)
        for line in sys.stdin:
            _answer(json.loads(line), say)
    except BrokenPipeError:
        pass  # the server is gone


def _warm_up() -> None:
    """Import and compile everything that a map needs; what was compiled is kept for the next process."""
    prepare_numba_cache(home() / "numba")
    umap_map(np.random.default_rng(0).normal(size=(2, 64, 8)), range(2), seed=0)


def _answer(run_id: str, say: Callable[..., None]) -> None:
    try:
        compute_umap(store.find(run_id), on_progress=lambda share: say(progress=round(share, 3)))
    except BrokenPipeError:
        raise
    except InputError as error:
        say(failed=str(error))
    except Exception as error:  # noqa: BLE001  (the next run may fare better)
        traceback.print_exc()
        say(failed=f"{type(error).__name__}: {error}")
    else:
        say(done=True)


if __name__ == "__main__":
    main()
