"""The emoji: what ships can be read, belongs to somebody who is named, and no test picture has its twin in training."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from PIL import Image

from core.domains import DOMAINS, DomainSpec, load_pair
from core.domains.base import Domain, NoParams, chosen_from
from core.domains.emoji import CLASS_NAMES, COLUMNS, FOLDER, SIDE, VENDORS, Thing, read_sheet, read_things
from core.errors import InputError

NAMES = [vendor.name for vendor in VENDORS]
# Counted by hand in the list of Unicode's groups.
COUNTS = {"animals": 130, "faces": 129, "food and plants": 151, "people": 132, "signs": 103, "vehicles and places": 138}


def make(name: str, seed: int = 0) -> Domain:
    return DOMAINS.get(name).make(NoParams(), seed)


def test_five_vendors():
    assert NAMES == ["emoji-twemoji", "emoji-noto", "emoji-openmoji", "emoji-fluent-flat", "emoji-fluent-3d"]


@pytest.mark.parametrize("name", NAMES)
class TestEachVendor:
    def test_has_all_things_in_colour(self, name):
        d = make(name)
        assert d.inputs.shape == (783, 3, 32, 32)
        assert d.class_names == tuple(COUNTS)
        assert torch.bincount(d.labels).tolist() == list(COUNTS.values())
        assert (d.inputs[:, 0] != d.inputs[:, 2]).flatten(1).any(1).float().mean() > 0.9, "colour"
        assert d.inputs.flatten(1).unique(dim=0).shape[0] >= 768, "a picture of its own for nearly each: some men are drawn as persons"
        assert (d.inputs[:, :, 0, 0].float().mean(1) > 200).float().mean() > 0.8, "on white"

    def test_says_whose_it_is_and_under_what_terms(self, name):
        entry, d = DOMAINS.get(name), make(name)
        terms = {"twemoji": "CC BY 4.0", "noto": "Apache-2.0", "openmoji": "CC BY-SA 4.0", "fluent-flat": "MIT", "fluent-3d": "MIT"}
        author = {"twemoji": "Twitter", "noto": "Google", "openmoji": "OpenMoji", "fluent-flat": "Microsoft", "fluent-3d": "Microsoft"}
        sheet = name.removeprefix("emoji-")
        for said in (entry.licence, d.licence):
            assert said.startswith(terms[sheet] + ".")
            assert author[sheet] in said
        (line,) = re.findall(rf"^\| `{sheet}\.png` .*$", (FOLDER / "ATTRIBUTION.md").read_text("utf-8"), re.MULTILINE)
        assert terms[sheet] in line
        assert author[sheet] in line
        (text,) = re.findall(r"`(licences/[^`]+)`", line)
        assert len((FOLDER / text).read_text("utf-8")) > 1000


def test_every_licence_text_is_the_one_that_it_is_called():
    begins = {
        "CC-BY-4.0.txt": "Creative Commons Attribution 4.0 International",
        "CC-BY-SA-4.0.txt": "Attribution-ShareAlike 4.0 International",
        "Apache-2.0.txt": "Apache License Version 2.0, January 2004",
        "MIT-Microsoft.txt": "MIT License Copyright (c) Microsoft Corporation.",
    }
    found = {path.name: " ".join(path.read_text("utf-8").split()) for path in (FOLDER / "licences").iterdir()}
    assert found.keys() == begins.keys()
    for name, beginning in begins.items():
        assert found[name].startswith(beginning)


def test_what_ships_is_small():
    assert sum(path.stat().st_size for path in FOLDER.glob("*.png")) < 1.6e6


def test_the_same_things_stand_at_the_same_places():
    domains = [make(name) for name in NAMES]
    for d in domains[1:]:
        assert d.identities == domains[0].identities
        assert torch.equal(d.labels, domains[0].labels)
        assert not torch.equal(d.inputs, domains[0].inputs)
    assert domains[0].class_names[domains[0].labels[domains[0].identities.index("🐘 elephant")]] == "animals"


def test_twins_look_alike():
    """By colour alone, without any learning, twins of the two sets by one author are nearer than chance would have it, by far."""
    first, second = (torch.nn.functional.avg_pool2d(make(name).inputs.float(), 8).flatten(1) for name in NAMES[-2:])
    nearest = torch.cdist(first, second).argmin(1)
    assert (nearest == torch.arange(len(nearest))).float().mean() > 0.3, "chance is 0.001"


@pytest.mark.parametrize(("source", "target"), [("twemoji", "openmoji"), ("noto", "fluent-3d"), ("twemoji", "twemoji")])
@pytest.mark.parametrize("seed", range(12))
def test_no_test_picture_has_its_twin_in_training(source, target, seed):
    pair = load_pair(DomainSpec(name=f"emoji-{source}"), DomainSpec(name=f"emoji-{target}"), seed)
    train, test = ({d.identities[i] for d in (pair.source, pair.target) for i in getattr(d, part).tolist()} for part in ("train", "test"))
    assert not train & test
    assert len(train) + len(test) == 783
    if source != target:
        first, second = ([d.identities[i] for i in d.test.tolist()] for d in (pair.source, pair.target))
        assert first == second
        assert len(test) == pytest.approx(261, abs=20)


@pytest.mark.parametrize("seed", range(12))
def test_siblings_stay_together(seed):
    d = make("emoji-openmoji", seed)
    sides = [{d.identities[i] for i in part.tolist()} for part in (d.train, d.test)]
    cooks = {"🧑‍🍳 cook", "👨‍🍳 man cook", "👩‍🍳 woman cook"}
    canes = {name for name in d.identities if "white cane" in name}
    assert len(canes) == 6
    for family in (cooks, canes):
        assert sorted(len(side & family) for side in sides) == [0, len(family)]
    pictures = [{d.inputs[i].numpy().tobytes() for i in part.tolist()} for part in (d.train, d.test)]
    assert not pictures[0] & pictures[1], "no test picture is also a training picture"


def test_a_shift_that_takes_samples_away_brings_no_twin_into_training():
    rare = DomainSpec.model_validate({"name": "emoji-openmoji", "shifts": [{"name": "class-prior", "severity": 1.0}]})
    pair = load_pair(DomainSpec(name="emoji-twemoji"), rare, 0)
    assert len(pair.target.train) < len(pair.source.train)
    for one, other in ((pair.source, pair.target), (pair.target, pair.source)):
        assert not {one.identities[i] for i in one.train.tolist()} & {other.identities[i] for i in other.test.tolist()}


def test_an_identity_stays_with_its_sample():
    d = make("emoji-noto")
    rows = torch.tensor([700, 3, 41])
    assert chosen_from(d, rows).identities == tuple(d.identities[i] for i in (700, 3, 41))


def test_identities_are_one_for_each_sample():
    d = make("emoji-noto")
    fields = {"name": "x", "inputs": d.inputs[:3], "labels": None, "class_names": (), "train": d.train, "test": d.test}
    for wrong in (("a", "b"), ("a", "b", "a")):
        with pytest.raises(ValueError, match="2 different ones for 3 samples"):
            Domain(**fields, provenance="", licence="", identities=wrong)


def test_an_identity_is_what_one_reads():
    assert Thing("1f9d1-200d-1f393", 3, "student").identity == "🧑‍🎓 student"


class TestSheets:
    @pytest.fixture
    def sheet(self, tmp_path):
        """A sheet of 30 pictures, each of one colour that tells its place."""
        pixels = np.full((2 * SIDE, COLUMNS * SIDE, 3), 255, np.uint8)
        for i in range(30):
            y, x = i // COLUMNS * SIDE, i % COLUMNS * SIDE
            pixels[y : y + SIDE, x : x + SIDE] = (i, 2 * i, 100)
        file = tmp_path / "some.png"
        Image.fromarray(pixels).quantize(64).save(file)
        return file

    def test_pictures_come_row_by_row(self, sheet):
        pictures = read_sheet(sheet, 30)
        assert pictures.shape == (30, 3, SIDE, SIDE)
        assert (pictures == pictures[:, :, :1, :1]).all()
        np.testing.assert_allclose(pictures[:, :2, 5, 9], [(i, 2 * i) for i in range(30)], atol=1)

    @pytest.mark.parametrize("content", [None, b"", b"no picture", b"\x89PNG\r\n\x1a\nbroken"])
    def test_a_bad_sheet_is_named(self, tmp_path, content):
        file = tmp_path / "noto.png"
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(InputError) as error:
            read_sheet(file, 30)
        assert error.value.where == "noto.png"
        assert "cannot be read" in error.value.what
        assert "emoji_sheets.py" in error.value.remedy

    def test_a_sheet_cut_short(self, sheet):
        sheet.write_bytes(sheet.read_bytes()[:-300])
        with pytest.raises(InputError, match="cannot be read"):
            read_sheet(sheet, 30)

    def test_a_sheet_of_another_size(self, sheet):
        with pytest.raises(InputError, match="the sheet has 896×64 pixels, and 57 emoji need 896×96"):
            read_sheet(sheet, 57)

    @pytest.mark.parametrize("content", [None, "1f418\tanimals\n", "1f418\tbeasts\telephant\n", "1f418\tanimals\telephant\tmore\n"])
    def test_a_bad_list_is_named(self, tmp_path, content):
        file = tmp_path / "things.tsv"
        if content is not None:
            file.write_text(content)
        with pytest.raises(InputError, match=r"things\.tsv: the list of emoji cannot be read"):
            read_things(file)

    def test_a_list_is_read_in_its_order(self, tmp_path):
        file = tmp_path / "things.tsv"
        file.write_text("1f418\tanimals\telephant\n1f600\tfaces\tgrinning face\n", "utf-8")
        assert read_things(file) == (Thing("1f418", 0, "elephant"), Thing("1f600", CLASS_NAMES.index("faces"), "grinning face"))
