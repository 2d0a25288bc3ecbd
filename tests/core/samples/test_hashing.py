"""Words to buckets: texts with spaces as scikit-learn's vectorizer hashes them, scripts without spaces by their characters."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.utils import murmurhash3_32

from core.samples.hashing import BUCKETS, LONGEST, word_count, word_ids, word_shares

SPACED = st.text(st.characters(max_codepoint=0xDFF), max_size=300)  # Latin, Greek, Cyrillic, Hebrew, Arabic, Indian scripts


@settings(deadline=None, max_examples=200, derandomize=True)
@given(st.lists(SPACED, min_size=1, max_size=4))
def test_texts_with_spaces_keep_their_buckets(texts):
    analyse = HashingVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\w+|[^\w\s]").build_analyzer()
    for text, row in zip(texts, word_ids(texts).tolist(), strict=True):
        buckets = [abs(murmurhash3_32(gram)) % BUCKETS + 1 for gram in analyse(text)[:LONGEST]]
        assert row == buckets + [0] * (len(row) - len(buckets))


def test_characters_and_their_pairs_are_words_where_none_are_spaced():
    (row,) = word_ids(["质量很好"]).tolist()
    assert row == [abs(murmurhash3_32(gram)) % BUCKETS + 1 for gram in ("质", "量", "很", "好", "质 量", "量 很", "很 好")]


def test_a_long_text_without_spaces_keeps_pairs():
    text = "".join(chr(0x4E00 + i) for i in range(400))
    (row,) = word_ids([text]).tolist()
    assert len(row) == LONGEST
    assert row[LONGEST // 2] == abs(murmurhash3_32(f"{text[0]} {text[1]}")) % BUCKETS + 1


def test_words_are_counted_in_any_script():
    assert [word_count(text) for text in ("three little words", "质量很好", "東京", "ราคาแพง", "")] == [3, 2, 1, 4, 0]


def test_opinions_without_spaces_can_be_learnt():
    """New texts of known characters: hashed as one word each, none of them would have been seen before."""
    rng = np.random.default_rng(0)
    good, bad, other = ["很好", "满意", "推荐"], ["太差", "退货", "失望"], list("的了我是在这那有个人商品快递天买卖")
    labels = np.arange(200) % 2
    texts = ["".join([*rng.choice(other, 6), rng.choice((bad, good)[k]), *rng.choice(other, 6)]) for k in labels]
    shares = word_shares(word_ids(texts)).numpy()
    assert LogisticRegression().fit(shares[:100], labels[:100]).score(shares[100:], labels[100:]) > 0.95
