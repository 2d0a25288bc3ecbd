"""The map that looks for the shift: across, what tells the domains apart; upwards, what else varies most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from sklearn.covariance import ledoit_wolf

from core.maps.frame import EpochMap, Features, bounds, check, check_domains, checkpoints, prepare


@dataclass(frozen=True, eq=False)
class Basis:
    """A linear map from prepared features to the plane: ``(rows @ directions − middle) / half``.

    ``directions`` is float64 D×2, ``middle`` and ``half`` are float64 of 2.
    """

    directions: np.ndarray
    middle: np.ndarray
    half: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        return ((prepare(features) @ self.directions - self.middle) / self.half).astype(np.float32)


def discriminant_map(features: Features, epochs: Sequence[int], domain: np.ndarray) -> EpochMap:
    """Fisher's linear discriminant of the domain against the strongest direction that says nothing about it.

    x = w·f with w = S⁻¹(m_target − m_source) (Fisher 1936, Annals of Eugenics 7:179-188), fitted on the pooled `checkpoints`: the
    difference of the domains' means and their covariance S within domain and epoch, both averaged over epochs. Within an epoch, because
    a domain's way over the epochs along w must not count as its noise. S is the estimate of Ledoit & Wolf (2004, Journal of
    Multivariate Analysis 88:365-411). y is the first principal component of f − (w·f)·Sw, which is what w does not explain: within
    domains it is uncorrelated with x, and all of the mean difference is in x. The axes are not comparable, so each fills [-1, 1].

    It is fitted on the samples it shows, so domains that do not differ look a little apart, by about √(D·(1/n + 1/m))
    standard deviations for n and m samples where D is well below n, and more where it is not. The classifier's AUC has no such bias.

    Parameters
    ----------
    features : sequence of ndarray, or ndarray E×N×D
    epochs : sequence of int
    domain : ndarray
        uint8, N: 0 source, shown on the left; 1 target, on the right.

    Raises
    ------
    InputError
        The features are not finite, or a domain has no samples.
    """
    check(features, epochs)
    target = check_domains(domain, len(features[0]))
    directions = _directions([features[i] for i in checkpoints(len(features))], target)
    basis = Basis(directions, *bounds(np.stack([prepare(rows) @ directions for rows in features])))
    return EpochMap("discriminant", tuple(epochs), np.stack([basis(rows) for rows in features]))


def live_discriminant(features: np.ndarray, domain: np.ndarray, previous_basis: Basis | None = None) -> tuple[np.ndarray, Basis]:
    """The same of one epoch, for a running job. The first epoch's basis and frame are kept, so that nothing already shown moves.

    Parameters
    ----------
    features : ndarray
        N×D.
    domain : ndarray
        uint8, N.
    previous_basis : Basis or None
        What this function returned for an earlier epoch; None fits one.

    Returns
    -------
    positions : ndarray
        float32, N×2; within [-1, 1] at the first epoch, and not always later.
    basis : Basis

    Raises
    ------
    InputError
        The features are not finite, or a domain has no samples.
    """
    check([features], [0])
    target = check_domains(domain, len(features))
    columns = np.shape(features)[1]
    if previous_basis is None:
        directions = _directions([features], target)
        previous_basis = Basis(directions, *bounds(prepare(features) @ directions))
    if len(previous_basis.directions) != columns:
        raise ValueError(f"The basis is for {len(previous_basis.directions)} columns, and the features have {columns}.")
    return previous_basis(features), previous_basis


def _directions(features: list[np.ndarray], target: np.ndarray) -> np.ndarray:
    """float64 D×2: the directions of x and y, fitted on K epochs of N×D."""
    columns = np.shape(features[0])[1]
    gap, mean = np.zeros(columns), np.zeros(columns)
    within, moment = np.zeros((columns, columns)), np.zeros((columns, columns))
    for rows in features:
        rows = prepare(rows).astype(np.float64)
        means = np.stack([rows[~target].mean(axis=0), rows[target].mean(axis=0)])
        gap += (means[1] - means[0]) / len(features)
        mean += rows.mean(axis=0) / len(features)
        moment += rows.T @ rows / (len(rows) * len(features))
        # Shrunk epoch by epoch: the same samples at ten epochs are not ten times as many samples.
        within += ledoit_wolf(rows - means[target.astype(int)], assume_centered=True)[0] / len(features)
    size = np.trace(within) / columns
    within += (1e-6 * size if size > 1e-12 else 1.0) * np.eye(columns)  # inverted below; 1 where nothing varies within a domain

    across = _scaled(np.linalg.solve(within, gap), within)
    rest = np.eye(columns) - np.outer(across, within @ across)  # rows @ rest is what is left of them
    _, first = eigh(rest.T @ (moment - np.outer(mean, mean)) @ rest, subset_by_index=[columns - 1, columns - 1])
    up = first[:, 0] * np.sign(first[np.abs(first).argmax(), 0])
    return np.stack([across, _scaled(rest @ up, within)], axis=1)


def _scaled(direction: np.ndarray, within: np.ndarray) -> np.ndarray:
    """``direction`` with a standard deviation of 1 within domains; 0 where it is nothing but rounding."""
    length = np.sqrt(direction @ within @ direction)
    return direction / length if length > 1e-9 else np.zeros_like(direction)
