"""An experiment's identity, its JSON, and how it refuses what cannot be run."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from core.errors import InputError
from core.experiment import Experiment
from core.methods import METHODS

MOONS = {
    "source": {"name": "moons", "params": {"n": 200, "noise": 0.1}},
    "target": {"name": "moons", "params": {"n": 300, "noise": 0.1}, "shifts": [{"name": "rotation", "severity": 0.4}]},
    "backbone": {"name": "mlp", "params": {"bottleneck": 8, "width": 16, "depth": 2}},
    "method": {"name": "dan", "params": {"trade_off": 2.0}},
    "budget": {"source_epochs": 2, "epochs": 3, "batch_size": 16},
    "seed": 1,
}


def changed(path: str, value: object, base: dict = MOONS) -> dict:
    """A copy in which the value at a dotted path is another one."""
    data = copy.deepcopy(base)
    *parents, last = path.split(".")
    at = data
    for key in parents:
        at = at[int(key)] if isinstance(at, list) else at.setdefault(key, {})
    at[last] = value
    return data


def leaves(data: object, path: str = ""):
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from leaves(value, f"{path}.{key}" if path else str(key))
    else:
        yield path, data


FULL = Experiment.parse(MOONS).model_dump(mode="json")
OTHER_NAMES = {
    "target.shifts.0.name": "noise",
    "start": "scratch",
    "budget.optimizer": "sgd",
    "budget.schedule": "cosine",
    "budget.precision": "bfloat16",
    "method.params.schedule": "cosine",
    "method.params.norm": "separate",
    "joint": True,
}
# Another domain, backbone or method has other parameters, so the whole part changes.
OTHER_PARTS = {"source.name": "file", "target.name": "file", "backbone.name": "lenet", "method.name": "mcc"}


# Identity


def test_the_default_experiment_is_the_default_pair():
    experiment = Experiment()
    assert (experiment.source.name, experiment.target.name) == ("printed-digits", "handwritten-digits")
    assert experiment == Experiment.parse({}) == Experiment.parse("{}")
    assert experiment.id == Experiment.parse({}).id


def test_an_id_is_twelve_hexadecimal_digits():
    for name in (Experiment.parse(MOONS).id, Experiment.parse(MOONS).reference_id("source")):
        assert len(name) == 12
        assert int(name, 16) >= 0


def test_the_id_does_not_depend_on_order():
    def backwards(value):
        return {key: backwards(value[key]) for key in reversed(value)} if isinstance(value, dict) else value

    reordered = backwards(MOONS)
    assert list(reordered) == list(reversed(MOONS))
    assert list(reordered["backbone"]["params"]) == ["depth", "width", "bottleneck"]
    assert Experiment.parse(reordered).id == Experiment.parse(MOONS).id
    assert Experiment.parse(reordered).reference_id("oracle") == Experiment.parse(MOONS).reference_id("oracle")


def test_the_order_of_shifts_is_part_of_the_question():
    shifts = [{"name": "rotation", "severity": 0.4}, {"name": "translation", "severity": 0.2}]
    assert Experiment.parse(changed("target.shifts", shifts)).id != Experiment.parse(changed("target.shifts", shifts[::-1])).id


@pytest.mark.parametrize("data", [{}, {"method": {"name": "mcc"}}, {"backbone": {"name": "lenet"}, "budget": {"epochs": 5}}, MOONS])
def test_a_default_that_is_left_out_equals_the_same_value_given(data):
    short = Experiment.parse(data)
    full = Experiment.parse(short.model_dump(mode="json"))
    assert full == short
    assert full.id == short.id
    assert short.method.params  # filled in, so that a later default cannot change an old run's meaning
    assert short.backbone.params["bottleneck"] == full.backbone.params["bottleneck"]


def test_a_number_means_the_same_as_an_integer_and_as_a_fraction():
    assert Experiment.parse(changed("method.params.trade_off", 2)).id == Experiment.parse(MOONS).id
    assert Experiment.parse(changed("budget.lr", 1)).id == Experiment.parse(changed("budget.lr", 1.0)).id


@pytest.mark.parametrize(("path", "value"), list(leaves(FULL)))
def test_every_field_changes_the_id(path, value, tmp_path, monkeypatch):
    if path == "shots":  # only some methods may have any
        monkeypatch.setattr(METHODS.get("dan"), "info", replace(METHODS.get("dan").info, setting="semi-supervised"))
        one, two = (Experiment.parse(MOONS | {"shots": shots}).id for shots in (1, 2))
        assert one != two
        return
    if path in OTHER_PARTS:
        part, other = path.removesuffix(".name"), {"name": OTHER_PARTS[path]}
        if other["name"] == "file":
            np.savez(tmp_path / "rows.npz", X=np.zeros((30, 2)), y=np.arange(30) % 2)
            other["params"] = {"path": str(tmp_path / "rows.npz")}
        base = {} if part == "backbone" else MOONS  # LeNet reads images only
        data = {**base, part: other}
    else:
        other = OTHER_NAMES[path] if isinstance(value, str | bool) else value + 1 if isinstance(value, int) else value * 0.5 + 0.01
        base, data = FULL, changed(path, other, FULL)
    assert Experiment.parse(data).id != Experiment.parse(base).id


def test_a_files_content_is_part_of_the_id_and_not_only_its_path(tmp_path):
    path = tmp_path / "rows.npz"
    ids = []
    for fill in (0, 1):
        np.savez(path, X=np.full((30, 2), fill), y=np.arange(30) % 2)
        ids.append(Experiment.parse({**MOONS, "source": {"name": "file", "params": {"path": str(path)}}}).id)
    assert ids[0] != ids[1]


SHARED = {"method": {"name": "mcc"}, "start": "scratch", "snapshot": 50, "budget.epochs": 9}
OWN = {
    "seed": 2,
    "budget.source_epochs": 3,
    "budget.lr": 0.01,
    "budget.batch_size": 32,
    "budget.optimizer": "sgd",
    "budget.precision": "bfloat16",
    "budget.label_smoothing": 0.1,
    "backbone.params.width": 32,
    "source.params.noise": 0.2,
    "target.shifts.0.severity": 0.5,
}


@pytest.mark.parametrize("role", ["source", "linear", "oracle", "joint"])
def test_references_are_shared_by_what_cannot_change_them(role):
    base = Experiment.parse(MOONS)
    for path, value in SHARED.items():
        other = Experiment.parse(changed(path, value))
        assert other.id != base.id
        assert other.reference_id(role) == base.reference_id(role)
    for path, value in OWN.items():
        assert Experiment.parse(changed(path, value)).reference_id(role) != base.reference_id(role)


def test_source_only_trained_on_is_shared_by_methods_of_as_many_epochs_and_the_same_start():
    base = Experiment.parse(MOONS)
    assert Experiment.parse(changed("method", {"name": "mcc"})).reference_id("continued") == base.reference_id("continued")
    for path, value in (("budget.epochs", 9), ("start", "scratch"), ("seed", 2)):
        assert Experiment.parse(changed(path, value)).reference_id("continued") != base.reference_id("continued")


def test_the_references_of_an_experiment_are_different_ones():
    experiment = Experiment.parse(MOONS)
    assert len({experiment.id, *(experiment.reference_id(role) for role in ("source", "linear", "oracle", "joint", "continued"))}) == 6


# JSON and immutability


def test_json_round_trip():
    experiment = Experiment.parse(MOONS)
    for text in (experiment.canonical_json(), experiment.model_dump_json(), experiment.canonical_json().encode()):
        again = Experiment.parse(text)
        assert again == experiment
        assert again.id == experiment.id
    assert json.loads(experiment.canonical_json()) == experiment.model_dump(mode="json")


def test_parsing_leaves_the_given_dictionary_alone():
    given = {"method": {"name": "dann", "params": {}}, "backbone": {"name": "lenet"}}
    before = copy.deepcopy(given)
    Experiment.parse(given)
    assert given == before


def test_experiments_are_frozen_and_share_no_defaults():
    experiment = Experiment.parse(MOONS)
    for part, field in (
        (experiment, "seed"),
        (experiment.budget, "lr"),
        (experiment.target.shifts[0], "severity"),
        (experiment.method, "name"),
    ):
        with pytest.raises(ValidationError):
            setattr(part, field, getattr(part, field))
    first, second = Experiment(), Experiment()
    assert first.source.params is not second.source.params
    assert first.method.params is not second.method.params


# Refusals


@pytest.mark.parametrize(
    ("path", "value", "where", "text"),
    [
        ("source.name", "moon", "source.name", "'moons'"),
        ("target.name", "handwriten-digits", "target.name", "'handwritten-digits'"),
        ("backbone", {"name": "small_cnn"}, "backbone", "'small-cnn'"),
        ("method", {"name": "deep-coral"}, "method", "'deepcoral'"),
        ("target.shifts.0.name", "rotate", "target.shifts.0.name", "'rotation'"),
        ("target.shifts.0.severity", 2, "target.shifts.0.severity", "2 cannot be used. Input should be less than or equal to 1"),
        ("target.shifts.0.severity", -0.1, "target.shifts.0.severity", "greater than or equal to 0"),
        ("target.shifts.0.severity", float("nan"), "target.shifts.0.severity", "nan"),
        ("target.shifts.0.severity", None, "target.shifts.0.severity", "None"),
        ("target.shifts", [{"name": "rotation", "severity": 0.1}] * 5, "target.shifts", "at most 4"),
        ("target.shifts", [{"name": "blur", "severity": 0.1}], "target", "blur has no meaning for moons"),
        ("budget.epochs", -1, "budget.epochs", "-1 cannot be used"),
        ("budget.epochs", 2.5, "budget.epochs", "2.5"),
        ("budget.source_epochs", 0, "budget.source_epochs", "greater than or equal to 1"),
        ("budget.batch_size", 10**6, "budget.batch_size", "1024"),
        ("budget.lr", 0, "budget.lr", "greater than 0"),
        ("budget.lr", float("nan"), "budget.lr", "nan"),
        ("budget.lr", float("inf"), "budget.lr", "inf"),
        ("budget.optimizer", "adamw", "budget.optimizer", "'adam' or 'sgd'"),
        ("budget.patience", 3, "budget.patience", "no such setting"),
        ("start", "source", "start", "'source-model' or 'scratch'"),
        ("seed", -1, "seed", "-1"),
        ("seed", "one", "seed", "'one'"),
        ("seed", 2**31, "seed", "2147483647"),
        ("snapshot", 5, "snapshot", "20"),
        ("epochs", 3, "epochs", "no such setting"),
        ("source", 3, "source", "3 cannot be used"),
        ("source.params", [1], "source.params", "[1]"),
        ("source.params.n", 3, "source.", "3 cannot be used. Input should be greater than or equal to 60"),
        ("source.params.radius", 3, "source.", "no such setting"),
        ("backbone.params.width", 1, "backbone.", "greater than or equal to 4"),
        ("method.params.trade_off", -1, "method.", "-1"),
        ("method.params.trade_off", float("nan"), "method.", "nan"),
        ("method.params.trade_off", float("inf"), "method.", "inf"),
        ("method.params.trade_of", 1, "method.trade_of", "no such setting"),
        ("method.params", {"temperature": 2.0}, "method.temperature", "no such setting"),
        ("source", {"name": "file"}, "source.path", "required"),
        ("source", {"name": "file", "params": {"path": "/no/such.npz"}}, "/no/such.npz", "no such file"),
        ("source", {"name": "handwritten-digits"}, "target", "Choose two domains of one kind"),
        ("backbone", {"name": "small-cnn"}, "backbone", "Choose one of: Raw features, MLP"),
    ],
)
def test_refusals_name_the_field_and_say_what_is_allowed(path, value, where, text):
    with pytest.raises(InputError) as error:
        Experiment.parse(changed(path, value))
    assert error.value.where == where or (where.endswith(".") and error.value.where.startswith(where))
    assert text in str(error.value)
    assert error.value.remedy.endswith(".")
    assert "\n" not in str(error.value)
    assert "pydantic" not in str(error.value).lower()


@pytest.mark.parametrize("path", ["source.name", "backbone.name", "method.name", "start"])
def test_what_a_stranger_types_is_not_repeated_at_length(path):
    with pytest.raises(InputError) as error:
        Experiment.parse(changed(path, "x" * 10_000))
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("text", ["", "{", "{'seed': 1}", b"\xff\xfe", "seed: 1", '{"seed": 1'])
def test_refuses_what_is_not_json(text):
    with pytest.raises(InputError) as error:
        Experiment.parse(text)
    assert error.value.where == "experiment"
    assert error.value.what == "this is not valid JSON."


@pytest.mark.parametrize("data", ["[1]", "3", "null", '"moons"', [1], None, 3])
def test_refuses_what_is_no_object(data):
    with pytest.raises(InputError) as error:
        Experiment.parse(data)
    assert error.value.where == "experiment"


@pytest.mark.parametrize(
    "text", ['{"seed": NaN}', '{"budget": {"lr": Infinity}}', '{"method": {"name": "dan", "params": {"trade_off": NaN}}}']
)
def test_json_cannot_smuggle_in_what_is_no_number(text):
    with pytest.raises(InputError):
        Experiment.parse(text)
