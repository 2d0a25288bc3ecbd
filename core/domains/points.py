"""Points in the plane, where the decision boundary can be drawn."""

from __future__ import annotations

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from core.domains.base import Domain, domain, random_split


class Moons(BaseModel):
    """Parameters of `moons`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    n: int = Field(1200, ge=60, le=20_000, description="How many points.")
    noise: float = Field(0.1, ge=0, le=1, description="Standard deviation of the Gaussian noise; the moons have radius 1.")


@domain(
    "moons",
    title="Two moons",
    kind="features",
    params=Moons,
    summary="Two interleaved half circles in the plane; rotate the target to make a shift.",
    licence="Generated here.",
)
def moons(params: Moons, seed: int) -> Domain:
    """scikit-learn's ``make_moons``, centred at the origin so that a rotation turns it about its middle."""
    from sklearn.datasets import make_moons

    draw = int(np.random.default_rng([seed, 0x300]).integers(2**31))
    x, y = map(np.asarray, make_moons(params.n, noise=params.noise, random_state=draw))
    x = (x - [0.5, 0.25]).astype(np.float32)
    train, test = random_split(params.n, 1 / 3, seed)
    return Domain(
        "moons",
        torch.from_numpy(x),
        torch.from_numpy(y.astype(np.int64)),
        ("upper", "lower"),
        train,
        test,
        f"scikit-learn make_moons, noise {params.noise:g}, seed {seed}.",
        "Generated here.",
    )


class Blobs(BaseModel):
    """Parameters of `blobs`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    n: int = Field(1200, ge=60, le=20_000, description="How many points.")
    spread: float = Field(0.5, gt=0, le=2, description="Standard deviation of each blob; their centres lie 2 from the middle.")


@domain(
    "blobs",
    title="Three blobs",
    kind="features",
    params=Blobs,
    summary="Three Gaussian blobs in the plane. Move them (translation), stretch them (scale), or make one rare (class prior).",
    licence="Generated here.",
)
def blobs(params: Blobs, seed: int) -> Domain:
    """scikit-learn's ``make_blobs`` round the corners of an equilateral triangle whose middle is the origin."""
    from sklearn.datasets import make_blobs

    draw = int(np.random.default_rng([seed, 0xB10B]).integers(2**31))
    angles = np.pi / 2 + np.arange(3) * 2 * np.pi / 3
    corners = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    x, y = map(np.asarray, make_blobs(params.n, centers=corners, cluster_std=params.spread, random_state=draw))
    train, test = random_split(params.n, 1 / 3, seed)
    return Domain(
        "blobs",
        torch.from_numpy(x.astype(np.float32)),
        torch.from_numpy(y.astype(np.int64)),
        ("top", "left", "right"),
        train,
        test,
        f"scikit-learn make_blobs, spread {params.spread:g}, seed {seed}.",
        "Generated here.",
    )
