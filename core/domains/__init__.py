"""Domains: where samples come from. `base` holds the contract; each other module makes one kind of data.

Importing this package registers every domain in `DOMAINS`.
"""

from core.domains import (  # noqa: F401, I001  (they register themselves, in the order in which they are offered)
    digits,
    emoji,
    files,
    points,
    opinions,
    vowels,
    tables,
    shipped_tables,
    vision,
    downloads,
    rated,
    own,
)
from core.domains.base import DOMAINS, Domain, DomainEntry, NoParams, domain, random_split, stratified_order
from core.domains.own import kind_of
from core.domains.pair import Pair, load_pair, make_pair
from core.domains.spec import DomainSpec, ShiftSpec

__all__ = [
    "DOMAINS",
    "Domain",
    "DomainEntry",
    "DomainSpec",
    "NoParams",
    "Pair",
    "ShiftSpec",
    "domain",
    "kind_of",
    "load_pair",
    "make_pair",
    "random_split",
    "stratified_order",
]
