"""Two domains of a question: one domain on both sides is cut apart."""

from __future__ import annotations

import pytest
import torch

from core.domains.pair import load_pair
from core.domains.spec import DomainSpec


def test_one_domain_on_both_sides_is_cut_into_disjoint_halves():
    same = DomainSpec(name="moons", params={"n": 400})
    pair = load_pair(same, same, 0)
    parts = [{tuple(row) for row in d.inputs[part].tolist()} for d in (pair.source, pair.target) for part in (d.train, d.test)]
    assert len(set.union(*parts)) == sum(map(len, parts)) == 400
    assert abs(len(parts[0]) - len(parts[2])) <= 2
    assert abs(len(parts[1]) - len(parts[3])) <= 2
    for d in (pair.source, pair.target):
        assert d.labels[d.train].float().mean() == pytest.approx(0.5, abs=0.02)
    turned = load_pair(same, DomainSpec.model_validate(same.model_dump() | {"shifts": [{"name": "rotation", "severity": 1}]}), 0)
    assert torch.equal(turned.source.inputs[turned.source.train], pair.source.inputs[pair.source.train])
    quarter = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    torch.testing.assert_close(turned.target.inputs, pair.target.inputs @ quarter)
