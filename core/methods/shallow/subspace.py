"""Two subspaces brought together: subspace alignment and the geodesic flow kernel. And the simplest of all: z-scores."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from core.methods.base import MethodInfo, method
from core.methods.shallow.alignment import Alignment, check, linear, power, scaler
from core.methods.shallow.base import Feature, NearestParams, ShallowParams


def standardise(source: np.ndarray, target: np.ndarray) -> Alignment:
    """Each domain as z-scores by its own mean and deviation: x ↦ (x − μ) / σ, column by column."""
    check(source, target)
    return Alignment.of(source, target, scaler(source), scaler(target))


def subspace_alignment(source: np.ndarray, target: np.ndarray, dimensions: int) -> Alignment:
    """The source's first principal directions turned onto the target's (Fernando et al. 2014, arXiv 1409.5241).

    With orthonormal P_S and P_T, D×k, the matrix that minimises ‖P_S M − P_T‖_F is M = P_Sᵀ P_T. The paper compares x P_S M with
    y P_T. Here both are multiplied by P_Tᵀ, which leaves all distances as they are and keeps D columns.

    Parameters
    ----------
    source, target : ndarray
        n×D and m×D; each domain is centred.
    dimensions : int
        k.

    Returns
    -------
    Alignment
        n×D and m×D.
    """
    check(source, target, dimensions)
    p, q = (principal_directions(x, dimensions) for x in (source, target))
    onto = q @ q.T
    return Alignment.of(source, target, linear(p @ p.T @ onto, source.mean(0)), linear(onto, target.mean(0)))


def geodesic_flow(source: np.ndarray, target: np.ndarray, dimensions: int) -> Alignment:
    """All subspaces on the way from the source's to the target's, at once (Gong et al. 2012, CVPR).

    The kernel is G = ∫₀¹ Φ(t) Φ(t)ᵀ dt with Φ(t) the geodesic between the two spaces of k principal directions. With principal
    vectors a_i of the source, b_i of the target and angles θ_i between them, the geodesic is cos(tθ_i) a_i + sin(tθ_i) q_i, where q_i is
    the part of b_i that is orthogonal to a_i, at length 1. So in the plane of a_i and q_i the integral is

        ½ [[1 + sin 2θ_i / 2θ_i, (1 − cos 2θ_i) / 2θ_i], [(1 − cos 2θ_i) / 2θ_i, 1 − sin 2θ_i / 2θ_i]].

    x ↦ (x − μ) G^½ turns the kernel into an inner product.

    Parameters
    ----------
    source, target : ndarray
        n×D and m×D; each domain is centred.
    dimensions : int
        k. The paper takes k ≤ D/2; beyond it the spaces share directions, whose angle is 0.

    Returns
    -------
    Alignment
        n×D and m×D.
    """
    check(source, target, dimensions)
    root = power(flow_kernel(*(principal_directions(x, dimensions) for x in (source, target))), 0.5)
    return Alignment.of(source, target, linear(root, source.mean(0)), linear(root, target.mean(0)))


def flow_kernel(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """G, D×D, between the spaces of two orthonormal bases D×k."""
    left, cosine, right = np.linalg.svd(p.T @ q)
    a, b = p @ left, q @ right.T
    across = b - a * cosine
    sine = np.linalg.norm(across, axis=0)
    across = across / np.where(sine > 1e-9, sine, 1)
    double = 2 * np.arctan2(sine, cosine)
    safe = np.where(double > 1e-9, double, 1)
    straight, mixed = np.where(double > 1e-9, np.sin(double) / safe, 1), np.where(double > 1e-9, (1 - np.cos(double)) / safe, 0)
    cross = (a * mixed) @ across.T
    return ((a * (1 + straight)) @ a.T + cross + cross.T + (across * (1 - straight)) @ across.T) / 2


def principal_directions(x: np.ndarray, dimensions: int) -> np.ndarray:
    """Orthonormal D×k, by falling variance."""
    return np.linalg.svd(x - x.mean(0), full_matrices=False)[2][:dimensions].T


@method
class Standardise(Feature[ShallowParams]):
    """z-scores per domain, nothing else."""

    info = MethodInfo(
        name="standardise",
        title="Standardise each domain",
        family="shallow, on frozen features",
        instant=True,
        summary="Scales each domain by its own mean and deviation instead of the source's. The first thing to try.",
        helps="When sensors, units or lighting differ: every feature is moved and stretched for itself.",
        hurts="Under label shift: the domain's mean then holds its class shares, and they are taken away.",
        shines="small-digits",
        fails="rare-classes",
        formula=r"x \mapsto \frac{x - \mu_d}{\sigma_d},\quad d \in \{S, T\}",
        paper="The usual z-score, taken for each domain alone",
        year=2007,
    )

    def align(self, source: np.ndarray, target: np.ndarray) -> Alignment:
        return standardise(source, target)


class SubspaceParams(NearestParams):
    dimensions: int = Field(20, ge=1, le=500, description="Principal directions of each domain; at most as many as there are features.")


@method
class SubspaceAlignment(Feature[SubspaceParams]):
    """The source's principal directions turned onto the target's."""

    info = MethodInfo(
        name="subspace-alignment",
        title="Subspace alignment",
        family="shallow, on frozen features",
        instant=True,
        summary="Turns the main directions of the source onto those of the target, and compares samples there.",
        helps="When the same variation shows in other features; it is fast and has one number to choose.",
        hurts="When classes spread in directions of little variance, which are dropped, or when directions swap their order.",
        shines="small-digits",
        fails="rare-classes",
        formula=r"\min_M \lVert P_S M - P_T \rVert_F^2 \;\Rightarrow\; x_S \mapsto x_S P_S P_S^\top P_T,\quad x_T \mapsto x_T P_T",
        paper="Fernando et al., Subspace Alignment For Domain Adaptation",
        year=2014,
        arxiv="1409.5241",
    )

    def align(self, source: np.ndarray, target: np.ndarray) -> Alignment:
        return subspace_alignment(source, target, min(self.params.dimensions, source.shape[1]))


@method
class GeodesicFlowKernel(Feature[SubspaceParams]):
    """All subspaces between the domains at once."""

    info = MethodInfo(
        name="gfk",
        title="Geodesic flow kernel",
        family="shallow, on frozen features",
        instant=True,
        summary="Compares samples in all subspaces on the shortest way from the source's to the target's.",
        helps="When domains differ gradually, as by a change of view; it keeps what both have in common.",
        hurts="With too many dimensions: beyond half the number of features the two subspaces overlap, and little is adapted.",
        shines="small-digits",
        fails="rare-classes",
        formula=r"G = \int_0^1 \Phi(t)\,\Phi(t)^\top dt,\quad x \mapsto x\, G^{1/2}",
        paper="Gong et al., Geodesic Flow Kernel for Unsupervised Domain Adaptation",
        year=2012,
    )

    def align(self, source: np.ndarray, target: np.ndarray) -> Alignment:
        return geodesic_flow(source, target, min(self.params.dimensions, source.shape[1]))
