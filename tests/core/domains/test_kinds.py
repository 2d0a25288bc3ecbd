"""The four kinds of data: what a domain of each holds, how two of a kind become a pair, and what words and sounds become."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.signal import get_window
from sklearn.feature_extraction.text import HashingVectorizer

from core.backbones import BACKBONES, build_network
from core.domains import Domain, make_pair
from core.domains.base import shifted
from core.errors import InputError
from core.samples.hashing import BUCKETS, LONGEST, TOKEN, word_ids, word_shares
from core.samples.spectrogram import BANDS, HOP, RANGE, RATE, WINDOW, log_mel, mel_filters

TEXTS = ("u r GREAT !", "", "The the cat sat", "السلام عليكم", "x " * 400)


def made(inputs: torch.Tensor, **more) -> Domain:
    index = torch.arange(len(inputs))
    return Domain("d", inputs, index % 2, ("a", "b"), index[::2], index[1::2], "test", "none", **more)


def text(texts=TEXTS) -> Domain:
    return made(word_ids(texts), kind="text", originals=tuple(texts))


def sound(samples: int = 4000, rate: int = RATE, n: int = 6) -> Domain:
    waves = np.random.default_rng(0).integers(-9000, 9000, (n, samples)).astype(np.int16)
    return made(log_mel(waves), kind="sound", originals=waves, rate=rate)


class TestDomain:
    def test_the_inputs_tell_images_from_rows(self):
        assert made(torch.zeros((4, 1, 8, 8), dtype=torch.uint8)).kind == "image"
        assert made(torch.zeros((4, 3))).kind == "features"
        assert (text().kind, sound().kind) == ("text", "sound")

    def test_the_kind_survives_a_change(self):
        d = sound()
        assert replace(d, train=d.train[:1]).kind == "sound"
        assert shifted(text(), [], 0).kind == "text"

    @pytest.mark.parametrize(
        ("kind", "originals", "rate"),
        [("text", None, 0), ("text", ("one",), 0), ("features", ("a", "b"), 0), ("image", ("a",), 0), (None, None, 8000)],
    )
    def test_originals_must_fit(self, kind, originals, rate):
        inputs = torch.zeros((4, 1, 8, 8), dtype=torch.uint8) if kind == "image" else torch.zeros((4, 3))
        with pytest.raises(ValueError, match=r"Domain\.(originals|rate)"):
            made(inputs, kind=kind, originals=originals, rate=rate)

    def test_a_sound_has_a_rate(self):
        with pytest.raises(ValueError, match="rate"):
            sound(rate=0)

    def test_columns_may_be_named(self):
        assert made(torch.zeros((4, 3)), originals=("x", "y", "z")).columns == ("x", "y", "z")
        assert made(torch.zeros((4, 3))).columns == text().columns == ()

    def test_originals_are_read_by_kind(self):
        assert text().texts == TEXTS
        assert sound().waves.shape == (6, 4000)
        with pytest.raises(TypeError, match="holds sounds, not texts"):
            _ = sound().texts
        with pytest.raises(TypeError, match="holds rows of numbers, not sounds"):
            _ = made(torch.zeros((4, 3))).waves

    def test_what_is_missing_is_said(self):
        d = made(torch.zeros((4, 3)))
        assert torch.equal(d.known_labels, torch.arange(4) % 2)
        assert d.tensor is d.inputs
        with pytest.raises(TypeError, match="d has no labels"):
            _ = replace(d, labels=None).known_labels


class TestPair:
    def test_the_shorter_text_is_filled_with_nothing(self):
        short, long = text(("a b", "c") * 2), text()
        pair = make_pair(short, long)
        assert pair.source.inputs.shape[1] == pair.target.inputs.shape[1] == LONGEST
        torch.testing.assert_close(word_shares(pair.source.inputs), word_shares(short.inputs))

    def test_the_shorter_sound_is_filled_with_silence(self):
        pair = make_pair(sound(4000), sound(8000))
        assert pair.source.inputs.shape == pair.target.inputs.shape == (6, 1, BANDS, 51)
        assert (pair.source.inputs[..., 26:] == 0).all()
        assert pair.source.originals.shape == (6, 4000)

    def test_sounds_of_two_rates_are_refused(self):
        with pytest.raises(InputError, match="one sample rate"):
            make_pair(sound(), sound(rate=8000))

    @pytest.mark.parametrize("other", [text(), made(torch.zeros((6, 1, BANDS, 26), dtype=torch.uint8)), made(torch.zeros((6, 3)))])
    def test_two_kinds_are_refused(self, other):
        with pytest.raises(InputError, match="sounds and .* holds (texts|images|rows of numbers)"):
            make_pair(sound(), other)

    def test_a_shift_of_pixels_is_no_shift_of_sounds(self):
        with pytest.raises(InputError, match="blur has no meaning for sounds"):
            shifted(sound(), [("blur", 0.5)], 0)
        with pytest.raises(InputError, match="noise has no meaning for texts"):
            shifted(text(), [("noise", 0.5)], 0)


def test_a_backbone_for_images_refuses_texts_of_two_words():
    mlp = BACKBONES.get("mlp")
    assert build_network("mlp", mlp.params(), (2,), 3, torch.Generator())
    with pytest.raises(InputError, match="the data are text"):
        build_network("mlp", mlp.params(), (2,), 3, torch.Generator(), "text")


class TestWords:
    def test_like_the_hashing_vectorizer(self):
        ids = word_ids(TEXTS[:4])
        theirs = HashingVectorizer(ngram_range=(1, 2), token_pattern=TOKEN, n_features=BUCKETS, alternate_sign=False)
        np.testing.assert_allclose(word_shares(ids), theirs.transform(TEXTS[:4]).toarray(), atol=1e-6)

    def test_lengths(self):
        ids = word_ids(TEXTS)
        assert ids.shape == (5, LONGEST)
        assert (ids[1] == 0).all()
        assert (ids[0] > 0).sum() == 7  # four words and signs, three pairs
        assert ids.max() <= BUCKETS
        assert word_ids([""]).shape == (1, 1)


class TestMel:
    def test_against_the_definition(self):
        waves = np.random.default_rng(0).integers(-20000, 20000, (2, 1600)).astype(np.int16)
        padded = np.pad(waves / 32768, ((0, 0), (WINDOW // 2, WINDOW // 2)))
        frames = np.stack([padded[:, HOP * i : HOP * i + WINDOW] for i in range(11)], axis=2)
        power = np.abs(np.fft.rfft(frames * get_window("hann", WINDOW)[:, None], axis=1) / (WINDOW / 4)) ** 2
        level = 10 * np.log10(np.einsum("bf,nft->nbt", mel_filters(), power))
        expected = np.clip(level / RANGE + 1, 0, 1) * 255
        assert np.abs(log_mel(waves)[:, 0].numpy() - expected).max() < 0.51

    def test_filters_are_triangles_that_meet_half_way(self):
        filters = mel_filters()
        sums = filters.sum(0)
        inside = slice(np.argmax(filters[0]) + 1, np.argmax(filters[-1]))  # from the first peak to the last
        np.testing.assert_allclose(sums[inside], 1, atol=1e-9)

    @pytest.mark.parametrize("frequency", [250, 1000, 4000])
    def test_a_tone_lies_in_its_band_at_its_level(self, frequency):
        t = np.arange(RATE) / RATE
        loud, soft = (log_mel((a * np.sin(2 * np.pi * frequency * t)).astype(np.int16)[None])[0, 0, :, 50] for a in (16000, 1600))
        centres = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + RATE / 1400), BANDS + 2)[1:-1] / 2595) - 1)
        assert abs(int(loud.argmax()) - np.abs(centres - frequency).argmin()) <= 1
        assert int(loud.max()) - int(soft.max()) == pytest.approx(20 / RANGE * 255, abs=1)

    def test_silence_and_nothing(self):
        assert (log_mel(np.zeros((1, 800), np.int16)) == 0).all()
        assert log_mel(np.zeros((0, 800), np.int16)).shape == (0, 1, BANDS, 6)
