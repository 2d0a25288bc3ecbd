"""Samples as they are: what a page shows of those that are no pictures (texts, sounds, names of columns), and what is measured on them."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass
from functools import cached_property

import numpy as np

_BETWEEN = "\x1f"  # between the names of columns or things: a character that stands in no name


@dataclass(frozen=True, eq=False)
class Originals:
    """Beside the pictures or rows of 2n samples, in the same order.

    Attributes
    ----------
    texts : tuple of str
        Empty where the samples are no texts.
    waves : int16, 2n×S, or None
    rate : int
        Samples a second of the waves.
    columns : tuple of str
        Names of the columns of rows; empty where they have none.
    identities : tuple of str
        Of which thing each of the 2n is a sample, where both domains show the same things; empty for all others.
    """

    texts: tuple[str, ...] = ()
    waves: np.ndarray | None = None
    rate: int = 0
    columns: tuple[str, ...] = ()
    identities: tuple[str, ...] = ()

    def arrays(self) -> dict[str, np.ndarray]:
        """As plain arrays, to be stored: `read` gives them back."""
        found: dict[str, np.ndarray] = {}
        if self.texts:
            encoded = [text.encode() for text in self.texts]
            found["texts"] = np.frombuffer(b"".join(encoded), np.uint8)
            found["text_lengths"] = np.array([len(text) for text in encoded], np.int64)
        if self.waves is not None:
            found |= {"waves": self.waves, "rate": np.array([self.rate], np.int64)}
        for name, names in (("columns", self.columns), ("identities", self.identities)):
            if names:
                found[name] = np.frombuffer(_BETWEEN.join(names).encode(), np.uint8)
        return found

    @staticmethod
    def read(arrays: dict[str, np.ndarray]) -> Originals:
        """From stored arrays, whatever else is among them."""
        texts: list[str] = []
        if "texts" in arrays:
            ends = np.cumsum(arrays["text_lengths"])
            data = arrays["texts"].tobytes()
            texts = [data[end - length : end].decode(errors="replace") for end, length in zip(ends, arrays["text_lengths"], strict=True)]
        names = {name: arrays[name].tobytes().decode().split(_BETWEEN) if name in arrays else [] for name in ("columns", "identities")}
        rate = int(arrays["rate"][0]) if "rate" in arrays else 0
        return Originals(tuple(texts), arrays.get("waves"), rate, tuple(names["columns"]), tuple(names["identities"]))

    def wav(self, i: int) -> bytes:
        """One sound as a WAV file, 16 bits, one channel."""
        if self.waves is None:
            raise TypeError("These samples are no sounds.")
        buffer = io.BytesIO()
        with wave.open(buffer, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self.rate)
            file.writeframes(np.ascontiguousarray(self.waves[i], "<i2").tobytes())
        return buffer.getvalue()


@dataclass(frozen=True, eq=False)
class Raw:
    """N samples of one domain, of which one can say how bright, long or loud they are.

    Attributes
    ----------
    kind : str
        "image", "features", "text" or "sound".
    inputs : ndarray
        What a network reads: images uint8 N×C×H×W, rows of numbers N×D.
    originals : Originals
        Texts, sounds and names of columns; empty of images.
    missing : ndarray of bool, N×D, or None
        Where a row of numbers had no value, and one was filled in; None where nothing is known to be missing.
    """

    kind: str
    inputs: np.ndarray
    originals: Originals = Originals()
    missing: np.ndarray | None = None

    @cached_property
    def grey(self) -> np.ndarray:
        """Of images: float64 N×H×W, 0 black to 1 white."""
        return self.inputs.mean(1, dtype=np.float64) / 255

    @cached_property
    def ink(self) -> np.ndarray:
        """Of images: N×H×W, pixels a quarter of the value range away from the median of the border, so that they stand out."""
        grey = self.grey
        border = np.concatenate([grey[:, 0], grey[:, -1], grey[:, 1:-1, 0], grey[:, 1:-1, -1]], axis=1)
        return np.abs(grey - np.median(border, axis=1)[:, None, None]) > 0.25
