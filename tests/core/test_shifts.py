"""What every registered shift must keep, and each against an independent computation."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, shift

from core.domains import DOMAINS
from core.errors import InputError
from core.shifts import SHIFTS, apply_shift

CASES = [(entry.name, kind) for entry in SHIFTS for kind in entry.kinds]
SEVERITIES = [0.0, 0.1, 0.25, 0.5, 0.75, 1.0]


@pytest.fixture(scope="module")
def samples():
    digits, moons = DOMAINS.get("printed-digits"), DOMAINS.get("moons")
    return {"image": digits.make(digits.params(n=100), 0).inputs, "features": moons.make(moons.params(n=200), 0).inputs}


def noise_images(*shape) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("name", "kind"), CASES)
class TestContract:
    def test_severity_zero_is_the_identity(self, samples, name, kind):
        assert torch.equal(apply_shift(name, samples[kind], 0, 0), samples[kind])

    @pytest.mark.parametrize("severity", [1e-200, 1e-6, 0.3, 1])
    def test_shape_and_type_stay(self, samples, name, kind, severity):
        x = samples[kind]
        before = x.clone()
        y = apply_shift(name, x, severity, 0)
        assert (y.shape, y.dtype) == (x.shape, x.dtype)
        assert y.float().isfinite().all()
        assert torch.equal(x, before)

    def test_begins_at_the_identity(self, samples, name, kind):
        x = samples[kind].float()
        assert (apply_shift(name, samples[kind], 1e-9, 0).float() - x).abs().max() <= 1e-5

    def test_grows_with_severity(self, samples, name, kind):
        x = samples[kind].float()
        distance = [float((apply_shift(name, samples[kind], severity, 0).float() - x).norm()) for severity in SEVERITIES]
        assert distance == sorted(distance)
        assert len(set(distance)) >= 5, "at most the smallest step (a blur of 0.16 pixels) may round to nothing"

    def test_same_seed_same_result(self, samples, name, kind):
        a, b = (apply_shift(name, samples[kind], 0.7, 5) for _ in range(2))
        assert torch.equal(a, b)

    @pytest.mark.parametrize("severity", [2, -0.1, math.nan, math.inf])
    def test_severity_out_of_range(self, samples, name, kind, severity):
        with pytest.raises(InputError, match="outside 0 to 1") as caught:
            apply_shift(name, samples[kind], severity, 0)
        assert caught.value.where == "shift.severity"

    def test_one_sample(self, samples, name, kind):
        y = apply_shift(name, samples[kind][:1], 1, 0)
        assert len(y) == 1
        assert y.float().isfinite().all()

    def test_colour_and_oblong_images(self, name, kind):
        if kind == "image":
            for shape in ((4, 3, 8, 20), (4, 3, 20, 8), (4, 1, 3, 32), (2, 1, 1, 1)):
                assert apply_shift(name, noise_images(*shape), 0.6, 0).shape == shape


@pytest.mark.parametrize("name", ["noise", "invert"])
def test_random_shifts_follow_the_seed(samples, name):
    assert not torch.equal(apply_shift(name, samples["image"], 0.5, 0), apply_shift(name, samples["image"], 0.5, 1))


def test_unknown_name_gets_a_suggestion(samples):
    with pytest.raises(InputError, match="Did you mean 'rotation'"):
        apply_shift("rotatoin", samples["image"], 0.5, 0)


def test_wrong_kind_lists_what_fits(samples):
    with pytest.raises(InputError, match="rows of numbers.*rotation, noise, translation"):
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
