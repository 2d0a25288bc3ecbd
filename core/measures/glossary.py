"""What each number means, said once beside the code that computes it, and shown wherever the number appears.

A measure's module adds its words when it is imported: ``WORDS.add(Words(name=…, title=…, …))``. A page, a report or a table of the
documentation asks ``WORDS.get(name)``.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.registry import Registry


@dataclass(frozen=True)
class Words:
    """What a reader finds one click away from a number.

    Attributes
    ----------
    name : str
        The key of the number in reports and records, for example ``"domain_auc"``.
    title : str
        What stands above the number.
    meaning : str
        One sentence for a reader who knows no statistics: what it says, from where to where, and which end is good.
    formula : str
        LaTeX without dollar signs.
    reference : str
        Authors, year, and where it was published.
    limits : str
        What the number cannot say, and what deceives it: one to three sentences.
    """

    name: str
    title: str
    meaning: str
    formula: str
    reference: str
    limits: str


WORDS: Registry[Words] = Registry("measure's words")
