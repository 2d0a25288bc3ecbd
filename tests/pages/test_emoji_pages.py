"""The emoji on the pages: twins of a run in numbers, words and pictures, and whose drawings they are."""

from __future__ import annotations

import pytest
from page_tools import page, texts

from core.domains import DOMAINS, DomainSpec, load_pair
from core.domains.emoji import VENDORS
from core.experiment import Experiment
from core.measures import MEASURES
from core.reports.transfer import transfer_report
from core.reports.transfer_text import told
from core.runs.blind import Blind
from core.runs.execute import run_here
from core.runs.record import Record
from core.samples.raw import Originals

pytestmark = pytest.mark.slow

PAIR = {"source": {"name": "emoji-fluent-flat"}, "target": {"name": "emoji-fluent-3d"}}
SMALL = {
    "backbone": {"name": "mlp", "params": {"width": 16, "depth": 1, "bottleneck": 16}},
    "budget": {"source_epochs": 1, "epochs": 1},
    "snapshot": 60,
}


@pytest.fixture
def run() -> Record:
    return run_here(Experiment.parse(PAIR | SMALL), "cpu")


def test_twins_of_a_run(run):
    """In one test: the run takes longer than all that is asked of it."""
    report = transfer_report(run)
    samples = run.samples()
    names = Originals.read(samples).identities
    assert len(names) == 120
    domains = load_pair(*(DomainSpec.model_validate(PAIR[side]) for side in ("source", "target")), 0)
    of = {name: label for d in (domains.source, domains.target) for name, label in zip(d.identities, d.labels.tolist(), strict=True)}
    assert [of[name] for name in names] == samples["labels"].tolist(), "each name stands beside its own sample"
    assert names[:60] == names[60:], "the same things are shown of both"

    after = run.phase("adapt")[-1]["measures"]
    assert report.twins[1].share == after["twin_found"] > 1 / 60
    assert after["twin_found_low"] < after["twin_found"] < after["twin_found_high"]
    (sentence,) = (one for one in told(report) if "twin" in one)
    assert f"{100 * after['twin_found']:.1f} % of the source samples landed on their twin" in sentence
    assert "chance alone gives 1.7 %" in sentence

    at = page("adapt", run=run.id, panel="Transfer")
    assert not at.exception
    said = texts(at)
    for part in ("Did each land on its twin?", "Nearest in the target, after", "60 held-out samples that have one", "evaluation only"):
        assert part in said
    assert MEASURES.get("twin_found").meaning in said

    blind = Blind(run.folder)
    assert "identities" not in blind.samples()
    assert transfer_report(blind).twins is None
    assert blind.phase("adapt")[-1]["measures"]["twin_found"] is None
    at = page("adapt", run=run.id, panel="Transfer", blind="true")
    assert not at.exception
    assert "Did each land on its twin?" not in texts(at)
    assert "landed on their twin" not in texts(at)


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.sheet)
def test_who_chooses_emoji_reads_whose_they_are(vendor):
    at = page("adapt", source="Emoji: Noto", target=vendor.title)
    assert not at.exception
    said = texts(at)
    assert f"Licence: {vendor.licence}" in said
    assert f"Licence: {DOMAINS.get('emoji-noto').licence}" in said
