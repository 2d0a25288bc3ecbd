"""What a selection of samples says, against counts made by hand, and the text by which a link carries it."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import replace

import numpy as np
import pytest

from core.maps.data import MapData
from core.reports.selection import summarise
from pages.elements.embedding import LONGEST_SELECTION, read_selection

NAN = float("nan")


@pytest.fixture
def data() -> MapData:
    """Eight samples, two epochs: sources 0–3 (classes 0 0 1 2), targets 4–7 (classes 1 1 0 unknown)."""
    return MapData(
        identity="x",
        version="x",
        epochs=(0, 5),
        positions=np.array(
            [
                [[0, 0], [0, 0], [0, 0], [0, 0], [0, 0], [0, 0], [0, 0], [0, 0]],
                [[0, 0], [0, 0], [0, 0], [1, 0], [0.3, 0.4], [0.6, 0.8], [NAN, 0], [0, 2]],
            ],
            np.float32,
        ),
        domain=np.array([0, 0, 0, 0, 1, 1, 1, 1], np.uint8),
        labels=np.array([0, 0, 1, 2, 1, 1, 0, -1], np.int16),
        predictions=np.array([[0, 1, 1, 2, 0, 0, 0, 2], [0, 0, 1, 0, 1, 0, 0, 1]], np.int16),
        confidence=np.full((2, 8), 0.5, np.float32),
        class_names=("a", "b", "c"),
        titles=("before", "epoch 5"),
        captions=("", ""),
        centres=np.zeros((2, 2, 3, 2), np.float32),
        outlines=((), ()),
    )


def test_a_selection_of_both_domains(data):
    found = summarise(data, 1, np.array([0, 1, 2, 4, 5, 6]))
    assert (found.source, found.target) == (3, 3)
    assert found.classes == (("a", 2, 1), ("b", 1, 2))
    assert found.target_accuracy == pytest.approx((1 / 3, 2 / 3))
    assert found.source_accuracy == pytest.approx((2 / 3, 1))
    np.testing.assert_array_equal(found.confusion, [[[1, 0, 0], [2, 0, 0], [0, 0, 0]], [[1, 0, 0], [1, 1, 0], [0, 0, 0]]])
    assert found.displacement == pytest.approx((0 + 0 + 0 + 0.5 + 1) / 5 / 2)  # the one without a place does not count


def test_the_most_frequent_class_comes_first(data):
    assert [name for name, *_ in summarise(data, 0, np.array([3, 4, 5])).classes] == ["b", "c"]


def test_samples_without_a_label_count_as_unknown_and_in_no_accuracy(data):
    found = summarise(data, 1, np.array([4, 7]))
    assert found.classes == (("b", 0, 1), ("unknown", 0, 1))
    assert found.target == 2
    assert found.target_accuracy == (0, 1)
    assert found.confusion[1].sum() == 1


def test_an_unlabelled_target_has_no_accuracy(data):
    found = summarise(replace(data, labels=np.array([0, 0, 1, 2, -1, -1, -1, -1], np.int16)), 1, np.arange(8))
    assert found.target_accuracy is found.confusion is None
    assert found.source_accuracy == (0.75, 0.75)
    assert found.classes[0] == ("unknown", 0, 4)


def test_one_domain_alone(data):
    found = summarise(data, 1, np.array([0, 3]))
    assert (found.source, found.target) == (2, 0)
    assert found.target_accuracy is found.confusion is None
    assert found.source_accuracy == (1, 0.5)
    assert found.displacement == pytest.approx(0.25)


def test_a_map_without_a_network_has_no_accuracy(data):
    found = summarise(replace(data, judged=False), 1, np.arange(8))
    assert found.target_accuracy is found.source_accuracy is found.confusion is None
    assert (found.source, found.target) == (4, 4)


def test_a_map_of_one_epoch_has_no_displacement(data):
    parts = {name: getattr(data, name)[:1] for name in ("epochs", "positions", "predictions", "confidence", "titles", "captions")}
    alone = replace(data, **parts, centres=data.centres[:1], outlines=data.outlines[:1])
    assert summarise(alone, 0, np.arange(8)).displacement is None
    assert summarise(data, 0, np.arange(8)).displacement == 0
    assert summarise(data, 1, np.array([6])).displacement is None  # it has no place at this epoch


def as_bits(indices, count: int) -> str:
    bits = np.zeros(count, bool)
    bits[list(indices)] = True
    return "b" + urlsafe_b64encode(np.packbits(bits, bitorder="little").tobytes()).decode().rstrip("=")


def as_steps(indices) -> str:
    return "i" + ".".join(np.base_repr(step, 36).lower() for step in np.diff([0, *indices]))


@pytest.mark.parametrize(
    ("text", "indices"),
    [
        ("i3", [3]),
        ("i0.1.z", [0, 1, 36]),
        ("i10.1", [36, 37]),
        ("bAQ", [0]),
        ("bgAE", [7, 8]),
        ("b_-8", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
    ],
)
def test_written_by_hand(text, indices):
    assert read_selection(text, 40).tolist()[: len(indices)] == indices


@pytest.mark.parametrize("count", [1, 7, 8, 9, 63, 1000, 20_000])
def test_both_forms_are_read_back(count):
    rng = np.random.default_rng(count)
    for share in (0.02, 0.5, 1):
        indices = np.union1d(np.flatnonzero(rng.random(count) < share), [count - 1])
        assert read_selection(as_bits(indices, count), count).tolist() == indices.tolist()
        text = as_steps(indices)
        if len(text) <= LONGEST_SELECTION:
            assert read_selection(text, count).tolist() == indices.tolist()


@pytest.mark.parametrize(
    "text",
    ["", "b", "i", "x3", "3", "i-3", "i5.-2", "i3..4", "i3.", "i.", "i!", "ié", "bé", "b!", "bA", "b????", "i ", "i\n", "B3"]
    + ["i" + "z" * 3000, "i1." * 2000, "bAAAAA", "[1, 2]", "null", "i1,2", "i0x10", "i1e5000", "i" + "9" * 50, "i1.5.-1"],
)  # fmt: skip
def test_a_text_without_sense_selects_nothing(text):
    found = read_selection(text, 100)
    assert found.tolist() == []
    assert found.dtype == np.int64


def test_points_that_are_not_there_are_left_out():
    assert read_selection(as_bits([1, 5, 30], 31), 6).tolist() == [1, 5]
    assert read_selection("i2.3.4", 6).tolist() == [2, 5]
    assert read_selection(as_bits(range(16), 16), 0).tolist() == []


def test_a_text_that_is_too_long_selects_nothing():
    longest = "i1" + ".0" * ((LONGEST_SELECTION - 2) // 2)
    assert len(longest) == LONGEST_SELECTION
    assert read_selection(longest, 10).tolist() == [1]
    assert read_selection(longest + ".1", 10).tolist() == []
