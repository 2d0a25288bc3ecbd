"""How a text is encoded: told by its mark, by being UTF-8, by where its zero bytes stand, else by which alphabet its letters fit best."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import BinaryIO, Literal, get_args

from core.domains.reading.base import Given
from core.errors import InputError

Encoding = Literal[
    "automatic", "utf-8", "utf-16-le", "utf-16-be", "cp1252", "cp1250", "iso8859-2", "cp1254", "euc_kr", "gb18030", "euc_jp", "big5",
    "shift_jis", "mac_roman", "cp850", "cp1255", "cp1253", "cp1256", "cp1251", "koi8-r", "cp866", "iso8859-5", "cp874", "iso2022_jp",
]  # fmt: skip
TITLES = {
    "utf-8": "UTF-8",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16, most significant byte first",
    "cp1252": "Windows-1252 (Western European)",
    "cp1250": "Windows-1250 (Central European)",
    "iso8859-2": "ISO 8859-2 (Central European)",
    "cp1254": "Windows-1254 (Turkish)",
    "mac_roman": "Mac Roman",
    "cp850": "DOS 850 (Western European)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "koi8-r": "KOI8-R (Cyrillic)",
    "cp866": "DOS 866 (Cyrillic)",
    "iso8859-5": "ISO 8859-5 (Cyrillic)",
    "cp1253": "Windows-1253 (Greek)",
    "cp1255": "Windows-1255 (Hebrew)",
    "cp1256": "Windows-1256 (Arabic)",
    "cp874": "Windows-874 (Thai)",
    "euc_kr": "EUC-KR (Korean)",
    "gb18030": "GB 18030 (Chinese)",
    "big5": "Big5 (Chinese)",
    "shift_jis": "Shift JIS (Japanese)",
    "euc_jp": "EUC-JP (Japanese)",
    "iso2022_jp": "ISO-2022-JP (Japanese)",
}
CHUNK = 2**20  # bytes that are read at once
SAMPLE = 20_000  # bytes of words with letters beyond ASCII that decide
FITTING = 0.5  # share of usual letters from which on an alphabet is believed
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_SHIFTED = re.compile(rb"\x1b\$[@B]")  # how ISO-2022-JP leaves ASCII
_SAVE = "Save it with UTF-8, or choose its encoding."
LATIN = ("cp1252", "cp1250", "iso8859-2", "cp1254", "mac_roman", "cp850")  # the rest of their letters is ASCII
# The letters beyond ASCII of one language each, by the encoding that old programs gave it. Of encodings that fit alike the first in
# `Encoding` is taken: one whose letters hardly ever look like usual ones of those before it.
_LETTERS = (
    ("cp1252", "àâæçéèêëîïôœùûüÿ«»’"),
    ("cp1252", "äöüß„“"),
    ("cp1252", "áéíñóúü¿¡"),
    ("cp1252", "àáâãçéêíóôõú"),
    ("cp1252", "àèéìíîòóùú’"),
    ("cp1252", "åäöéæø"),
    ("cp1252", "áðéíóúýþæö"),
    ("cp1250", "ąćęłńóśźż„”"),
    ("cp1250", "áčďéěíňóřšťúůýž„“"),
    ("cp1250", "áäčďéíĺľňóôŕšťúýž"),
    ("cp1250", "áéíóöőúüű"),
    ("cp1250", "čćđšž"),
    ("cp1254", "âçğıiöşüûİ"),
    ("cp1251", "абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґў"),
    ("cp1253", "αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώϊϋ"),
    ("cp1255", "אבגדהוזחטיךכלםמןנסעףפץצקרשת"),
    ("cp1256", "ابتثجحخدذرزسشصضطظعغفقكلمنهويىةءآأؤإئپچژگ"),
    ("cp874", "".join(chr(c) for c in range(0x0E01, 0x0E5A) if c not in (0x0E24, 0x0E26, 0x0E3A, 0x0E3F, 0x0E4F))),
)
IDEOGRAPHS = ("euc_kr", "gb18030", "euc_jp", "big5", "shift_jis")
SIGNS = "°²³½¼¾€£§µ±×÷·•…–—‘’“”„«»©®™ªº№"  # in any language
# Where the two bytes of the usual characters of a language lie: the first run from one to another, the second likewise.
_BLOCKS = {
    "euc_kr": ((0xB0, 0xC8, 0xA1, 0xFE),),
    "gb18030": ((0xB0, 0xD7, 0xA1, 0xFE), (0xA1, 0xA3, 0xA1, 0xFE)),
    "big5": ((0xA4, 0xC6, 0x40, 0xFE), (0xA1, 0xA1, 0x40, 0xFE)),
    "euc_jp": ((0xA4, 0xA5, 0xA1, 0xFE), (0xB0, 0xCF, 0xA1, 0xFE), (0xA1, 0xA1, 0xA1, 0xFE)),
}


def find(given: Given, stream: BinaryIO, chosen: Encoding = "automatic") -> tuple[str, int]:
    """The name of the encoding of a text, one of `TITLES`, and how many lines it has.

    Raises
    ------
    InputError
        It is empty or no text, or it is not encoded as was chosen.
    """
    start = stream.read(4)
    name = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    if not start:
        raise InputError(given.name, "the file is empty.", "Give a table with a line of column names and a line for each sample.")
    if chosen != "automatic":
        name = chosen
    elif name is None:
        name = _by_zeros(given, _head(stream)) or ("iso2022_jp" if _SHIFTED.search(_head(stream)) else "utf-8")
    lines = _lines(stream, name)
    if lines is None and chosen == "automatic" and name == "utf-8" and not start.startswith(codecs.BOM_UTF8):
        name = guess(_sample(stream))
        lines = _lines(stream, name)
    if lines is None:
        raise InputError(given.name, f"its text is damaged, or not encoded as {TITLES[name]}.", _SAVE)
    return name, lines


def guess(sample: bytes) -> str:
    """The encoding in which most letters of a text that is not UTF-8 are usual ones of one language.

    Where no alphabet fits, it is what charset-normalizer takes for the least messy, at last Windows-1252.
    """
    from charset_normalizer import from_bytes

    ranked = []
    for name in get_args(Encoding)[4:-1]:
        try:
            ranked.append((_fit(sample.decode(name), name), name))
        except UnicodeDecodeError:
            continue
    fit, best = max(ranked, key=lambda one: one[0], default=(0.0, "cp1252"))
    if fit >= FITTING:
        return best
    known = {codecs.lookup(name).name: name for _, name in ranked}
    match = from_bytes(sample, cp_isolation=list(known), enable_fallback=False).best() if known else None
    return "cp1252" if match is None else known[codecs.lookup(match.encoding).name]


def _head(stream: BinaryIO) -> bytes:
    stream.seek(0)
    return stream.read(CHUNK)


def _by_zeros(given: Given, head: bytes) -> str | None:
    """UTF-16 without a mark, where zero bytes stand in every second place alone; None where there are no zero bytes."""
    if b"\0" not in head:
        return None
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) < len(head) / 50 or min(even, odd) > max(even, odd) / 10:
        raise InputError(given.name, "it holds bytes that are no text.", "Save the table as CSV with UTF-8.")
    return "utf-16-be" if even > odd else "utf-16-le"


def _lines(stream: BinaryIO, name: str) -> int | None:
    """How many lines the text has; None where it is not encoded so."""
    stream.seek(0)
    decoder, lines = codecs.getincrementaldecoder(name)(), 1
    try:
        for chunk in _chunks(stream):
            lines += decoder.decode(chunk).count("\n")
        decoder.decode(b"", True)
    except UnicodeError:
        return None
    return lines


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: stream.read(CHUNK), b"")


def _sample(stream: BinaryIO) -> bytes:
    """Words with bytes beyond ASCII, one after the other, from the whole text where it is short."""
    stream.seek(0)
    words: list[bytes] = []
    size = 0
    for chunk in _chunks(stream):
        for line in chunk.splitlines():
            for word in re.findall(rb"[^\s,;\"]*[\x80-\xff][^\s,;\"]*", line):
                words.append(word)
                size += len(word) + 1
        if size > SAMPLE:
            break
    return b" ".join(words)[: 2 * SAMPLE] if size <= SAMPLE else b" ".join(words[: len(words) * SAMPLE // size])


def _fit(text: str, name: str) -> float:
    """The share of letters beyond ASCII that are usual ones.

    A capital within a word counts half, so that alphabets with the cases exchanged lose; so does a rare ideograph. Only Latin words mix
    their letters with ASCII's.
    """
    words = re.findall(r"[A-Za-z\x80-\U0010ffff]+", text)
    words = [word for word in words if name in LATIN or not re.search("[A-Za-z]", word)]
    letters = Counter(c.lower() if i == 0 and c.lower() != "i̇" else c for word in words for i, c in enumerate(word) if c > "\x7f")
    beyond = sum(c > "\x7f" for c in text)
    rare = "[\u3400-\u9fff]" if name in IDEOGRAPHS else "$^"
    weights = (
        {c: 1.0 if c in usual else 0.5 if c.lower() in usual or re.match(rare, c) else 0.0 for c in letters} for usual in _usual()[name]
    )
    return max(sum(n * weight[c] for c, n in letters.items()) for weight in weights) / beyond


@cache
def _usual() -> dict[str, list[frozenset[str]]]:
    """The sets of usual letters of each encoding, one for each language."""
    found: dict[str, list[frozenset[str]]] = {}
    for name, letters in _LETTERS:
        found.setdefault(name, []).append(frozenset(letters + SIGNS))
    for name, blocks in _BLOCKS.items():
        pairs = [bytes((a, b)) for low, high, first, last in blocks for a in range(low, high + 1) for b in range(first, last + 1)]
        found[name] = [frozenset("".join(pair.decode(name, "ignore") for pair in pairs))]
    same = {"iso8859-2": "cp1250", "mac_roman": "cp1252", "cp850": "cp1252", "koi8-r": "cp1251", "cp866": "cp1251"}
    same |= {"iso8859-5": "cp1251", "shift_jis": "euc_jp"}
    return found | {name: found[other] for name, other in same.items()}
