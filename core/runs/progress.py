"""How far a run is."""

from __future__ import annotations

import time
from typing import Any

from core.experiment import Experiment, Phase

TICK = 1.0  # seconds between two notes of progress within an epoch


class Progress:
    """How far a run is and how long it will still take, from the time of its own recent epochs."""

    def __init__(self, experiment: Experiment):
        self.totals = experiment.phases
        self.done: dict[Phase, int] = dict.fromkeys(self.totals, 0)
        self.recent: list[float] = []
        self.fraction, self.phase, self.last_note = 0.0, "source", 0.0

    def within(self, fraction: float) -> bool:
        """Note a batch; True if it is time to tell."""
        self.fraction = fraction
        if time.monotonic() - self.last_note < TICK:
            return False
        self.last_note = time.monotonic()
        return True

    def finished(self, line: dict[str, Any], computed: bool) -> None:
        self.phase, self.fraction = line["phase"], 0.0
        ended = line["number"] == line["total"]  # training on labels may end before its time
        self.done[self.phase] = self.totals[self.phase] if ended else line["number"]
        for earlier in list(self.totals)[: list(self.totals).index(self.phase)]:
            self.done[earlier] = self.totals[earlier]
        if computed and line["number"]:
            self.recent = [*self.recent[-4:], line["seconds"]]

    def facts(self) -> dict[str, Any]:
        left = sum(self.totals.values()) - sum(self.done.values()) - self.fraction
        phases = list(self.totals)
        current = next((p for p in phases if self.done[p] < self.totals[p]), phases[-1])
        return {
            "phase": current,
            "epoch": self.done[current],
            "of": self.totals[current],
            "fraction": 1 - left / sum(self.totals.values()),
            "remaining": sum(self.recent) / len(self.recent) * left if self.recent else None,
        }
