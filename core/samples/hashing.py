"""Texts as numbers: each word and each pair of neighbouring words becomes the bucket that its hash falls into.

Hashing needs no vocabulary, so texts of any two domains have the same inputs, and a word that only the target uses has a place too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.utils import murmurhash3_32
from torch import Tensor

BUCKETS = 4096
LONGEST = 256  # words and pairs of one text that are kept; the words come first
# Also single characters and signs: in short messages "u" and "!" carry meaning.
TOKEN = r"(?u)\w+|[^\w\s]"


def word_ids(texts: Sequence[str]) -> Tensor:
    """Buckets of the words and pairs of words of each text, as scikit-learn's ``HashingVectorizer`` finds them.

    Lower case, words and signs (`TOKEN`), then pairs of neighbours; MurmurHash3, `BUCKETS` buckets.

    Returns
    -------
    Tensor
        int64 N×L, L the longest text's number (at most `LONGEST`, at least 1): 1 to `BUCKETS`, then 0 to the end.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    analyse = HashingVectorizer(ngram_range=(1, 2), token_pattern=TOKEN).build_analyzer()
    rows = [[abs(murmurhash3_32(gram)) % BUCKETS + 1 for gram in analyse(text)[:LONGEST]] for text in texts]
    ids = np.zeros((len(rows), max([1, *map(len, rows)])), np.int64)
    for row, found in zip(ids, rows, strict=True):
        row[: len(found)] = found
    return torch.from_numpy(ids)


def word_shares(ids: Tensor) -> Tensor:
    """How often each bucket occurs in each text, as rows of length 1: float32 N×`BUCKETS`; zeros for an empty text."""
    counts = torch.zeros((len(ids), BUCKETS + 1), device=ids.device)
    counts.scatter_add_(1, ids, torch.ones_like(ids, dtype=counts.dtype))
    return torch.nn.functional.normalize(counts[:, 1:], dim=1)
