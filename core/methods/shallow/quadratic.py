"""A quadratic program under bounds on each variable and on their sum, solved to machine accuracy."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve

ROUNDS = 100


def bounded_quadratic(
    matrix: np.ndarray, linear: np.ndarray, upper: float, least: float, most: float, tolerance: float = 1e-9
) -> np.ndarray:
    """argmin ½ xᵀKx − cᵀx with 0 ≤ x_i ≤ upper and least ≤ Σx ≤ most.

    Mehrotra's predictor-corrector method (1992, SIAM Journal on Optimization 2:575-601): Newton's method on the conditions of
    optimality, each complementary pair held at s·z = μ with μ falling to 0. One Cholesky factor of n×n per round, some fifteen
    rounds. Gradient and Frank-Wolfe methods, which other libraries use here, stop far from the optimum: K is nearly singular.

    Parameters
    ----------
    matrix, linear : ndarray
        K, n×n symmetric positive semi-definite, and c, n.
    upper, least, most : float
        ``least < most``, and some point must lie strictly inside.
    tolerance : float
        On the complementarity and the residuals, relative to the size of K and c.

    Returns
    -------
    ndarray
        n, inside the bounds.

    Raises
    ------
    ArithmeticError
        No solution after a hundred rounds.
    """
    n = len(linear)
    if not max(0.0, least) < min(n * upper, most):
        raise ValueError("There is no room between the bounds.")
    scale = max(float(np.abs(matrix).max()), float(np.abs(linear).max()), 1e-300)
    matrix, linear = matrix / scale, linear / scale
    bounds = np.concatenate([np.zeros(n), np.full(n, upper), [-least, most]])

    def constrain(x: np.ndarray) -> np.ndarray:  # G x of the inequalities G x ≤ bounds
        return np.concatenate([-x, x, [-x.sum(), x.sum()]])

    def gather(z: np.ndarray) -> np.ndarray:  # Gᵀ z
        return z[n : 2 * n] - z[:n] + (z[-1] - z[-2])

    x = np.full(n, (max(0.0, least) + min(n * upper, most)) / 2 / n)
    slack = bounds - constrain(x)
    dual, gap = np.ones(len(bounds)), np.inf
    for _ in range(ROUNDS):
        stationary = matrix @ x - linear + gather(dual)
        feasible = constrain(x) + slack - bounds
        gap = slack @ dual / len(bounds)
        if max(gap, np.abs(stationary).max(), np.abs(feasible).max()) < tolerance:
            return np.clip(x, 0, upper)
        weight = dual / slack
        curved = matrix + (weight[-1] + weight[-2])
        curved[np.diag_indices(n)] += weight[:n] + weight[n : 2 * n]
        factor = cho_factor(curved, overwrite_a=True, check_finite=False)

        complement = slack * dual
        for corrected in (False, True):
            step = cho_solve(factor, -stationary - gather(weight * feasible - complement / slack))
            of_slack = -feasible - constrain(step)
            of_dual = -(complement + dual * of_slack) / slack
            if not corrected:  # how far plain Newton would come tells how much to aim at the middle, and how it bends
                reach = min(_reach(slack, of_slack), _reach(dual, of_dual))
                ahead = (slack + reach * of_slack) @ (dual + reach * of_dual) / len(bounds)
                complement = complement + of_slack * of_dual - (ahead / gap) ** 3 * gap
        reach = 0.99 * min(_reach(slack, of_slack), _reach(dual, of_dual))
        x, slack, dual = x + reach * step, slack + reach * of_slack, dual + reach * of_dual
    raise ArithmeticError(f"The quadratic program was not solved in {ROUNDS} rounds (gap {gap:.1e}).")


def _reach(value: np.ndarray, step: np.ndarray) -> float:
    """How far one can go until the first of some positive values is 0, at most 1/0.99."""
    falling = step < 0
    return float(min(1 / 0.99, (-value[falling] / step[falling]).min())) if falling.any() else 1.0
