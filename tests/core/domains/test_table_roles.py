"""Which column is the class: the source's, by its name, its place and what it holds, with the reason told."""

import argparse

import numpy as np
import pytest
from table_tools import accounted, classes, given, lines, one, said

from core.cli.assemble import assemble
from core.domains import DOMAINS
from core.domains.pair import load_pair
from core.domains.reading import read
from core.errors import InputError
from core.experiment import Experiment

RNG = np.random.default_rng(0)
N = 60
A, B = RNG.normal(size=(2, N)).round(3)
KIND = np.array(["no", "yes"])[np.arange(N) % 2]
SMOKER = np.array(["never", "often"])[np.arange(N) // 2 % 2]


class TestSourceAndUnlabelledTarget:
    """A labelled source file beside an unlabelled target file."""

    def both(self, tmp_path, source: str, target: str, **options):
        (tmp_path / "source.csv").write_text(source)
        (tmp_path / "a_target.csv").write_text(target)  # before the source, in the alphabet
        asked = argparse.Namespace(
            experiment=None, source=str(tmp_path / "source.csv"), target=str(tmp_path / "a_target.csv"), source_shift=None,
            target_shift=None, backbone="mlp", method=None, epochs=None, seed=None, shots=None, set=[],
            option=[f"{name}={value}" for name, value in options.items()],
        )  # fmt: skip
        return load_pair(*Experiment.parse(assemble(asked)).pair)

    @pytest.mark.parametrize("name", ["label", "quality", "y", "kind of wine"])
    def test_the_label_is_the_sources_column(self, tmp_path, name):
        source = lines(A, SMOKER, KIND, header=f"a,smoker,{name}")
        pair = self.both(tmp_path, source, lines(B, SMOKER, header="a,smoker"))
        assert pair.class_names == ("no", "yes"), "and not the last column that both have"
        assert pair.target.labels is None
        assert pair.source.columns == pair.target.columns == ("a", "smoker_never", "smoker_often")
        assert f"Class: the column {name}, because" in pair.source.provenance

    def test_first_column_of_the_source(self, tmp_path):
        pair = self.both(tmp_path, lines(KIND, A, SMOKER, header="kind,a,smoker"), lines(B, SMOKER, header="a,smoker"))
        assert pair.class_names == ("no", "yes")

    def test_a_column_of_the_target_is_never_the_label(self, tmp_path):
        target = lines(B, KIND, ["x", "y"] * 30, header="a,grade,label")
        pair = self.both(tmp_path, lines(A, KIND, header="a,grade"), target)
        assert pair.class_names == ("no", "yes")
        assert "the column grade" in pair.source.provenance
        assert pair.source.columns == ("a",)

    @pytest.mark.parametrize("asked", ["kind", "Kind", "KIND"])
    def test_an_option_means_the_column_of_any_file(self, tmp_path, asked):
        pair = self.both(tmp_path, lines(A, KIND, B, header="a,Kind,b"), lines(B, B, header="a,b"), label=asked)
        assert pair.class_names == ("no", "yes")
        assert pair.source.columns == ("a", "b")

    def test_in_one_file_the_label_is_what_only_one_domain_knows(self):
        site = np.where(np.arange(N) < 30, "x", "y")
        text = lines(np.where(site == "x", KIND, ""), A, SMOKER, site, header="grade,a,smoker,site")
        reading = one(text)
        assert reading.options.label == "grade"
        assert [p.labels is None for p in reading.populations] == [False, True]
        accounted(reading, N)

    def test_in_the_dialog_without_a_source_the_label_is_what_only_one_file_has(self):
        files = [given(lines(B, SMOKER, header="a,smoker"), "x.csv"), given(lines(A, SMOKER, KIND, header="a,smoker,grade"), "y.csv")]
        for order in (files, files[::-1]):
            reading = read(order)
            assert reading.options.label == "grade"
            assert "only some of the domains know it" in reading.facts["Class"]

    def test_a_domain_column_of_one_file_alone(self):
        first = lines(A, np.where(np.arange(N) < 30, "x", "y"), KIND, header="a,site,label")
        reading = read([given(first, "one.csv"), given(lines(B, KIND, header="a,label"), "other.csv")])
        assert [p.name for p in reading.populations] == ["other", "x", "y"]
        assert reading.columns == ("a",)


@pytest.mark.parametrize(
    ("header", "columns", "label"),
    [
        ("x,y,z,mass", (A, np.arange(N) % 4, B, A**2), "none"),
        ("x,y,z,kind", (A, np.arange(N) % 4, B, KIND), "kind"),
        ("z,x,y", (A, B, np.arange(N) % 4), "none"),
        ("x,y,kind", (A, B, KIND), "kind"),
        ("x,y", (A, np.arange(N) % 2), "y"),
        ("X,Y,Z,Class", (A, np.arange(N) % 4, B, KIND), "Class"),
        ("x1,x2,y", (A, B, np.arange(N) % 2), "y"),
        ("class,label,a", (KIND, SMOKER, A), "label"),
        ("a,true_label,smoker", (A, KIND, SMOKER), "true_label"),
        ("a,category,kind", (A, B, KIND), "kind"),
        ("kind,a,b", (KIND, A, B), "kind"),
        ("a,b,size", (A, B, (A > 0) + 0.5), "none"),
        ("a,b", (A, B), "none"),
        ("a,b,rank", (A, B, np.arange(N)), "none"),
        ("Species,a,smoker", (KIND, A, SMOKER), "Species"),
    ],
)
def test_the_label_is_guessed_by_name_place_and_kind(header, columns, label):
    reading = one(lines(*columns, header=header))
    assert reading.options.label == label
    told = reading.facts["Class"]
    assert told.startswith("none found" if label == "none" else f"the column {label}, because ")


def test_what_guesses_the_label_can_be_changed():
    reading = one(lines(A, SMOKER, KIND, header="a,smoker,kind"), label="smoker")
    assert (reading.class_names, reading.columns) == (("never", "often"), ("a", "kind_no", "kind_yes"))


def test_names_of_columns_may_be_numbers():
    reading = one(lines(A, B, KIND, header="0,1,2"), label=2, ignored=1)
    assert (reading.class_names, reading.columns) == (("no", "yes"), ("0",))


def test_an_amount_called_target_is_refused_with_what_to_do():
    with pytest.raises(InputError, match="60 different values") as caught:
        one(lines(A + np.arange(N), KIND, header="target,kind"))
    assert "cut" in caught.value.remedy
    assert caught.value.options.label == "target"
    assert caught.value.choices["label"] == ("target", "kind")


@pytest.mark.parametrize(("name", "goes"), [("id", True), ("PatientID", True), ("patient_id", True), ("width", False), ("humid", False)])
def test_columns_that_only_count_the_rows(name, goes):
    numbers = RNG.permutation(N) + 1000
    reading = one(lines(numbers, A, KIND, header=f"{name},a,label"))
    assert reading.columns == (("a",) if goes else (name, "a"))
    two = read([given(lines(np.arange(N), A, KIND, header=f"{name},a,label"), f"{f}.csv") for f in "xy"])
    assert two.columns == (("a",) if goes else (name, "a")), "it counts anew in each file"


class TestThirdDomain:
    """It never decides which classes two others share."""

    def table(self, third: list[str], n: int = 60) -> str:
        site = np.repeat(["one", "two", "zzz"], [60, 60, len(third)])
        label = [*np.tile(["a", "b", "c"], 20), *np.tile(["a", "b", "c"], 20), *third]
        return lines(RNG.normal(size=len(site)).round(3), site, label, header="v,site,label")

    @pytest.mark.parametrize("third", ["a" * 30, "xy" * 15, "ab" * 15, "a" * 29 + "b", "c" * 5, "ax" * 15])
    def test_of_a_table(self, third, tmp_path):
        (tmp_path / "t.csv").write_text(self.table(list(third)))
        entry = DOMAINS.get("file")
        path = str(tmp_path / "t.csv")
        specs = [{"name": "file", "params": {"path": path, "domain": name}} for name in ("one", "two")]
        pair = load_pair(*Experiment.parse({"source": specs[0], "target": specs[1], "backbone": {"name": "mlp"}}).pair)
        assert pair.class_names == ("a", "b", "c")
        assert len(pair.source.inputs) == len(pair.target.inputs) == 60
        reading = one(self.table(list(third)))
        accounted(reading, 120 + len(third))
        assert entry.make(entry.params(path=path, domain="two"), 0).class_names == ("a", "b", "c")

    def test_each_pair_is_compared_on_the_classes_that_both_have(self, tmp_path):
        (tmp_path / "t.csv").write_text(self.table(["b", "c", "d"] * 10))
        path = str(tmp_path / "t.csv")
        specs = [{"name": "file", "params": {"path": path, "domain": name}} for name in ("one", "zzz")]
        pair = load_pair(*Experiment.parse({"source": specs[0], "target": specs[1], "backbone": {"name": "mlp"}}).pair)
        assert pair.class_names == ("b", "c")
        assert (len(pair.source.inputs), len(pair.target.inputs)) == (40, 20)
        assert "20 rows of numbers of a, which zzz does not have" in pair.source.provenance
        (account,) = pair.accounts
        assert sum(account.given.values()) == 150
        assert sum(account.used.values()) + sum(part.rows for part in account.left_out) == 150
        assert account.used == {"one": 40, "two": 60, "zzz": 20}
        values = {c: pair.target.inputs[pair.target.known_labels == k] for k, c in enumerate(pair.class_names)}
        whole = DOMAINS.get("file").make(DOMAINS.get("file").params(path=path, domain="zzz"), 0)
        for c, rows in values.items():
            assert rows.tolist() == whole.inputs[whole.known_labels == whole.class_names.index(c)].tolist()
        both = sorted([*pair.source.train.tolist(), *pair.source.test.tolist()])
        assert both == list(range(40))


def test_classes_in_another_order_are_brought_together():
    texts = lines(A, KIND, header="a,label"), lines(A, KIND[::-1], header="a,label")
    reading = read([given(text, f"{i}.csv") for i, text in enumerate(texts)])
    assert classes(reading, 0) == KIND.tolist()
    assert classes(reading, 1) == KIND[::-1].tolist()
    assert "Left out" not in said(reading)
