"""The `file` domain: what it reads, and what it says to files that it does not read."""

import contextlib
import hashlib
import io
import zipfile

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from core.domains import DOMAINS, files
from core.domains.reading import arrays
from core.errors import InputError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4))
Y = np.arange(30) % 3
IMAGES = RNG.integers(0, 256, (30, 6, 5), dtype=np.uint8)


def make(path, seed=0):
    entry = DOMAINS.get("file")
    return entry.make(entry.params(path=str(path)), seed)


@pytest.fixture
def save(tmp_path):
    def save(compressed=False, **arrays):
        (np.savez_compressed if compressed else np.savez)(tmp_path / "data.npz", **arrays)
        return tmp_path / "data.npz"

    return save


class TestReads:
    def test_features(self, save):
        d = make(save(X=X, y=Y))
        assert d.inputs.dtype == torch.float32
        np.testing.assert_array_equal(d.inputs.numpy(), X.astype(np.float32))
        assert d.labels.dtype == torch.int64
        assert d.labels.tolist() == Y.tolist()
        assert d.class_names == ("0", "1", "2")
        assert len(d.test) == 10, "a third is held out, whatever its classes"
        assert torch.cat([d.train, d.test]).sort().values.tolist() == list(range(30))

    @pytest.mark.parametrize(
        ("x", "shape"),
        [
            (IMAGES, (30, 1, 6, 5)),
            (IMAGES[:, None], (30, 1, 6, 5)),
            (IMAGES[..., None], (30, 1, 6, 5)),
            (np.stack([IMAGES] * 3, 1), (30, 3, 6, 5)),
            (np.stack([IMAGES] * 3, -1), (30, 3, 6, 5)),
        ],
    )
    def test_image_layouts(self, save, x, shape):
        d = make(save(X=x))
        assert (d.inputs.dtype, tuple(d.inputs.shape)) == (torch.uint8, shape)
        np.testing.assert_array_equal(d.inputs[:, -1].numpy(), IMAGES)

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_float_images(self, save, dtype):
        np.testing.assert_array_equal(make(save(X=(IMAGES / 255).astype(dtype))).inputs[:, 0].numpy(), IMAGES)

    def test_no_labels(self, save):
        d = make(save(X=X))
        assert d.labels is None
        assert (len(d.train), len(d.test)) == (20, 10)

    @pytest.mark.parametrize(
        ("y", "names"),
        [
            (np.array(["dog", "ant", "cat"])[Y], ("ant", "cat", "dog")),
            (Y * 5 - 5, ("-5", "0", "5")),
            (Y.astype(float), ("0", "1", "2")),
            (Y > 0, ("False", "True")),
        ],
    )
    def test_label_values_become_sorted_classes(self, save, y, names):
        d = make(save(X=X, y=y))
        assert d.class_names == names
        assert [names[label] for label in d.labels] == [str(int(v) if isinstance(v, float) else v) for v in y.tolist()]

    def test_class_names(self, save):
        assert make(save(X=X, y=Y, class_names=np.array(["a", "b", "c"]))).class_names == ("a", "b", "c")

    def test_compressed_and_other_arrays(self, save):
        d = make(save(compressed=True, X=X, y=Y, weights=X))
        assert "Not read: weights" in d.provenance

    def test_seed_decides_the_split(self, save):
        path = save(X=X, y=Y)
        assert torch.equal(make(path, 1).train, make(path, 1).train)
        assert not torch.equal(make(path, 1).train, make(path, 2).train)

    def test_is_not_offered_by_pages(self):
        assert not DOMAINS.get("file").listed


class TestDigest:
    def test_is_filled_in_and_kept(self, save):
        path = save(X=X)
        params = files.File(path=str(path))
        assert params.digest == hashlib.sha256(path.read_bytes()).hexdigest()
        assert params.model_dump(exclude_unset=True)["digest"] == params.digest
        assert files.File.model_validate_json(params.model_dump_json()) == params

    def test_a_changed_file_is_refused(self, save):
        params = files.File(path=str(save(X=X)))
        save(X=X + 1)
        with pytest.raises(ValidationError, match="has changed since"):
            files.File(**params.model_dump())
        with pytest.raises(InputError, match="has changed since"):
            DOMAINS.get("file").make(params, 0)


BAD = {
    "no X": ({"x": X}, "there is no array X"),
    "one axis": ({"X": X[:, 0]}, r"X: its shape is \(30,\)"),
    "no axis": ({"X": np.float32(1)}, r"X: its shape is \(\)"),
    "five axes": ({"X": np.zeros((30, 1, 2, 2, 2))}, "X: its shape"),
    "no columns": ({"X": X[:, :0]}, "X: its shape"),
    "few rows": ({"X": X[:4]}, "X: it has 4 rows"),
    "channels": ({"X": np.zeros((30, 2, 6, 4), np.uint8)}, "neither 1 nor 3 channels"),
    "pixels out of range": ({"X": IMAGES.astype(float)}, "pixels run from 0 to 255"),
    "pixels of another type": ({"X": IMAGES.astype(int)}, "pixels are of type int64"),
    "complex": ({"X": X + 1j}, "type complex128"),
    "text": ({"X": X.astype(str)}, "its values are of type <U"),
    "objects": ({"X": X.astype(object)}, "X: it holds Python objects"),
    "object labels": ({"X": X, "y": Y.astype(object)}, "y: it holds Python objects"),
    "missing values": ({"X": np.where(np.arange(120).reshape(30, 4) > 117, np.nan, X)}, r"X: 2 values are missing .* row 29"),
    "too large": ({"X": X * 1e300}, "too large"),
    "missing pixels": ({"X": np.full((30, 4, 4), np.inf)}, "480 values"),
    "lengths": ({"X": X, "y": Y[:29]}, r"y: its shape is \(29,\), and X has 30 rows"),
    "label table": ({"X": X, "y": np.eye(3)[Y]}, r"y: its shape is \(30, 3\)"),
    "one class": ({"X": X, "y": Y * 0}, "only one class"),
    "lonely class": ({"X": X, "y": np.where(np.arange(30) == 4, 9, Y)}, "class 9 has one sample"),
    "fractions": ({"X": X, "y": Y + 0.5}, "y: it holds 0.5 in row 0"),
    "label NaN": ({"X": X, "y": np.where(Y == 2, np.nan, Y)}, "y: it holds nan in row 2"),
    "label infinite": ({"X": X, "y": np.where(Y == 2, np.inf, Y)}, "y: it holds inf in row 2"),
    "dates": ({"X": X, "y": Y.astype("datetime64[D]")}, "y: its values are of type"),
    "names too many": ({"X": X, "y": Y, "class_names": np.array(list("abcd"))}, "it has 4 names, and y has 3 classes"),
    "names not text": ({"X": X, "y": Y, "class_names": np.arange(3)}, "class_names: .* Give a list of strings"),
    "names twice": ({"X": X, "y": Y, "class_names": np.array(list("aba"))}, "the same name"),
    "many arrays": ({"X": X, **{f"a{i}": X for i in range(16)}}, "holds 17 arrays"),
}


class TestRefuses:
    @pytest.mark.parametrize("case", BAD)
    def test_arrays(self, save, case):
        arrays, message = BAD[case]
        path = save(**arrays)
        with pytest.raises(InputError, match=message) as caught:
            make(path)
        assert str(path) in caught.value.where
        assert caught.value.remedy

    @pytest.mark.parametrize("name", ["missing.npz", "nul\0", "x" * 300])
    def test_no_such_file(self, tmp_path, name):
        with pytest.raises(ValidationError, match="no such file|not a file|cannot be read"):
            files.File(path=f"{tmp_path}/{name}")

    def test_empty_path(self):
        with pytest.raises(ValidationError):
            files.File(path="")

    @pytest.mark.parametrize("content", [b"P", b"hello", b"\x93NUMPY", b"PK nonsense"])
    def test_not_an_npz(self, tmp_path, content):
        (tmp_path / "a.npz").write_bytes(content)
        with pytest.raises(InputError, match="not an .npz"):
            make(tmp_path / "a.npz")

    def test_cut_short_at_every_place(self, save, tmp_path):
        whole = save(X=X, y=Y).read_bytes()
        for length in range(4, len(whole), 7):
            (tmp_path / "cut.npz").write_bytes(whole[:length])
            with pytest.raises(InputError, match="damaged or cut short"):
                make(tmp_path / "cut.npz")

    def test_flipped_bytes_never_end_in_another_error(self, save, tmp_path):
        whole = save(X=X, y=Y).read_bytes()
        for place in RNG.integers(0, len(whole), 300):
            broken = bytearray(whole)
            broken[place] ^= int(RNG.integers(1, 256))
            (tmp_path / "flipped.npz").write_bytes(broken)
            with contextlib.suppress(InputError):  # a flip in a date or a flag does no harm
                make(tmp_path / "flipped.npz")

    def archive(self, path, members, compression=zipfile.ZIP_STORED):
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, content in members:
                archive.writestr(name, content)
        return path

    @pytest.mark.parametrize("name", ["../X.npy", "/X.npy", "a/X.npy", "X", "X.pkl", "X\n.npy", "X.npy.npy"])
    def test_odd_names(self, tmp_path, name):
        with pytest.raises(InputError, match="not the name of one array"):
            make(self.archive(tmp_path / "a.npz", [(name, b"")]))

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_the_same_name_twice(self, tmp_path):
        with pytest.raises(InputError, match="not the name of one array"):
            make(self.archive(tmp_path / "a.npz", [("X.npy", b"")] * 2))

    def test_bomb(self, tmp_path):
        path = self.archive(tmp_path / "a.npz", [("X.npy", bytes(10**7))], zipfile.ZIP_DEFLATED)
        with pytest.raises(InputError, match="times its size"):
            make(path)

    def test_slow_compression(self, tmp_path):
        with pytest.raises(InputError, match="packed in a way"):
            make(self.archive(tmp_path / "a.npz", [("X.npy", b"")], zipfile.ZIP_LZMA))

    def test_large_file(self, save, monkeypatch):
        monkeypatch.setattr(files, "MAX_FILE", 100)
        with pytest.raises(ValidationError, match="at most 1 GB"):
            make(save(X=X))

    def test_large_arrays(self, save, monkeypatch):
        monkeypatch.setattr(arrays, "MAX_UNPACKED", 100)
        with pytest.raises(InputError, match="would unpack to"):
            make(save(X=X))

    def test_member_that_is_no_array(self, tmp_path):
        with pytest.raises(InputError, match="X: it is not a NumPy array"):
            make(self.archive(tmp_path / "a.npz", [("X.npy", b"something else")]))

    @pytest.mark.parametrize("shape", [(10**12, 4), (10**30, 4), (-1, 4)])
    def test_header_that_lies(self, tmp_path, shape):
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": shape})
        with pytest.raises(InputError, match="X: it is damaged"):
            make(self.archive(tmp_path / "a.npz", [("X.npy", header.getvalue() + bytes(960))]))

    @pytest.mark.parametrize("code", [0x110000, 0xD800])
    def test_text_that_is_none(self, save, code):
        with pytest.raises(InputError, match="y: it is damaged"):
            make(save(X=X, y=np.where(Y == 0, 97, code).astype(np.uint32).view("U1")))

    def test_header_that_is_no_header(self, tmp_path):
        content = b"\x93NUMPY\x01\x00\x10\x00{'descr': ((((\n\n\n" + bytes(960)
        with pytest.raises(InputError, match="X: it is damaged"):
            make(self.archive(tmp_path / "a.npz", [("X.npy", content)]))

    def test_nothing_inside(self, tmp_path):
        with pytest.raises(InputError, match="no array X in it, only nothing"):
            make(self.archive(tmp_path / "a.npz", []))
