"""The source's features carried onto the target's, which stay where they are: CORAL, and optimal transport through POT."""

from __future__ import annotations

import warnings
from typing import ClassVar, Literal, TypeVar

import numpy as np
from pydantic import Field
from sklearn.metrics import pairwise_distances_argmin

from core.errors import InputError
from core.methods.base import MethodInfo, method
from core.methods.shallow.alignment import Alignment, check, covariance, linear, power
from core.methods.shallow.base import HEAD, Feature, NearestParams, ScaledParams
from core.methods.shallow.heads import HeadName

PlanName = Literal["exact", "entropic", "class-regularised"]


def _stay(x: np.ndarray) -> np.ndarray:
    return x


def coral(source: np.ndarray, target: np.ndarray, regulariser: float) -> Alignment:
    """Correlation alignment: the source is whitened and takes the target's covariance (Sun et al. 2016, arXiv 1511.05547).

    x ↦ (x − μ_S) (C_S + λ1)^−½ (C_T + λ1)^½ + μ_T. The paper has λ = 1 and z-scored features, whose means are 0.

    Parameters
    ----------
    source, target : ndarray
        n×D and m×D.
    regulariser : float
        λ ≥ 0. With 0, the image of the source has the target's covariance where the source has any extent.
    """
    check(source, target)
    matrix = power(covariance(source, regulariser), -0.5) @ power(covariance(target, regulariser), 0.5)
    return Alignment.of(source, target, linear(matrix, source.mean(0), target.mean(0)), _stay)


def gaussian_transport(source: np.ndarray, target: np.ndarray, regulariser: float) -> Alignment:
    """The optimal map between the Gaussians that fit the domains (Flamary et al. 2019, arXiv 1905.10155), by POT.

    x ↦ (x − μ_S) A + μ_T, A = C_S^−½ (C_S^½ C_T C_S^½)^½ C_S^−½. Like `coral` it matches the covariances; of all maps that do, it moves the
    samples least.

    Parameters
    ----------
    source, target : ndarray
        n×D and m×D.
    regulariser : float
        λ > 0, added to the diagonal of both covariances.
    """
    from ot.gaussian import bures_wasserstein_mapping

    check(source, target)
    centres = source.mean(0), target.mean(0)
    matrix = bures_wasserstein_mapping(*centres, covariance(source, regulariser), covariance(target, regulariser))[0]
    return Alignment.of(source, target, linear(matrix, *centres), _stay)


def transport(
    source: np.ndarray,
    target: np.ndarray,
    plan: PlanName,
    labels: np.ndarray | None = None,
    entropy: float = 0.01,
    classes: float = 0.1,
) -> Alignment:
    """Each source sample moved to the mean of the target samples that its mass is carried to (Courty et al. 2017, arXiv 1507.00504).

    The plan minimises Σ P_ij c_ij + ε Σ P_ij log P_ij + η Σ_jc ‖P(class c, j)‖_1^½ over plans that carry n equal masses to m equal
    ones; c is the squared distance, divided by its largest value, so that ε and η mean the same in all features. ``"exact"`` has
    neither ε nor η, ``"entropic"`` (Sinkhorn) only ε; the last term, the group lasso, lets a target sample take mass from few classes. A
    new sample moves like its nearest neighbour among the old ones (Ferradans et al. 2014, arXiv 1307.5551).

    Parameters
    ----------
    source, target : ndarray
        n×D and m×D.
    plan : str
    labels : ndarray
        n, for the class-regularised plan alone.
    entropy, classes : float
        ε and η.

    Raises
    ------
    InputError
        ε is so small that Sinkhorn's iterations leave the range of numbers.
    """
    from ot import da

    check(source, target)
    if plan == "exact":
        model = da.EMDTransport(norm="max", max_iter=1_000_000)
    elif plan == "entropic":
        model = da.SinkhornTransport(reg_e=entropy, norm="max", method="sinkhorn_stabilized", out_of_sample_map="ferradans", tol=1e-6)
    else:
        model = da.SinkhornLpl1Transport(reg_e=entropy, reg_cl=classes, norm="max")
    with warnings.catch_warnings():  # what they warn of is checked below
        warnings.simplefilter("ignore")
        model.fit(Xs=source, ys=labels, Xt=target)
    pairs = np.asarray(model.coupling_)
    mass = pairs.sum(1, keepdims=True)
    if not np.isfinite(mass).all() or mass.min() <= 0:
        raise InputError("entropy", f"with {entropy:g} the transport plan cannot be computed.", "Choose a larger value, say 0.05.")
    way = (pairs / mass) @ target - source

    def map_source(x: np.ndarray) -> np.ndarray:
        return x + way[pairwise_distances_argmin(x, source)]

    return Alignment(source + way, target, map_source, _stay)


class ShallowCoralParams(ScaledParams):
    head: HeadName = Field("linear-svm", description=HEAD)
    regulariser: float = Field(1.0, gt=0, le=100, description="λ, added to all variances; z-scored features have variance 1.")


@method
class ShallowCoral(Feature[ShallowCoralParams]):
    """Second moments in closed form."""

    info = MethodInfo(
        name="coral",
        title="CORAL",
        family="shallow, on frozen features",
        instant=True,
        summary="Whitens the source's features and gives them the target's covariance; one formula, no training.",
        helps="When features are correlated differently in the domains, with a linear head.",
        hurts="When classes are unbalanced, or samples are fewer than features: the covariance is then mostly noise.",
        shines="small-digits",
        fails="rare-classes",
        formula=r"x_S \mapsto (x_S - \mu_S)\,(C_S + \lambda I)^{-1/2}\,(C_T + \lambda I)^{1/2} + \mu_T",
        paper="Sun et al., Return of Frustratingly Easy Domain Adaptation",
        year=2016,
        arxiv="1511.05547",
    )

    def align(self, source: np.ndarray, target: np.ndarray) -> Alignment:
        return coral(source, target, self.params.regulariser)


class TransportParams(NearestParams):
    samples: int = Field(
        1000, ge=20, le=3000, description="Training samples of each domain that are used, at most; the plan is their product."
    )


T = TypeVar("T", bound=TransportParams)


class Transport(Feature[T]):
    """Optimal transport between the samples. Subclasses name their plan."""

    plan: ClassVar[PlanName]

    def align(self, source: np.ndarray, target: np.ndarray) -> Alignment:
        weights = self.params.model_dump(include={"entropy", "classes"})
        return transport(source, target, self.plan, self.labels, **weights)


class EntropicParams(TransportParams):
    entropy: float = Field(
        0.01, gt=0, le=10, description="Weight ε of the plan's entropy, against costs of at most 1; a large one moves all to the middle."
    )


ARTICLE = {"paper": "Courty et al., Optimal Transport for Domain Adaptation", "year": 2017, "arxiv": "1507.00504"}


@method
class ExactTransport(Transport[TransportParams]):
    """The cheapest plan."""

    info = MethodInfo(
        name="ot-emd",
        title="Optimal transport, exact",
        family="shallow, on frozen features",
        instant=True,
        summary="Carries each source sample to the target samples that the cheapest plan gives it, and trains the head there.",
        helps="When the target is the source bent or turned, and no class is far from where it was.",
        hurts="Under label shift: all mass must be carried, also across classes. Outliers take part as everybody does.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\min_{P\in\Pi} \sum_{ij} P_{ij}\lVert x_i^S - x_j^T\rVert^2,\quad x_i^S \mapsto n \sum_j P_{ij}\, x_j^T",
        **ARTICLE,
    )
    plan = "exact"


@method
class EntropicTransport(Transport[EntropicParams]):
    """Sinkhorn's plan."""

    info = MethodInfo(
        name="ot-sinkhorn",
        title="Optimal transport, Sinkhorn",
        family="shallow, on frozen features",
        instant=True,
        summary="Optimal transport with blurred pairs: each source sample goes to the mean of many target samples.",
        helps="With noise and outliers, which the exact plan follows; it is fast.",
        hurts="Under label shift. With much entropy all samples go to the middle of the target.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\min_{P\in\Pi} \sum_{ij} P_{ij} c_{ij} + \varepsilon \sum_{ij} P_{ij} \log P_{ij},"
        r"\quad x_i^S \mapsto n \sum_j P_{ij}\, x_j^T",
        **ARTICLE,
    )
    plan = "entropic"


class ClassTransportParams(EntropicParams):
    entropy: float = Field(
        0.1,
        gt=0,
        le=10,
        description="Weight ε of the plan's entropy, against costs of at most 1; with a small one the plan is decided before the term for "
        "classes has a say.",
    )
    classes: float = Field(0.1, ge=0, le=100, description="Weight η of the term that keeps classes apart.")


@method
class ClassTransport(Transport[ClassTransportParams]):
    """Sinkhorn's plan that keeps classes together.

    ε is ten times that of `EntropicTransport`. The term for classes is lowered in rounds, each of which starts from the plan of the round
    before, and a plan that is nearly exact has given each target sample its class by then. On Office-Caltech's SURF features, ten draws of
    twenty a class, ε = 0.1 gives 43.9 % and ε = 0.01 39.5 % (``tests/benchmarks/results/shallow.md``); η is 0.1 in both.
    """

    info = MethodInfo(
        name="ot-class",
        title="Optimal transport, class-regularised",
        family="shallow, on frozen features",
        instant=True,
        summary="Sinkhorn's transport, in which a target sample takes mass from few classes, at best from one.",
        helps="When classes lie near each other: samples of different classes are not carried to one place.",
        hurts="Under label shift, and when the first pairs are wrong: the term makes up its mind early.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\min_{P\in\Pi} \sum_{ij} P_{ij} c_{ij} + \varepsilon \sum_{ij} P_{ij} \log P_{ij}"
        r" + \eta \sum_{j,c} \lVert P_{\mathcal{I}_c j} \rVert_1^{1/2}",
        **ARTICLE,
    )
    plan = "class-regularised"


class GaussianTransportParams(ScaledParams):
    regulariser: float = Field(0.01, gt=0, le=100, description="λ, added to all variances; z-scored features have variance 1.")


@method
class GaussianTransport(Feature[GaussianTransportParams]):
    """The optimal map between two Gaussians."""

    info = MethodInfo(
        name="ot-linear",
        title="Optimal transport, linear",
        family="shallow, on frozen features",
        instant=True,
        summary="The linear map that gives the source the target's mean and covariance and moves its samples least.",
        helps="When the shift is linear, and samples are few; unlike CORAL it does not turn more than it must.",
        hurts="When the shift is not linear, under label shift, or when there are fewer samples than features.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"x_S \mapsto (x_S - \mu_S)\, C_S^{-1/2}\big(C_S^{1/2} C_T C_S^{1/2}\big)^{1/2} C_S^{-1/2} + \mu_T",
        paper="Flamary et al., Concentration bounds for linear Monge mapping estimation and optimal transport domain adaptation",
        year=2019,
        arxiv="1905.10155",
    )

    def align(self, source: np.ndarray, target: np.ndarray) -> Alignment:
        return gaussian_transport(source, target, self.params.regulariser)
