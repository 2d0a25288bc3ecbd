"""What a linear classifier reads of each kind of sample."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.samples.hashing import word_ids, word_shares
from core.training.linear import flat_rows


@pytest.mark.parametrize("size", [1, 2, 64])
def test_texts_are_shares_of_words_and_not_the_numbers_of_their_buckets(size):
    ids = word_ids(["a good day", "a bad day", "good", "no day at all"])
    found = flat_rows(ids, torch.tensor([3, 0, 1]), size, "text").toarray()
    np.testing.assert_array_equal(found, word_shares(ids)[[3, 0, 1]].numpy())


def test_columns_are_as_they_are_and_small_pictures_pixel_by_pixel():
    columns, pictures = torch.randn(5, 3), torch.randint(0, 256, (5, 1, 28, 28), dtype=torch.uint8)
    np.testing.assert_array_equal(flat_rows(columns, None, 2, "features"), columns.numpy())
    np.testing.assert_array_equal(flat_rows(pictures, None, 2, "image"), pictures.flatten(1).float().numpy())


def test_large_pictures_are_averaged():
    pictures = torch.randint(0, 256, (3, 2, 56, 84), dtype=torch.uint8)
    expected = pictures.float().reshape(3, 2, 28, 2, 28, 3).mean((3, 5)).flatten(1)
    np.testing.assert_allclose(flat_rows(pictures, None, 2, "image"), expected.numpy(), rtol=1e-5)
