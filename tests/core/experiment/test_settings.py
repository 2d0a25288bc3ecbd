"""Settings in the words of a reader."""

from __future__ import annotations

from core.experiment import Experiment
from core.experiment.settings import differences, run_title, slug, titled


def asked(**more) -> dict:
    return Experiment.parse(more).model_dump(mode="json")


def shifted(severity: float) -> dict:
    return {"target": {"name": "handwritten-digits", "shifts": [{"name": "rotation", "severity": severity}]}}


def test_a_difference_names_the_setting_and_both_values():
    assert differences(asked(**shifted(0.5)), asked(**shifted(0.7))) == [("Severity of the target's shift", "0.5", "0.7")]
    assert differences(asked(), asked(seed=5)) == [("Seed", "0", "5")]
    found = differences(asked(), asked(method={"name": "mcc"}))
    assert ("Method", "DAN", "MCC") in found


def test_no_setting_is_told_by_its_key():
    for title in titled(asked(method={"name": "mcc"}, **shifted(0.3))):
        assert "." not in title
        assert "_" not in title


def test_a_run_has_a_title_that_can_name_a_file():
    assert run_title(asked()) == "DAN · Printed digits → Handwritten digits · seed 0"
    assert slug(run_title(asked())) == "dan-printed-digits-handwritten-digits-seed-0"
    assert slug("→") == "run"
