"""Gauges: cheap numbers per epoch that show a method failing silently, such as a collapse onto one class."""

from __future__ import annotations

import numpy as np


def prediction_gauges(probabilities: np.ndarray) -> dict[str, float]:
    """How sure and how diverse predictions are.

    Parameters
    ----------
    probabilities : ndarray
        N×K softmax outputs, target domain.

    Returns
    -------
    dict
        ``entropy``: mean entropy in nats, 0..log K. ``largest_class``: share of the most predicted class, 1/K..1;
        near 1 the network has collapsed.
    """
    p = probabilities.astype(np.float64)
    shares = np.bincount(p.argmax(1), minlength=p.shape[1]) / len(p)
    return {"entropy": float(_entropy(p).mean()), "largest_class": float(shares.max())}


def feature_gauges(features: np.ndarray) -> dict[str, float]:
    """Size and dimension of features N×D.

    ``feature_norm`` is the mean Euclidean norm. ``effective_rank`` is exp(H(σ/Σσ)) of the centred features'
    singular values σ (Roy and Vetterli 2007, EUSIPCO), from 1 to D.
    """
    x = features.astype(np.float64)
    centred = x - x.mean(0)
    sigma = np.sqrt(np.maximum(np.linalg.eigvalsh(centred.T @ centred), 0))
    total = sigma.sum()
    rank = float(np.exp(_entropy(sigma / total))) if total > 0 else 1.0
    return {"feature_norm": float(np.linalg.norm(x, axis=1).mean()), "effective_rank": rank}


def _entropy(p: np.ndarray) -> np.ndarray:
    """Shannon entropy in nats over the last axis, with 0·log 0 = 0."""
    return -np.sum(p * np.log(np.where(p > 0, p, 1)), axis=-1)
