"""What became of everything that was given: rows in = rows used + rows left out, each for a reason in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Unit = Literal["rows", "files"]


@dataclass(frozen=True)
class LeftOut:
    """So many rows of one domain or file that are not used, and why."""

    where: str
    why: str
    rows: int


@dataclass(frozen=True)
class Account:
    """The rows of one reading. What was given is counted where a file is opened, so that the sum says whether anything was lost.

    Attributes
    ----------
    unit : {"rows", "files"}
        What is counted: lines of a table or an array, or the files of a folder or archive.
    given : mapping of str to int
        Of each file or folder.
    used : mapping of str to int
        Of each domain.
    left_out : tuple of LeftOut
        Of a domain, or of a file where its rows belong to none.
    """

    unit: Unit
    given: Mapping[str, int]
    used: Mapping[str, int]
    left_out: tuple[LeftOut, ...]

    def without(self, name: str, rows: int, why: str) -> Account:
        """The same, with so many rows of a domain that was used left out as well."""
        used = {domain: n - rows if domain == name else n for domain, n in self.used.items()}
        return replace(self, used=used, left_out=(*self.left_out, LeftOut(name, why, rows)))

    @property
    def sentence(self) -> str:
        """For example "300 rows in = 280 used (a 140, b 140) + 20 left out"."""
        given, used, lost = sum(self.given.values()), sum(self.used.values()), sum(part.rows for part in self.left_out)
        files = f" ({_listed(self.given)})" * (len(self.given) > 1)
        return f"{given:,} {self.unit} in{files} = {used:,} used ({_listed(self.used)}) + {lost:,} left out"

    @property
    def lines(self) -> list[str]:
        """The sentence, and a line for each reason."""
        return [f"{self.sentence}.", *(f"  {part.rows:,} of {part.where}: {part.why}" for part in self.left_out)]

    def facts(self) -> dict[str, Any]:
        """Plain numbers and words; `read` makes an account of them again."""
        return {
            "unit": self.unit,
            "in": sum(self.given.values()),
            "used": sum(self.used.values()),
            "left_out": sum(part.rows for part in self.left_out),
            "files": dict(self.given),
            "domains": dict(self.used),
            "reasons": [{"where": part.where, "why": part.why, "rows": part.rows} for part in self.left_out],
        }

    @staticmethod
    def read(facts: Mapping[str, Any]) -> Account:
        """From what `facts` gave."""
        return Account(facts["unit"], facts["files"], facts["domains"], tuple(LeftOut(**reason) for reason in facts["reasons"]))


def _listed(counts: Mapping[str, int], shown: int = 6) -> str:
    listed = ", ".join(f"{name} {n:,}" for name, n in list(counts.items())[:shown])
    return listed + (f" and {len(counts) - shown} more" if len(counts) > shown else "")
