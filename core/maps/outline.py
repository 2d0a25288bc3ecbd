"""The outlines of a map's domains: where a class's centre is, and which region holds half of the points."""

from __future__ import annotations

import numpy as np
from contourpy import LineType, contour_generator
from scipy.ndimage import map_coordinates

CELLS = 80  # of the grid, along each axis
RING = 80  # points of a ring at most
FEWEST = 5  # points that have a contour


def class_centres(positions: np.ndarray, labels: np.ndarray, domain: np.ndarray, classes: int) -> np.ndarray:
    """Each class's median position in each domain.

    Parameters
    ----------
    positions : ndarray
        N×2.
    labels : ndarray
        N, in 0…classes−1, or −1 where unknown.
    domain : ndarray
        uint8, N: 0 source, 1 target.
    classes : int

    Returns
    -------
    ndarray
        float32, 2×classes×2; NaN where a class has no point in a domain.
    """
    centres = np.full((2, classes, 2), np.nan, dtype=np.float32)
    for side in (0, 1):
        for label in range(classes):
            chosen = positions[(np.asarray(domain) == side) & (np.asarray(labels) == label)]
            if len(chosen):
                centres[side, label] = np.median(chosen, axis=0)
    return centres


def density_contour(points: np.ndarray, share: float = 0.5) -> list[np.ndarray]:
    """Outline of the smallest region that holds a share of the points, by a Gaussian kernel density on a grid.

    The bandwidth is Scott's (1992, Multivariate Density Estimation), σ·n^(−1/6), halved, because a map has several clusters and
    the rule is for one; σ is the smaller of the standard deviation and the interquartile range / 1.349. The level is the
    quantile of the density at the points, so the share holds whatever the bandwidth.

    Parameters
    ----------
    points : ndarray
        n×2, in any unit; those that are not finite are left out.
    share : float
        In (0, 1).

    Returns
    -------
    list of ndarray
        Closed rings, float32 m×2 with m ≤ 81, the last point the first. A hole is a ring too. Empty for fewer than five finite
        points, or points on one horizontal or vertical line.
    """
    points = np.asarray(points, dtype=np.float64)
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) < FEWEST or not np.ptp(points, axis=0).all():
        return []
    # One point in a hundred may be far away without making the grid coarse where the others are.
    low, lower, upper, high = np.quantile(points, [0.01, 0.25, 0.75, 0.99], axis=0)
    spread, middle = points.std(axis=0), (upper - lower) / 1.349
    width = 0.5 * np.where(middle > 0, np.minimum(spread, middle), spread) * len(points) ** (-1 / 6)
    # Wide enough for the grid to resolve it: two cells at least.
    width = np.maximum(width, 2 * (high - low) / CELLS)
    low, high = low - 3 * width, high + 3 * width

    counts, *edges = np.histogram2d(*points.T, bins=CELLS, range=np.stack([low, high], axis=1))
    centres = [(edge[1:] + edge[:-1]) / 2 for edge in edges]
    kernels = [np.exp(-0.5 * ((c[:, None] - c) / h) ** 2) for c, h in zip(centres, width, strict=True)]
    density = kernels[0] @ counts @ kernels[1]
    density[[0, -1]] = density[:, [0, -1]] = 0  # every ring closes
    at = [(p - c[0]) / (c[1] - c[0]) for p, c in zip(points.T, centres, strict=True)]
    level = np.quantile(map_coordinates(density, at, order=1), 1 - share)
    rings = _lines(centres[0], centres[1], density.T, float(level))
    return [_thinned(ring).astype(np.float32) for ring in rings if len(ring) > 3]


def _thinned(ring: np.ndarray) -> np.ndarray:
    """At most `RING` + 1 of the points, evenly, with both ends."""
    return ring[np.linspace(0, len(ring) - 1, min(len(ring), RING + 1)).round().astype(int)]


def level_lines(grid: np.ndarray, level: float) -> list[np.ndarray]:
    """The lines on which a G×G grid over [-1, 1]², first row at the bottom, has the value ``level``; float32 m×2, not closed."""
    steps = np.linspace(-1, 1, len(grid))
    return [line.astype(np.float32) for line in _lines(steps, steps, grid, level) if len(line) > 1]


def _lines(x: np.ndarray, y: np.ndarray, z: np.ndarray, level: float) -> list[np.ndarray]:
    """Every line m×2 on which z has the value ``level``; with `LineType.Separate` each is an array of its own."""
    found = contour_generator(x, y, z, line_type=LineType.Separate).lines(level)
    return [line for line in found if isinstance(line, np.ndarray)]
