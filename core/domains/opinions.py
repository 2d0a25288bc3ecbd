"""Opinions in two styles: product reviews in full sentences, and the same opinions as short chat messages.

Both are put together from templates. A text's feeling is told by words that both styles share, by words of its own style, or both: what a
reader of reviews knows helps with some of the messages, and what stands beside the known words is what adaptation can use.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from core.domains.base import Domain, domain, random_split
from core.samples.hashing import word_ids

CLASS_NAMES = ("negative", "neutral", "positive")
THINGS = ("phone", "blender", "camera", "lamp", "keyboard", "kettle", "jacket", "backpack", "speaker", "printer", "watch", "toaster")
# Words of a feeling that either style may use.
SHARED = {
    "negative": ("bad", "broken", "terrible", "awful", "slow", "useless"),
    "neutral": ("black", "small", "new", "standard", "plastic", "square"),
    "positive": ("great", "good", "perfect", "nice", "beautiful", "amazing"),
}


@dataclass(frozen=True)
class Style:
    """How one group of people writes: openings, clauses by feeling with ``{thing}`` and ``{word}``, joints, endings."""

    name: str
    openings: tuple[str, ...]
    shared: tuple[str, ...]
    own: dict[str, tuple[str, ...]]
    joints: tuple[str, ...]
    endings: tuple[str, ...]
    lower: bool


REVIEWS = Style(
    "reviews",
    ("I bought this {thing} last month.", "We ordered the {thing} in spring.", "This {thing} replaces my old one.", ""),
    ("The {thing} is {word}.", "Overall a {word} {thing}.", "It looks {word} to me."),
    {
        "negative": (
            "I returned it and asked for a refund.",
            "The workmanship is disappointing.",
            "It stopped working within a week.",
            "I regret this purchase.",
            "Customer service was unhelpful.",
            "I cannot recommend it to anybody.",
            "It feels flimsy and overpriced.",
        ),
        "neutral": (
            "It was delivered on Tuesday.",
            "The package contains a manual and a cable.",
            "It measures about twelve centimetres.",
            "The colour corresponds to the description.",
            "Two batteries are required.",
            "I have not tested it extensively yet.",
            "It is manufactured in two sizes.",
        ),
        "positive": (
            "I recommend it wholeheartedly.",
            "It exceeded my expectations.",
            "The workmanship is excellent.",
            "It was worth every penny.",
            "My whole family is delighted.",
            "I would purchase it again.",
            "It performs flawlessly every day.",
        ),
    },
    (" ", " ", " In short: "),
    ("", "", " Kind regards.", " I use it daily."),
    lower=False,
)
CHAT = Style(
    "chat",
    ("omg this {thing}", "hey so the {thing}", "guys", "ok", "", "lol my {thing}"),
    ("the {thing} is {word}", "its so {word}", "{word} {thing} tbh"),
    {
        "negative": (
            "want my money back asap",
            "smh total junk",
            "died on me already :(",
            "ugh im so done w it",
            "such a ripoff",
            "do not get it",
            "fail fail fail",
        ),
        "neutral": (
            "got it yday",
            "comes in a box w a cable",
            "its like the one u have",
            "havent tried it tho",
            "idk gonna unbox it later",
            "its the one from the pic",
            "needs 2 AA i think",
        ),
        "positive": (
            "luv it sooo much",
            "5 stars from me :)",
            "im obsessed",
            "u gotta get one",
            "best thing ever fr",
            "yesss so happy rn",
            "works like a charm <3",
        ),
    },
    (" ", ", ", " and "),
    ("", "", " haha", " btw", " !!"),
    lower=True,
)


class Opinions(BaseModel):
    """Parameters of both styles."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    n: int = Field(1500, ge=200, le=20_000, description="How many texts to write.")


def opinions(style: Style, params: Opinions, seed: int) -> Domain:
    """Texts of one style, balanced over three feelings; one in twelve clauses says something of another feeling."""
    rng = np.random.default_rng([seed, 0x7E87, len(style.name)])
    labels = np.arange(params.n) % len(CLASS_NAMES)
    rng.shuffle(labels)
    texts = tuple(_write(style, int(label), rng) for label in labels)
    train, test = random_split(params.n, 1 / 3, seed)
    return Domain(
        f"opinions-{style.name}",
        word_ids(texts),
        torch.from_numpy(labels),
        CLASS_NAMES,
        train,
        test,
        f"{params.n} texts written from templates, seed {seed}.",
        "Generated here.",
        kind="text",
        originals=texts,
    )


def _write(style: Style, label: int, rng: np.random.Generator) -> str:
    """An opening, one to three clauses, an ending."""
    thing = _one(rng, THINGS)
    clauses = []
    for _ in range(rng.integers(1, 4)):
        feeling = CLASS_NAMES[label if rng.random() > 1 / 12 else rng.integers(3)]
        if rng.random() < 0.4:
            clauses.append(_one(rng, style.shared).format(thing=thing, word=_one(rng, SHARED[feeling])))
        else:
            clauses.append(_one(rng, style.own[feeling]))
    opening = _one(rng, style.openings).format(thing=thing)
    text = (opening + " " + _one(rng, style.joints).join(clauses)).strip() + _one(rng, style.endings)
    return text.lower() if style.lower else text


def _one(rng: np.random.Generator, among: tuple[str, ...]) -> str:
    return among[rng.integers(len(among))]


for _style, _title, _summary in (
    (REVIEWS, "Opinions: product reviews", "Positive, neutral and negative product reviews in full sentences, written from templates."),
    (CHAT, "Opinions: chat messages", "The same opinions as short chat messages with words of their own, written from templates."),
):
    domain(f"opinions-{_style.name}", title=_title, kind="text", params=Opinions, summary=_summary, licence="Generated here.")(
        partial(opinions, _style)
    )
