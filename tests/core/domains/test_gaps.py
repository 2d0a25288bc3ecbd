"""Where a table had no value: it is known of each domain, whichever way it was read, and what was filled in describes nobody."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from table_tools import given, lines

from core.domains import own
from core.domains.pair import load_pair
from core.domains.reading import Reading, read
from core.domains.reading.base import Population
from core.domains.spec import DomainSpec
from core.experiment import Experiment
from core.reports.shift import ShiftReport, shift_report
from core.reports.shift_text import direction, facts

NORTH, SOUTH = 66, 60  # rows; six of north are of a class that south doesn't have
ROWS = NORTH + SOUTH


def table(seed: int = 0) -> str:
    """Two sites. South never wrote its pulse, and every third age is missing there; a third class is north's alone."""
    rng, row = np.random.default_rng(seed), np.arange(ROWS)
    site = np.repeat(["north", "south"], [NORTH, SOUTH])
    south = site == "south"
    label = np.where((row % 11 == 0) & ~south, "maybe", np.where(row % 2, "ill", "well"))
    age = np.round(rng.normal(50, 9, ROWS) + 20 * south, 1).astype(str)
    age[south & (row % 3 == 0)] = ""
    pulse = np.where(south, "", np.round(rng.normal(70, 5, ROWS), 1).astype(str))
    ward = np.where((row % 5 == 0) & (row % 3 > 0), "?", rng.choice(["a", "b", "c"], ROWS))
    return lines(site, label, age, pulse, ward, header="site,label,age,pulse,ward")


CHOICES = {"label": "label", "domain": "site", "scale": "none"}


def test_a_reading_knows_where_values_were_filled_in():
    reading = read([given(table())], {**CHOICES, "classes": "all"})
    north, south = reading.populations
    assert [n for n in reading.columns or () if n.startswith("ward_")] == ["ward_a", "ward_b", "ward_c"]
    for population, first in ((north, 0), (south, NORTH)):
        rows = np.arange(first, first + len(population))
        assert population.missing is not None
        gaps = dict(zip(reading.columns or (), population.missing.T, strict=True))
        assert gaps["age"].tolist() == [first > 0 and i % 3 == 0 for i in rows]
        assert gaps["pulse"].tolist() == [first > 0] * len(rows)
        for kind in "abc":
            assert gaps[f"ward_{kind}"].tolist() == [i % 5 == 0 and i % 3 > 0 for i in rows]


def test_gaps_stay_with_their_rows_where_others_are_left_out():
    reading = read([given(table())], CHOICES)
    everything = read([given(table())], {**CHOICES, "classes": "all"})
    north, whole = reading.populations[0], everything.populations[0]
    kept = np.arange(NORTH) % 11 != 0
    assert whole.missing is not None
    np.testing.assert_array_equal(north.missing, whole.missing[kept])
    np.testing.assert_array_equal(north.inputs, whole.inputs[kept])


@pytest.mark.parametrize("missing", ["median", "drop"])
def test_a_table_without_gaps_has_none(missing):
    rows = np.arange(20)
    reading = read([given(lines(rows % 7, rows % 2, header="x,label"))], {"missing": missing, "label": "label"})
    assert reading.populations[0].missing is None


def test_rows_with_gaps_that_are_left_out_leave_none():
    rows = np.arange(20)
    reading = read([given(lines(["" if i == 3 else i for i in rows], rows % 2, header="x,label"))], {"missing": "drop", "label": "label"})
    assert (len(reading.populations[0]), reading.populations[0].missing) == (19, None)


def from_the_command_line(folder: Path, _: Reading) -> list[dict]:
    """The two sites in two files, as `core measure` gives them on."""
    head, *rows = table().splitlines()
    paths = []
    for site in ("north", "south"):
        path = folder / f"{site}.csv"
        kept = [head, *(row for row in rows if row.startswith(site))]
        path.write_text("\n".join(row.partition(",")[2] for row in kept) + "\n")
        paths.append(str(path))
    both = zip(paths, reversed(paths), strict=True)
    options = {"label": "label", "scale": "none"}
    return [{"name": "file", "params": {"path": p, "beside": other, "lead": paths[0], "options": options}} for p, other in both]


def one_file(folder: Path, _: Reading) -> list[dict]:
    path = folder / "patients.csv"
    path.write_text(table())
    return [{"name": "file", "params": {"path": str(path), "domain": site, "options": CHOICES}} for site in ("north", "south")]


def uploaded(_: Path, reading: Reading) -> list[dict]:
    return [{"name": "own", "params": {"digest": entry.digest}} for entry in own.keep(reading, "patients.csv")]


def kept_apart(_: Path, __: Reading) -> list[dict]:
    """Stored with the classes that each domain has by itself: the pair decides which of them are compared."""
    reading = read([given(table())], {**CHOICES, "classes": "all"})
    return [{"name": "own", "params": {"digest": entry.digest}} for entry in own.keep(reading, "patients.csv")]


@pytest.fixture(params=[from_the_command_line, one_file, uploaded, kept_apart], ids=lambda way: way.__name__.replace("_", " "))
def sides(request, tmp_path, monkeypatch) -> list[dict]:
    monkeypatch.setenv("SHIFTSCOPE_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return request.param(tmp_path, read([given(table())], CHOICES))


def test_a_pair_knows_where_values_were_filled_in(sides):
    both = load_pair(*(DomainSpec.model_validate(side) for side in sides), seed=0)
    for d in (both.source, both.target):
        assert d.missing is not None
        assert d.missing.shape == d.inputs.shape
        share = dict(zip(d.columns, d.missing.float().mean(0).tolist(), strict=True))
        assert share["pulse"] == (1 if d is both.target else 0)
        assert share["age"] == pytest.approx(1 / 3 if d is both.target else 0)


def report(sides: list[dict]) -> tuple[dict, ShiftReport]:
    experiment = Experiment.parse({"source": sides[0], "target": sides[1], "backbone": {"name": "mlp"}})
    found = shift_report(experiment)
    return facts(experiment, found), found


@pytest.mark.slow
def test_a_report_describes_what_was_written_and_nothing_else(sides):
    found, told = report(sides)
    rows = {row.title: row for row in told.explanation.properties}
    assert (rows["pulse"].summary, rows["pulse"].target) == ("known", 0)
    assert "0 % of the target have a value, and 100 % of the source" in direction(rows["pulse"])
    ages = [row.split(",") for row in table().splitlines()[1:]]
    there = [float(row[2]) for row in ages if row[0] == "south" and row[2]]
    assert (rows["age"].target, rows["age"].target_n) == (pytest.approx(np.median(there), abs=1e-4), 40)
    said = " ".join(found["giveaways"]["warnings"])
    assert "pulse gives the domain away by itself: it has values in one domain and none in the other" in said
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_what_was_stored_before_gaps_were_known_can_be_read(tmp_path, monkeypatch):
    monkeypatch.setenv("SHIFTSCOPE_HOME", str(tmp_path))
    reading = read([given(table())], CHOICES)
    bare = [Population(p.name, p.inputs, p.labels) for p in reading.populations]
    old = Reading(reading.kind, reading.class_names, tuple(bare), reading.options, (), {}, reading.columns)
    before, now = (own.keep(one, "patients.csv")[1] for one in (old, reading))
    assert own.own(own.Own(digest=before.digest), 0).missing is None
    assert own.own(own.Own(digest=now.digest), 0).missing is not None
