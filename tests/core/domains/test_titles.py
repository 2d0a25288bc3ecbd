"""What a domain is called: the name that a person knows it by, and never the same for two that differ."""

from __future__ import annotations

import io
import json

from core.domains import examples, own
from core.domains.reading import Given, read
from core.domains.titles import domain_title, shift_titles
from core.experiment import Experiment
from core.figures.shift_page import page
from core.reports.shift import shift_report
from core.reports.shift_text import facts


def keep(content: bytes) -> dict[str, own.Entry]:
    return {entry.name: entry for entry in own.keep(read([Given("patients.csv", io.BytesIO(content))]), "patients.csv")}


def spec(name: str, *shifts: tuple[str, float], **params) -> dict:
    return {"name": name, "params": params, "shifts": [{"name": shift, "severity": severity} for shift, severity in shifts]}


def test_a_registered_domain_has_its_title_and_its_shifts():
    assert domain_title(spec("handwritten-digits", ("rotation", 0.5), ("blur", 1.0))) == "Handwritten digits, rotation 0.5, blur 1"
    assert shift_titles([]) == []


def test_a_domain_that_is_no_longer_registered_keeps_its_name():
    assert domain_title(spec("lost-digits", ("rotation", 0.25))) == "Lost-digits, rotation 0.25"


def test_a_file_has_its_name_and_that_of_the_domain_in_it():
    assert domain_title(spec("file", path="/somewhere/photos.csv")) == "photos.csv"
    assert domain_title(spec("file", path="C:\\somewhere\\photos.zip", domain="amazon")) == "photos.zip / amazon"
    assert domain_title(spec("file", ("noise", 0.5), path="/somewhere/photos/")) == "photos, noise 0.5"


def test_own_data_have_the_name_that_they_came_with(home):
    stored = keep(examples.table())
    titles = {name: domain_title(spec("own", digest=entry.digest)) for name, entry in stored.items()}
    assert titles == {"north": "north", "south": "south"}
    assert domain_title(spec("own", ("noise", 0.5), digest=stored["north"].digest)) == "north, noise 0.5"


def test_two_uploads_of_one_name_are_told_apart(home):
    first, second = keep(examples.table()), keep(examples.table().replace(b"north;", b"north;1", 1))
    titles = {domain_title(spec("own", digest=entries["north"].digest)) for entries in (first, second)}
    assert len(titles) == 2
    assert all(title.startswith("north, ") for title in titles)
    assert not any(entries["north"].digest[:6] in title for entries in (first, second) for title in titles)


def test_deleted_data_are_said_to_be_gone(home):
    entry = keep(examples.table())["north"]
    own.delete(entry.digest)
    assert domain_title(spec("own", digest=entry.digest)) == "Own data that were deleted"


def test_the_report_of_two_uploads_names_them(home):
    """As numbers, as sentences and as a page."""
    stored = keep(examples.table())
    sides = {side: {"name": "own", "params": {"digest": stored[name].digest}} for side, name in (("source", "north"), ("target", "south"))}
    experiment = Experiment.parse(sides | {"backbone": {"name": "mlp"}})
    report = shift_report(experiment)
    found = facts(experiment, report)
    assert (found["source"], found["target"]) == ("north", "south")
    assert "north → south" in page(found, report)
    assert "Your own data" not in json.dumps(found)
