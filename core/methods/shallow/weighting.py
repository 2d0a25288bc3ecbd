"""Weights that make the source's samples count as if they had been drawn from the target: three estimates of p_T(x) / p_S(x)."""

from __future__ import annotations

import numpy as np
from pydantic import Field
from sklearn.linear_model import LogisticRegression

from core.methods.base import MethodInfo, Seen, method
from core.methods.shallow.alignment import check, gaussian, median_distance
from core.methods.shallow.base import S, Shallow, ShallowParams
from core.methods.shallow.quadratic import bounded_quadratic
from core.samples.drawing import effective_samples

WIDTHS = tuple(float(2**power) for power in np.arange(-3, 1.5, 0.5))  # of KLIEP's kernel, in median distances of samples
TRIED = 500  # samples of each domain by which it is chosen, at most


def kernel_mean_matching(source: np.ndarray, target: np.ndarray, bandwidth: float, bound: float, ridge: float = 0.0) -> np.ndarray:
    """The weights with which the mean of the source in kernel space comes nearest to that of the target.

    min_β ‖1/n Σ β_i φ(x_i) − 1/m Σ φ(y_j)‖² with 0 ≤ β_i ≤ B and |Σβ_i − n| ≤ nε, ε = (√n − 1)/√n: a quadratic program with
    K_ij = k(x_i, x_j) and κ_i = n/m Σ_j k(x_i, y_j), k Gaussian (Huang et al. 2006, NeurIPS 19, equations 12 and 13).

    K is nearly singular, and the exact solution of the paper's program puts all weight on few samples that need not be the right ones:
    400 samples of N(0, 1) against 300 of N(0.8, 1) in the plane have an effective sample size of 12 and no rank correlation with the
    true ratio (B = 1000, median width). Solvers that stop early hide this. ``ridge`` adds ½ρ‖β‖², which costs variance of the
    weights; with ρ = 1 the same samples have an effective size of 219 (truth: 231) and a correlation of 0.98.

    Parameters
    ----------
    source, target : ndarray
        n×D and m×D.
    bandwidth : float
        σ of the kernel.
    bound : float
        B, the largest weight, more than 1.
    ridge : float
        ρ ≥ 0; 0 is the paper's program.

    Returns
    -------
    ndarray
        n weights, not negative, of mean 1 (the program leaves their sum some room).
    """
    check(source, target)
    n = len(source)
    slack = (np.sqrt(n) - 1) / np.sqrt(n)
    wanted = n * gaussian(source, target, bandwidth).mean(1)
    matrix = gaussian(source, source, bandwidth) + ridge * np.eye(n)
    weights = bounded_quadratic(matrix, wanted, bound, n * (1 - slack), n * (1 + slack))
    return weights / weights.mean()


def kliep(
    source: np.ndarray, target: np.ndarray, bandwidth: float, centres: int, rng: np.random.Generator, tolerance: float = 1e-3
) -> np.ndarray:
    """Kullback-Leibler importance estimation: w(x) = Σ_l α_l k(x, c_l) under which the target is as likely as can be.

    max_α Σ_j log w(y_j) with α ≥ 0 and 1/n Σ_i w(x_i) = 1 (Sugiyama et al. 2007, NeurIPS 20), c_l drawn from the target's samples.
    With γ_l = α_l · 1/n Σ_i k(x_i, c_l), which sum to 1, this is the likelihood of a mixture by its shares, and the EM
    algorithm needs no step size. Its gradient bounds what is still missing: max L − L ≤ max_l ∂L/∂γ_l − 1 per target sample.

    Parameters
    ----------
    source, target : ndarray
        n×D and m×D.
    bandwidth : float
        σ of the Gaussian kernel.
    centres : int
        How many kernels, at most; target samples that are drawn by ``rng``.
    tolerance : float
        Of the mean log-likelihood in nats.

    Returns
    -------
    ndarray
        n weights, not negative, of mean 1.
    """
    check(source, target)
    on_source, on_target = _bumps(source, target, target[rng.permutation(len(target))[:centres]], bandwidth)
    if not on_source.shape[1]:
        return np.ones(len(source))
    weights = on_source @ _shares(on_target, tolerance)
    return weights / weights.mean()


def kliep_likelihood(
    source: np.ndarray, target: np.ndarray, bandwidth: float, centres: int, rng: np.random.Generator, folds: int = 5
) -> float:
    """Mean log w(y) of target samples y that w was not fitted on: what KLIEP's authors choose the kernel's width by.

    1/R Σ_r 1/|Y_r| Σ_{y∈Y_r} log ŵ_r(y), with ŵ_r fitted on the target without the part Y_r (Sugiyama et al. 2007, figure 1 (b)), and
    R = 5 as in the authors' code. There the centres are drawn from all of the target. Here they are drawn from the samples that are fitted
    on: a left-out sample that is a centre itself is likely under the narrowest of bumps, and these were chosen in ten columns.

    Returns
    -------
    float
        In nats; −∞ where some sample is near no centre that the source reaches.
    """
    check(source, target)
    order, found = rng.permutation(len(target)), []
    for part in np.array_split(order, folds):
        others = order[~np.isin(order, part)]
        on_source, on_target = _bumps(source, target, target[others[:centres]], bandwidth)
        density = on_target[part] @ _shares(on_target[others], tolerance=1e-2) if on_source.shape[1] else np.zeros(1)
        found.append(np.log(density).mean() if density.min() > 0 else -np.inf)
    return float(np.mean(found))


def kliep_bandwidth(source: np.ndarray, target: np.ndarray, centres: int, rng: np.random.Generator) -> float:
    """The width of highest `kliep_likelihood` among `WIDTHS` times the median distance; all are tried on the same centres and parts.

    The authors' code walks down from σ = 10 in steps of 1, then 0.1 and so on, until the likelihood falls, which rests on the columns'
    units. A grid in units of the samples' own distances does not, and is not stopped by a first dip.
    """
    seed, median = int(rng.integers(2**62)), median_distance(source, target)
    few_source, few_target = (x[rng.permutation(len(x))[:TRIED]] for x in (source, target))
    scores = [kliep_likelihood(few_source, few_target, factor * median, centres, np.random.default_rng(seed)) for factor in WIDTHS]
    return median * WIDTHS[int(np.argmax(scores))] if np.isfinite(scores).any() else median


def _bumps(source: np.ndarray, target: np.ndarray, centres: np.ndarray, bandwidth: float) -> tuple[np.ndarray, np.ndarray]:
    """Kernels at source and target samples, each divided by its mean over the source; those that no source sample is near are left out."""
    on_source = gaussian(source, centres, bandwidth)
    mass = on_source.mean(0)
    reached = mass > 1e-12  # another one would need an infinite weight
    return on_source[:, reached] / mass[reached], gaussian(target, centres[reached], bandwidth) / mass[reached]


def _shares(on_target: np.ndarray, tolerance: float = 1e-3) -> np.ndarray:
    """γ of highest likelihood, by the EM algorithm."""
    on_target = on_target[on_target.sum(1) > 0]
    share = np.full(on_target.shape[1], 1 / on_target.shape[1])
    for _ in range(20_000):
        if not len(on_target):
            break
        pull = (on_target / (on_target @ share)[:, None]).mean(0)
        share = share * pull
        if pull.max() - 1 < tolerance:
            break
    return share


def classifier_weights(source: np.ndarray, target: np.ndarray, strength: float, bound: float) -> np.ndarray:
    """Weights from a logistic regression that tells the domains apart: w(x) = n/m · p(target | x) / p(source | x).

    By Bayes' rule this is p_T(x) / p_S(x) if the classifier is right (Bickel et al. 2009, JMLR 10:2137-2155).

    Parameters
    ----------
    source, target : ndarray
        n×D and m×D.
    strength : float
        C of scikit-learn's logistic regression; a small one keeps the weights near 1.
    bound : float
        The largest weight, before the mean is made 1.

    Returns
    -------
    ndarray
        n weights, not negative, of mean 1.
    """
    check(source, target)
    rows, domain = np.concatenate([source, target]), np.repeat([0, 1], [len(source), len(target)])
    odds = LogisticRegression(C=strength, max_iter=1000).fit(rows, domain).decision_function(source)
    weights = np.minimum(np.exp(np.minimum(odds, 700)) * len(source) / len(target), bound)
    return weights / weights.mean()


class Weighting(Shallow[S]):
    """Methods that leave the features and weigh the source's samples. Subclasses write ``weigh``.

    Both domains are scaled by the source's mean and deviation: a scale of its own for each would hide what the weights are to undo.
    """

    def weigh(self, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        """A weight for each source sample, of mean 1."""
        raise NotImplementedError

    def epoch(self, seen: Seen, progress: float) -> dict[str, float]:
        source = self.scale(self.source)
        weights = self.weigh(source, self.scale(self.target))
        self.show(self.maps, source, weights)
        return {"effective_samples": effective_samples(weights)}


WIDTH = Field(1.0, gt=0, le=100, description="Width σ of the Gaussian kernel, as a factor of the median distance of samples.")
BOUND = Field(10.0, gt=1, le=1000, description="Largest weight of a sample; the mean is 1. A large one leaves few samples that count.")


class KernelMeanMatchingParams(ShallowParams):
    bandwidth: float = WIDTH
    bound: float = BOUND
    ridge: float = Field(1.0, ge=0, le=100, description="Price ρ of uneven weights; 0 is the paper's program, whose weights are few.")


@method
class KernelMeanMatching(Weighting[KernelMeanMatchingParams]):
    """Weights by an exact quadratic program."""

    info = MethodInfo(
        name="kmm",
        title="Kernel mean matching",
        family="shallow, on frozen features",
        transfers="instances",
        instant=True,
        summary="Weighs source samples so that their mean in kernel space becomes the target's; the features stay.",
        helps="Under covariate shift in few dimensions, when the head is too simple to be right everywhere.",
        hurts="When the domains hardly overlap: a few samples take all the weight. The effective sample size tells.",
        shines="selected-moons",
        fails="small-digits",
        formula=r"\min_{0\le\beta\le B} \Big\lVert \tfrac1n\sum_i \beta_i\,\phi(x_i^S)"
        r" - \tfrac1m\sum_j \phi(x_j^T) \Big\rVert^2_{\mathcal{H}}",
        paper="Huang et al., Correcting Sample Selection Bias by Unlabeled Data",
        year=2006,
    )

    def weigh(self, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        width = self.params.bandwidth * median_distance(source, target)
        return kernel_mean_matching(source, target, width, self.params.bound, self.params.ridge)


class KliepParams(ShallowParams):
    bandwidth: float = Field(
        0.0,
        ge=0,
        le=100,
        description="Width σ of the bumps, as a factor of the median distance of samples; 0: the one under which target samples that "
        "were left out are likeliest, as its authors choose it.",
    )
    centres: int = Field(100, ge=2, le=1000, description="Bumps, around randomly drawn target samples.")


@method
class Kliep(Weighting[KliepParams]):
    """Weights by the likelihood of the target."""

    info = MethodInfo(
        name="kliep",
        title="KLIEP",
        family="shallow, on frozen features",
        transfers="instances",
        instant=True,
        summary="Weighs source samples by a sum of bumps around target samples, under which the target is as likely as can be.",
        helps="Under covariate shift in few dimensions; it has no bound to choose, and its weights are smooth.",
        hurts="In many dimensions, where all samples are equally far, and when the domains hardly overlap.",
        shines="selected-moons",
        fails="small-digits",
        formula=r"\max_{\alpha\ge0} \sum_j \log w(x_j^T),\quad w(x) = \sum_l \alpha_l\, k(x, c_l),\quad \tfrac1n\sum_i w(x_i^S) = 1",
        paper="Sugiyama et al., Direct Importance Estimation with Model Selection and Its Application to Covariate Shift Adaptation",
        year=2007,
    )

    def weigh(self, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        width = self.params.bandwidth * median_distance(source, target) or kliep_bandwidth(source, target, self.params.centres, self.rng)
        return kliep(source, target, width, self.params.centres, self.rng)


class DomainClassifierWeightsParams(ShallowParams):
    strength: float = Field(0.1, gt=0, le=1000, description="Inverse regularisation C of the domain classifier.")
    bound: float = BOUND


@method
class DomainClassifierWeights(Weighting[DomainClassifierWeightsParams]):
    """Weights by the odds of a classifier that tells the domains apart."""

    info = MethodInfo(
        name="domain-classifier-weights",
        title="Domain-classifier weights",
        family="shallow, on frozen features",
        transfers="instances",
        instant=True,
        summary="Weighs source samples by how much a logistic regression takes them for target samples; the features stay.",
        helps="Under covariate shift that a line can see, also in many dimensions; the same classifier measures the shift.",
        hurts="When the domains are told apart perfectly: the few most target-like samples take all the weight.",
        shines="selected-moons",
        fails="small-digits",
        formula=r"w(x) = \frac{n}{m}\,\frac{p(T \mid x)}{p(S \mid x)}",
        paper="Bickel et al., Discriminative Learning Under Covariate Shift",
        year=2009,
    )

    def weigh(self, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        return classifier_weights(source, target, self.params.strength, self.params.bound)
