"""Simple properties of samples that a person can name: brightness of an image, length of a text, loudness of a sound, a table's columns."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.registry import Registry
from core.samples.hashing import WORD
from core.samples.raw import Raw


@dataclass(frozen=True)
class Property:
    """``compute(raw)`` returns one number for each sample; ``more`` says of a sample with a high value what it is.

    ``missing(raw)`` tells which of these numbers were filled in, since the sample had none.
    """

    name: str
    title: str
    kind: str
    meaning: str
    more: str
    compute: Callable[[Raw], np.ndarray]
    missing: Callable[[Raw], np.ndarray] = lambda raw: np.zeros(len(raw.inputs), bool)


PROPERTIES: Registry[Property] = Registry("property")


def property_of(kind: str, *, name: str, title: str, meaning: str, more: str):
    """Register the decorated ``compute(raw) -> N numbers`` for one kind of data."""

    def register(compute: Callable[[Raw], np.ndarray]) -> Callable[[Raw], np.ndarray]:
        PROPERTIES.add(Property(name, title, kind, meaning, more, compute))
        return compute

    return register


def properties(sides: tuple[Raw, Raw]) -> tuple[list[Property], tuple[np.ndarray, np.ndarray]]:
    """The properties of this kind of data that vary, and their values in source and target, float64 n×P and m×P.

    For rows of numbers these are the columns, also one whose only difference is where it has no value.
    """
    first = sides[0]
    if first.kind == "features":
        names = first.originals.columns or [f"x{j}" for j in range(first.inputs.shape[1])]
        found = [
            Property(name, name, "features", "This column's value.", "higher", _column(j), _missing(j)) for j, name in enumerate(names)
        ]
    else:
        found = [entry for entry in PROPERTIES if entry.kind == first.kind]
    values = [np.column_stack([entry.compute(raw) for entry in found] or [np.zeros(len(raw.inputs))]).astype(float) for raw in sides]
    gone = np.concatenate([missing(found, raw) for raw in sides])
    varies = (np.concatenate(values).std(0) > 1e-12) | (gone.any(0) & ~gone.all(0))
    kept = [entry for entry, keep in zip(found, varies, strict=False) if keep]
    return kept, (values[0][:, varies], values[1][:, varies])


def _column(j: int) -> Callable[[Raw], np.ndarray]:
    return lambda raw: raw.inputs[:, j]


def _missing(j: int) -> Callable[[Raw], np.ndarray]:
    return lambda raw: np.zeros(len(raw.inputs), bool) if raw.missing is None else raw.missing[:, j]


def missing(found: list[Property], raw: Raw) -> np.ndarray:
    """Which values of these properties were filled in, bool N×P."""
    return np.column_stack([entry.missing(raw) for entry in found] or [np.zeros((len(raw.inputs), 0), bool)])


@property_of("image", name="brightness", title="Brightness", meaning="Mean value of the pixels, 0 black to 1 white.", more="brighter")
def brightness(raw: Raw) -> np.ndarray:
    return raw.grey.mean((1, 2))


@property_of("image", name="contrast", title="Contrast", meaning="Standard deviation of the pixels.", more="richer in contrast")
def contrast(raw: Raw) -> np.ndarray:
    return raw.grey.std((1, 2))


@property_of(
    "image", name="sharpness", title="Sharpness", meaning="Mean step between neighbouring pixels, divided by the contrast.", more="sharper"
)
def sharpness(raw: Raw) -> np.ndarray:
    grey = raw.grey
    steps = np.abs(np.diff(grey, axis=1)).mean((1, 2)) + np.abs(np.diff(grey, axis=2)).mean((1, 2))
    return steps / np.maximum(grey.std((1, 2)), 1 / 255)


@property_of("image", name="ink", title="Ink", meaning="Share of the pixels that stand out from the border's colour.", more="fuller")
def ink(raw: Raw) -> np.ndarray:
    return raw.ink.mean((1, 2))


@property_of("image", name="width", title="Width", meaning="How much of the image's width the object takes.", more="wider")
def width(raw: Raw) -> np.ndarray:
    return _extent(np.any(raw.ink, axis=1))


@property_of("image", name="height", title="Height", meaning="How much of the image's height the object takes.", more="taller")
def height(raw: Raw) -> np.ndarray:
    return _extent(np.any(raw.ink, axis=2))


def _extent(there: np.ndarray) -> np.ndarray:
    """From the first to the last place that is occupied, as a share of the length; N×L booleans."""
    first, last = there.argmax(1), there.shape[1] - there[:, ::-1].argmax(1)
    return np.where(there.any(1), (last - first) / there.shape[1], 0)


@property_of("image", name="across", title="Place across", meaning="Where the ink's middle lies, 0 left to 1 right.", more="further right")
def across(raw: Raw) -> np.ndarray:
    return _middle(raw.ink.sum(1))


@property_of("image", name="down", title="Place down", meaning="Where the ink's middle lies, 0 top to 1 bottom.", more="lower")
def down(raw: Raw) -> np.ndarray:
    return _middle(raw.ink.sum(2))


def _middle(amount: np.ndarray) -> np.ndarray:
    at = (np.arange(amount.shape[1]) + 0.5) / amount.shape[1]
    total = amount.sum(1)
    return np.where(total > 0, amount @ at / np.maximum(total, 1), 0.5)


@property_of("image", name="colourfulness", title="Colourfulness", meaning="Mean gap between a pixel's channels.", more="more colourful")
def colourfulness(raw: Raw) -> np.ndarray:
    return (raw.inputs.max(1).astype(np.float64) - raw.inputs.min(1)).mean((1, 2)) / 255


@property_of("image", name="warmth", title="Warmth", meaning="Mean of red less blue.", more="warmer")
def warmth(raw: Raw) -> np.ndarray:
    return (raw.inputs[:, 0].astype(np.float64) - raw.inputs[:, -1]).mean((1, 2)) / 255


def _word_lists(raw: Raw) -> list[list[str]]:
    return [re.findall(WORD, text.lower()) for text in raw.originals.texts]


@property_of("text", name="length", title="Length", meaning="Number of words.", more="longer")
def length(raw: Raw) -> np.ndarray:
    return np.array([len(words) for words in _word_lists(raw)], float)


@property_of("text", name="word-length", title="Length of words", meaning="Mean number of letters in a word.", more="longer in its words")
def word_length(raw: Raw) -> np.ndarray:
    return np.array([np.mean([len(w) for w in words]) if words else 0 for words in _word_lists(raw)])


@property_of(
    "text",
    name="vocabulary",
    title="Vocabulary",
    meaning="Different words per square root of the words (Guiraud 1954).",
    more="richer in words",
)
def vocabulary(raw: Raw) -> np.ndarray:
    return np.array([len(set(words)) / max(len(words), 1) ** 0.5 for words in _word_lists(raw)])


@property_of(
    "text", name="punctuation", title="Punctuation", meaning="Marks such as commas and exclamation marks, per word.", more="fuller of marks"
)
def punctuation(raw: Raw) -> np.ndarray:
    counts = zip(raw.originals.texts, _word_lists(raw), strict=True)
    return np.array([len(re.findall(r"[^\w\s]", text)) / max(len(words), 1) for text, words in counts])


@property_of(
    "sound", name="loudness", title="Loudness", meaning="Root of the mean square of the wave, in decibels below full scale.", more="louder"
)
def loudness(raw: Raw) -> np.ndarray:
    waves = np.asarray(raw.originals.waves, np.float64) / 32768
    return 10 * np.log10(np.square(waves).mean(1) + 1e-10)


@property_of(
    "sound",
    name="spectral-centre",
    title="Spectral centre",
    meaning="Mean frequency of the power spectrum, in hertz.",
    more="brighter in sound",
)
def spectral_centre(raw: Raw) -> np.ndarray:
    frequencies, power = _spectrum(raw)
    return power @ frequencies


@property_of(
    "sound",
    name="spectral-width",
    title="Spectral width",
    meaning="Deviation of the power spectrum about its centre, in hertz.",
    more="broader in sound",
)
def spectral_width(raw: Raw) -> np.ndarray:
    frequencies, power = _spectrum(raw)
    centre = power @ frequencies
    return np.sqrt(np.maximum(power @ frequencies**2 - centre**2, 0))


def _spectrum(raw: Raw) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies in hertz, and each wave's power at them, summing to 1."""
    waves = np.asarray(raw.originals.waves, np.float64)
    power = np.abs(np.fft.rfft(waves - waves.mean(1, keepdims=True), axis=1)) ** 2
    return np.fft.rfftfreq(waves.shape[1], 1 / raw.originals.rate), power / np.maximum(power.sum(1, keepdims=True), 1e-12)
