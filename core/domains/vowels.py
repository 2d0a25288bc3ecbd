"""Spoken vowels of three vocal tracts, made by source and filter: the same ten vowels of men, women and children."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from scipy.signal import lfilter

from core.domains.base import Domain, domain, random_split
from core.samples.spectrogram import RATE, log_mel

CLASS_NAMES = ("heed", "hid", "head", "had", "hod", "hawed", "hood", "who'd", "hud", "heard")
# Mean pitch and first three formants in hertz, of men, women and children (Peterson and Barney 1952, table II).
TRACTS = {
    "men": (
        (136, 135, 130, 127, 124, 129, 137, 141, 130, 133),
        (270, 390, 530, 660, 730, 570, 440, 300, 640, 490),
        (2290, 1990, 1840, 1720, 1090, 840, 1020, 870, 1190, 1350),
        (3010, 2550, 2480, 2410, 2440, 2410, 2240, 2240, 2390, 1690),
    ),
    "women": (
        (235, 232, 223, 210, 212, 216, 232, 231, 221, 218),
        (310, 430, 610, 860, 850, 590, 470, 370, 760, 500),
        (2790, 2480, 2330, 2050, 1220, 920, 1160, 950, 1400, 1640),
        (3310, 3070, 2990, 2850, 2810, 2710, 2680, 2670, 2780, 1960),
    ),
    "children": (
        (272, 269, 260, 251, 256, 263, 276, 274, 261, 261),
        (370, 530, 690, 1010, 1030, 680, 560, 430, 850, 560),
        (3200, 2730, 2610, 2320, 1370, 1060, 1410, 1170, 1590, 1820),
        (3730, 3600, 3570, 3320, 3170, 3180, 3310, 3260, 3360, 2160),
    ),
}
BANDWIDTHS = (60.0, 90.0, 150.0)  # hertz
SECONDS = 0.4


class Vowels(BaseModel):
    """Parameters of every vowel domain."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    n: int = Field(1200, ge=200, le=10_000, description="How many sounds to make.")


def vowels(tract: str, params: Vowels, seed: int) -> Domain:
    """Vowels of one kind of speaker, balanced, each drawn with a speaker of its own.

    A train of glottal pulses with falling pitch (±15 % between speakers) and some breath noise passes three resonators
    1 / (1 − 2 e^(−πB/RATE) cos(2πF/RATE) z⁻¹ + e^(−2πB/RATE) z⁻²), one for each formant F with bandwidth B (Fant 1960; Klatt 1980).
    A speaker scales all formants alike (±4 %) and each a little (±3 %).
    """
    rng = np.random.default_rng([seed, 0x5013D, *tract.encode()])
    labels = np.arange(params.n) % len(CLASS_NAMES)
    rng.shuffle(labels)
    waves = np.stack([_vowel(TRACTS[tract], int(label), rng) for label in labels])
    train, test = random_split(params.n, 1 / 3, seed)
    return Domain(
        f"vowels-{tract}",
        log_mel(waves),
        torch.from_numpy(labels),
        CLASS_NAMES,
        train,
        test,
        f"{params.n} synthetic vowels with the formants of {tract} (Peterson and Barney, 1952), seed {seed}.",
        "Generated here.",
        kind="sound",
        originals=waves,
        rate=RATE,
    )


def _vowel(tract: tuple[tuple[int, ...], ...], vowel: int, rng: np.random.Generator) -> np.ndarray:
    """One vowel, int16, `SECONDS` long."""
    count = int(SECONDS * RATE)
    t = np.arange(count) / count
    pitch = tract[0][vowel] * rng.normal(1, 0.15) * (1.05 - rng.uniform(0.05, 0.2) * t)
    phase = np.cumsum(pitch / RATE) + rng.uniform()
    pulses = np.diff(np.floor(phase), prepend=np.floor(phase[0]))
    # A pulse falls off by 12 dB an octave at the glottis, the lips give 6 back: one pole is left. Air that only streams makes no sound.
    wave = lfilter([1], [1, -0.95], pulses - pitch / RATE + rng.normal(0, 0.01, count))
    size = rng.normal(1, 0.04)
    for formants, width in zip(tract[1:], BANDWIDTHS, strict=True):
        frequency, r = formants[vowel] * size * rng.normal(1, 0.03), np.exp(-np.pi * width / RATE)
        pole = [1, -2 * r * np.cos(2 * np.pi * frequency / RATE), r * r]
        wave = lfilter([sum(pole)], pole, wave)  # gain 1 at 0 Hz, as of a tube that is open at one end
    start, end = rng.uniform(0, 0.15), rng.uniform(0.85, 1)
    wave = wave * np.interp(t, [start, start + 0.08, end - 0.15, end], [0, 1, 1, 0])
    return np.round(wave / np.abs(wave).max() * 32767 * rng.uniform(0.3, 0.9)).astype(np.int16)


for _tract in TRACTS:
    domain(
        f"vowels-{_tract}",
        title=f"Vowels of {_tract}",
        kind="sound",
        params=Vowels,
        summary=f"Ten English vowels, synthesised with the pitch and formants of {_tract}; 0.4 s each, as log-mel spectrograms.",
        licence="Generated here.",
    )(partial(vowels, _tract))
