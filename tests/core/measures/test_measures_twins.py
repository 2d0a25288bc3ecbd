"""Twins: who is nearest, written out, and what is said where nobody knows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.measures import MEASURES
from core.measures.accuracy import wilson
from core.measures.check import evaluation
from core.measures.twins import landing, twin_found


def by_hand(source: np.ndarray, target: np.ndarray, first: list[str], second: list[str]) -> list[float]:
    """For each source sample with a twin: 1, 0, or a share of a tie, sample by sample."""
    scores = []
    for row, name in zip(source, first, strict=True):
        if name not in second:
            continue
        cosines = [round(float(row @ other / np.linalg.norm(row) / np.linalg.norm(other)), 9) for other in target]
        best = [j for j, cosine in enumerate(cosines) if cosine == max(cosines)]
        scores.append((second.index(name) in best) / len(best))
    return scores


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.integers(0, 10**6), st.integers(2, 20), st.integers(2, 20), st.integers(1, 4), st.booleans())
def test_agrees_with_distances_written_out(seed, n, m, width, coarse):
    rng = np.random.default_rng(seed)
    source, target = rng.normal(size=(n, width)), rng.normal(size=(m, width))
    if coarse:  # many ties
        source, target = np.round(source) + 0.25, np.round(target) + 0.25
    first = [f"thing {i}" for i in rng.permutation(25)[:n]]
    second = [f"thing {i}" for i in rng.permutation(25)[:m]]
    if not set(first) & set(second):
        with pytest.raises(InputError):
            landing(source, target, first, second)
        return
    found = landing(source, target, first, second)
    expected = by_hand(source, target, first, second)
    assert found.pairs == len(expected)
    assert found.share == pytest.approx(np.mean(expected), abs=1e-12)
    for i, name in enumerate(first):
        assert found.twin[i] == (second.index(name) if name in second else -1)


def test_the_same_samples_in_another_order_all_land_on_themselves():
    rng = np.random.default_rng(1)
    rows, order = rng.normal(size=(40, 6)), rng.permutation(40)
    names = [str(i) for i in range(40)]
    found = landing(rows, 3 * rows[order], names, [names[i] for i in order])
    assert found.share == 1
    assert (found.nearest == found.twin).all()


def test_one_point_for_all_finds_what_chance_finds():
    same = np.ones((20, 4))
    names = [str(i) for i in range(20)]
    assert landing(same, same, names, names).share == pytest.approx(1 / 20)


def test_a_network_that_knows_the_class_alone_finds_one_of_the_class():
    classes = np.repeat(np.eye(4), 5, axis=0)
    names = [str(i) for i in range(20)]
    assert landing(classes, classes, names, names).share == pytest.approx(1 / 5)


class TestOfARun:
    def test_the_share_and_its_interval(self):
        given_ = evaluation()
        first, second = given_.identities
        seen = landing(given_.source_features, given_.target_features, first[:60], second[:60])
        assert 0 < seen.pairs < 60, "features are kept of some samples alone"
        low, high = wilson(seen.share * seen.pairs, seen.pairs)
        assert twin_found(given_) == {"twin_found": seen.share, "twin_found_low": low, "twin_found_high": high}

    @pytest.mark.parametrize("change", [{"identities": None}, {"target_labels": None}, {"identities": (["a"] * 90, ["b"] * 90)}])
    def test_nothing_is_said_where_nobody_knows(self, change):
        assert set(twin_found(replace(evaluation(), **change)).values()) == {None}

    def test_it_is_for_evaluation_only(self):
        assert MEASURES.get("twin_found").needs_target_labels
