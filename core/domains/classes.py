"""The classes of two domains brought together: by their names, whatever other domains of a file have."""

from __future__ import annotations

from dataclasses import replace

import torch

from core.domains.account import Account
from core.domains.base import NOUNS, Domain, chosen_from


def share_classes(source: Domain, target: Domain) -> tuple[Domain, Domain]:
    """Both with the classes that both have, in the order of the source; as they are where one has no labels or these are fewer than two.

    Samples of other classes are left out, which provenance and account say.
    """
    if source.labels is None or target.labels is None or source.class_names == target.class_names:
        return source, target
    common = tuple(name for name in source.class_names if name in target.class_names)
    if len(common) < 2:
        return source, target
    lost = [_lost(d, common, other.name) for d, other in ((source, target), (target, source))]
    accounts = [source.account, target.account]
    together = accounts[0] == accounts[1]  # one reading: what either loses is told of both
    for side, (d, (rows, why)) in enumerate(zip((source, target), lost, strict=True)):
        for i, account in enumerate(accounts):
            if rows and account is not None and (together or i == side):
                accounts[i] = account.without(d.name, rows, why)
    first, second = (_only(d, common, rows, why, account) for d, (rows, why), account in zip((source, target), lost, accounts, strict=True))
    return first, second


def _lost(d: Domain, common: tuple[str, ...], other: str) -> tuple[int, str]:
    """How many samples are of other classes, and of which."""
    gone = [i for i, name in enumerate(d.class_names) if name not in common]
    shown = ", ".join(d.class_names[i] for i in gone[:5]) + (f" and {len(gone) - 5} more" if len(gone) > 5 else "")
    return int(torch.isin(d.known_labels, torch.tensor(gone, dtype=torch.int64)).sum()), f"{shown}, which {other} does not have"


def _only(d: Domain, names: tuple[str, ...], lost: int, why: str, account: Account | None) -> Domain:
    """The samples of these classes, numbered in this order; ``lost`` are those of others."""
    codes = torch.tensor([names.index(name) if name in names else -1 for name in d.class_names], dtype=torch.int64)
    labels = codes[d.known_labels]
    kept = (labels >= 0).nonzero().squeeze(1)
    places = torch.full((len(labels),), -1, dtype=torch.int64)
    places[kept] = torch.arange(len(kept))
    train, test = (places[part][places[part] >= 0] for part in (d.train, d.test))
    said = f"{d.provenance} Left out: {lost:,} {NOUNS[d.kind]} of {why}." if lost else d.provenance
    known = chosen_from(d, kept)
    return replace(known, labels=labels[kept], class_names=names, provenance=said, account=account, train=train, test=test)
