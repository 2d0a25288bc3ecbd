"""Shifts of rows of numbers: points and tables."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from core.errors import InputError
from core.shifts.base import Draws


def rotate(x: Tensor, severity: float, _: Draws) -> Tensor:
    """The first two columns, counter-clockwise by up to 90°."""
    if x.shape[1] < 2:
        raise InputError("shift", "rotation needs two columns, and there is one.", "Choose translation or noise.")
    c, s = math.cos(severity * math.pi / 2), math.sin(severity * math.pi / 2)
    turned = x.clone()
    turned[:, 0], turned[:, 1] = c * x[:, 0] - s * x[:, 1], s * x[:, 0] + c * x[:, 1]
    return turned


def translate(x: Tensor, severity: float, _: Draws) -> Tensor:
    return x + 1.5 * severity * x.std(dim=0, keepdim=True, correction=0)


def stretch(x: Tensor, severity: float, _: Draws) -> Tensor:
    """About the mean: the first column and every other one ×(1 + 1.5 s), those between ÷(1 + 1.5 s)."""
    factor = torch.full((x.shape[1],), 1 + 1.5 * severity, device=x.device)
    factor[1::2] = 1 / (1 + 1.5 * severity)
    mean = x.mean(dim=0, keepdim=True)
    return mean + factor * (x - mean)


def add_noise(x: Tensor, severity: float, draws: Draws) -> Tensor:
    return x + severity * 0.5 * draws.normal(x.shape[1])


def lose_values(x: Tensor, severity: float, draws: Draws) -> Tensor:
    """Each value is lost with probability 0.6 s, and filled with its column's mean, as one would."""
    return torch.where(draws.uniform(x.shape[1]) < 0.6 * severity, x.mean(dim=0, keepdim=True), x)


def select(x: Tensor, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Row i stays with probability exp(−5 s u_i), u its rank in the first column from 0 (lowest) to 1: covariate shift.

    p(x) changes, p(y | x) does not. What a smaller severity drops, a larger one of the same seed drops too.
    """
    rank = (rankdata(x[:, 0].numpy()) - 1) / max(len(x) - 1, 1)
    return rng.random(len(x)) < np.exp(-5 * severity * rank)
