"""What every registered shift must keep, and each against an independent computation."""

import io
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter, shift
from sklearn.datasets import load_sample_images

from core.domains import DOMAINS
from core.domains.base import shifted
from core.errors import InputError
from core.shifts import SHIFTS, ShiftEntry, apply_label_shift, apply_shift
from core.shifts.check import check_shift

CASES = [(entry.name, kind) for entry in SHIFTS if not (entry.of_labels or entry.choose) for kind in entry.kinds]
OF_LABELS = [entry.name for entry in SHIFTS if entry.of_labels]
SEVERITIES = [0.0, 0.1, 0.25, 0.5, 0.75, 1.0]


@pytest.fixture(scope="module")
def samples():
    digits, moons = DOMAINS.get("printed-digits"), DOMAINS.get("moons")
    return {"image": digits.make(digits.params(n=100), 0).inputs, "features": moons.make(moons.params(n=200), 0).inputs}


def noise_images(*shape) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def mmd2(x: torch.Tensor, y: torch.Tensor) -> float:
    """Unbiased MMD² in float64 with one Gaussian kernel of the clean samples' mean squared distance."""
    shape = torch.broadcast_shapes(x.shape, y.shape)
    a, b = (z.expand(shape).flatten(1).double().numpy() for z in (x, y))
    squared = lambda u, v: ((u[:, None] - v[None]) ** 2).sum(2)  # noqa: E731
    n = len(a)
    width = squared(a, a).sum() / (n * (n - 1))
    within = [(np.exp(-squared(u, u) / width).sum() - n) / (n * (n - 1)) for u in (a, b)]
    return sum(within) - 2 * np.exp(-squared(a, b) / width).mean()


@pytest.mark.parametrize("name", SHIFTS.names())
def test_every_shift_keeps_the_contract(samples, name):
    check_shift(name)
    check_shift(name, samples)


@pytest.mark.parametrize("severity", [2, -0.1, math.nan, math.inf])
def test_severity_out_of_range(samples, severity):
    with pytest.raises(InputError, match="outside 0 to 1") as caught:
        apply_shift("rotation", samples["image"], severity, 0)
    assert caught.value.where == "shift.severity"


@pytest.mark.parametrize(("name", "kind"), CASES)
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_equal_on_cuda(samples, name, kind):
    here, there = (apply_shift(name, samples[kind].to(device), 0.7, 3).cpu().float() for device in ("cpu", "cuda"))
    scale = 255 if kind == "image" else 1
    # One step of uint8 where a value lies between two.
    assert ((here - there).abs() / scale).mean() < 1e-5


def entry(**acts) -> ShiftEntry:
    return ShiftEntry("toy", "Toy", acts.pop("summary", "Moves what it is given."), **acts)


def fewer_and_then_more(labels: np.ndarray, classes: int, severity: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return labels, np.arange(int(severity * len(labels)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (entry(features=lambda x, severity, draws: x + 1), "identity: at severity 1e-9 features jump"),
        (entry(features=lambda x, severity, draws: x.add_(severity)), "the features that were given are changed|jump"),
        (entry(features=lambda x, severity, draws: (x * (1 + severity)).double()), "shape_and_type: features of torch.float32 become"),
        (entry(features=lambda x, severity, draws: x + severity * (1 - severity)), "severity: over the severities"),
        (entry(features=lambda x, severity, draws: x + severity * 1e-3), "severity: at severity 1 MMD² is .* That is no shift"),
        (entry(features=lambda x, severity, draws: x + 2 * severity * torch.rand(1)), "severity|seeded"),
        (entry(image=lambda x, severity, draws: x + severity * (1 - x.mean())), "seeded: an image becomes another one in another batch"),
        (entry(train_labels=fewer_and_then_more), "labels: over .* it changes or drops"),
        (entry(choose=lambda x, severity, rng: np.zeros(3, int)), "choice: samples change parts or come twice"),
        (entry(), "facts: it must change inputs, or labels, or choose samples"),
        (entry(features=lambda x, severity, draws: x + 2 * severity, summary="Moves"), "facts: summary is no sentence"),
    ],
)
def test_what_is_wrong_with_a_shift_is_told(wrong, message):
    check_shift(entry(features=lambda x, severity, draws: x + 2 * severity))
    assert "toy" not in SHIFTS
    with pytest.raises(AssertionError, match=message):
        check_shift(wrong)


@pytest.mark.parametrize("name", ["noise", "invert", "tint", "background", "occlusion"])
def test_random_shifts_follow_the_seed(samples, name):
    assert not torch.equal(apply_shift(name, samples["image"], 0.5, 0), apply_shift(name, samples["image"], 0.5, 1))


def test_unknown_name_gets_a_suggestion(samples):
    with pytest.raises(InputError, match="Did you mean 'rotation'"):
        apply_shift("rotatoin", samples["image"], 0.5, 0)


def test_wrong_kind_lists_what_fits(samples):
    with pytest.raises(InputError, match="rows of numbers.*rotation, scale, noise, translation, missing"):
        apply_shift("blur", samples["features"], 0.5, 0)


def test_rotation_needs_two_columns():
    with pytest.raises(InputError, match="two columns"):
        apply_shift("rotation", torch.randn(10, 1), 0.5, 0)


class TestAgainstOthers:
    def test_rotation_of_images_is_counter_clockwise(self):
        x = noise_images(5, 3, 16, 16)
        difference = (apply_shift("rotation", x, 1, 0).int() - torch.rot90(x, 1, (2, 3)).int()).abs()
        assert difference.max() <= 1

    def test_rotation_keeps_shapes_in_oblong_images(self):
        """A centred square inside an oblong image turns as it would in a square one."""
        inner = noise_images(3, 1, 8, 8)
        x = torch.nn.functional.pad(inner, (6, 6, 2, 2))
        turned = apply_shift("rotation", x, 1, 0)[:, :, 2:-2, 6:-6]
        assert (turned.int() - torch.rot90(inner, 1, (2, 3)).int()).abs().max() <= 1

    def test_rotation_of_points(self, samples):
        x = samples["features"]
        np.testing.assert_allclose(apply_shift("rotation", x, 1, 0), torch.stack([-x[:, 1], x[:, 0]], 1), atol=1e-6)
        half = np.exp(1j * np.pi / 4) * (x[:, 0] + 1j * x[:, 1]).numpy()
        np.testing.assert_allclose(apply_shift("rotation", x, 0.5, 0), np.stack([half.real, half.imag], 1), atol=1e-6)

    @pytest.mark.parametrize("severity", [0.2, 0.5, 1])
    def test_blur(self, severity):
        x = noise_images(4, 1, 28, 28)
        sigma = severity * 2.8
        radius = math.ceil(3 * sigma)
        expected = np.stack([gaussian_filter(image[0].astype(float), sigma, mode="mirror", radius=radius) for image in x.numpy()])
        assert np.abs(apply_shift("blur", x, severity, 0)[:, 0].numpy() - expected).max() <= 0.51

    @pytest.mark.parametrize("pixels", [1, 2, 4])
    def test_translation_by_whole_pixels(self, pixels):
        x = noise_images(4, 3, 16, 16)
        expected = np.roll(x.numpy(), (pixels, pixels), (2, 3))
        expected[:, :, :pixels], expected[..., :pixels] = 0, 0
        assert np.abs(apply_shift("translation", x, pixels / 4, 0).numpy().astype(int) - expected).max() <= 1

    def test_translation_by_half_pixels(self):
        x = noise_images(1, 1, 16, 16)
        expected = shift(x[0, 0].numpy().astype(float), 1.5, order=1, mode="grid-constant")
        assert np.abs(apply_shift("translation", x, 0.375, 0)[0, 0].numpy() - expected).max() <= 0.51

    def test_translation_of_points(self, samples):
        x = samples["features"].numpy()
        np.testing.assert_allclose(apply_shift("translation", samples["features"], 0.5, 0), x + 0.75 * x.std(0), rtol=1e-5, atol=1e-5)

    def test_noise_has_the_stated_size(self):
        grey = torch.full((50, 1, 16, 16), 128, dtype=torch.uint8)
        assert apply_shift("noise", grey, 0.25, 0).float().std() / 255 == pytest.approx(0.1, rel=0.03)
        assert apply_shift("noise", torch.zeros(5000, 2), 0.5, 0).std() == pytest.approx(0.25, rel=0.03)

    def test_contrast(self):
        x = noise_images(4, 3, 16, 16)
        low = apply_shift("contrast", x, 1, 0).float()
        assert low.std() / x.float().std() == pytest.approx(0.15, rel=0.04)  # uint8 steps and the images' own means add a little
        assert (low.mean((1, 2, 3)) - x.float().mean((1, 2, 3))).abs().max() < 0.1

    def test_invert_turns_its_share(self):
        x = noise_images(2000, 1, 4, 4)
        assert torch.equal(apply_shift("invert", x, 1, 0), 255 - x)
        y = apply_shift("invert", x, 0.3, 0)
        turned = (y == 255 - x).flatten(1).all(1)
        kept = (y == x).flatten(1).all(1)
        assert torch.equal(turned, ~kept)
        assert turned.float().mean() == pytest.approx(0.3, abs=0.04)

    def test_scale_halves_a_square(self):
        x = torch.zeros((1, 1, 32, 32), dtype=torch.uint8)
        x[..., 8:24, 8:24] = 255
        y = apply_shift("scale", x, 1, 0)[0, 0].numpy() / 255
        assert y.sum() == pytest.approx(64, rel=0.1)
        assert np.abs(y[13:19, 13:19] - 1).max() < 0.02

    def test_scale_of_rows(self, samples):
        x = samples["features"].numpy()
        y = apply_shift("scale", samples["features"], 1, 0).numpy()
        np.testing.assert_allclose(y.std(0) / x.std(0), [2.5, 0.4], rtol=1e-4)
        np.testing.assert_allclose(y.mean(0), x.mean(0), atol=1e-5)

    def test_brightness(self):
        x = noise_images(4, 3, 8, 8)
        expected = np.clip(x.numpy() / 255 + 0.3, 0, 1) * 255
        assert np.abs(apply_shift("brightness", x, 0.5, 0).numpy() - expected).max() <= 0.51

    def test_tint_takes_one_hue_of_white(self):
        white = torch.full((200, 1, 4, 4), 255, dtype=torch.uint8)
        y = apply_shift("tint", white, 1, 0).float() / 255
        assert (y.amax(1) == 1).all()
        assert (y.amin(1) == 0).all()
        assert (y == y[:, :, :1, :1]).all()
        hues = torch.atan2(3**0.5 * (y[:, 1] - y[:, 2]), 2 * y[:, 0] - y[:, 1] - y[:, 2])[:, 0, 0]
        assert len(torch.histc(hues, 6, -math.pi, math.pi).nonzero()) == 6, "all hues are drawn"

    def test_photograph_is_the_difference_to_a_piece_of_one(self):
        black = torch.zeros((40, 1, 28, 28), dtype=torch.uint8)
        patch = apply_shift("background", black, 1, 0).int()
        digit = noise_images(40, 1, 28, 28)
        assert (apply_shift("background", digit, 1, 0).int() - (digit - patch).abs()).abs().max() <= 1
        photos = np.stack(load_sample_images().images).reshape(-1, 3)
        assert np.abs(patch.permute(0, 2, 3, 1).reshape(-1, 3).numpy().mean(0) - photos.mean(0)).max() < 40
        assert patch.float().std((1, 2, 3)).min() > 1

    def test_photograph_covers_large_images(self):
        assert apply_shift("background", noise_images(2, 3, 500, 700), 1, 0).shape == (2, 3, 500, 700)

    def test_occlusion_hides_its_share(self):
        x = torch.full((300, 1, 32, 32), 255, dtype=torch.uint8)
        hidden = (255 - apply_shift("occlusion", x, 1, 0).float()) / 127.5
        np.testing.assert_allclose(hidden.mean((1, 2, 3)), 0.25, atol=0.01)
        assert (hidden.mean(0)[0] > 0).float().mean() > 0.99, "every place can be hidden"

    @pytest.mark.parametrize("severity", [0.04, 0.16, 0.4, 1])
    def test_jpeg_like_a_real_encoder(self, severity):
        """Severity s stands for the scale 12.5 s of the tables: quality 100 − 50 · scale up to scale 1, 50 / scale above."""
        scale = 12.5 * severity
        quality = round(100 - 50 * scale if scale < 1 else 50 / scale)
        photo = np.asarray(Image.fromarray(load_sample_images().images[0]).convert("L"))[:256, :256]
        buffer = io.BytesIO()
        Image.fromarray(photo).save(buffer, "JPEG", quality=quality)
        theirs = np.asarray(Image.open(buffer)).astype(float)
        ours = apply_shift("jpeg", torch.tensor(photo)[None, None], severity, 0)[0, 0].numpy().astype(float)
        assert np.abs(ours - theirs).mean() < 0.25 * np.abs(photo - theirs).mean()

    def test_jpeg_keeps_colours_apart(self):
        photo = torch.tensor(load_sample_images().images[1]).permute(2, 0, 1)[None, :, :200, :200]
        buffer = io.BytesIO()
        Image.fromarray(photo[0].permute(1, 2, 0).numpy()).save(buffer, "JPEG", quality=10, subsampling=0)
        theirs = np.asarray(Image.open(buffer)).astype(float)
        ours = apply_shift("jpeg", photo, 0.4, 0)[0].permute(1, 2, 0).numpy()
        assert np.abs(ours - theirs).mean() < 2

    def test_missing_values_are_means(self, samples):
        x = samples["features"]
        y = apply_shift("missing", x, 1, 0)
        lost = y != x
        assert lost.float().mean() == pytest.approx(0.6, abs=0.06)
        np.testing.assert_allclose(y[lost], x.mean(0).expand_as(x)[lost], rtol=1e-5)


@pytest.fixture(scope="module")
def digits():
    return DOMAINS.get("printed-digits").make(DOMAINS.get("printed-digits").params(n=1000), 0)


class TestLabels:
    @pytest.mark.parametrize("name", OF_LABELS)
    def test_identity_at_zero_and_inputs_stay(self, digits, name):
        same, changed = (shifted(digits, [(name, severity)], 0) for severity in (0, 1))
        for field in ("labels", "train", "test"):
            assert torch.equal(getattr(same, field), getattr(digits, field))
        assert torch.equal(changed.inputs, digits.inputs)
        assert torch.equal(apply_shift(name, digits.inputs, 1, 0), digits.inputs)

    @pytest.mark.parametrize("name", OF_LABELS)
    def test_follows_the_seed(self, digits, name):
        a, b, c = (shifted(digits, [(name, 0.7)], seed) for seed in (0, 0, 1))
        assert torch.equal(a.train, b.train)
        assert torch.equal(a.labels, b.labels)
        assert not (torch.equal(a.train, c.train) and torch.equal(a.labels, c.labels))

    def test_class_prior(self, digits):
        severities = (0.25, 0.5, 1)
        for part in ("train", "test"):
            before = torch.bincount(digits.labels[getattr(digits, part)], minlength=10).double()
            kept = [set(getattr(digits, part).tolist())]
            distances = []
            for severity in severities:
                d = shifted(digits, [("class-prior", severity)], 0)
                after = torch.bincount(d.labels[getattr(d, part)], minlength=10).double()
                expected = before * (1 - 0.9 * severity * torch.arange(10) / 9)
                assert (after - expected).abs().max() <= 1.5
                distances.append(float((after / after.sum() - before / before.sum()).abs().sum()))
                kept.append(set(getattr(d, part).tolist()))
                assert kept[-1] < kept[-2]
            assert distances == sorted(distances)

    def test_label_noise_spares_the_held_out(self, digits):
        d = shifted(digits, [("label-noise", 0.6)], 0)
        wrong = d.labels != digits.labels
        assert not wrong[digits.test].any()
        assert wrong[digits.train].float().mean() == pytest.approx(0.3, abs=0.06)
        assert set(d.labels.unique().tolist()) == set(range(10))

    def test_shifts_combine(self, digits):
        d = shifted(digits, [("rotation", 0.3), ("class-prior", 0.5), ("noise", 0.2)], 0)
        assert torch.equal(d.inputs, apply_shift("noise", apply_shift("rotation", digits.inputs, 0.3, 0), 0.2, 0))
        assert torch.equal(d.train, shifted(digits, [("class-prior", 0.5)], 0).train)

    def test_needs_labels(self, digits):
        with pytest.raises(InputError, match="needs labels"):
            apply_label_shift("class-prior", None, (digits.train, digits.test), 10, 0.5, 0)


class TestSelection:
    """Covariate shift: which rows there are changes, and nothing else."""

    @staticmethod
    def at(severity: float, seed: int = 0):
        moons = DOMAINS.get("moons")
        return shifted(moons.make(moons.params(n=4000), 0), [("selection", severity)], seed)

    def test_severity_zero_keeps_all_and_rows_keep_their_inputs_and_labels(self):
        clean, chosen = self.at(0), self.at(0.8)
        assert len(clean.train) + len(clean.test) == 4000
        assert torch.equal(chosen.inputs, clean.inputs)
        assert torch.equal(chosen.labels, clean.labels)
        assert set(chosen.train.tolist()) < set(clean.train.tolist())
        assert set(chosen.test.tolist()) < set(clean.test.tolist())

    def test_a_harder_one_drops_what_a_softer_one_drops_and_more(self):
        sets = [set(self.at(severity).train.tolist()) for severity in SEVERITIES]
        assert all(after < before for before, after in pairwise(sets))
        assert set(self.at(0.5).train.tolist()) == sets[3]
        assert set(self.at(0.5, seed=1).train.tolist()) != sets[3]

    def test_shares_are_those_of_the_formula(self):
        chosen, n = self.at(1), len(self.at(0).train)
        order = self.at(0).train[self.at(0).inputs[self.at(0).train, 0].argsort()]
        low, high = (len(set(part.tolist()) & set(chosen.train.tolist())) / len(part) for part in (order[: n // 4], order[-n // 4 :]))
        wanted = [(math.exp(-5 * a) - math.exp(-5 * (a + 0.25))) / (5 * 0.25) for a in (0, 0.75)]  # the mean of exp(−5u) over a quarter
        assert low == pytest.approx(wanted[0], abs=0.05)
        assert high == pytest.approx(wanted[1], abs=0.02)

    def test_mmd_to_the_clean_rows_grows(self):
        found = []
        for severity in (0, 0.25, 0.5, 0.75, 1):
            d = self.at(severity)
            a, b = self.at(0).inputs[self.at(0).train][:500].double().numpy(), d.inputs[d.train][:400].double().numpy()
            k = lambda u, v: np.exp(-((u[:, None] - v[None]) ** 2).sum(2))  # noqa: E731
            found.append(k(a, a).mean() + k(b, b).mean() - 2 * k(a, b).mean())
        assert found == sorted(found)
        assert found[-1] > found[0] + 0.05

    def test_images_have_no_first_column(self):
        with pytest.raises(InputError, match="no meaning for images"):
            apply_shift("selection", noise_images(2, 1, 8, 8), 0.5, 0)
