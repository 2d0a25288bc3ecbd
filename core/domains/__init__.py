"""Domains: where samples come from. `base` holds the contract; each other module makes one kind of data.

Importing this package registers every domain in `DOMAINS`.
"""

from core.domains import (  # noqa: F401, I001  (they register themselves, in the order in which they are offered)
    digits,
    files,
    points,
    opinions,
    vowels,
    tables,
    vision,
    downloads,
    own,
)
from core.domains.base import DOMAINS, Domain, DomainEntry, NoParams, Pair, domain, make_pair, stratified_order, stratified_split
from core.domains.own import kind_of

__all__ = ["DOMAINS", "Domain", "DomainEntry", "NoParams", "Pair", "domain", "kind_of", "make_pair", "stratified_order", "stratified_split"]
