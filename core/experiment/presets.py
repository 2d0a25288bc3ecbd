"""Situations: small questions of which each shows something, so that every method can be seen to shine and to fail.

A situation is an experiment without its method. It runs in seconds on one core.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from core.experiment import Experiment
from core.methods import METHODS
from core.registry import Registry

SHOTS = 3


@dataclass(frozen=True)
class Situation:
    """``settings`` is an experiment's dictionary without method; ``title`` completes "runs it on …". ``real`` data were made by nobody."""

    name: str
    title: str
    summary: str
    settings: dict[str, Any] = field(hash=False)
    real: bool = False


SITUATIONS: Registry[Situation] = Registry("situation")

_PLANE = {
    "backbone": {"name": "mlp", "params": {"width": 32, "depth": 2, "bottleneck": 16}},
    "budget": {"source_epochs": 30, "epochs": 15, "batch_size": 32, "lr": 0.005},
    "snapshot": 300,
}
_DIGITS = {
    "source": {"name": "printed-digits", "params": {"n": 900}},
    "target": {"name": "handwritten-digits"},
    "backbone": {"name": "small-cnn", "params": {"width": 8}},
    "budget": {"source_epochs": 30, "epochs": 6},
    "snapshot": 500,
}
_LONGER = {"source_epochs": 30, "epochs": 12}
_EMOJI = {
    "source": {"name": "emoji-twemoji"},
    "backbone": {"name": "small-cnn", "params": {"width": 16}},
    "budget": {"source_epochs": 20, "epochs": 12},
    "snapshot": 250,
}
_FEW = {"name": "moons", "params": {"n": 1000, "noise": 0.2}}


def _handwritten(shift: str, severity: float) -> dict[str, Any]:
    """Handwritten digits and the same under a shift: the source model starts well."""
    one = {"name": "handwritten-digits"}
    return {**_DIGITS, "source": one, "target": {**one, "shifts": [{"name": shift, "severity": severity}]}, "budget": _LONGER}


def _points(name: str, *shifts: tuple[str, float], n: int = 600, **params: Any) -> dict[str, Any]:
    moved = [{"name": shift, "severity": severity} for shift, severity in shifts]
    params |= {"n": n}
    return {**_PLANE, "source": {"name": name, "params": params}, "target": {"name": name, "params": params, "shifts": moved}}


def _rows(source: str, target: str) -> dict[str, Any]:
    """Two populations of one real table."""
    return {**_PLANE, "source": {"name": source}, "target": {"name": target}}


for _situation in (
    Situation(
        "turned-moons",
        "turned moons",
        "Two moons, the target turned by 32°: the classes stay next to where they were.",
        _points("moons", ("rotation", 0.35)),
    ),
    Situation(
        "far-turned-moons",
        "moons turned too far",
        "Two moons, the target turned by 81°: the nearest cloud belongs to the wrong class.",
        _points("moons", ("rotation", 0.9)),
    ),
    Situation(
        "same-moons",
        "moons without a shift",
        "Two draws of the same moons: there is nothing to gain.",
        _points("moons"),
    ),
    Situation(
        "moved-blobs",
        "moved blobs",
        "Three blobs, all of the target moved by the same way: whoever lays cloud on cloud wins.",
        _points("blobs", ("translation", 0.6)),
    ),
    Situation(
        "rare-classes",
        "blobs of which some became rare",
        "Three blobs that overlap; in the target the last is ten times as rare as the first. Equal clouds then mean wrong classes.",
        _points("blobs", ("class-prior", 1.0), n=900, spread=0.8),
    ),
    Situation(
        "small-digits",
        "few digits",
        "900 printed digits to handwritten ones, with a small network: a real gap, in seconds.",
        _DIGITS,
    ),
    Situation(
        "pale-digits",
        "the same digits, pale",
        "Handwritten digits, in the target with 40 % of their contrast: shapes stay, light does not.",
        _handwritten("contrast", 0.7),
    ),
    Situation(
        "turned-digits",
        "the same digits, turned",
        "Handwritten digits, in the target turned by 31°: light stays, shapes do not.",
        _handwritten("rotation", 0.35),
    ),
    Situation(
        "selected-moons",
        "moons that were badly sampled",
        "The source has few moons on the right, the target everywhere, and one straight line must do: where it should lie"
        " depends on the sampling.",
        {
            "source": {**_FEW, "shifts": [{"name": "selection", "severity": 1.0}]},
            "target": _FEW,
            "backbone": {"name": "identity"},
            "budget": {"source_epochs": 30, "epochs": 15, "batch_size": 32, "lr": 0.02},
            "snapshot": 300,
        },
    ),
    Situation(
        "emoji",
        "emoji by another hand",
        "The same things drawn flat and in many colours (Twemoji), then with thick outlines and few colours (OpenMoji).",
        {**_EMOJI, "target": {"name": "emoji-openmoji"}},
        real=True,
    ),
    Situation(
        "emoji-lit",
        "emoji with light and shade",
        "The same things drawn flat (Twemoji), then with soft light (Fluent 3-D).",
        {**_EMOJI, "target": {"name": "emoji-fluent-3d"}},
        real=True,
    ),
    Situation(
        "penguins",
        "penguins of another species",
        "Female or male, learned from Adelie penguins and asked of Gentoos, which are larger: most of them look male.",
        _rows("penguins-adelie", "penguins-gentoo"),
        real=True,
    ),
    Situation(
        "penguins-no-depth",
        "penguins without the depth of their bills",
        "The same penguins without the one column in which Gentoos are smaller: clouds can be laid on each other with the sexes swapped.",
        _rows("penguins-adelie-no-depth", "penguins-gentoo-no-depth"),
        real=True,
    ),
    Situation(
        "wages",
        "wages seven years later",
        "Who earns over 5.25 dollars an hour, learned in 1978 and asked in 1985, when prices had risen by 65 %: the workers are much"
        " the same, the question is not.",
        _rows("wages-1978", "wages-1985"),
        real=True,
    ),
    Situation(
        "wages-real",
        "wages in the money of 1978",
        "The same workers with the wages of 1985 in money of 1978: the question is the same again, and hardly a gap is left.",
        _rows("wages-1978", "wages-1985-real"),
        real=True,
    ),
    Situation(
        "rated-sentences",
        "film reviews, then tweets",
        "Positive or negative, learned from sentences of film critics and asked of tweets. The sentences, 2.5 MB, are fetched by pip once.",
        {
            "source": {"name": "rated-movies", "params": {"n": 2000}},
            "target": {"name": "rated-tweets", "params": {"n": 2000}},
            "backbone": {"name": "word-net", "params": {"width": 32, "bottleneck": 32}},
            "budget": {"source_epochs": 30, "epochs": 8},
            "snapshot": 500,
        },
        real=True,
    ),
):
    SITUATIONS.add(_situation)


def posed(situation: Situation, method: str, seed: int = 0, params: dict[str, Any] | None = None) -> Experiment:
    """The situation as an experiment with a method, which gets its labelled target samples if it lives on some."""
    shots = SHOTS if METHODS.get(method).info.setting == "semi-supervised" else 0
    return Experiment.parse(situation.settings | {"method": {"name": method, "params": params or {}}, "seed": seed, "shots": shots})
