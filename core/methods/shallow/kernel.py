"""Few directions in which the domains have the same mean, and in JDA the same class means, and still spread: TCA and JDA."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

import numpy as np
from pydantic import Field
from scipy.linalg import eigh
from sklearn.neighbors import KNeighborsClassifier

from core.errors import InputError
from core.methods.base import MethodInfo, method
from core.methods.shallow.alignment import Alignment, Map, check, gaussian, median_distance
from core.methods.shallow.base import Feature, NearestParams

KernelName = Literal["columns", "linear", "gaussian"]
# (source, target) in the common space to the classes of the target's rows
Classify = Callable[[np.ndarray, np.ndarray], np.ndarray]


def tca(
    source: np.ndarray,
    target: np.ndarray,
    dimensions: int,
    regulariser: float,
    kernel: KernelName = "linear",
    bandwidth: float = 1.0,
    unit_length: bool = True,
) -> Alignment:
    """Transfer component analysis (Pan et al. 2011, IEEE Transactions on Neural Networks 22:199-210).

    max_W tr(Wᵀ Φᵀ H Φ W) with Wᵀ (Φᵀ L Φ + λ1) W = λ1. Φ are the N = n + m rows, or their kernel values with all rows. H centres.
    L = e eᵀ / ‖e eᵀ‖ with e = 1/n on the source and −1/m on the target measures how far the means are apart (MMD² in Φ). The solutions
    are the first generalised eigenvectors of (Φᵀ H Φ, Φᵀ L Φ + λ1): both are symmetric and the second is positive, so
    `scipy.linalg.eigh` finds them, and no row is ever sorted. Where the means are equal, this is PCA.

    As in the code of the JDA paper, L is divided by its norm, so that λ means the same for any n, and samples can be brought to length 1
    before and after: the papers' numbers are reached only so. Without that, columns of z-scores by domain leave TCA nothing to do.

    Parameters
    ----------
    source, target : ndarray
        n×D and m×D.
    dimensions : int
        k, at most D in columns and N with a kernel.
    regulariser : float
        λ > 0.
    kernel : str
        ``"columns"`` works on the D columns, D×D; ``"linear"`` on the inner products of all samples, N×N, which asks for weights
        of samples that are small; ``"gaussian"`` on exp(−‖x − y‖² / 2σ²).
    bandwidth : float
        σ of the Gaussian kernel, as a factor of the median distance.
    unit_length : bool
        Divide each sample by its length before, and its image after.

    Returns
    -------
    Alignment
        n×k and m×k.
    """
    rows = _Rows(source, target, dimensions, kernel, bandwidth, unit_length)
    rows.solve([_apart(len(source), len(target))], dimensions, regulariser)
    return rows.alignment(source, target)


def jda(
    source: np.ndarray,
    target: np.ndarray,
    labels: np.ndarray,
    classify: Classify,
    dimensions: int,
    regulariser: float,
    kernel: KernelName = "linear",
    bandwidth: float = 1.0,
    unit_length: bool = True,
    rounds: int = 10,
) -> Alignment:
    """Joint distribution adaptation (Long et al. 2013, ICCV): TCA that also brings the means of each class together.

    L becomes C·e eᵀ + Σ_c e_c e_cᵀ (divided by its norm), with e_c = 1/n_c on the source's samples of class c and −1/m_c on the target's
    that are predicted to be of class c; a class that nobody is predicted to be of is left out. The first round is `tca`, which has no
    predictions yet; each further one takes those that ``classify`` makes in the space of the round before.

    Parameters
    ----------
    labels : ndarray
        n, classes from 0.
    classify : callable
        Trains on the source in the common space, and predicts the target's classes there.
    rounds : int
        The paper takes 10. Ends early when the predictions stay.

    Other parameters and the result are those of `tca`.
    """
    rows = _Rows(source, target, dimensions, kernel, bandwidth, unit_length)
    classes, n = labels.max() + 1, len(source)
    whole = np.sqrt(classes) * _apart(n, len(target))
    parts, predicted = [whole], None
    for round_ in range(rounds):
        rows.solve(parts, dimensions, regulariser)
        if round_ == rounds - 1:
            break
        before, predicted = predicted, classify(*rows.placed())
        if before is not None and (before == predicted).all():
            break
        parts = [whole]
        for c in np.intersect1d(labels, predicted):
            part = np.zeros(n + len(target))
            for members, sign in ((np.flatnonzero(labels == c), 1), (n + np.flatnonzero(predicted == c), -1)):
                part[members] = sign / len(members)
            parts.append(part)
    return rows.alignment(source, target)


def unit(x: np.ndarray) -> np.ndarray:
    """Rows of length 1; a row of zeros stays."""
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(length > 0, length, 1)


def _apart(n: int, m: int) -> np.ndarray:
    """e: its product with rows is the difference of the domains' means."""
    return np.repeat([1 / n, -1 / m], [n, m])


class _Rows:
    """Φ, its scatter, and the weights W that were solved for last."""

    def __init__(self, source: np.ndarray, target: np.ndarray, dimensions: int, kernel: KernelName, bandwidth: float, unit_length: bool):
        check(source, target, dimensions if kernel == "columns" else 1)
        self.first = len(source)
        self.after: Map = unit if unit_length else lambda x: x
        rows = self.after(np.concatenate([source, target]))
        if dimensions > len(rows):
            raise InputError("dimensions", f"{dimensions} are more than the {len(rows)} samples.", f"Choose at most {len(rows)}.")
        width = bandwidth * median_distance(rows[: self.first], rows[self.first :])
        value = {"columns": lambda x: x, "linear": lambda x: x @ rows.T, "gaussian": lambda x: gaussian(x, rows, width)}[kernel]
        self.value: Map = lambda x: value(self.after(x))
        self.features = value(rows)
        centred = self.features - self.features.mean(0)
        self.scatter = centred.T @ centred

    def solve(self, parts: list[np.ndarray], dimensions: int, regulariser: float) -> None:
        """W, p×k, for L = Σ e eᵀ over the parts, divided by its Frobenius norm."""
        products = np.array([[a @ b for b in parts] for a in parts])  # ‖Σ e eᵀ‖ is that of the matrix of all products
        pulls = np.stack(parts) @ self.features / np.sqrt(np.linalg.norm(products))
        last = len(self.scatter) - 1
        near = pulls.T @ pulls + regulariser * np.eye(last + 1)
        _, weights = eigh(self.scatter, near, subset_by_index=(last - dimensions + 1, last), check_finite=False)
        self.weights = np.sqrt(regulariser) * weights[:, ::-1]

    def placed(self) -> tuple[np.ndarray, np.ndarray]:
        """Source and target in the common space."""
        rows = self.after(self.features @ self.weights)
        return rows[: self.first], rows[self.first :]

    def alignment(self, source: np.ndarray, target: np.ndarray) -> Alignment:
        def place(x: np.ndarray) -> np.ndarray:
            return self.after(self.value(x) @ self.weights)

        return Alignment.of(source, target, place, place)


class KernelParams(NearestParams):
    dimensions: int = Field(
        20, ge=1, le=500, description="Directions of the common space; of columns, at most as many as there are features."
    )
    regulariser: float = Field(1.0, gt=0, le=1000, description="Weight λ of the directions' size; a large one leaves principal components.")
    kernel: KernelName = Field("linear", description="columns: the features themselves; linear, gaussian: a kernel between all samples.")
    bandwidth: float = Field(
        1.0, gt=0, le=100, description="Width σ of the Gaussian kernel, as a factor of the median distance of samples."
    )
    unit_length: bool = Field(True, description="Bring each sample to length 1 before and after, as the authors' code does.")
    samples: int = Field(
        500, ge=20, le=2000, description="Training samples of each domain that are used, at most; time grows by their cube."
    )


K = TypeVar("K", bound=KernelParams)


class KernelMethod(Feature[K]):
    def columns(self, given: int) -> int:
        return max(given, self.dimensions(given))

    def dimensions(self, given: int) -> int:
        return min(self.params.dimensions, given) if self.params.kernel == "columns" else self.params.dimensions

    def settings(self, given: int) -> dict:
        chosen = self.params.model_dump(include={"regulariser", "kernel", "bandwidth", "unit_length"})
        return chosen | {"dimensions": self.dimensions(given)}


@method
class TransferComponents(KernelMethod[KernelParams]):
    """Directions in which the domains have one mean and still spread."""

    info = MethodInfo(
        name="tca",
        title="Transfer component analysis",
        family="shallow, on frozen features",
        instant=True,
        summary="Finds directions in which both domains have the same mean, and which keep as much variance as can be.",
        helps="When the shift lies in a few directions that the classes do not need.",
        hurts="When the classes differ in the very directions in which the domains do; they are given up together.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\max_W \operatorname{tr}(W^\top K H K W)\;\text{ with }\; W^\top (K L K + \lambda I) W = \lambda I",
        paper="Pan et al., Domain Adaptation via Transfer Component Analysis",
        year=2011,
    )

    def align(self, source: np.ndarray, target: np.ndarray) -> Alignment:
        return tca(source, target, **self.settings(source.shape[1]))


class JointDistributionsParams(KernelParams):
    rounds: int = Field(10, ge=1, le=50, description="How often the space is found; from the second on with predictions by 1-NN.")


@method
class JointDistributions(KernelMethod[JointDistributionsParams]):
    """TCA that aligns the classes as well, by pseudo-labels."""

    info = MethodInfo(
        name="jda",
        title="Joint distribution adaptation",
        family="shallow, on frozen features",
        instant=True,
        summary="TCA that also brings the means of each class together, by predictions that improve over ten rounds.",
        helps="When each class moves its own way and most first predictions are right.",
        hurts="When the first predictions are mostly wrong: the rounds make them certain.",
        shines="moved-blobs",
        fails="rare-classes",
        formula=r"\max_W \operatorname{tr}(W^\top K H K W)\;\text{ with }\;"
        r" W^\top \Big(K \big(C L + \textstyle\sum_c L_c\big) K + \lambda I\Big) W = \lambda I",
        paper="Long et al., Transfer Feature Learning with Joint Distribution Adaptation",
        year=2013,
    )

    def align(self, source: np.ndarray, target: np.ndarray) -> Alignment:
        def classify(x: np.ndarray, y: np.ndarray) -> np.ndarray:
            return KNeighborsClassifier(1, algorithm="brute").fit(x, self.labels).predict(y)

        return jda(source, target, self.labels, classify, rounds=self.params.rounds, **self.settings(source.shape[1]))
