"""Uploads that go wrong: each is read correctly, or refused with one sentence that says what, where, and what to do.

Every case runs with an empty working folder and an empty home: nothing may be written but the store. The dear ones run in a process of
their own, whose memory is measured.
"""

import io
import json
import struct
import subprocess
import sys
import wave
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.io import wavfile

from core.domains import own
from core.domains.reading import Given, Reading, images, read
from core.domains.reading import sounds as sounds_reader
from core.errors import InputError

RNG = np.random.default_rng(0)
ROOT = Path(__file__).parents[3]


def png(mode="RGB", value=90, form="PNG", size=(16, 16), **more) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((*size, 3), value, np.uint8)).convert(mode).save(out, form, **more)
    return out.getvalue()


def photograph() -> bytes:
    out = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(out, "JPEG")
    return out.getvalue()


def see_through() -> bytes:
    """A PNG of which nothing can be seen."""
    data = io.BytesIO()
    Image.new("RGBA", (9, 9), (0, 0, 0, 0)).save(data, "PNG")
    return data.getvalue()


def zipped(files: dict[str, bytes], how=zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def good(n: int = 15, make=png) -> dict[str, bytes]:
    return {f"{c}/{i:02}.png": make(value=60 + 5 * i) for c in ("cat", "dog") for i in range(n)}


def huge_png(width: int = 50_000) -> bytes:
    """A valid header and a little content: 2.5 billion pixels when decoded."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, width, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10**6))) + chunk(b"IEND", b"")


def sixteen_bits() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((16, 16), 200 * 257, np.uint16)).save(out, "PNG")
    return out.getvalue()


def animation() -> bytes:
    out = io.BytesIO()
    frames = [Image.new("RGB", (16, 16), (v, v, v)) for v in (40, 240)]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


def encrypted() -> bytes:
    """The flag of encryption, set in both places in which a zip notes it."""
    content = bytearray(zipped(good()))
    for sign, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(sign)
        while at >= 0:
            content[at + offset] |= 1
            at = content.find(sign, at + 4)
    return bytes(content)


def twice() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in good().items():
            archive.writestr(name, content)
        archive.writestr("cat/00.png", png(value=255))
    return out.getvalue()


def sound(dtype="int16", rate=16_000, channels=1, seconds=0.3) -> bytes:
    x = 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(rate * seconds)) / rate)
    out = io.BytesIO()
    if dtype == "int24":
        with wave.open(out, "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(3)
            file.setframerate(rate)
            low = np.rint(x * 2**23).astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3]
            file.writeframes(np.repeat(low[:, None], channels, 1).tobytes())
    else:
        wavfile.write(out, rate, np.repeat((x * 32767).astype(dtype)[:, None], channels, 1))
    return out.getvalue()


def sounds(one: bytes) -> bytes:
    return zipped({f"{c}/{i}.wav": one for c in ("low", "high") for i in range(12)})


def frame(n: int = 40, **columns) -> pd.DataFrame:
    base = {"a": RNG.normal(size=n).round(3), "b": RNG.normal(size=n).round(3)}
    return pd.DataFrame(base | columns | {"label": np.array(["né", "yes"])[np.arange(n) % 2]})


def csv(encoding="utf-8", table: pd.DataFrame | None = None, **more) -> bytes:
    return (frame() if table is None else table).to_csv(index=False, **more).encode(encoding)


def arrays(**given) -> bytes:
    out = io.BytesIO()
    np.savez(out, **given)
    return out.getvalue()


def rows(reading: Reading) -> np.ndarray:
    return np.concatenate([p.inputs for p in reading.populations])


def said(reading: Reading) -> str:
    return " ".join(f"{n.where}: {n.what}" for n in reading.notes)


X, Y = RNG.normal(size=(30, 3)), np.arange(30) % 2
TEXTS = [f"{w} {i}" for i, w in zip(range(40), ["שלום לכולם וברוכים", "هذا فيلم جيد جدا"] * 20, strict=True)]

# Read: the name of the file, its content, the options, and what must hold of the reading.
READ = {
    "truncated JPEG": (
        "a.zip",
        zipped(good() | {"cat/x.jpg": photograph()[:2000]}),
        {},
        lambda r: len(rows(r)) == 30 and "cat/x.jpg: it is damaged, or cut short" in said(r),
    ),
    "a header of 50,000 × 50,000 pixels": (
        "a.zip",
        zipped(good() | {"dog/x.png": huge_png()}),
        {},
        lambda r: len(rows(r)) == 30 and "far more than 50 million pixels" in said(r),
    ),
    "CMYK": (
        "a.zip",
        zipped({k.replace("png", "jpg"): png("CMYK", form="JPEG") for k in good()}),
        {},
        lambda r: rows(r).shape[1] == 3 and abs(int(rows(r)[0, 0, 0, 0]) - 90) < 4,
    ),
    "16 bits": ("a.zip", zipped(dict.fromkeys(good(), sixteen_bits())), {}, lambda r: (rows(r) == 200).all() and rows(r).shape[1] == 1),
    "transparent": (
        "a.zip",
        zipped(dict.fromkeys(good(), see_through())),
        {},
        lambda r: (rows(r) == 255).all(),
    ),
    "animated GIF": (
        "a.zip",
        zipped({k.replace("png", "gif"): animation() for k in good()}),
        {},
        lambda r: (rows(r) == 40).all() and "only the first frame" in said(r),
    ),
    "empty class": ("a.zip", zipped(good() | {"cow/": b"", "cow/notes.txt": b"none yet"}), {}, lambda r: r.class_names == ("cat", "dog")),
    "a class with one picture": (
        "a.zip",
        zipped(good() | {"cow/1.png": png()}),
        {},
        lambda r: r.class_names == ("cat", "dog") and "cow, with one sample each" in said(r),
    ),
    "the same name twice": (
        "a.zip",
        twice(),
        {},
        lambda r: len(rows(r)) == 30 and rows(r)[0, 0, 0, 0] == 60 and "more than once" in said(r),
    ),
    "0-byte file inside": (
        "a.zip",
        zipped(good() | {"cat/x.png": b""}),
        {},
        lambda r: len(rows(r)) == 30 and "the file is empty" in said(r),
    ),
    "zip inside beside pictures": (
        "a.zip",
        zipped(good() | {"cat/more.zip": zipped(good())}),
        {},
        lambda r: len(rows(r)) == 30 and "Archives inside" in said(r),
    ),
    "names that no one can print": (
        "a.zip",
        zipped({k.replace("cat", "c\u202eat\n"): v for k, v in good().items()}),
        {},
        lambda r: all(c.isprintable() for name in r.class_names for c in name),
    ),
    "back slashes": ("a.zip", zipped({k.replace("/", "\\"): v for k, v in good().items()}), {}, lambda r: r.class_names == ("cat", "dog")),
    "one unlabelled domain": ("a.zip", zipped({f"{i}.png": png() for i in range(30)}), {}, lambda r: r.populations[0].labels is None),
    "CSV that is not UTF-8": (
        "a.csv",
        csv("cp1252"),
        {},
        lambda r: r.class_names == ("né", "yes") and "Windows-1252" in r.facts["Encoding"],
    ),
    "semicolons and a mark": ("a.csv", csv("utf-8-sig", sep=";"), {}, lambda r: r.columns == ("a", "b")),
    "tabs": ("a.tsv", csv(sep="\t"), {}, lambda r: r.columns == ("a", "b")),
    "all of a column missing": (
        "a.csv",
        csv(table=frame(gone=np.nan)),
        {},
        lambda r: r.columns == ("a", "b") and "gone: Left out: all of its values are missing" in said(r),
    ),
    "infinite values": (
        "a.csv",
        csv(table=frame(c=np.where(np.arange(40) == 3, np.inf, np.arange(40) ** 1.5))),
        {},
        lambda r: np.isfinite(rows(r)).all() and "c: 1 infinite" in said(r),
    ),
    "the same column twice": ("a.csv", csv().replace(b"a,b,", b"a,a,", 1), {}, lambda r: len(r.columns) == 2),
    "right-to-left text": (
        "a.csv",
        csv(table=frame(text=TEXTS)),
        {},
        lambda r: r.kind == "text" and r.populations[0].inputs == tuple(TEXTS),
    ),
    "a column that could run a formula": (
        "a.csv",
        csv(table=frame(c=["=1+1", "@SUM(A1)"] * 20)),
        {},
        lambda r: r.columns[2:] == ("c_=1+1", "c_@SUM(A1)"),
    ),
    "24 bits": ("a.zip", sounds(sound("int24")), {}, lambda r: abs(int(rows(r).max()) - 16384) < 20),
    "96 kHz": ("a.zip", sounds(sound(rate=96_000)), {}, lambda r: rows(r).shape == (24, 4800)),
    "stereo": ("a.zip", sounds(sound(channels=2)), {}, lambda r: rows(r).shape == (24, 4800)),
    "one WAV without samples": (
        "a.zip",
        zipped({f"{c}/{i}.wav": sound() for c in "ab" for i in range(12)} | {"a/x.wav": sound(seconds=0)}),
        {},
        lambda r: "it holds no samples" in said(r),
    ),
    "different labels in part": (
        "a.zip",
        zipped({f"{d}/{k}": v for d in "xy" for k, v in good().items()} | {f"y/cow/{i}.png": png() for i in range(9)}),
        {},
        lambda r: "y: Left out: cow" in said(r),
    ),
}

# Refused: the name of the file, its content, the options, and parts of the sentence.
REFUSED = {
    "zip bomb": ("a.zip", zipped({f"cat/{i}.png": bytes(10**7) for i in range(4)}), {}, ["would unpack to", "Pack it again"]),
    "a name that leads outside": ("a.zip", zipped(good() | {"../../evil.png": png()}), {}, ["outside itself (../../evil.png)"]),
    "an absolute name": ("a.zip", zipped(good() | {"/etc/evil.png": png()}), {}, ["outside itself"]),
    "nested zip": ("a.zip", zipped({"inner.zip": zipped(good())}), {}, ["inner.zip", "Unpack it first"]),
    "encrypted zip": ("a.zip", encrypted(), {}, ["encrypted", "without a password"]),
    "unusual compression": ("a.zip", zipped(good(), zipfile.ZIP_LZMA), {}, ["unusual way", "normal compression"]),
    "a zip that is cut short": ("a.zip", zipped(good())[:-300], {}, ["damaged or cut short"]),
    "one class only": ("a.zip", zipped({f"cat/{i}.png": png() for i in range(30)}), {}, ["only one class (cat)", "at least two"]),
    "labels that share nothing": (
        "a.zip",
        zipped({f"x/{k}": v for k, v in good().items()} | {f"y/{c}/{i}.png": png() for c in ("cow", "pig") for i in range(15)}),
        {},
        ["x has cat, dog; y has cow, pig", "same names"],
    ),
    "too few": ("a.zip", zipped(good(2)), {}, ["4 images", "at least 5"]),
    "no picture that can be read": ("a.zip", zipped(dict.fromkeys(good(), b"nonsense")), {}, ["no picture can be read"]),
    "nothing inside": ("a.zip", zipped({}), {}, ["no pictures"]),
    "0 bytes": ("a.csv", b"", {}, ["the file is empty"]),
    "only spaces": ("a.csv", b" \n \n", {}, ["empty"]),
    "a million columns": (
        "a.csv",
        (",".join(f"c{i}" for i in range(10**6)) + "\n" + ",".join(["1"] * 10**6) + "\n").encode(),
        {},
        ["columns", "at most 10,000"],
    ),
    "too many cells": ("a.csv", b"a,b,label\n" + b"1,2,x\n" * 7_000_000, {}, ["7,000,00", "million cells"]),
    "lines of different lengths": ("a.csv", csv() + b'1,2,3,4,5\n"', {}, ["cannot be read as columns"]),
    "binary as CSV": ("a.csv", bytes(RNG.integers(0, 256, 5000, dtype=np.uint8)), {}, ["no text"]),
    "object arrays": ("a.npz", arrays(X=X.astype(object), y=Y), {}, ["Python objects", "could run code"]),
    "a pickle": ("a.pkl", b"\x80\x04\x95" + bytes(50), {}, ["a pickle", "could run code"]),
    "a text column of numbers": ("a.csv", csv(), {"text": "a"}, ["the column a holds numbers, not texts"]),
    "a label that is an amount": ("a.csv", csv(), {"label": "a"}, ["different values", "cut"]),
    "a column that is not there": ("a.csv", csv(), {"label": "nope"}, ["no column 'nope'", "a, b, label"]),
    "no WAV with samples": ("a.zip", sounds(sound(seconds=0)), {}, ["no sound can be read", "no samples"]),
    "damaged Parquet": ("a.parquet", b"PAR1" + bytes(100) + b"PAR1", {}, ["no Parquet file"]),
    "svmlight with a huge index": ("a.svmlight", b"1 4:1\n-1 2000000000:1\n" * 20, {}, ["largest index", "below"]),
    "svmlight that is none": ("a.svmlight", b"hello world\n" * 30, {}, ["cannot be read as svmlight"]),
    "a spreadsheet": ("a.xlsx", zipped({"xl/workbook.xml": b"", "[Content_Types].xml": b""}), {}, ["spreadsheet", "as CSV"]),
    "a single picture": ("a.png", png(), {}, ["single picture", "class folders"]),
    "a gzip": ("a.tar.gz", b"\x1f\x8b\x08" + bytes(40), {}, ["gzip", ".zip"]),
}


@pytest.fixture(autouse=True)
def nothing_written(tmp_path, monkeypatch):
    """Home and working folder of their own; whatever lies in them afterwards must be in the store."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("SHIFTSCOPE_HOME", str(tmp_path / "home"))
    yield
    written = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert [p for p in written if tmp_path / "home" / "own" not in p.parents] == []
    assert not (tmp_path.parent / "evil.png").exists()


@pytest.mark.parametrize("case", READ)
def test_is_read(case):
    name, content, options, holds = READ[case]
    reading = read([Given(name, io.BytesIO(content))], options)
    assert holds(reading), (reading.class_names, said(reading), reading.facts, [p.inputs for p in reading.populations])
    for entry in own.keep(reading, name):
        assert own.own(own.Own(digest=entry.digest), 0).class_names == reading.class_names


@pytest.mark.parametrize("case", REFUSED)
def test_is_refused_in_one_sentence(case):
    name, content, options, parts = REFUSED[case]
    with pytest.raises(InputError) as caught:
        read([Given(name, io.BytesIO(content))], options)
    error = caught.value
    assert all(part in str(error) for part in parts), str(error)
    assert name in error.where or error.where.startswith("options."), error.where
    assert error.remedy.endswith(".")
    assert len(str(error)) < 400
    assert "\n" not in str(error)


@pytest.mark.parametrize(("option", "value"), [("side", 64), ("seconds", 9)])
def test_more_than_the_memory_may_hold_is_refused(option, value, monkeypatch):
    monkeypatch.setattr(images, "MAX_BYTES", 10**5)
    monkeypatch.setattr(sounds_reader, "MAX_BYTES", 10**6)
    content = zipped(good()) if option == "side" else sounds(sound())
    with pytest.raises(InputError, match="are too many. Choose"):
        read([Given("a.zip", io.BytesIO(content))], {option: value})


# What would be dear if it were believed: measured in a process of its own, from the moment when it has imported the readers.
DEAR = {
    "bomb.zip": (lambda: zipped({f"cat/{i}.png": bytes(10**5) for i in range(3000)}), "would unpack to"),
    "headers.zip": (lambda: zipped(good() | {f"dog/x{i}.png": huge_png() for i in range(20)}), "30 samples"),
    "columns.csv": (lambda: (",".join(f"c{i}" for i in range(10**6)) + "\n" + ",".join(["1"] * 10**6) + "\n").encode(), "columns"),
    "large.csv": (lambda: b"a,b,label\n" + b"0.1234567,1.2345678,x\n" * 14_000_000, "308 MB"),
    "index.svmlight": (lambda: b"1 4:1\n" + b"-1 2000000000:1\n" * 50, "largest index"),
}
MEASURE = """
import json, sys
from pathlib import Path
from core.domains.reading import Given, read
from core.errors import InputError
def peak(): return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]) / 1024
read([Given("warm.csv", Path(sys.argv[1]))])
print(json.dumps(peak()))
for path in map(Path, sys.argv[2:]):
    try:
        said = f"{len(read([Given(path.name, path)]).populations[0])} samples"
    except InputError as error:
        said = str(error)
    print(json.dumps([path.name, said, peak()]))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured through /proc")
@pytest.mark.slow
def test_memory_stays_bounded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dear")
    (folder / "warm.csv").write_bytes(csv())
    for name, (make, _) in DEAR.items():
        (folder / name).write_bytes(make())
    paths = [str(folder / name) for name in ("warm.csv", *DEAR)]
    done = subprocess.run([sys.executable, "-c", MEASURE, *paths], cwd=ROOT, capture_output=True, text=True, check=True)
    before, *facts = map(json.loads, done.stdout.splitlines())
    for name, said, after in facts:
        assert DEAR[name][1] in said
        assert after - before < 200, f"{name}: {after - before:.0f} MB"
    for path in paths:
        Path(path).unlink()
