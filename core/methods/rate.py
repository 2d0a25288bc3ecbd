"""How fast a method learns in adaptation: hyper-parameters of which each method has its own defaults."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

Schedule = Literal["budget", "constant", "inverse", "cosine"]


def rate_field(default: float) -> Any:
    """The learning rate as a hyper-parameter."""
    return Field(default, gt=0, le=10, description="Learning rate of adaptation, as a multiple of the budget's.")


def schedule_field(default: Schedule) -> Any:
    """Its schedule as a hyper-parameter."""
    return Field(default, description="How the learning rate falls in adaptation: as the budget says, or not at all, or as named.")
