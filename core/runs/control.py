"""Pause, step, resume and cancel a run that another thread computes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field


class Cancelled(Exception):
    """The user asked to stop."""


class Closed(Cancelled):
    """The program stops."""


@dataclass
class Control:
    """Pause, step, resume and cancel, from another thread.

    Pausing takes effect after the epoch that is being computed, cancelling after the batch.
    """

    _condition: threading.Condition = field(default_factory=threading.Condition)
    _paused: bool = False
    _steps: int = 0
    _cancelled: type[Cancelled] | None = None
    _waiting: bool = False

    def pause(self) -> None:
        with self._condition:
            self._paused, self._steps = True, 0

    def step(self) -> None:
        """Allow one more epoch, then pause."""
        with self._condition:
            self._paused, self._steps = True, self._steps + 1
            self._condition.notify_all()

    def resume(self) -> None:
        with self._condition:
            self._paused, self._steps = False, 0
            self._condition.notify_all()

    def cancel(self, why: type[Cancelled] = Cancelled) -> None:
        with self._condition:
            self._cancelled = self._cancelled or why
            self._condition.notify_all()

    @property
    def pausing(self) -> bool:
        """Asked to pause, but still computing the epoch."""
        return self._paused and self._steps == 0 and not self._waiting

    @property
    def paused(self) -> bool:
        return self._waiting and self._steps == 0

    @property
    def cancelled(self) -> bool:
        return self._cancelled is not None

    def check(self) -> None:
        if self._cancelled:
            raise self._cancelled

    def wait(self, on_pause: Callable[[], None], on_go: Callable[[], None]) -> None:
        """Block while paused; raise `Cancelled` if asked to."""
        with self._condition:
            waited = False
            while self._paused and not self._steps and not self._cancelled:
                if not waited:
                    on_pause()
                waited = self._waiting = True
                self._condition.wait(1.0)
            self._waiting = False
            if self._paused:
                self._steps -= 1
            self.check()
        if waited:
            on_go()
