"""Tensors as pictures: the right way round, in their own values, and no larger than asked."""

from __future__ import annotations

import numpy as np
import torch

from core.samples.pictures import pictures

RNG = torch.Generator().manual_seed(0)
COLOUR = torch.randint(0, 256, (2, 3, 8, 6), generator=RNG, dtype=torch.uint8)


def test_channels_come_last_or_not_at_all():
    np.testing.assert_array_equal(pictures(COLOUR), COLOUR.numpy().transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(pictures(COLOUR[:, :1]), COLOUR[:, 0].numpy())
    assert pictures(COLOUR).flags.c_contiguous


def test_low_bands_of_a_sound_are_below():
    np.testing.assert_array_equal(pictures(COLOUR[:, :1], sound=True), COLOUR[:, 0].numpy()[:, ::-1])


def test_large_pictures_are_reduced_and_small_ones_are_not():
    large = torch.full((1, 3, 56, 56), 77, dtype=torch.uint8)
    reduced = pictures(large, most=28)
    assert (reduced.shape, reduced.dtype) == ((1, 28, 28, 3), np.uint8)
    assert (reduced == 77).all()
    assert pictures(COLOUR, most=28).shape == (2, 8, 6, 3)
