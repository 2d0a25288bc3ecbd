"""Which domain, with which parameters, seen through which shifts: a question's half, frozen and validated."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from core.domains.base import DOMAINS
from core.domains.own import kind_of
from core.errors import InputError
from core.shifts import SHIFTS

MOST_SHIFTS = 4  # of a domain, one after the other


class Frozen(BaseModel):
    """A model that cannot change, takes no unknown fields and no infinite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ShiftSpec(Frozen):
    """A registered shift and how hard it is, from 0 (identity) to 1."""

    name: str
    severity: float = Field(ge=0, le=1)

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        return SHIFTS.get(name, "shift").name


class DomainSpec(Frozen):
    """A registered domain, its parameters, and the shifts its inputs pass through, in order."""

    name: str
    params: dict[str, JsonValue] = Field(default_factory=dict, validate_default=True)
    shifts: Annotated[tuple[ShiftSpec, ...], Field(max_length=MOST_SHIFTS)] = ()

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        return DOMAINS.get(name, "domain").name

    @model_validator(mode="after")
    def _complete(self) -> DomainSpec:
        entry = DOMAINS.get(self.name)
        self.params.update(entry.params.model_validate(self.params).model_dump(mode="json"))
        kind = kind_of(self.name, self.params)
        for shift in self.shifts:
            if kind is not None and kind not in SHIFTS.get(shift.name).kinds:
                good = ", ".join(s.name for s in SHIFTS if kind in s.kinds)
                raise InputError("shifts", f"{shift.name} has no meaning for {self.name}.", f"Choose one of: {good}.")
        return self
