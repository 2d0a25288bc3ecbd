"""Choices that do not fit: what follows a choice, what suits own data, and the reasons in titles."""

from __future__ import annotations

import numpy as np
import pytest

from core.backbones import BACKBONES
from core.domains import DOMAINS, own
from core.domains.reading.base import Options, Population, Reading
from core.errors import InputError
from core.experiment import Experiment
from core.experiment.fitting import cannot_act, mended, misfit, suited, suited_to_own

DEFAULT = Experiment.parse({}).model_dump(mode="json")
HERE = [entry.name for entry in DOMAINS if entry.listed and not entry.downloads]


def side(name: str, **params) -> dict:
    return {"name": name, "params": params, "shifts": []}


def keep(kind: str, names: tuple[str, ...] = ("a", "b"), width: int = 16) -> dict[str, dict]:
    rng, n = np.random.default_rng(0), 30
    inputs = {
        "features": lambda: rng.normal(size=(n, 4)).astype(np.float32),
        "image": lambda: rng.integers(0, 256, (n, 3, width, width), dtype=np.uint8),
        "text": lambda: [f"word{i % 7} and word{i % 5}" for i in range(n)],
    }[kind]
    populations = tuple(Population(name, inputs(), np.arange(n) % 2) for name in names)
    given = Reading(kind, ("no", "yes"), populations, Options(), (), {}, ("w", "x", "y", "z") if kind == "features" else None, 0)
    return {entry.name: side("own", digest=entry.digest) for entry in own.keep(given, "x")}


@pytest.mark.parametrize("kept", ["source", "target"])
@pytest.mark.parametrize("name", HERE)
def test_whatever_is_chosen_the_rest_can_follow(name, kept):
    asked = mended(DEFAULT | {kept: side(name)}, kept)
    assert misfit(asked) is None
    assert asked[kept]["name"] == name


def test_what_fits_stays():
    assert mended(DEFAULT) == DEFAULT
    asked = DEFAULT | {"backbone": {"name": "mlp", "params": {}}, "method": {"name": "mcc", "params": {}}}
    assert mended(asked) == asked


def test_a_method_that_reads_pictures_gives_way_to_one_that_reads_features():
    asked = DEFAULT | {"source": side("moons"), "method": {"name": "fda", "params": {}}}
    assert mended(asked)["method"]["name"] == "dan"


@pytest.mark.parametrize("name", [b.name for b in BACKBONES if "features" not in b.kinds])
def test_reasons_are_in_titles(name):
    asked = DEFAULT | {"source": side("moons"), "target": side("moons"), "backbone": {"name": name, "params": {}}}
    problem = misfit(asked)
    assert isinstance(problem, InputError)
    said = f"{problem.what} {problem.remedy}"
    assert BACKBONES.get(name).title in said
    assert "Two moons" in said
    assert not [b.name for b in BACKBONES if "-" in b.name and b.name in said.split()]


@pytest.mark.parametrize(
    ("kind", "width", "backbone"),
    [
        ("features", 0, ("mlp",)),
        ("image", 16, ("small-cnn",)),
        ("image", 64, ("resnet18", "mobilenet-v2", "squeezenet", "efficientnet-lite0")),
    ],
)
def test_own_data_begin_with_what_suits_their_kind_and_size(home, kind, width, backbone):
    kept = keep(kind, width=width)
    asked = suited_to_own(DEFAULT | {"source": kept["a"]}, "source")
    assert asked["backbone"]["name"] in backbone
    assert asked["target"] == kept["b"]
    assert misfit(asked) is None
    assert not cannot_act(asked)


def test_own_texts_begin_with_a_network_of_words(home):
    assert suited(keep("text")["a"])["backbone"]["name"] in ("word-net", "sentence-encoder")


def test_alignment_needs_something_that_can_be_trained():
    raw = DEFAULT | {"backbone": {"name": "identity", "params": {}}}
    assert cannot_act(raw)
    assert not cannot_act(raw | {"method": {"name": "source-only", "params": {}}})
    assert not cannot_act(raw | {"method": {"name": "coral", "params": {}}})
    assert not cannot_act(DEFAULT)
