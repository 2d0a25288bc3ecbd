"""The pairs that ship: each shows a gap that labels of the target would close, and comes from where it says."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.linear_model import LogisticRegression

from core.domains import DOMAINS, Domain
from core.domains.vowels import CLASS_NAMES, TRACTS
from core.samples.hashing import word_ids, word_shares
from core.samples.spectrogram import RATE, log_mel

pytestmark = pytest.mark.slow


def make(name: str, seed: int = 0, **params) -> Domain:
    entry = DOMAINS.get(name)
    return entry.make(entry.params(**params), seed)


def rows(d: Domain, part: torch.Tensor) -> np.ndarray:
    x = d.inputs[part]
    return {"text": word_shares, "sound": lambda x: x[:, :, ::2, ::3].flatten(1).float() / 255, "features": lambda x: x}[d.kind](x).numpy()


def accuracy(trained_on: Domain, tested_on: Domain) -> float:
    model = LogisticRegression(C=3, max_iter=1000, tol=1e-3).fit(rows(trained_on, trained_on.train), trained_on.labels[trained_on.train])
    return model.score(rows(tested_on, tested_on.test), tested_on.labels[tested_on.test])


@pytest.mark.parametrize(
    ("source", "target", "params", "gap"),
    [
        ("opinions-reviews", "opinions-chat", {}, 0.2),
        ("vowels-men", "vowels-women", {"n": 400}, 0.25),
        ("wine-little-proline", "wine-much-proline", {}, 0.05),
        ("tumours-smooth", "tumours-indented", {}, 0.03),
    ],
)
def test_a_pair_has_a_gap(source, target, params, gap):
    """Mean over three seeds of: trained on the target's labels, minus trained on the source's; both on held-out target samples."""
    found, home = [], []
    for seed in range(3):
        a, b = make(source, seed, **params), make(target, seed, **params)
        home.append(accuracy(a, a))
        found.append(accuracy(b, b) - accuracy(a, b))
    assert np.mean(found) > gap
    assert np.mean(home) > 0.85


class TestTables:
    @pytest.mark.parametrize(
        ("table", "sides", "covariate", "load"),
        [
            ("wine", ("little-proline", "much-proline"), "proline", load_wine),
            ("tumours", ("smooth", "indented"), "mean concavity", load_breast_cancer),
        ],
    )
    def test_two_halves_of_the_real_rows(self, table, sides, covariate, load):
        low, high = (make(f"{table}-{side}", 3) for side in sides)
        data = load()
        z = (data.data - data.data.mean(0)) / data.data.std(0)
        assert len(low.inputs) + len(high.inputs) == len(z)
        assert abs(len(low.inputs) - len(high.inputs)) <= 1
        together = np.concatenate([low.inputs.numpy(), high.inputs.numpy()])
        labels = np.concatenate([low.labels, high.labels])
        order, expected = np.lexsort(together.T), np.lexsort(z.astype(np.float32).T)
        np.testing.assert_allclose(together[order], z[expected], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(labels[order], data.target[expected])
        column = low.originals.index(covariate)
        assert low.inputs[:, column].mean() < high.inputs[:, column].mean() - 1
        assert low.inputs[:, column].max() > high.inputs[:, column].min(), "some values are in both"

    def test_class_names_are_scikit_learns(self):
        assert make("tumours-smooth").class_names == tuple(load_breast_cancer().target_names)

    def test_the_smallest_leaves_a_default_batch(self):
        for name in ("wine-little-proline", "wine-much-proline"):
            assert len(make(name).train) >= 64


class TestBlobs:
    def test_centres_and_spread(self):
        d = make("blobs", n=6000, spread=0.3)
        for i, angle in enumerate((90, 210, 330)):
            points = d.inputs[d.labels == i].numpy()
            expected = 2 * np.array([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))])
            np.testing.assert_allclose(points.mean(0), expected, atol=0.03)
            np.testing.assert_allclose(points.std(0), 0.3, rtol=0.05)


class TestVowels:
    def test_spectrograms_are_those_of_the_waves(self):
        d = make("vowels-men", n=200)
        assert torch.equal(d.inputs[:20], log_mel(d.originals[:20]))
        assert d.rate == RATE
        assert np.abs(d.originals.astype(int)).max(1).min() > 5000, "loud enough to hear"

    @pytest.mark.parametrize("tract", ["men", "women", "children"])
    def test_the_first_formant_is_where_the_table_says(self, tract):
        """The strongest harmonic below 1.5 kHz lies at the first formant, to within a harmonic and the speakers' spread."""
        d = make(f"vowels-{tract}", n=400)
        pitch, first = TRACTS[tract][0], TRACTS[tract][1]
        spectrum = np.abs(np.fft.rfft(d.originals * np.hanning(d.originals.shape[1]), axis=1))
        frequency = np.fft.rfftfreq(d.originals.shape[1], 1 / RATE)
        strongest = frequency[np.where(frequency < 1500, spectrum, 0).argmax(1)]
        for i, name in enumerate(CLASS_NAMES):
            found = np.median(strongest[d.labels.numpy() == i])
            assert abs(found - first[i]) < pitch[i], name


class TestOpinions:
    def test_words_are_those_of_the_texts(self):
        d = make("opinions-chat", n=200)
        assert torch.equal(d.inputs, word_ids(d.originals))
        assert len(d.originals) == 200

    def test_styles_share_some_words_and_not_others(self):
        reviews, chat = (set(" ".join(make(f"opinions-{style}").originals).lower().split()) for style in ("reviews", "chat"))
        assert {"great", "terrible", "phone"} <= {word.strip(".,") for word in reviews} & chat
        assert {"luv", "asap"} <= chat - reviews
        assert {"recommend", "overpriced."} <= reviews - chat
