"""How far a run is."""

from __future__ import annotations

import time
from typing import Any

from core.experiment import Experiment, Phase
from core.training.estimate import EARLY, USUAL

TICK = 1.0  # seconds between two notes of progress within an epoch
PHASES: dict[str, str] = {
    "source": "Source training",
    "linear": "Linear reference",
    "oracle": "Oracle line",
    "joint": "Joint line",
    "continued": "Source-only, trained on",
    "adapt": "Adaptation",
}


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

    def within(self, phase: Phase, fraction: float) -> bool:
        """Note a batch; True if it is time to tell."""
        self.phase, self.fraction = phase, fraction
        if time.monotonic() - self.last_note < TICK:
            return False
        self.last_note = time.monotonic()
        return True

    def finished(self, line: dict[str, Any], computed: bool) -> None:
        phase, number, phases = line["phase"], line["number"], list(self.totals)
        self.phase, self.fraction = phase, 0.0
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
        return {
            "phase": self.phase,
            "epoch": self.done[self.phase],
            "of": self.totals[self.phase],
            "at_most": self.phase in EARLY,
            "fraction": 1 - left / total,
            "remaining": sum(self.recent) / len(self.recent) * left if self.recent else None,
        }
