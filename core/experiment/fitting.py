"""Choices that fit each other: what stands against a question, how the rest follows one choice, and what suits a user's own data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from core.backbones import BACKBONES, fitting_backbone, weights_at_hand
from core.domains import DOMAINS, kind_of, load_pair, own
from core.errors import InputError
from core.experiment.base import Experiment, MethodSpec
from core.methods import METHODS

SideName = Literal["source", "target"]
PHOTOGRAPH = 48  # pixels a side from which own pictures are taken for photographs; smaller ones are drawings, digits, icons
TURNS = 5  # choices that may have to follow one another
PRETRAINED = ("resnet18", "mobilenet-v2", "squeezenet")  # in the order in which they are preferred


def misfit(data: Mapping[str, Any]) -> InputError | None:
    """What stands against a question, an experiment's dictionary; None where it can be asked, as far as can be told without a download."""
    try:
        asked = Experiment.parse(dict(data))
        if not any(DOMAINS.get(side.name).downloads for side in (asked.source, asked.target)):
            load_pair(*asked.pair)
    except InputError as error:
        return error
    return None


def mended(data: Mapping[str, Any], kept: SideName = "source") -> dict[str, Any]:
    """The question with all that does not fit the ``kept`` side replaced; what cannot be mended so stays as it is."""
    now = dict(data)
    for _ in range(TURNS):
        problem = misfit(now)
        if problem is None:
            break
        now |= _change(problem.where.partition(".")[0], now, kept)
    return now


def _change(part: str, data: dict[str, Any], kept: SideName) -> dict[str, Any]:
    """What to exchange where ``part`` of a question does not fit."""
    if part in ("source", "target"):
        other: SideName = "target" if kept == "source" else "source"
        return {other: partner(data[kept], labelled=other == "source")}
    if part == "backbone":
        return {"backbone": suited(data["source"])["backbone"]}
    if part == "method":
        return {"method": {"name": MethodSpec().name}, "shots": 0}
    return {"start": "source-model"} if part == "start" else {}


def partner(spec: Mapping[str, Any], labelled: bool) -> dict[str, Any]:
    """A domain that fits this one as its other side: of own data another part of the same upload, of all others the same once more.

    ``labelled`` is whether it needs labels, as a source does.
    """
    same = {"name": spec["name"], "params": dict(spec["params"]), "shifts": []}
    if spec["name"] != "own":
        return same
    entry = own.find(spec["params"]["digest"])
    for other in own.entries():
        beside = other.digest != entry.digest and other.source == entry.source and other.kind == entry.kind
        shared = len(set(other.class_names) & set(entry.class_names)) > 1 if other.counts else not labelled
        if beside and shared:
            return same | {"params": {"digest": other.digest}}
    return same


def suited(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The backbone with which to begin on a domain, by the kind and the size of its samples."""
    kind = kind_of(spec["name"], spec["params"])
    name = fitting_backbone(kind)
    if kind == "text" and "sentence-encoder" in BACKBONES:
        name = "sentence-encoder"
    if kind == "image" and spec["name"] == "own" and own.find(spec["params"]["digest"]).side >= PHOTOGRAPH:
        name = next((one for one in PRETRAINED if weights_at_hand(one)), PRETRAINED[0])
    return {"backbone": {"name": name, "params": {}}}


def suited_to_own(data: Mapping[str, Any], kept: SideName) -> dict[str, Any]:
    """The question after own data were chosen: with the backbone that suits them, which a method can act on."""
    return mended(dict(data) | suited(data[kept]), kept)


def cannot_act(data: Mapping[str, Any]) -> bool:
    """Whether a method that trains features is to work on a backbone that has none to train: raw inputs, shares of words."""
    backbone, info = BACKBONES.get(data["backbone"]["name"]), METHODS.get(data["method"]["name"]).info
    return "bottleneck" not in backbone.params.model_fields and info.transfers == "features" and info.adapts and not info.instant
