"""Own data that can be read: what comes out, against the libraries that wrote it or a formula written out here."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.io import wavfile
from sklearn.datasets import dump_svmlight_file, load_svmlight_file
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from core.domains import DOMAINS
from core.domains.reading import Given, format_of, read
from core.errors import InputError

RNG = np.random.default_rng(0)
SHARED = Path(os.environ.get("SHIFTSCOPE_DATA") or Path(__file__).parents[3] / ".." / "shared" / "data")


def shared(*parts: str) -> Path:
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs {path}")
    return path


def given(path) -> Given:
    return Given(Path(path).name, Path(path))


def png(value: int = 0, size=(12, 10), mode="RGB", form="PNG") -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((size[1], size[0], 3), value, np.uint8)).convert(mode).save(out, form)
    return out.getvalue()


def packed(files: dict[str, bytes]) -> Given:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return Given("mine.zip", out)


def folders(*places: str, n: int = 12) -> dict[str, bytes]:
    return {f"{place}/{i:02}.png": png(10 * i + len(place)) for place in places for i in range(n)}


def said(reading) -> str:
    return " ".join(f"{note.where}: {note.what}" for note in reading.notes)


class TestImages:
    def test_class_folders_are_one_domain(self):
        reading = read([packed(folders("cat", "dog"))])
        (one,) = reading.populations
        assert (one.name, reading.class_names, one.inputs.shape) == ("mine", ("cat", "dog"), (24, 3, 10, 10))
        assert one.labels.tolist() == [0] * 12 + [1] * 12
        assert one.inputs[3, 0, 0, 0] == 33

    @pytest.mark.parametrize("root", ["", "all/", "all/of/it/"])
    def test_domains_by_folder(self, root):
        reading = read([packed(folders(*(f"{root}{d}/{c}" for d in ("photo", "sketch") for c in ("cat", "dog"))))])
        assert [p.name for p in reading.populations] == ["photo", "sketch"]
        assert reading.class_names == ("cat", "dog")

    def test_a_folder_on_disk_is_read_like_a_zip(self, tmp_path):
        files = folders("photo/cat", "photo/dog", "sketch/cat", "sketch/dog")
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(content)
        for a, b in zip(read([given(tmp_path)]).populations, read([packed(files)]).populations, strict=True):
            assert a.name == b.name
            np.testing.assert_array_equal(a.inputs, b.inputs)
            np.testing.assert_array_equal(a.labels, b.labels)

    def test_a_domain_without_class_folders_has_no_labels(self):
        reading = read([packed(folders("photo/cat", "photo/dog") | folders("sketch", n=24))])
        assert [(p.name, p.labels is None) for p in reading.populations] == [("photo", False), ("sketch", True)]

    def test_only_common_classes_unless_all_are_asked_for(self):
        files = packed(folders("a/cat", "a/dog", "a/cow", "b/cat", "b/dog"))
        reading = read([files])
        assert reading.class_names == ("cat", "dog")
        assert "a: Left out: cow, which not every domain has." in said(reading)
        assert read([files], {"classes": "all"}).class_names == ("cat", "cow", "dog")

    def test_numbers_are_sorted_as_numbers(self):
        assert read([packed(folders("10", "9", "2"))]).class_names == ("2", "9", "10")

    def test_pixels_are_pillows(self):
        noise = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
        out = io.BytesIO()
        Image.fromarray(noise).save(out, "PNG")
        reading = read([packed({f"{c}/{i}.png": out.getvalue() for c in "ab" for i in range(10)})], {"side": 20})
        np.testing.assert_array_equal(reading.populations[0].inputs[0].transpose(1, 2, 0), noise[:, 5:25])  # the middle
        stretched = read([packed({f"{c}/{i}.png": out.getvalue() for c in "ab" for i in range(10)})], {"side": 8, "fit": "stretch"})
        expected = np.asarray(Image.fromarray(noise).resize((8, 8), Image.Resampling.BILINEAR))
        np.testing.assert_array_equal(stretched.populations[0].inputs[0].transpose(1, 2, 0), expected)

    def test_grey_pictures_have_one_channel(self):
        files = {f"{c}/{i}.png": png(200, mode="L") for c in "ab" for i in range(10)}
        assert read([packed(files)]).populations[0].inputs.shape == (20, 1, 10, 10)
        assert read([packed(files)], {"colour": "colour"}).populations[0].inputs.shape == (20, 3, 10, 10)

    @pytest.mark.slow
    def test_office_caltech(self):
        reading = read([given(shared("office_caltech10_images", "office_caltech10_96px_jpeg.zip"))])
        assert {p.name: len(p) for p in reading.populations} == {"amazon": 958, "caltech10": 1123, "dslr": 157, "webcam": 295}
        assert len(reading.class_names) == 10
        with zipfile.ZipFile(shared("office_caltech10_images", "office_caltech10_96px_jpeg.zip")) as archive:
            first = np.asarray(Image.open(archive.open(min(archive.namelist()))))
        np.testing.assert_array_equal(reading.populations[0].inputs[0].transpose(1, 2, 0), first)


def csv(text: str, name: str = "table.csv", encoding: str = "utf-8") -> Given:
    return Given(name, io.BytesIO(text.encode(encoding)))


def table(n: int = 40, **columns) -> pd.DataFrame:
    base = {"height": RNG.normal(170, 10, n).round(2), "weight": RNG.normal(70, 5, n).round(2)}
    return pd.DataFrame(base | columns | {"label": np.array(["no", "yes"])[np.arange(n) % 2]})


class TestTables:
    def test_roles_are_guessed(self):
        frame = table(site=np.repeat(["north", "south"], 20), colour=np.tile(["red", "green", "blue", "red"], 10), id=range(40))
        reading = read([csv(frame.to_csv(index=False))])
        o = reading.options
        assert (o.label, o.domain, o.text, o.categories) == ("label", "site", "none", ("colour",))
        assert "id: Left out: it only counts the rows." in said(reading)
        assert [p.name for p in reading.populations] == ["north", "south"]
        assert reading.columns == ("height", "weight", "colour_blue", "colour_green", "colour_red")
        both = np.concatenate([p.inputs for p in reading.populations])
        numbers = frame[["height", "weight"]].to_numpy()
        np.testing.assert_allclose(both[:, :2], (numbers - numbers.mean(0)) / numbers.std(0), atol=1e-5)
        np.testing.assert_array_equal(both[:, 4], frame["colour"] == "red")

    def test_every_guess_can_be_changed(self):
        frame = table(n=60, grade=np.arange(60) % 3)
        reading = read([csv(frame.to_csv(index=False))], {"label": "grade", "ignored": ["label"], "categories": [], "scale": "none"})
        assert reading.class_names == ("0", "1", "2")
        np.testing.assert_allclose(reading.populations[0].inputs, frame[["height", "weight"]], rtol=1e-6)

    @pytest.mark.parametrize(("sep", "decimal"), [(",", "."), (";", "."), ("\t", "."), ("|", "."), (";", ","), ("\t", ",")])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
    def test_dialects(self, sep, decimal, encoding):
        frame = table()
        frame["label"] = frame["label"].map({"no": "né", "yes": "ja"})
        text = frame.to_csv(index=False, sep=sep, decimal=decimal)
        reading = read([csv(text, encoding=encoding)], {"scale": "none"})
        np.testing.assert_allclose(reading.populations[0].inputs, frame[["height", "weight"]], rtol=1e-6)
        assert reading.class_names == ("ja", "né")

    def test_a_separator_inside_quotes(self):
        frame = table(place=np.tile(["Rome, Italy", "Oslo, Norway"], 20))
        assert read([csv(frame.to_csv(index=False))]).columns[2:] == ("place_Oslo, Norway", "place_Rome, Italy")

    def test_no_header(self):
        reading = read([csv("\n".join(f"{i * 0.37:.2f},{i * i % 7},{i % 2}" for i in range(40)))])
        assert reading.columns == ("column 1", "column 2")
        assert reading.class_names == ("0", "1")

    def test_parquet_is_as_csv(self, tmp_path):
        frame = table(colour=np.tile(["red", "green"], 20))
        frame.to_parquet(tmp_path / "t.parquet")
        a, b = read([given(tmp_path / "t.parquet")]), read([csv(frame.to_csv(index=False))])
        np.testing.assert_allclose(a.populations[0].inputs, b.populations[0].inputs, rtol=1e-6)
        assert a.columns == b.columns

    def test_missing_values(self):
        frame = table(colour=np.tile(["red", "green", None, "red"], 10))
        frame.loc[3, "height"] = np.nan
        text = frame.to_csv(index=False)
        filled = read([csv(text)], {"scale": "none"}).populations[0].inputs
        assert filled[3, 0] == np.float32(frame["height"].median())
        assert filled[2].tolist()[2:] == [0, 1], "the most frequent colour"
        assert "height: 1 missing values: filled in." in said(read([csv(text)]))
        assert len(read([csv(text)], {"missing": "drop"}).populations[0]) == 29

    def test_a_number_becomes_two_classes(self):
        frame = table(price=RNG.uniform(0, 10, 40)).drop(columns="label")
        with pytest.raises(InputError, match="40 different values"):
            read([csv(frame.to_csv(index=False))], {"label": "price"})
        reading = read([csv(frame.to_csv(index=False))], {"label": "price", "cut": 5})
        assert reading.class_names == ("< 5", "≥ 5")
        assert (reading.populations[0].labels == (frame["price"] >= 5)).all()

    def test_rows_without_a_label_make_an_unlabelled_domain(self):
        frame = table(n=60, domain=np.repeat(["a", "b"], 30))
        frame.loc[30:, "label"] = None
        assert [p.labels is None for p in read([csv(frame.to_csv(index=False))]).populations] == [False, True]
        frame.loc[30:, "label"] = "yes"
        frame.loc[3, "label"] = None
        with pytest.raises(InputError, match="share only the class yes"):
            read([csv(frame.to_csv(index=False))])

    def test_texts(self):
        words = ["the film was good and long", "a bad book, really\nbad", "שלום לכולם כאן", "it works “very” well"]
        frame = pd.DataFrame(
            {"review": [f"{words[i % 4]} {i}" for i in range(60)], "label": ["a", "b"] * 30, "domain": ["x"] * 30 + ["y"] * 30}
        )
        reading = read([csv(frame.to_csv(index=False))])
        assert (reading.kind, reading.options.text) == ("text", "review")
        assert reading.populations[0].inputs[1] == "a bad book, really bad 1"
        assert reading.populations[0].inputs[2] == "שלום לכולם כאן 2"

    def test_two_files_are_read_alike(self):
        a, b = table(colour=np.tile(["red", "green"], 20), extra=1.0), table(colour=np.tile(["red", "blue"], 20))
        reading = read([csv(a.to_csv(index=False), "a.csv"), csv(b.to_csv(index=False), "b.csv")])
        assert [p.name for p in reading.populations] == ["a", "b"]
        assert reading.columns == ("height", "weight", "colour_blue", "colour_green", "colour_red")
        assert "columns: Left out: extra, which not every file has." in said(reading)

    def test_wine_red_to_white(self):
        files = [given(shared("wine_quality", f"winequality-{c}.csv")) for c in ("red", "white")]
        red, white = read(files, {"cut": 6, "scale": "none"}).populations
        assert (red.inputs.shape, white.inputs.shape) == ((1599, 11), (4898, 11))
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(red.inputs, red.labels)
        assert 100 * model.score(white.inputs, white.labels) == pytest.approx(66.7, abs=3)


class TestSvmlight:
    def test_against_scikit_learn(self, tmp_path):
        x, y = RNG.poisson(0.5, (40, 9)).astype(float), np.arange(40) % 2 * 2 - 1
        x[:, 8] = 0
        x[3, 8] = 2
        dump_svmlight_file(x, y, str(tmp_path / "a.svmlight"))
        dump_svmlight_file(x[:, :7], y, str(tmp_path / "b.libsvm"))
        reading = read([given(tmp_path / "a.svmlight"), given(tmp_path / "b.libsvm")])
        np.testing.assert_array_equal(reading.populations[0].inputs, x)
        assert reading.populations[1].inputs.shape == (40, 9)
        assert reading.class_names == ("-1", "1")

    @pytest.mark.slow
    def test_amazon_books_to_dvd(self):
        files = [given(shared("amazon_reviews", name)) for name in ("books_train.svmlight", "dvd_test.svmlight")]
        books, dvd = read(files, {"scale": "rows"}).populations
        assert (books.inputs.shape, dvd.inputs.shape) == ((2000, 5000), (3586, 5000))
        raw, labels = load_svmlight_file(str(files[0].place), n_features=5000, zero_based=True)
        np.testing.assert_allclose(np.linalg.norm(books.inputs, axis=1), (raw.getnnz(axis=1) > 0), atol=1e-5)
        np.testing.assert_array_equal(books.labels, labels > 0)
        plain = read(files).populations
        score = LinearSVC(C=0.01).fit(plain[0].inputs, plain[0].labels).score(plain[1].inputs, plain[1].labels)
        x, y = load_svmlight_file(str(files[1].place), n_features=5000, zero_based=True)
        assert score == pytest.approx(LinearSVC(C=0.01).fit(raw.toarray(), labels).score(x.toarray(), y), abs=0.005)


def wav(x: np.ndarray, rate: int = 16_000) -> bytes:
    out = io.BytesIO()
    wavfile.write(out, rate, x)
    return out.getvalue()


def tone(rate: int, seconds: float = 0.5, frequency: float = 440) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate)


class TestSounds:
    def read(self, content: bytes, **options):
        return read([packed({f"{c}/{i}.wav": content for c in "ab" for i in range(10)})], options)

    @pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100, 96_000])
    @pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32"])
    def test_rates_and_types(self, rate, dtype):
        x = tone(rate)
        given = {"uint8": x * 127 + 128, "int16": x * 32767, "int32": x * (2**31 - 1), "float32": x}[dtype].astype(dtype)
        reading = self.read(wav(given, rate))
        wave = reading.populations[0].inputs[0] / 32768
        expected = tone(16_000)
        assert (reading.rate, len(wave)) == (16_000, 8000)
        assert np.abs(wave - expected)[400:-400].max() < (0.02 if dtype == "uint8" else 0.005)

    def test_channels_are_averaged(self):
        x = tone(16_000)
        wave = self.read(wav(np.stack([x, -x], 1).astype(np.float32))).populations[0].inputs
        assert np.abs(wave).max() <= 1

    def test_length(self):
        reading = self.read(wav((tone(16_000, 2) * 32767).astype(np.int16)), seconds=0.25)
        assert reading.populations[0].inputs.shape == (20, 4000)
        assert "lose their end" in said(reading)
        assert self.read(wav((tone(16_000) * 32767).astype(np.int16)), seconds=1).populations[0].inputs[0, 8000:].max() == 0


class TestFile:
    """The domain that reads a path."""

    def make(self, seed=0, **params):
        entry = DOMAINS.get("file")
        return entry.make(entry.params(**params), seed)

    def test_one_of_several_domains(self, tmp_path):
        path = tmp_path / "mine.zip"
        path.write_bytes(packed(folders("photo/cat", "photo/dog", "sketch/cat", "sketch/dog")).place.getvalue())
        d = self.make(path=str(path), domain="sketch", options={"side": 8})
        assert (d.name, d.kind, tuple(d.inputs.shape)) == ("sketch", "image", (24, 3, 8, 8))
        with pytest.raises(InputError, match="it holds 2 domains. Choose one of: photo, sketch."):
            self.make(path=str(path))
        with pytest.raises(InputError, match="options.sides: there is no such option"):
            self.make(path=str(path), options={"sides": 8})

    def test_files_beside_each_other_share_columns(self, tmp_path):
        for name, colours in (("a", ["red", "green"]), ("b", ["red", "blue"])):
            table(colour=np.tile(colours, 20)).to_csv(tmp_path / f"{name}.csv", index=False)
        a, b = (str(tmp_path / f"{name}.csv") for name in "ab")
        one, two = self.make(path=a, beside=b), self.make(path=b, beside=a)
        assert (one.name, two.name) == ("a", "b")
        assert one.originals == two.originals

    def test_a_folder_that_changes_is_another(self, tmp_path):
        for name, content in folders("cat", "dog").items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(content)
        params = DOMAINS.get("file").params(path=str(tmp_path))
        assert len(DOMAINS.get("file").make(params, 0).inputs) == 24
        (tmp_path / "cat" / "00.png").write_bytes(png(99))
        with pytest.raises(InputError, match="changed"):
            DOMAINS.get("file").make(params, 0)


def test_formats_by_content(tmp_path):
    assert format_of(csv("a,b\n1,2\n", name="no ending")) == "table"
    assert format_of(packed({"a.npy": b""})) == "arrays"
    assert format_of(packed({"x/a.wav": b"", "b.txt": b""})) == "sounds"
