"""Random views keep what they must: shape, range, classes, and the order of the samples."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from core.methods import augment
from core.methods.augment import strong, weak
from core.methods.base import Draws

IMAGES = torch.randint(0, 256, (5, 3, 16, 12), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
ROWS = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 10.0, 0.0]) + 5


class Told(Draws):
    """Uniform numbers that a test sets: 0.5 for all, which changes nothing, but for the amounts (−1 to 1) given by their place."""

    def __init__(self, **amounts: float):
        super().__init__(torch.Generator())
        self.amounts = amounts

    def uniform(self, *shape, like):
        values = torch.full(shape, 0.5).to(like)
        names = ["right", "down"] if shape[0] == 2 else ["angle", "size", "right", "down", "contrast", "noise", "across", "along"]
        for name, amount in self.amounts.items():
            values[names.index(name)] = (amount + 1) / 2
        return values


def draws(seed: int = 0) -> Draws:
    return Draws(torch.Generator().manual_seed(seed))


def smooth() -> torch.Tensor:
    noise = torch.randn(2, 1, 24, 24, generator=torch.Generator().manual_seed(1)).numpy()
    blurred = ndimage.gaussian_filter(noise, (0, 0, 2.5, 2.5))
    return torch.from_numpy(np.clip(127 + 500 * blurred, 0, 255))


@pytest.mark.parametrize("view", [weak, strong])
@pytest.mark.parametrize("x", [IMAGES, ROWS[:40]])
def test_a_view_has_shape_range_and_its_own_stream(view, x):
    first, again, other = (view(x, draws(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == x.shape
    assert first.dtype == torch.float32
    assert first.isfinite().all()
    if x.ndim == 4:
        assert first.min() >= 0
        assert first.max() <= 255
        assert not torch.equal(first[0] - x[0], first[1] - x[1])  # each by its own amounts


def test_a_weak_view_moves_by_up_to_an_eighth():
    moved = weak(IMAGES, Told(right=1, down=-1)).numpy()
    expected = np.stack([[ndimage.shift(c, (-2, 1.5), order=1, mode="nearest") for c in image] for image in IMAGES.double().numpy()])
    np.testing.assert_allclose(moved, expected, atol=0.01)
    assert torch.equal(weak(IMAGES, Told()).round(), IMAGES.float())


def test_a_strong_view_without_amounts_has_but_noise_and_a_hole(monkeypatch):
    monkeypatch.setattr(augment, "NOISE", 0.0)
    seen = strong(IMAGES, Told())
    inside = np.zeros((16, 12), bool)
    inside[6:10, 4:8] = True  # a quarter of 16, and the pixels of 12 whose centre lies within a quarter
    kept = ~torch.from_numpy(inside)
    torch.testing.assert_close(seen[:, :, kept], IMAGES.float()[:, :, kept], atol=1e-3, rtol=0)
    means = IMAGES.float().mean((1, 2, 3))[:, None, None]
    assert (seen[:, :, 8, 5] - means[:, 0]).abs().max() < 1e-3


def test_a_strong_view_turns_resizes_and_changes_contrast(monkeypatch):
    monkeypatch.setattr(augment, "NOISE", 0.0)
    monkeypatch.setattr(augment, "HOLE", 0.0)
    x = smooth()
    centre = np.array([11.5, 11.5])

    def reference(angle: float, size: float) -> np.ndarray:
        """Rows grow downwards: counter-clockwise as seen is clockwise in (row, column)."""
        c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        back = np.array([[c, s], [-s, c]]) / size
        return np.stack([ndimage.affine_transform(image[0], back, centre - back @ centre, order=1, mode="nearest") for image in x.numpy()])

    inner = np.s_[:, 5:-5, 5:-5]
    np.testing.assert_allclose(strong(x, Told(angle=1)).numpy()[:, 0][inner], reference(20, 1)[inner], atol=0.5)
    np.testing.assert_allclose(strong(x, Told(size=1)).numpy()[:, 0][inner], reference(0, 1.2)[inner], atol=0.5)
    assert np.abs(reference(-20, 1)[inner] - reference(20, 1)[inner]).max() > 20
    mean = x.mean((1, 2, 3), keepdim=True)
    torch.testing.assert_close(strong(x, Told(contrast=-1)), mean + 0.5 * (x - mean), atol=1e-3, rtol=0)


def test_noise_has_its_size_and_no_image_is_mirrored():
    grey = torch.full((200, 1, 16, 16), 127, dtype=torch.uint8)
    noisy = strong(grey, draws()) - 127
    each = noisy.flatten(1).std(1)
    assert 20 < each.max() < 25.5 * 1.2
    assert each.min() < 4
    asymmetric = torch.zeros(100, 1, 16, 16)
    asymmetric[:, :, 3:13, 3:6] = 255  # a stroke on the left
    for view in (weak, strong):
        x = view(asymmetric, draws())
        assert (x[..., :8].mean((1, 2, 3)) > x[..., 8:].mean((1, 2, 3))).all()


def test_rows_get_noise_in_units_of_each_column_and_lose_a_few_values():
    deviation = (weak(ROWS, draws()) - ROWS).std(0)
    torch.testing.assert_close(deviation, 0.05 * ROWS.std(0), rtol=0.05, atol=1e-6)
    seen = strong(ROWS, draws())
    lost = seen[:, :2] == ROWS.mean(0)[:2]
    torch.testing.assert_close(lost.float().mean(0), torch.tensor([0.1, 0.1]), atol=0.02, rtol=0)
    change = torch.where(lost, 0, seen[:, :2] - ROWS[:, :2])
    torch.testing.assert_close(change.pow(2).sum(0).div((~lost).sum(0)).sqrt(), 0.2 * ROWS.std(0)[:2], rtol=0.05, atol=0)
    torch.testing.assert_close(seen[:, 2], ROWS[:, 2])  # a constant column stays


def test_a_text_loses_some_of_its_words_and_never_all():
    words = torch.randint(1, 500, (400, 50), generator=torch.Generator().manual_seed(0))
    words[:, 40:] = 0  # no words
    words[0, 1:] = 0
    for view, share in ((weak, 0.05), (strong, 0.3)):
        seen = view(words, draws())
        assert seen.dtype == torch.int64
        assert ((seen == words) | (seen == 0)).all()
        assert float((seen[:, :40] == 0).double()[1:].mean()) == pytest.approx(share, abs=0.01)
        assert all(view(words, draws(seed))[0, 0] == words[0, 0] for seed in range(20))
