"""Rows in = rows used + rows left out, for every kind of file: in plain words, in JSON, and on the page."""

import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given as varied
from hypothesis import settings
from hypothesis import strategies as st
from PIL import Image
from scipy.io import wavfile
from sklearn.datasets import dump_svmlight_file
from streamlit.testing.v1 import AppTest

from core.__main__ import main
from core.domains.reading import Given, read
from core.domains.reading.layout import HOLDERS, SPLITS

RNG = np.random.default_rng(0)


def png(value: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((8, 8), value % 256, np.uint8)).save(out, "PNG")
    return out.getvalue()


def wav(seed: int) -> bytes:
    out = io.BytesIO()
    wavfile.write(out, 16_000, (np.random.default_rng(seed).normal(size=1600) * 3000).astype(np.int16))
    return out.getvalue()


def packed(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def archive(make, ending: str) -> bytes:
    """Two domains of two classes with 12 samples each, a third class in one of them, one damaged file, one of another kind."""
    places = ["north/cat", "north/dog", "south/cat", "south/dog", "south/cow"]
    good = {f"{place}/{i:02}{ending}": make(13 * i + len(place) + 7 * k) for k, place in enumerate(places) for i in range(12)}
    return packed(good | {f"north/cat/bad{ending}": b"nonsense", "north/readme.md": b"words"})


def table(sep: str) -> bytes:
    rows = [sep.join(("north" if i < 30 else "south", f"{0.37 * i:.2f}", f"{i * i % 17}", ["yes", "no"][i % 2])) for i in range(60)]
    rows[5] = rows[5].removesuffix(rows[5].split(sep)[-1])
    return "\n".join([sep.join(("site", "height", "weight", "label")), *rows]).encode()


def parquet() -> bytes:
    import pandas as pd

    out = io.BytesIO()
    pd.read_csv(io.BytesIO(table(","))).to_parquet(out)
    return out.getvalue()


def npz() -> bytes:
    out = io.BytesIO()
    np.savez(out, X=RNG.normal(size=(50, 3)), y=np.arange(50) % 2)
    return out.getvalue()


def svmlight() -> bytes:
    out = io.BytesIO()
    dump_svmlight_file(RNG.poisson(1.0, (50, 4)).astype(float), np.where(np.arange(50) == 7, 9, np.arange(50) % 2), out)
    return b"# made by a test\n" + out.getvalue()


# The file, how many rows or files it holds, how many of them are left out, and words of each reason.
KINDS = {
    "pictures.zip": (lambda: archive(png, ".png"), 62, 14, ("damaged", "readme.md", "cow")),
    "sounds.zip": (lambda: archive(wav, ".wav"), 62, 14, ("damaged", "readme.md", "cow")),
    "table.csv": (lambda: table(","), 60, 1, ("without a class",)),
    "table.tsv": (lambda: table("\t"), 60, 1, ("without a class",)),
    "table.parquet": (parquet, 60, 1, ("without a class",)),
    "arrays.npz": (npz, 50, 0, ()),
    "rows.svmlight": (svmlight, 50, 1, ("one sample each",)),
}


@pytest.mark.parametrize("name", KINDS)
def test_rows_in_are_rows_used_and_rows_left_out_by_reason(name):
    make, given, lost, reasons = KINDS[name]
    reading = read([Given(name, io.BytesIO(make()))])
    facts = reading.account.facts()
    assert facts["files"] == {name: given}
    assert (facts["in"], facts["used"], facts["left_out"]) == (given, given - lost, lost)
    assert facts["domains"] == {p.name: len(p) for p in reading.populations}
    assert facts["left_out"] == sum(reason["rows"] for reason in facts["reasons"])
    for words in reasons:
        assert [reason for reason in facts["reasons"] if words in reason["why"]], facts["reasons"]


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_the_command_line_says_so_in_text_and_json(name, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SHIFTSCOPE_HOME", str(tmp_path / "home"))
    make, given, lost, reasons = KINDS[name]
    (tmp_path / name).write_bytes(make())
    names = [p.name for p in read([Given(name, tmp_path / name)]).populations]
    sides = ["--source", f"{tmp_path / name}/{names[0]}", "--target", f"{tmp_path / name}/{names[-1]}"]
    assert main(["measure", *sides]) == 0
    text = capsys.readouterr().out
    assert f"{given} {'files' if name.endswith('zip') else 'rows'} in = {given - lost} used (" in text
    assert f" + {lost} left out." in text
    for words in reasons:
        assert words in text
    assert main(["measure", *sides, "--json"]) == 0
    (account,) = json.loads(capsys.readouterr().out)["rows"]
    assert account == read([Given(name, tmp_path / name)]).account.facts()


def shown(content: bytes, name: str) -> None:
    import io

    from core.domains.reading import Given, read
    from pages.choose import upload_check

    reading = read([Given(name, io.BytesIO(content))])
    upload_check.show(reading, [p.name for p in reading.populations][:2], "0")


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_the_page_says_so(name):
    make, given, lost, reasons = KINDS[name]
    at = AppTest.from_function(shown, default_timeout=60, kwargs={"content": make(), "name": name}).run()
    assert not at.exception
    said = " ".join(m.value for m in at.markdown).replace("\\", "")
    assert f"{given} {'files' if name.endswith('zip') else 'rows'} in = {given - lost} used (" in said
    assert f" + {lost} left out." in said
    frames = [frame.value for frame in at.dataframe if "left out" in frame.value]
    if lost:
        (left,) = frames
        assert left["left out"].sum() == lost
        for words in reasons:
            assert left["what"].str.contains(words).any()


SIGNED = st.text(st.characters(exclude_categories=["C"], exclude_characters="/\\."), min_size=1, max_size=120).filter(
    lambda name: name.strip() == name and name.lower() not in (*SPLITS, *HOLDERS, "__macosx")
)


@settings(deadline=None, max_examples=40, derandomize=True)
@varied(
    names=st.lists(SIGNED, min_size=4, max_size=4, unique_by=lambda n: n.casefold()),
    between=st.lists(st.sampled_from([*SPLITS[:3], *HOLDERS[:3], "Train", "IMAGES"]), max_size=3),
    outer=st.lists(SIGNED, max_size=2),
    two=st.booleans(),
)
def test_any_tree_of_folders_gives_its_domains_and_classes(names, between, outer, two):
    """Whatever stands between domain and class, however long the names are; each file is used or said to be left out."""
    import unicodedata

    domains, classes = names[:2], names[2:]
    splits = between or [""]
    files = {}
    for d, domain in enumerate(domains):
        for k, name in enumerate(classes):
            for i in range(10):
                part = splits[i % len(splits)]
                inner = [*outer, domain, *([part] if part else []), *(["images"] if two else []), name]
                files["/".join([*inner, f"{i}.png"])] = png(d + 2 * k)
    files["/".join([*outer, domains[0], "notes.txt"])] = b"words"
    if len({unicodedata.normalize("NFC", name) for name in [*names, *outer]}) < len(names) + len(set(outer)):
        return
    reading = read([Given("mine.zip", io.BytesIO(packed(files)))])
    assert len(reading.populations) == len(reading.class_names) == 2
    assert [np.bincount(p.labels).tolist() for p in reading.populations] == [[10, 10], [10, 10]]
    values = {(int(p.inputs[i, 0, 0, 0]), p.name, int(p.labels[i])) for p in reading.populations for i in range(20)}
    assert len(values) == 4, "each domain and class holds one grey, its own"
    facts = reading.account.facts()
    assert (facts["in"], facts["used"], facts["left_out"]) == (41, 40, 1)


def test_long_names_that_begin_and_end_alike_stay_apart():
    long = ["a" * 60 + middle + "z" * 60 for middle in ("cat", "dog")]
    files = {f"{d}/{name}/{i}.png": png(i) for d in ("north", "south") for name in long for i in range(10)}
    reading = read([Given("mine.zip", io.BytesIO(packed(files)))])
    assert len(set(reading.class_names)) == 2
    assert [len(p) for p in reading.populations] == [20, 20]


def test_a_file_whose_ending_would_be_cut_off_is_read():
    files = {f"{c}/{'x' * 120}{i}.png": png(i) for c in ("cat", "dog") for i in range(10)}
    assert read([Given("mine.zip", io.BytesIO(packed(files)))]).account.facts()["used"] == 20


def test_domains_of_one_name_in_two_archives_stay_apart():
    files = {f"photo/{c}/{i}.png": png(i) for c in ("cat", "dog") for i in range(10)}
    files |= {f"sketch/{c}/{i}.png": png(i) for c in ("cat", "dog") for i in range(10)}
    reading = read([Given(name, io.BytesIO(packed(files))) for name in ("a.zip", "b.zip")])
    assert [p.name for p in reading.populations] == ["photo (a.zip)", "sketch (a.zip)", "photo (b.zip)", "sketch (b.zip)"]


def test_chinese_names_of_an_old_archive_are_read():
    names = [f"{c}/{i}.png" for c in ("猫咪在家", "狗狗有趣") for i in range(10)]
    content = packed({f"{i:04}".ljust(len(name.encode("gb18030")), "x"): png(i) for i, name in enumerate(names)})
    for i, name in enumerate(names):
        written = name.encode("gb18030")
        content = content.replace(f"{i:04}".encode().ljust(len(written), b"x"), written)
    assert set(read([Given("mine.zip", io.BytesIO(content))]).class_names) == {"猫咪在家", "狗狗有趣"}


def deep(array: np.ndarray, form: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(array).save(out, form)
    return out.getvalue()


@pytest.mark.parametrize(
    ("dtype", "form", "white", "said"),
    [
        (np.uint16, "PNG", 4095, "4,095 is white"),
        (np.uint16, "TIFF", 4095, "4,095 is white"),
        (np.uint16, "PNG", 65535, "65,535 is white"),
        (np.float32, "TIFF", 1.0, "1 is white"),
        (np.float32, "TIFF", 255.0, "255 is white"),
        (np.float32, "TIFF", 4095.0, "4,095 is white"),
    ],
)
def test_deep_pictures_are_scaled_by_what_all_of_them_hold(dtype, form, white, said):
    files = {f"{c}/{i}.{form.lower()}": deep(np.full((8, 8), white * i / 9).astype(dtype), form) for c in "ab" for i in range(10)}
    reading = read([Given("mine.zip", io.BytesIO(packed(files)))])
    assert reading.populations[0].inputs[:10, 0, 0, 0] == pytest.approx(255 * np.arange(10) / 9, abs=1.1)
    assert said in " ".join(note.what for note in reading.notes)


def test_floats_below_zero_run_from_the_lowest_to_the_highest():
    files = {f"{c}/{i}.tiff": deep(np.full((8, 8), i - 4.5, np.float32), "TIFF") for c in "ab" for i in range(10)}
    reading = read([Given("mine.zip", io.BytesIO(packed(files)))])
    assert reading.populations[0].inputs[:10, 0, 0, 0] == pytest.approx(255 * np.arange(10) / 9, abs=0.6)
    assert "-4.5 is black and 4.5 is white" in " ".join(note.what for note in reading.notes)


@pytest.mark.parametrize(("peak", "full"), [(1.0, 1.0), (3.0, 3.0), (30_000.0, 32768.0), (2.0**30, 2.0**31)])
def test_floats_of_sounds_are_divided_by_one_number(peak, full):
    wave = np.sin(np.arange(1600) / 5)

    def floats(share: float) -> bytes:
        out = io.BytesIO()
        wavfile.write(out, 16_000, (peak * share * wave).astype(np.float32))
        return out.getvalue()

    files = {f"{c}/{i}.wav": floats((i + 1) / 10) for c in "ab" for i in range(10)}
    reading = read([Given("mine.zip", io.BytesIO(packed(files)))])
    loudest = np.abs(reading.populations[0].inputs[:10].astype(float)).max(1) / 32768
    assert loudest == pytest.approx(peak / full * np.arange(1, 11) / 10, rel=0.01)
    assert ("were divided by" in " ".join(note.what for note in reading.notes)) == (peak > 1)
