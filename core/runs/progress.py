"""How far a run is."""

from __future__ import annotations

import time
from typing import Any

from core.experiment import Experiment, Phase
from core.training.estimate import EARLY, USUAL
from core.training.loop import Step

TICK = 1.0  # seconds between two notes of progress within an epoch
PHASES: dict[str, str] = {
    "features": "Reading features",
    "source": "Source training",
    "linear": "Linear reference",
    "oracle": "Oracle line",
    "joint": "Joint line",
    "continued": "Source-only, trained on",
    "adapt": "Adaptation",
}
BEGINS: tuple[Step, int, int] = ("begins", 0, 0)


class Progress:
    """How far a run is and how long it will still take, from the time of its own recent epochs.

    Training on labels may end before its budget's bound, so ``expected`` has `USUAL` epochs for it until it has taken more, or has ended.
    """

    def __init__(self, experiment: Experiment):
        self.totals = experiment.phases
        self.expected = {phase: min(total, USUAL) if phase in EARLY else total for phase, total in self.totals.items()}
        self.done: dict[Phase, int] = dict.fromkeys(self.totals, 0)
        self.recent: list[float] = []
        self.phase: Phase = "source"
        self.fraction, self.last_note = 0.0, 0.0
        self.step = BEGINS
        self.began = time.monotonic()  # this epoch, or this reading of samples

    def within(self, phase: Phase, fraction: float) -> bool:
        """Note a batch; True if it is time to tell."""
        new = phase != self.phase
        self.phase, self.fraction, self.step = phase, fraction, BEGINS
        return self._due(new)

    def reads(self, phase: Phase, step: Step, done: int, of: int) -> bool:
        """Note what is no batch; True if it is time to tell, as it is whenever something begins."""
        new = (phase, step) != (self.phase, self.step[0])
        if new:
            self.began = time.monotonic()
        if phase != self.phase:
            self.fraction = 0.0
        self.phase, self.step = phase, (step, done, of)
        return self._due(new)

    def _due(self, new: bool) -> bool:
        if not new and time.monotonic() - self.last_note < TICK:
            return False
        self.last_note = time.monotonic()
        return True

    def finished(self, line: dict[str, Any], computed: bool) -> None:
        phase, number, phases = line["phase"], line["number"], list(self.totals)
        self.phase, self.fraction, self.step, self.began = phase, 0.0, BEGINS, time.monotonic()
        self.done[phase] = number
        for earlier in phases[: phases.index(phase)]:  # they have ended, or a target without labels has none
            self.expected[earlier] = self.done[earlier]
        if number < line["total"]:
            self.expected[phase] = max(self.expected[phase], number + 1)
        else:
            self.expected[phase] = number
            self.phase = phases[min(phases.index(phase) + 1, len(phases) - 1)]
        if computed and number:
            self.recent = [*self.recent[-4:], line["seconds"]]

    def facts(self) -> dict[str, Any]:
        total = sum(self.expected.values())
        left = total - sum(self.done.values()) - self.fraction
        return self._reading() | {
            "phase": self.phase,
            "epoch": self.done[self.phase],
            "of": self.totals[self.phase],
            "at_most": self.phase in EARLY,
            "fraction": 1 - left / total,
            "remaining": None if (each := self._seconds_each()) is None else each * left,
        }

    def _seconds_each(self) -> float | None:
        """Of an epoch: the mean of the recent ones, or as the first one has gone so far."""
        if self.recent:
            return sum(self.recent) / len(self.recent)
        return (time.monotonic() - self.began) / self.fraction if self.fraction > 0 and self.step[0] == "begins" else None

    def _reading(self) -> dict[str, Any]:
        """How many samples of how many are read, and the seconds that takes, where that is what goes on."""
        step, done, of = self.step
        if not of or done >= of:
            return {}
        return {"step": step, "samples": [done, of], "left": (time.monotonic() - self.began) / done * (of - done) if done else None}
