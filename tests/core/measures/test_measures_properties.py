"""Simple properties: what they measure, and how much of a difference each of them explains."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from sklearn.metrics import roc_auc_score

from core.measures.explained import explained, single_aucs
from core.measures.properties import PROPERTIES, properties
from core.samples.raw import Originals, Raw


def image(values: np.ndarray) -> np.ndarray:
    """N×1×H×W uint8 from values in [0, 1]."""
    return np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)[:, None]


def values(kind: str, inputs, originals: Originals | None = None) -> dict[str, np.ndarray]:
    raw = Raw(kind, inputs, originals or Originals())
    return {entry.name: entry.compute(raw) for entry in PROPERTIES if entry.kind == kind}


def test_image_properties_measure_what_they_say():
    square = np.zeros((1, 16, 16))
    square[0, 4:8, 2:14] = 1  # 4 high, 12 wide, above the middle
    found = {name: float(v[0]) for name, v in values("image", image(square)).items()}
    assert found["brightness"] == found["ink"] == pytest.approx(48 / 256)
    assert found["contrast"] == pytest.approx(np.sqrt(48 / 256 * 208 / 256))
    assert found["width"] == pytest.approx(12 / 16)
    assert found["height"] == pytest.approx(4 / 16)
    assert found["across"] == pytest.approx(0.5)
    assert found["down"] == pytest.approx(6 / 16)
    assert found["colourfulness"] == found["warmth"] == 0
    negative = {name: float(v[0]) for name, v in values("image", image(1 - square)).items()}
    assert negative["ink"] == found["ink"]
    assert negative["brightness"] == pytest.approx(1 - found["brightness"])


def test_sharpness_falls_with_blur_and_not_with_contrast():
    rng = np.random.default_rng(0)
    sharp = (rng.random((5, 16, 16)) > 0.5).astype(float)
    blurred = np.stack([gaussian_filter(s, 1.5) for s in sharp])
    by = {name: values("image", image(x))["sharpness"].mean() for name, x in (("s", sharp), ("b", blurred), ("low", 0.4 + 0.2 * sharp))}
    assert by["b"] < 0.6 * by["s"]
    assert by["low"] == pytest.approx(by["s"], rel=0.02)


def test_colour_properties():
    red = np.zeros((1, 3, 8, 8), np.uint8)
    red[:, 0] = 255
    found = values("image", red)
    assert found["warmth"][0] == found["colourfulness"][0] == pytest.approx(1)


def test_text_and_sound_properties_measure_what_they_say():
    texts = ["Good, good film!", "I did not like this rather long book at all"]
    found = values("text", np.zeros((2, 4), int), Originals(texts=tuple(texts)))
    assert found["length"].tolist() == [3, 10]
    assert found["word-length"][0] == 4
    assert found["vocabulary"][0] == pytest.approx(2 / np.sqrt(3))
    assert found["punctuation"].tolist() == [2 / 3, 0]
    rate, t = 8000, np.arange(8000) / 8000
    waves = np.stack([np.sin(2 * np.pi * 440 * t), 0.1 * np.sin(2 * np.pi * 1760 * t)])
    found = values("sound", np.zeros((2, 1, 4, 4), np.uint8), Originals(waves=(32767 * waves).astype(np.int16), rate=rate))
    np.testing.assert_allclose(found["spectral-centre"], [440, 1760], rtol=0.01)
    np.testing.assert_allclose(found["loudness"], [-3.01, -23.01], atol=0.05)
    assert found["spectral-width"][0] < 50


def test_columns_of_a_table_are_its_properties_and_constant_ones_are_left_out():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(30, 3)), rng.normal(size=(20, 3))
    x[:, 1] = y[:, 1] = 7
    named = Originals(columns=("age", "site", "dose"))
    entries, (a, b) = properties((Raw("features", x, named), Raw("features", y, named)))
    assert [e.title for e in entries] == ["age", "dose"]
    np.testing.assert_array_equal(a, x[:, [0, 2]])
    assert b.shape == (20, 2)
    assert [e.title for e in properties((Raw("features", x), Raw("features", y)))[0]] == ["x0", "x2"]


def test_a_column_that_varies_in_nothing_but_its_gaps_is_one():
    x, y = np.full((30, 2), 7.0), np.full((20, 2), 7.0)
    whole, gone = np.zeros((30, 2), bool), np.array([[True, False]] * 20)
    sides = Raw("features", x, missing=whole), Raw("features", y, missing=gone)
    assert [e.title for e in properties(sides)[0]] == ["x0"]
    assert properties((sides[1], sides[1]))[0] == []


def test_a_single_column_reaches_the_auc_of_its_ranks():
    rng = np.random.default_rng(2)
    labels = np.repeat([False, True], 2000)
    x = rng.normal(size=(4000, 2)) + 0.8 * labels[:, None] * [1, 0]
    found = single_aucs(np.exp(3 * x), labels)  # any rising function of it is the same property
    assert found[0] == pytest.approx(roc_auc_score(labels, x[:, 0]), abs=0.01)
    assert found[1] == pytest.approx(0.5, abs=0.04)


def test_a_change_of_spread_is_seen_and_a_constant_is_at_chance():
    rng = np.random.default_rng(3)
    x = np.r_[rng.normal(size=1000), 3 * rng.normal(size=1000)]
    found = single_aucs(np.column_stack([x, np.ones(2000)]), np.arange(2000) >= 1000)
    assert found[0] > 0.75
    assert found[1] == 0.5


def test_the_property_that_was_changed_explains_the_difference():
    rng = np.random.default_rng(4)
    x = rng.random((300, 16, 16)) * 0.3
    brighter = rng.random((300, 16, 16)) * 0.3 + 0.05
    entries, sides = properties((Raw("image", image(x)), Raw("image", image(brighter))))
    rows = explained(entries, *sides, auc=1.0)
    assert rows[0].title == "Brightness"
    assert rows[0].share > 0.95
    assert rows[0].target > rows[0].source
    for row in rows:
        assert 0 <= row.share_low <= row.share <= row.share_high <= 1
        assert row.share == pytest.approx((max(row.auc, 0.5) - 0.5) / 0.5, abs=1e-9)
    assert next(row for row in rows if row.title == "Contrast").share < 0.3


def test_nothing_is_explained_where_nothing_differs():
    rng = np.random.default_rng(5)
    entries, sides = properties((Raw("features", rng.normal(size=(200, 4))), Raw("features", rng.normal(size=(200, 4)))))
    assert explained(entries, *sides, auc=0.51) == []
