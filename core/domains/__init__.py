"""Domains: where samples come from. `base` holds the contract; each other module makes one kind of data.

Importing this package registers every domain in `DOMAINS`.
"""

from core.domains import digits, files, opinions, own, points, tables, vision, vowels  # noqa: F401  (they register themselves)
from core.domains.base import DOMAINS, Domain, DomainEntry, NoParams, Pair, domain, make_pair, stratified_order, stratified_split
from core.domains.own import kind_of

__all__ = ["DOMAINS", "Domain", "DomainEntry", "NoParams", "Pair", "domain", "kind_of", "make_pair", "stratified_order", "stratified_split"]
