"""Sentences whose feeling people rated: from reviews of films, and from tweets.

They belong to those who wrote them, so they are not shipped: the source distribution of vaderSentiment holds them, and is fetched when
they are first wanted.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from core.cache import Cache
from core.domains.base import Domain, domain, random_split
from core.domains.packages import Progress, SourceDistribution, at_hand, unpacked
from core.domains.vision import random_draw
from core.errors import InputError
from core.samples.hashing import word_ids

VADER = SourceDistribution("vaderSentiment", "3.3.2", "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9")
INNER = "hutto_ICWSM_2014"  # the archive in the archive
CLASS_NAMES = ("negative", "positive")
CLEAR = 0.5  # of ±4: of a sentence with a smaller mean rating people do not agree what it feels
READ: Cache[tuple[tuple[str, ...], np.ndarray]] = Cache("rated sentences", entries=2)
SOURCE = "C. J. Hutto and E. Gilbert, VADER (ICWSM 2014)"
LICENCE = "The ratings: MIT (C. J. Hutto, 2016). The sentences are their writers'."


class Rated(BaseModel):
    """Parameters of both sets."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    n: int = Field(3000, ge=200, le=3400, description="How many sentences, drawn at random by the seed.")


@dataclass(frozen=True)
class Collection:
    """One collection of sentences: the file that holds it, of whom it has what, and how many have a clear feeling."""

    name: str
    file: str
    title: str
    summary: str


COLLECTIONS = (
    Collection(
        "rated-movies",
        "movieReviewSnippets_GroundTruth.txt",
        "Rated sentences: film reviews",
        "Sentences of film critics, positive or negative by the mean of twenty people's ratings. Fetched when first used, 2.5 MB.",
    ),
    Collection(
        "rated-tweets",
        "tweets_GroundTruth.txt",
        "Rated sentences: tweets",
        "Tweets, rated by the same people: short, with smileys, and two in three of them positive. Fetched when first used, 2.5 MB.",
    ),
)


def sentences(one: Collection, on_progress: Progress | None = None) -> tuple[tuple[str, ...], np.ndarray]:
    """All sentences with a clear feeling, and whether it is a positive one: int64, N."""
    path = at_hand(VADER, on_progress)
    return READ.get((one.file, str(path), VADER.sha256), lambda: _read(one.file, str(path), path.read_bytes()))


def _read(file: str, where: str, archive: bytes) -> tuple[tuple[str, ...], np.ndarray]:
    inner = unpacked(where, archive, f"{VADER.package}-{VADER.version}/additional_resources/{INNER}.tar.gz")
    lines = unpacked(where, inner, f"{INNER}/{file}").decode("utf-8", "replace").splitlines()
    try:
        rows = [(float(rating), html.unescape(text).strip()) for _, rating, text in (line.split("\t", 2) for line in lines)]
    except ValueError as error:
        what = f"{file} in it does not hold numbers, ratings and sentences."
        raise InputError(where, what, "Delete the file; it will be fetched again.") from error
    clear = [(rating, text) for rating, text in rows if abs(rating) >= CLEAR and text]
    return tuple(text for _, text in clear), np.array([rating > 0 for rating, _ in clear], np.int64)


def rated(one: Collection, params: Rated, seed: int, on_progress: Progress | None = None) -> Domain:
    """``n`` of its sentences, a third of them held out."""
    found, feelings = sentences(one, on_progress)
    rows = random_draw(len(found), params.n, [seed])
    texts = tuple(found[i] for i in rows.tolist())
    train, test = random_split(len(texts), 1 / 3, seed)
    return Domain(
        one.name,
        word_ids(texts),
        torch.from_numpy(feelings)[rows],
        CLASS_NAMES,
        train,
        test,
        f"{SOURCE}: {len(texts):,} of the {len(found):,} sentences with a mean rating of {CLEAR:g} or more either way, seed {seed}.",
        LICENCE,
        kind="text",
        originals=texts,
    )


for _one in COLLECTIONS:
    domain(
        _one.name,
        title=_one.title,
        kind="text",
        params=Rated,
        summary=_one.summary,
        licence=f"{LICENCE} Cite: {SOURCE}.",
        downloads=True,
    )(partial(rated, _one))
