"""Sounds as pictures: log-mel spectrograms, computed in batches."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

RATE = 16_000  # samples a second; other sounds are brought to it first
BANDS = 48
HOP = 160  # samples between two frames: 10 ms
WINDOW = 512  # samples of a frame: 32 ms
RANGE = 80.0  # decibels below full scale that count as silence


def log_mel(waves: np.ndarray, chunk: int = 256) -> Tensor:
    """Log-mel spectrograms of sounds at `RATE` samples a second.

    Power of a Hann-windowed Fourier transform, summed in `BANDS` triangular bands that are evenly spaced on the mel scale
    m = 2595 log₁₀(1 + f / 700) from 0 to RATE / 2, in decibels; a full-scale sine reaches about 0 dB.

    Parameters
    ----------
    waves : ndarray
        int16 N×S.

    Returns
    -------
    Tensor
        uint8 N×1×BANDS×W, W = 1 + S // HOP, low bands first: 0 is `RANGE` decibels below full scale or less, 255 is full scale.
    """
    window, filters = torch.hann_window(WINDOW), torch.from_numpy(mel_filters()).float()
    parts = []
    for start in range(0, len(waves), chunk):
        x = torch.from_numpy(np.ascontiguousarray(waves[start : start + chunk])).float() / 32768
        spectrum = torch.stft(x, WINDOW, HOP, window=window, center=True, pad_mode="constant", return_complex=True)
        power = (spectrum.abs() / (WINDOW / 4)).square()  # a full-scale sine has |X| = WINDOW / 4 under a Hann window
        level = 10 * torch.log10((filters @ power).clamp_min(1e-12))
        parts.append(((level / RANGE + 1).clamp(0, 1) * 255).round().to(torch.uint8)[:, None])
    return torch.cat(parts) if parts else torch.zeros((0, 1, BANDS, 1 + waves.shape[1] // HOP), dtype=torch.uint8)


def mel_filters() -> np.ndarray:
    """Triangles of height 1, float64 BANDS×(WINDOW / 2 + 1)."""
    mels = np.linspace(0, 2595 * math.log10(1 + RATE / 2 / 700), BANDS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    frequencies = np.linspace(0, RATE / 2, WINDOW // 2 + 1)
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    return np.clip(np.minimum(rising, falling), 0, None)
