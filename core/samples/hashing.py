"""Texts as numbers: each word and each pair of neighbouring words becomes the bucket that its hash falls into.

In scripts without spaces between words each character counts as a word, and two neighbours as a pair.

Hashing needs no vocabulary, so texts of any two domains have the same inputs, and a word that only the target uses has a place too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import torch
from sklearn.utils import murmurhash3_32
from torch import Tensor

BUCKETS = 4096
LONGEST = 256  # words and pairs of one text that are kept; the words come first
# Chinese and Japanese, Thai, Lao, Tibetan, Burmese and Khmer: scripts that put no spaces between words.
UNSPACED = (
    "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
# Also single characters and signs: in short messages "u" and "!" carry meaning.
WORD = rf"[{UNSPACED}]|[^\W{UNSPACED}]+"
TOKEN = rf"(?u){WORD}|[^\w\s]"

_UNSPACED = re.compile(f"[{UNSPACED}]")


def word_ids(texts: Sequence[str]) -> Tensor:
    """Buckets of the words and pairs of words of each text, as scikit-learn's ``HashingVectorizer`` finds them.

    Lower case, words and signs (`TOKEN`), then pairs of neighbours; MurmurHash3, `BUCKETS` buckets. Of a long text without spaces as
    many pairs are kept as characters, for a character alone says little.

    Returns
    -------
    Tensor
        int64 N×L, L the longest text's number (at most `LONGEST`, at least 1): 1 to `BUCKETS`, then 0 to the end.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    analyse = HashingVectorizer(ngram_range=(1, 2), token_pattern=TOKEN).build_analyzer()
    rows = [[abs(murmurhash3_32(gram)) % BUCKETS + 1 for gram in _kept(analyse(text), text)] for text in texts]
    ids = np.zeros((len(rows), max([1, *map(len, rows)])), np.int64)
    for row, found in zip(ids, rows, strict=True):
        row[: len(found)] = found
    return torch.from_numpy(ids)


def _kept(grams: list[str], text: str) -> list[str]:
    """The first `LONGEST`; the words come first, then one pair less."""
    words, half = (len(grams) + 1) // 2, LONGEST // 2
    if words <= half or not _UNSPACED.search(text):
        return grams[:LONGEST]
    return grams[:half] + grams[words : words + half]


def word_count(text: str) -> int:
    """About how many words a text has: two characters make one where no spaces are written."""
    characters = len(_UNSPACED.findall(text))
    return len(_UNSPACED.sub(" ", text).split()) + (characters + 1) // 2


def word_shares(ids: Tensor) -> Tensor:
    """How often each bucket occurs in each text, as rows of length 1: float32 N×`BUCKETS`; zeros for an empty text."""
    counts = torch.zeros((len(ids), BUCKETS + 1), device=ids.device)
    counts.scatter_add_(1, ids, torch.ones_like(ids, dtype=counts.dtype))
    return torch.nn.functional.normalize(counts[:, 1:], dim=1)
