"""The command line, as a script meets it. Where the process itself does not matter, ``main`` is called in this one."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.cli.arguments import LISTS
from core.cli.main import main
from core.domains import examples
from core.runs import store
from core.runs.execute import run_here
from core.runs.record import Record

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
SMALL = [
    *("--source", "moons", "--target", "moons", "--target-shift", "rotation:0.3", "--backbone", "mlp", "--epochs", "2"),
    *("--set", "source.params.n=200", "--set", "target.params.n=200", "--set", "backbone.params.width=16"),
    *(
        "--set",
        "backbone.params.bottleneck=8",
        "--set",
        "source_epochs=2",
        "--set",
        "batch_size=16",
        "--set",
        "lr=0.02",
        "--set",
        "snapshot=30",
    ),
    *("--device", "cpu"),
]
MEASURES = ("source_accuracy", "target_accuracy", "source_only_target_accuracy", "mmd2", "mmd2_p", "domain_auc")


@pytest.fixture
def core(home, capsys):
    """``core(*arguments)`` runs a command here; returns its exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()

    return run


def answered(result: tuple[int, str, str]) -> dict:
    code, out, err = result
    assert code == 0, err
    return json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def process(*arguments: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "core", *map(str, arguments)]
    # A shell that runs the tests in the background ignores Ctrl-C, and what it starts would inherit that.
    listens = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=listens)  # noqa: PLW1509  (one thread)


def refused(result: tuple[int, str, str], *words: str) -> None:
    """Exit code 2, nothing on stdout, one line that says what, where and what to do."""
    code, out, err = result
    assert code == 2
    assert out == ""
    assert "Traceback" not in err
    errors = [line for line in err.splitlines() if "error:" in line]
    assert len(errors) == 1, err
    for word in words:
        assert word in errors[0]


@pytest.mark.parametrize("kind", LISTS)
def test_lists(core, kind):
    entries = answered(core("list", kind, "--json"))
    assert len(entries) >= 3
    names = [entry["name"] for entry in entries]
    assert len(set(names)) == len(names)
    code, out, _ = core("list", kind)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == names


def test_lists_name_what_issue_2_asks_for(core):
    def names(kind: str) -> set[str]:
        return {entry["name"] for entry in answered(core("list", kind, "--json"))}

    assert names("domains") >= {"printed-digits", "handwritten-digits", "moons", "mnist", "usps"}
    assert names("shifts") >= {"rotation", "blur", "noise", "contrast", "invert", "translation"}
    assert names("methods") >= {"source-only", "oracle", "dan", "deepcoral", "dann", "mcc"}
    assert names("measures") >= {"source_accuracy", "target_accuracy", "mmd2", "domain_auc"}


def test_a_method_says_what_it_needs(core):
    methods = {entry["name"]: entry for entry in answered(core("list", "methods", "--json"))}
    for name, entry in methods.items():
        assert entry.keys() >= {"setting", "transfers", "sees_source", "instant"}, name
        assert isinstance(entry["sees_source"], bool)
        assert isinstance(entry["instant"], bool)
    few = {name for name, entry in methods.items() if entry["family"] == "few target labels"}
    assert few >= {"fine-tuning", "l2-sp", "bss", "mme", "prototypical", "matching", "maml"}
    assert {methods[name]["setting"] for name in few} == {"semi-supervised"}
    assert {name for name in few if not methods[name]["sees_source"]} == {"fine-tuning", "l2-sp", "bss"}


def test_shots_and_the_joint_line(core):
    code, out, err = core("run", *SMALL, "--method", "prototypical", "--shots", "2", "--set", "joint=true", "--json")
    facts = answered((code, out, err))
    assert facts["experiment"]["shots"] == 2
    assert "Joint line, epoch 1 of at most 2" in err
    assert 0 < facts["joint_target_accuracy"] <= 1
    code, out, _ = core("show", facts["run_id"])
    assert code == 0
    for name in ("joint_target_accuracy", "oracle_target_accuracy"):
        assert f"{name:28} {facts[name]:.4f}" in out
    plain = answered(core("run", *SMALL, "--json"))
    assert plain["experiment"]["shots"] == 0
    assert plain["joint_target_accuracy"] is None


def test_a_run_in_a_process_of_its_own(home, core):
    """One JSON object on stdout, the progress on stderr; the second time it is read from the record."""
    with process("run", *SMALL, "--json") as first:
        out, err = first.communicate(timeout=300)
    assert first.returncode == 0, err
    facts = json.loads(out)
    assert facts.keys() >= {"experiment", "run_id", "device", "seconds", "final", "best"}
    assert facts["device"] == "cpu"
    assert facts["seconds"] > 0
    for part in ("final", "best"):
        assert all(isinstance(facts[part][name], float) for name in MEASURES)
    assert facts["final"]["epoch"] == 2
    assert "Adaptation, epoch 2 of 2" in err
    assert "100 %" in err
    assert "Traceback" not in err

    path = home / "runs" / facts["run_id"] / "epochs.jsonl"
    written = path.stat().st_mtime_ns
    assert answered(core("run", *SMALL, "--json")) == facts
    assert path.stat().st_mtime_ns == written
    assert answered(core("show", facts["run_id"][:6], "--json")) == facts
    assert answered(core("resume", facts["run_id"], "--json")) == facts

    code, out, _ = core("show", facts["run_id"])
    assert code == 0
    assert "target accuracy" in out
    assert f"{facts['final']['domain_auc']:.4f}" in out


def test_what_show_prints_runs_the_same_experiment(core, tmp_path, monkeypatch):
    facts = answered(core("run", *SMALL, "--json"))
    path = tmp_path / "experiment.json"
    for data in (facts, facts["experiment"]):
        path.write_text(json.dumps(data))
        assert answered(core("run", path, "--json"))["run_id"] == facts["run_id"]
    monkeypatch.setenv("SHIFTSCOPE_HOME", str(tmp_path / "another machine"))
    again = answered(core("run", path, "--device", "cpu", "--json"))
    assert again["run_id"] == facts["run_id"]
    assert again["final"] == facts["final"]
    other = answered(core("run", path, "--epochs", "1", "--seed", "3", "--device", "cpu", "--json"))
    assert other["run_id"] != facts["run_id"]
    assert other["experiment"]["seed"] == 3
    assert other["experiment"]["source"] == facts["experiment"]["source"]


def test_set(core):
    facts = answered(
        core(
            "run",
            *SMALL,
            "--method",
            "dann",
            "--set",
            "trade_off=0.5",
            "--set",
            "budget.schedule=cosine",
            "--set",
            "start=scratch",
            "--json",
        )
    )
    experiment = facts["experiment"]
    assert experiment["method"]["params"]["trade_off"] == 0.5
    assert experiment["budget"]["schedule"] == "cosine"
    assert experiment["start"] == "scratch"
    assert experiment["source"]["params"]["n"] == 200
    assert experiment["target"]["shifts"] == [{"name": "rotation", "severity": 0.3}]


GARBLED = {
    "no JSON": "{",
    "a list": "[1]",
    "a list inside": '{"experiment": [1]}',
    "text for a domain": '{"source": "moons"}',
    "a number for the budget": '{"budget": 3}',
    "an unknown field": '{"sauce": {"name": "moons"}}',
    "too deep": "[" * 100_000,
    "not text": b"\xff\xfe\x00",
}
BAD = {
    "domain": (["--source", "mnits"], ["mnist"]),
    "method": (["--method", "dnn"], ["dann"]),
    "backbone": (["--backbone", "resnet-19"], ["resnet"]),
    "shift": (["--source-shift", "rotatoin:0.5"], ["rotation"]),
    "severity 2": (["--source-shift", "rotation:2"], ["severity", "2"]),
    "severity nan": (["--source-shift", "rotation:nan"], ["severity"]),
    "severity text": (["--source-shift", "rotation:much"], ["much", "rotation:0.5"]),
    "epochs -1": (["--epochs", "-1"], ["epochs", "-1"]),
    "epochs text": (["--epochs", "many"], ["epochs"]),
    "seed": (["--seed", "-1"], ["seed"]),
    "shots for a method that takes none": (["--shots", "3"], ["shots", "few target labels"]),
    "no shots for a method that needs them": (["--method", "mme"], ["shots", "3"]),
    "too many shots": (["--method", "mme", "--shots", "51"], ["shots", "51"]),
    "a setting that is not there": (["--set", "trade_of=1"], ["trade_of"]),
    "a setting without a value": (["--set", "trade_off"], ["NAME=VALUE"]),
    "a setting that is nan": (["--set", "trade_off=NaN"], ["trade_off"]),
    "a setting that is infinite": (["--set", "lr=Infinity"], ["lr"]),
    "a path through a number": (["--set", "budget=1", "--set", "lr=1"], ["budget"]),
    "a strange path": (["--set", "a..b=1"], ["a"]),
    "device": (["--device", "tpu"], ["tpu", "cpu"]),
    "kinds": (["--source", "moons"], ["target"]),
    "batch": ([*SMALL, "--set", "batch_size=1"], ["batch_size"]),
    "a file that is not there": (["--source", "nowhere/mine.npz"], ["nowhere/mine.npz", "no such file"]),
    "an experiment that is not there": (["nowhere.json"], ["nowhere.json"]),
    "a folder": (["."], ["cannot be read"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_requests_are_refused(core, case):
    arguments, words = BAD[case]
    refused(core("run", *arguments), *words)


@pytest.mark.parametrize(
    "options", [[], ["--source-shift", "rotation:0.5"], ["--epochs", "2"], ["--set", "lr=0.1"], ["--set", "source.params.n=200"]]
)
@pytest.mark.parametrize("case", GARBLED)
def test_garbled_experiments_are_refused(core, tmp_path, case, options):
    path, content = tmp_path / "experiment.json", GARBLED[case]
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    refused(core("run", path, *options))


@pytest.mark.parametrize("command", ["show", "resume", "project"])
@pytest.mark.parametrize("run", ["ffffffffffff", "../..", "", "x" * 1000])
def test_unknown_runs_are_refused(core, command, run):
    refused(core(command, run), "run")


def test_a_home_that_cannot_be_used_is_refused(core, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SHIFTSCOPE_HOME", str(tmp_path / "file"))
    refused(core("run", *SMALL), "SHIFTSCOPE_HOME")


def test_help_names_every_command_and_loads_no_torch():
    code = "import sys\nfrom core.cli.main import main\ntry: main(['--help'])\nfinally: sys.stderr.write(str('torch' in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in ("list", "run", "measure", "resume", "show", "project", "gallery"):
        assert f"\n    {name} " in done.stdout
    assert done.stderr == "False"


def test_a_refusal_in_a_process_of_its_own(home):
    with process("run", "--method", "dnn") as refusing:
        out, err = refusing.communicate(timeout=120)
    refused((refusing.returncode, out, err), "dann")
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_a_reader_that_has_seen_enough(home):
    command = f"set -o pipefail; {sys.executable} -m core list methods --json | head -c 1"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[", "")


# Files of one's own


def points(path: Path, shift: float = 0.0, **changes) -> Path:
    generator = np.random.default_rng(int(10 * shift))
    y = np.arange(120) % 2
    arrays = {"X": (generator.normal(size=(120, 3)) + 3 * y[:, None] + shift).astype(np.float32), "y": y} | changes
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


NPZ = [*SMALL[SMALL.index("--backbone") : SMALL.index("--set")], *("--set", "backbone.params.width=16", "--set", "source_epochs=2")]
NPZ += ["--set", "batch_size=16", "--device", "cpu"]


def test_files_are_domains(core, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    points(tmp_path / "a.npz")
    points(tmp_path / "b.npz", 0.5)
    facts = answered(core("run", "--source", "a.npz", "--target", "b.npz", *NPZ, "--json"))
    assert facts["experiment"]["source"]["params"]["path"] == str(tmp_path / "a.npz")
    assert 0 <= facts["final"]["target_accuracy"] <= 1
    points(tmp_path / "b.npz", 1.5)  # other data are another question, and the old one cannot be asked any more
    assert answered(core("run", "--source", "a.npz", "--target", "b.npz", *NPZ, "--json"))["run_id"] != facts["run_id"]
    (tmp_path / "old.json").write_text(json.dumps(facts))
    refused(core("run", "old.json"), "b.npz", "changed")


def test_an_unlabelled_target_has_no_accuracy(core, tmp_path):
    target = points(tmp_path / "b.npz", 0.5, y=None)
    facts = answered(core("run", "--source", points(tmp_path / "a.npz"), "--target", target, *NPZ, "--json"))
    for part in ("final", "best"):
        assert facts[part]["target_accuracy"] is facts[part]["source_only_target_accuracy"] is None
        assert isinstance(facts[part]["mmd2"], float)
    assert facts["oracle_target_accuracy"] is None
    code, out, _ = core("show", facts["run_id"])
    assert code == 0
    assert "no labels" in out


def test_one_zip_holds_both_domains(core, tmp_path):
    path = tmp_path / "shapes.zip"
    path.write_bytes(examples.pictures())
    tiny = ["--backbone", "lenet", "--epochs", "1", "--set", "source_epochs=1", "--set", "snapshot=30", "--device", "cpu"]
    facts = answered(core("run", "--source", path / "day", "--target", path / "night", "--option", "side=16", *tiny, "--json"))
    asked = facts["experiment"]
    assert [asked[side]["params"]["domain"] for side in ("source", "target")] == ["day", "night"]
    assert asked["source"]["params"]["options"] == {"side": 16}
    assert 0 <= facts["final"]["target_accuracy"] <= 1
    code, out, _ = core("measure", "--source", path / "day", "--target", path / "night", "--option", "side=16")
    assert code == 0
    assert "shapes.zip / day → shapes.zip / night (raw inputs)" in out
    refused(core("run", "--source", path, "--target", path / "night", *tiny), "shapes.zip", "holds 2 domains", "day, night")
    refused(core("run", "--source", path / "day", "--target", "mnist", "--option", "sides=16", *tiny), "options.sides", "side, fit")
    refused(core("run", "--option", "side=16"), "--option", "neither the source nor the target is a file")


def test_two_tables_are_read_alike(core, tmp_path):
    lines = examples.table().decode().splitlines()
    for hospital in ("north", "south"):
        rows = [line.removeprefix(f"{hospital};") for line in lines if line.startswith(hospital)]
        (tmp_path / f"{hospital}.csv").write_text("\n".join([lines[0].removeprefix("hospital;"), *rows]))
    north, south = tmp_path / "north.csv", tmp_path / "south.csv"
    facts = answered(core("run", "--source", north, "--target", south, "--option", "label=outcome", *NPZ, "--json"))
    asked = facts["experiment"]
    assert asked["source"]["params"]["beside"] == str(south)
    south.write_text(south.read_text() + "\n70;120;no;well")
    (tmp_path / "old.json").write_text(json.dumps(facts))
    refused(core("run", tmp_path / "old.json"), "south.csv", "changed")


BROKEN = {
    "NaN": {"X": np.where(np.arange(360).reshape(120, 3) == 7, np.nan, 1.0)},
    "one class": {"y": np.zeros(120, int)},
    "object array": {"X": np.array([{}] * 120, object)},
    "object labels": {"y": np.array([{}] * 120, object)},
    "no X": {"X": None},
}


@pytest.mark.parametrize("case", BROKEN)
def test_bad_files_are_refused(core, tmp_path, case):
    path = points(tmp_path / "bad.npz", **BROKEN[case])
    refused(core("run", "--source", path, "--target", points(tmp_path / "good.npz"), *NPZ), "bad.npz")


def test_an_unlabelled_source_is_refused(core, tmp_path):
    refused(core("run", "--source", points(tmp_path / "a.npz", y=None), "--target", points(tmp_path / "b.npz"), *NPZ), "labels")


def test_what_is_no_archive_is_refused(core, tmp_path):
    (tmp_path / "bad.npz").write_bytes(b"not a zip file")
    refused(core("run", "--source", tmp_path / "bad.npz", "--target", "moons", *NPZ), "bad.npz")


# What an end in the middle leaves

EPOCHS = 25  # enough that a process is still at work when it is stopped after the third


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_was_stopped_is_completed(home, core, tiny, until, contents, monkeypatch, tmp_path, how):
    experiment = tiny("dann", epochs=EPOCHS)
    path = tmp_path / "experiment.json"
    path.write_text(experiment.canonical_json())
    record = Record(home / "runs" / experiment.id)
    with process("run", path, "--device", "cpu", "--json") as running:
        until(lambda: len(record.phase("adapt")) >= 3 or running.poll() is not None)
        assert record.status()["state"] == "running"
        os.kill(running.pid, signal.SIGSTOP)  # else a fast machine has finished it before the other process is up
        refused(core("run", path, "--device", "cpu"), "another process")
        os.kill(running.pid, signal.SIGCONT)
        os.kill(running.pid, how)
        out, err = running.communicate(timeout=60)
    assert out == ""
    if how == signal.SIGINT:
        assert running.returncode == 130
        assert "resume" in err
        assert "Traceback" not in err

    facts = answered(core("show", experiment.id, "--json"))
    assert facts["state"] == "interrupted"
    kept = contents(record)[0]
    done = len(record.phase("adapt"))
    assert 3 <= done <= EPOCHS
    assert facts["final"]["epoch"] == done - 1

    resume = ("resume", experiment.id[:8], "--device", "cpu", "--json")
    if how == signal.SIGKILL:
        with process(*resume) as resuming:
            facts = answered((resuming.wait(300), *resuming.communicate()))
    else:
        facts = answered(core(*resume))
    assert facts["state"] == "finished"
    assert facts["final"]["epoch"] == EPOCHS

    lines, snapshots = contents(record)
    assert lines[: len(kept)] == kept
    monkeypatch.setenv("SHIFTSCOPE_HOME", str(tmp_path / "other"))
    whole = run_here(experiment, "cpu")
    assert store.runs_folder() != record.folder.parent
    assert (lines, snapshots) == contents(whole)
    assert len(snapshots) == EPOCHS + 1
