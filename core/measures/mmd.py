"""Unbiased MMD² with five Gaussian kernels, and its permutation test (Gretton et al. 2012, JMLR 13:723-773)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.errors import InputError
from core.measures.base import MEASURES, Band, Drawing, Evaluation, Measure, Populations

PERMUTATIONS = 499
_TILE = 512  # rows of a kernel tile: 1 MB of float32, so that it stays in the cache
_COLUMNS = 64  # permutations drawn at a time: bounds the index buffer to 64×N


@dataclass(frozen=True)
class MMDTest:
    """Unbiased MMD², its permutation p value (smallest possible: 1/(1+B)), and the B values under the null."""

    mmd2: float
    p: float
    null: np.ndarray


def mmd2(x: np.ndarray | Tensor, y: np.ndarray | Tensor, bandwidth: float) -> float:
    """Unbiased MMD² (Gretton et al. 2012, lemma 6); may be slightly negative, and averages to 0 when x and y are alike.

    MMD² = Σ_{i≠j} k(xᵢ,xⱼ)/(n(n−1)) + Σ_{i≠j} k(yᵢ,yⱼ)/(m(m−1)) − 2 Σᵢⱼ k(xᵢ,yⱼ)/(nm), with
    k(a,b) = mean over c in {¼,½,1,2,4} of exp(−|a−b|²/(c·bandwidth)) (the multiple kernels of Long et al. 2015).

    Parameters
    ----------
    x, y : ndarray or Tensor
        Rows as they are, n×D and m×D; standardised ones where the bandwidth is that of a `Scale`.
    bandwidth : float
        Squared distance, > 0.

    Raises
    ------
    InputError
        Fewer than two rows on a side, another number of columns, or values that are not finite.
    """
    pooled, n = _pool(x, y)
    observed = torch.zeros(len(pooled), 1)
    observed[:n] = 1
    return float(_statistics(pooled, n, bandwidth, observed)[0])


def mmd_test(x: np.ndarray | Tensor, y: np.ndarray | Tensor, bandwidth: float, permutations: int = PERMUTATIONS, seed: int = 0) -> MMDTest:
    """MMD² with a permutation test: p = (1 + #{null ≥ observed}) / (1 + B).

    All labellings are the 0/1 columns of one matrix A and share each kernel tile. Takes what `mmd2` takes.
    Only the generator seeded here is drawn from, so threads do not disturb each other.
    """
    pooled, n = _pool(x, y)
    values = _statistics(pooled, n, bandwidth, random_labellings(len(pooled), n, permutations, seed))
    observed, null = values[0], values[1:]
    # A labelling that repeats the observed split is a tie, also after rounding in float32.
    p = (1 + int((null >= observed - 1e-7).sum())) / (1 + permutations)
    return MMDTest(float(observed), p, null)


def random_halves(x: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of ``x`` split at random into two halves of equal size; an odd row is left out."""
    order = np.random.default_rng([seed, 0xAA]).permutation(len(x))
    half = len(x) // 2
    return x[order[:half]], x[order[half : 2 * half]]


def _pool(x: np.ndarray | Tensor, y: np.ndarray | Tensor) -> tuple[Tensor, int]:
    """Both samples in one centred float32 matrix (x first), and the number of rows of x.

    Centring keeps |a|²+|b|²−2ab accurate in float32: without it an offset of 1,000 costs all digits.
    """
    x, y = torch.as_tensor(x).detach(), torch.as_tensor(y).detach()
    for where, rows in (("source_features", x), ("target_features", y)):
        if rows.ndim != 2 or len(rows) < 2:
            raise InputError(
                where,
                f"they have the shape {tuple(rows.shape)}, and MMD needs at least 2 rows of features.",
                "Evaluate more samples of this domain.",
            )
        if not bool(torch.isfinite(rows).all()):
            raise InputError(
                where,
                "they hold values that are not finite numbers.",
                "The training diverged. Lower the learning rate or the trade-off and run again.",
            )
    if x.shape[1] != y.shape[1]:
        raise InputError(
            "target_features", f"they have {y.shape[1]} columns and the source has {x.shape[1]}.", "Compare features of one backbone."
        )
    pooled = torch.cat([x, y])
    return (pooled - pooled.mean(dim=0, dtype=torch.float64)).float(), len(x)


def random_labellings(total: int, n: int, permutations: int, seed: int) -> Tensor:
    """0/1 float32, total×(1+B): column 0 is the observed split, the others choose n rows at random."""
    rng = np.random.default_rng([seed, 0x33D])
    columns = np.zeros((1 + permutations, total), dtype=np.float32)
    columns[0, :n] = 1
    for start in range(1, 1 + permutations, _COLUMNS):
        block = columns[start : start + _COLUMNS]
        # The n smallest of random keys are a uniform subset. Finding the n-th key takes half the time of finding the subset.
        keys = rng.random(block.shape, dtype=np.float32)
        np.less_equal(keys, np.partition(keys, n - 1, axis=1)[:, n - 1 : n], out=block, casting="unsafe")
        for row in np.flatnonzero(block.sum(axis=1) != n):  # the n-th key was drawn twice
            block[row] = 0
            block[row, np.argpartition(keys[row], n - 1)[:n]] = 1
    return torch.from_numpy(columns).T.contiguous()


def _statistics(pooled: Tensor, n: int, bandwidth: float, labellings: Tensor) -> np.ndarray:
    """Unbiased MMD² of each 0/1 column, float64; the first column must be the observed split, x first.

    With K the kernel matrix with a zero diagonal, a a column, and r = K1: Σ_xx = aᵀKa, Σ_xy = aᵀr − aᵀKa,
    Σ_yy = 1ᵀr − 2aᵀr + aᵀKa. K is symmetric, so only tiles on and above the diagonal are made, one at a time.
    The observed Σ_xx is added up in float64, which brings its error from 2e-8 to below 1e-9; its null can do with less.
    """
    if not (np.isfinite(bandwidth) and bandwidth > 0):
        raise InputError("bandwidth", f"{bandwidth} is not a positive number.", "Take it from Scale.of(x, y).")
    total, m = len(pooled), len(pooled) - n
    labellings = labellings.to(pooled.device)
    norms = pooled.square().sum(dim=1)
    quadratic = torch.zeros(labellings.shape[1], dtype=torch.float64, device=pooled.device)
    row_sums = torch.zeros(total, dtype=torch.float64, device=pooled.device)
    observed = torch.zeros((), dtype=torch.float64, device=pooled.device)
    for i in range(0, total, _TILE):
        rows = slice(i, min(i + _TILE, total))
        for j in range(i, total, _TILE):
            columns = slice(j, min(j + _TILE, total))
            kernel = _kernel_tile(pooled[rows], pooled[columns], norms[rows], norms[columns], bandwidth)
            if i == j:
                kernel.fill_diagonal_(0)
            twice = 1 if i == j else 2
            if j < n:
                observed += twice * kernel[: n - i, : n - j].sum(dtype=torch.float64)
            quadratic += twice * (labellings[rows] * (kernel @ labellings[columns])).sum(dim=0, dtype=torch.float64)
            row_sums[rows] += kernel.sum(dim=1, dtype=torch.float64)
            if i != j:
                row_sums[columns] += kernel.sum(dim=0, dtype=torch.float64)
    quadratic[0] = observed
    linear = sum(labellings[rows].T.double() @ row_sums[rows] for rows in _slices(total))
    xx, xy = quadratic, linear - quadratic
    yy = row_sums.sum() - 2 * linear + quadratic
    return (xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * xy / (n * m)).cpu().numpy()


def _slices(total: int) -> list[slice]:
    return [slice(i, i + _TILE) for i in range(0, total, _TILE)]


def _kernel_tile(a: Tensor, b: Tensor, norms_a: Tensor, norms_b: Tensor, bandwidth: float) -> Tensor:
    """Mean of the five kernels. One exp for the widest (4×), the narrower ones by squaring: e², e⁴, e⁸, e¹⁶."""
    power = torch.addmm(norms_b[None, :], a, b.T, alpha=-2).add_(norms_a[:, None]).clamp_(min=0)
    power.mul_(-1 / (4 * bandwidth)).exp_()
    kernel = power.clone()
    for _ in range(4):
        kernel += power.square_()
    return kernel.div_(5)


def mmd2_of_run(evaluation: Evaluation) -> dict[str, float]:
    scale = evaluation.scale
    source, target = map(scale.standardised, (evaluation.source_features, evaluation.target_features))
    return _with_null(mmd_test(source, target, scale.bandwidth, seed=evaluation.seed))


def compared_by_kernel(pair: Populations) -> MMDTest:
    return mmd_test(pair.source, pair.target, pair.bandwidth, seed=pair.seed)


def mmd2_of_pair(pair: Populations) -> dict[str, float]:
    return _with_null(pair.once(compared_by_kernel))


def _with_null(test: MMDTest) -> dict[str, float]:
    low, high = np.quantile(test.null, [0.025, 0.975])
    return {"mmd2": test.mmd2, "mmd2_p": test.p, "mmd2_null_low": float(low), "mmd2_null_high": float(high)}


MEASURES.add(
    Measure(
        name="mmd2",
        title="MMD²",
        meaning="How different the two clouds of samples are as a whole: about 0 when they are alike, larger the further apart they lie.",
        formula=r"\widehat{\mathrm{MMD}}^2 = \frac{\sum_{i\ne j} k(x_i,x_j)}{n(n-1)} + \frac{\sum_{i\ne j} k(y_i,y_j)}{m(m-1)}"
        r" - \frac{2\sum_{i,j} k(x_i,y_j)}{nm},\quad "
        r"k(a,b) = \frac15 \sum_{c\in\{\frac14,\frac12,1,2,4\}} e^{-\lVert a-b\rVert^2/(c\,h)}",
        source="Gretton et al. 2012, A Kernel Two-Sample Test, JMLR 13:723–773; kernels as in Long et al. 2015, arXiv 1502.02791",
        limits="Its size has no unit. Columns are standardised and the width h is fixed once, in a run before adaptation: compare values "
        "of one comparison only. It also falls when all features shrink, or grow until all are far apart: see the feature norm. It can "
        "be slightly negative. A small one does not mean that classes met their own kind.",
        range="about 0 (alike) upwards, below 2",
        better="lower",
        companions=("mmd2_p", "mmd2_null_low", "mmd2_null_high"),
        drawing=Drawing(
            "number",
            4,
            axis="MMD² (unbiased)",
            band=Band("mmd2_null_low", "mmd2_null_high", "no shift (95 %)", around=False),
            p="mmd2_p",
            picture="mmd2",
            from_zero=True,
            column="shown",
            beside="p = {p:.3f}",
        ),
        of_run=mmd2_of_run,
        of_pair=mmd2_of_pair,
    )
)
