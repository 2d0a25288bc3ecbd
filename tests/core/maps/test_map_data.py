"""The bytes that a browser gets: read back here by a decoder of its own, as assets/embedding/payload.js reads them."""

from __future__ import annotations

import gzip
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from core.maps.data import Ground, MapData
from core.maps.packing import COLUMNS, LARGEST_SHEET, pack, pack_rows, sprite_sheet

E, N, K, G = 4, 7, 3, 5
GROUND = ("groundClasses", "groundConfidence")


def made(classes: int = K, **more) -> MapData:
    rng = np.random.default_rng(0)
    outlines = tuple(tuple([rng.uniform(-1, 1, (3 + e + r, 2)) for r in range(e % 3)] for _ in range(2)) for e in range(E))
    arrays = {
        "identity": "run-pca-live",
        "version": "run-pca-live-1",
        "epochs": (0, 2, 4, 9),
        "positions": rng.uniform(-1.3, 1.3, (E, N, 2)).astype(np.float32),
        "domain": np.array([0, 0, 0, 0, 1, 1, 1], np.uint8),
        "labels": np.array([0, 1, 2, -1, 0, 1, -1], np.int16),
        "predictions": rng.integers(0, classes, (E, N)).astype(np.int16),
        "confidence": rng.uniform(0, 1, (E, N)).astype(np.float32),
        "class_names": tuple(f"class {k}" for k in range(classes)),
        "titles": ("before", "epoch 2", "epoch 4", "epoch 9"),
        "captions": ("", "a", "b", "ü"),
        "centres": rng.uniform(-1, 1, (E, 2, classes, 2)).astype(np.float32),
        "outlines": outlines,
        "note": "Showing 3 of 4.",
    }
    return MapData(**(arrays | more))


def summed(flat: np.ndarray, epochs: int, width: int) -> np.ndarray:
    """Each epoch is the difference to the one before, modulo the size of its type."""
    steps = flat.reshape(epochs, width)
    return np.cumsum(steps.astype(np.int64), axis=0).astype(steps.dtype)


def decode(packed: bytes) -> dict:
    raw = gzip.decompress(packed)
    size = int.from_bytes(raw[:4], "little")
    part = json.loads(raw[4 : 4 + size])
    body, end = raw[4 + size :], 0
    for a in part.pop("arrays"):
        assert a["offset"] == end
        end = a["offset"] + a["length"]
        part[a["name"]] = np.frombuffer(body[a["offset"] : end], {"u1": np.uint8, "i2": np.int16}[a["type"]])
    assert end == len(body)
    epochs = len(part["epochs"])
    low, high = part["positions"].reshape(2, -1).astype(np.uint16)
    part["positions"] = summed((low | high << 8).view(np.int16), epochs, 2 * part["n"]).reshape(epochs, part["n"], 2)
    for name, width in (("predictions", part["n"]), ("confidence", part["n"]), *((name, part["grid"] ** 2) for name in GROUND)):
        if name in part:
            part[name] = summed(part[name], epochs, width)
    part["centres"] = part["centres"].reshape(epochs, 2, len(part["classNames"]), 2)
    points, at = part["outlines"].reshape(-1, 2), 0
    part["outlines"] = []
    for epoch in part["outlineLengths"]:
        part["outlines"].append([])
        for lengths in epoch:
            part["outlines"][-1].append([points[(at := at + n) - n : at] for n in lengths])
    assert at == len(points)
    return part


def assert_near(steps: np.ndarray, places: np.ndarray) -> None:
    assert np.abs(steps / 16383 - places).max() <= 0.5 / 16383 + 1e-7


def test_what_is_packed_is_read_back():
    data = made()
    got = decode(pack(data))
    assert (got["identity"], got["version"], got["n"], got["since"]) == (data.identity, data.version, N, 0)
    assert (got["epochs"], got["titles"], got["captions"]) == ([0, 2, 4, 9], list(data.titles), list(data.captions))
    assert (got["classNames"], got["note"], got["judged"], got["grid"]) == (list(data.class_names), data.note, True, 0)
    assert got["sheet"] is got["rows"] is None
    assert_near(got["positions"], data.positions)
    assert_near(got["centres"], data.centres)
    np.testing.assert_array_equal(got["domain"], data.domain)
    np.testing.assert_array_equal(got["labels"], data.labels)
    np.testing.assert_array_equal(got["predictions"], data.predictions)
    assert got["predictions"].dtype == np.uint8
    assert np.abs(got["confidence"] / 255 - data.confidence).max() <= 0.5 / 255 + 1e-7


def test_outlines_keep_their_rings():
    data = made()
    got = decode(pack(data))
    assert got["outlineLengths"] == [[[], []], [[4], [4]], [[5, 6], [5, 6]], [[], []]]
    for found, expected in zip(got["outlines"], data.outlines, strict=True):
        for rings, ours in zip(found, expected, strict=True):
            for ring, points in zip(rings, ours, strict=True):
                assert_near(ring, points)


def test_a_point_without_a_place_is_marked_at_that_epoch_alone():
    data = made()
    data.positions[1, 3, 0] = np.nan
    data.positions[2, 5] = np.inf
    data.centres[0, 1, 2] = np.nan
    got = decode(pack(data))
    lost = np.zeros((E, N), bool)
    lost[1, 3] = lost[2, 5] = True
    np.testing.assert_array_equal(got["positions"] == -32768, np.stack([lost, lost], -1))
    assert_near(got["positions"][~lost], data.positions[~lost])
    assert got["centres"][0, 1, 2].tolist() == [-32768, -32768]


def test_a_point_far_outside_is_shown_at_the_edge_and_not_as_missing():
    data = made()
    data.positions[:, 0] = [[5, -5], [-5, 5], [2, -2], [-2, 2]]
    assert decode(pack(data))["positions"][:, 0].tolist() == [[32766, -32766], [-32766, 32766]] * 2


def test_confidence_that_is_no_number_is_none():
    data = made(confidence=np.full((E, N), np.nan, np.float32))
    assert not decode(pack(data))["confidence"].any()


@pytest.mark.parametrize("since", range(E + 1))
def test_since_gives_the_new_epochs_alone(since):
    data = replace(made(), ground=Ground(*np.random.default_rng(1).integers(0, 256, (2, E, G, G)).astype(np.uint8)))
    everything, got = decode(pack(data)), decode(pack(data, since))
    assert got["since"] == since
    assert ("labels" in got) == ("domain" in got) == (since == 0)
    for name in ("epochs", "titles", "captions"):
        assert got[name] == everything[name][since:]
    for name in ("positions", "predictions", "confidence", "centres", *GROUND):
        np.testing.assert_array_equal(got[name], everything[name][since:])
    assert got["outlineLengths"] == everything["outlineLengths"][since:]


@pytest.mark.parametrize(("classes", "dtype"), [(256, np.uint8), (257, np.int16)])
def test_more_than_256_classes_need_two_bytes(classes, dtype):
    data = made(classes)
    data.predictions[:, 0] = [classes - 1, 0, classes - 1, 1]
    got = decode(pack(data))["predictions"]
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, data.predictions)


def test_the_ground_is_read_back():
    classes, confidence = np.random.default_rng(1).integers(0, 256, (2, E, G, G)).astype(np.uint8)
    got = decode(pack(made(ground=Ground(classes, confidence))))
    assert got["grid"] == G
    np.testing.assert_array_equal(got["groundClasses"].reshape(E, G, G), classes)
    np.testing.assert_array_equal(got["groundConfidence"].reshape(E, G, G), confidence)


def test_the_header_says_where_samples_are():
    sheet = {"url": "map/x", "columns": 3, "width": 8, "height": 8}
    got = decode(pack(made(judged=False), sheet=sheet, rows="map/y"))
    assert (got["sheet"], got["rows"], got["judged"]) == (sheet, "map/y", False)


def test_packing_is_deterministic_and_leaves_its_data_alone():
    data = made()
    before = {name: getattr(data, name).copy() for name in ("positions", "predictions", "confidence", "centres")}
    assert pack(data) == pack(data) == pack(made())
    for name, array in before.items():
        np.testing.assert_array_equal(getattr(data, name), array)


@pytest.mark.parametrize("columns", [2, 20])
def test_rows_are_cut_to_what_a_tooltip_shows(columns):
    rows = np.random.default_rng(0).normal(size=(N, columns)).astype(np.float32)
    got = np.frombuffer(pack_rows(made(rows=rows)), "<f4").reshape(N, -1)
    np.testing.assert_array_equal(got, rows[:, :COLUMNS])
    assert pack_rows(made()) == b""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("labels", np.zeros(N + 1, np.int16)),
        ("positions", np.zeros((E, N, 3), np.float32)),
        ("centres", np.zeros((E, 2, K + 1, 2), np.float32)),
        ("titles", ("before",)),
        ("epochs", (0, 1)),
    ],
)
def test_data_that_do_not_fit_together_are_refused(name, value):
    with pytest.raises(ValueError, match="MapData"):
        made(**{name: value})


@pytest.mark.parametrize("shape", [(1, 8, 8), (7, 16, 16), (12, 5, 9, 3), (10, 28, 28, 3)])
def test_a_sprite_sheet_holds_each_picture_exactly(shape):
    pictures = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    sheet = sprite_sheet(pictures)
    image = np.asarray(Image.open(io.BytesIO(sheet.png)))
    assert (sheet.height, sheet.width) == shape[1:3]
    for i, picture in enumerate(pictures):
        y, x = i // sheet.columns * sheet.height, i % sheet.columns * sheet.width
        np.testing.assert_array_equal(image[y : y + sheet.height, x : x + sheet.width], picture)


@pytest.mark.parametrize(("count", "side"), [(100, 1000), (20_000, 57)])
def test_a_sprite_sheet_is_no_larger_than_a_browser_can_decode(count, side):
    sheet = sprite_sheet(np.broadcast_to(np.uint8(7), (count, side, side)))
    image = Image.open(io.BytesIO(sheet.png))
    assert image.width == sheet.columns * sheet.width
    assert image.height == -(-count // sheet.columns) * sheet.height
    assert max(image.size) <= LARGEST_SHEET
