"""Two domains of a question: one domain on both sides is cut apart."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from core.domains import Domain, Pair, random_split
from core.domains.pair import load_pair
from core.domains.spec import DomainSpec
from core.experiment import Experiment
from core.measures.mmd import mmd_test
from core.measures.scale import Scale
from core.training.data import held_out_rows


def test_one_domain_on_both_sides_is_cut_into_disjoint_halves():
    same = DomainSpec(name="moons", params={"n": 400})
    pair = load_pair(same, same, 0)
    parts = [{tuple(row) for row in d.inputs[part].tolist()} for d in (pair.source, pair.target) for part in (d.train, d.test)]
    assert len(set.union(*parts)) == sum(map(len, parts)) == 400
    assert abs(len(parts[0]) - len(parts[2])) <= 2
    assert abs(len(parts[1]) - len(parts[3])) <= 2
    for d in (pair.source, pair.target):
        assert d.labels[d.train].float().mean() == pytest.approx(0.5, abs=0.15)
    turned = load_pair(same, DomainSpec.model_validate(same.model_dump() | {"shifts": [{"name": "rotation", "severity": 1}]}), 0)
    assert torch.equal(turned.source.inputs[turned.source.train], pair.source.inputs[pair.source.train])
    quarter = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    torch.testing.assert_close(turned.target.inputs, pair.target.inputs @ quarter)


def from_files(folder, source: str, target: str, seed: int) -> Pair:
    """A pair of two files of one column, with a class for each letter."""
    specs = []
    for name, classes in (("source", source), ("target", target)):
        place = folder / f"{name}.csv"
        place.write_text("value,label\n" + "".join(f"{row + len(name) / 7},{label}\n" for row, label in enumerate(classes)))
        specs.append({"name": "file", "params": {"path": str(place)}})
    asked = Experiment.parse({"source": specs[0], "target": specs[1], "backbone": {"name": "mlp"}, "seed": seed})
    return load_pair(*asked.pair)


def classes_of(d: Domain, part: str) -> Counter[str]:
    return Counter(d.class_names[label] for label in d.known_labels[getattr(d, part)].tolist())


def test_the_targets_labels_choose_no_sample(tmp_path):
    for seed in range(5):
        one, other = (from_files(tmp_path, "ab" * 30, target, seed).target for target in ("a" * 25 + "b" * 5, "ab" * 15))
        assert torch.equal(one.test, other.test)
        assert torch.equal(one.train, other.train)


def test_each_class_of_the_source_can_be_learned_and_is_held_out(tmp_path):
    rare = "a" * 20 + "b" * 20 + "ccdd"
    for seed in range(8):
        pair = from_files(tmp_path, rare, rare[::-1], seed)
        assert set(classes_of(pair.source, "train")) == set("abcd")
        assert set(classes_of(pair.source, "test")) == set("abcd")
        rows = torch.cat([pair.source.train, pair.source.test]).sort().values
        assert torch.equal(rows, torch.arange(len(rare)))
        assert len(pair.target.test) == round(len(rare) / 3)


def test_each_class_can_be_learned_where_one_file_is_both_domains(tmp_path):
    place = tmp_path / "one.csv"
    place.write_text("value,label\n" + "".join(f"{row},{label}\n" for row, label in enumerate("ab" * 20 + "ccdd")))
    for seed in range(8):
        spec = DomainSpec(name="file", params={"path": str(place)})
        pair = load_pair(spec, spec, seed)
        assert set(classes_of(pair.source, "train")) == set("abcd")
        parts = [part for d in (pair.source, pair.target) for part in (d.train, d.test)]
        assert torch.equal(torch.cat(parts).sort().values, torch.arange(44))


CENTRES = 2 * np.random.default_rng(1).normal(size=(4, 6))


def test_held_out_samples_of_one_population_raise_as_many_alarms_as_they_should():
    """With both domains split by class, 0.7 % of all comparisons had p of at most 5 %."""
    p = []
    for i in range(400):
        rng, sides = np.random.default_rng([11, i]), []
        for side in (0, 1):
            labels = rng.integers(4, size=180)
            rows = torch.from_numpy(CENTRES[labels] + rng.normal(size=(180, 6)))
            sides.append(Domain("toy", rows, torch.from_numpy(labels), tuple("abcd"), *random_split(180, 1 / 3, i + 1000 * side), "", ""))
        x, y = (d.tensor[rows].numpy() for d, rows in zip(sides, held_out_rows(Pair(*sides), i), strict=True))
        scale = Scale.of(x, y)
        p.append(mmd_test(scale.standardised(x), scale.standardised(y), scale.bandwidth, 99, seed=i).p)
    assert 0.025 <= np.mean(np.array(p) <= 0.05) <= 0.085
    assert 0.14 <= np.mean(np.array(p) <= 0.2) <= 0.26
