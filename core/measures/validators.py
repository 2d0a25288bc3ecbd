"""Label-free selection: which epoch would one choose without target labels?

Every validator looks at predictions and features alone; only the source's labels are known. How well one chooses can be
seen afterwards, where target labels are known too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from core.errors import InputError
from core.measures.base import MEASURES, Drawing, Evaluation, Measure
from core.measures.gauges import entropy
from core.samples.drawing import effective_samples

TEMPERATURE = 0.05  # of SND, as in its paper
FOLDS = 5
SURE = 20.0  # log-odds of a density ratio are cut at ± this, so that no weight is infinite


def mutual_information(probabilities: np.ndarray) -> float:
    """InfoMax: H(mean p) − mean H(p) of N×K softmax outputs, in nats (Bridle et al. 1991; Shi & Sha 2012, arXiv 1206.6438)."""
    p = probabilities.astype(np.float64)
    return float(entropy(p.mean(0)) - entropy(p).mean())


def soft_neighbourhood_density(probabilities: np.ndarray, temperature: float = TEMPERATURE) -> float:
    """SND: mean entropy of each sample's soft neighbourhood, in nats (Saito et al. 2021, arXiv 2108.10860).

    P_ij = softmax_j(p̂ᵢ·p̂ⱼ / T) over j ≠ i with p̂ the L2-normalised softmax outputs, as in the authors' code.

    Raises
    ------
    InputError
        Fewer than two samples.
    """
    if len(probabilities) < 2:
        raise InputError("snd", "one sample has no neighbours.", "Evaluate more target samples.")
    p = probabilities.astype(np.float64)
    p /= np.linalg.norm(p, axis=1, keepdims=True)
    similarity = p @ p.T / temperature
    np.fill_diagonal(similarity, -np.inf)
    similarity -= similarity.max(1, keepdims=True)
    weights = np.exp(similarity)
    total = weights.sum(1)
    np.fill_diagonal(similarity, 0)  # its weight is 0
    return float((np.log(total) - (weights * similarity).sum(1) / total).mean())


def nuclear_norm(probabilities: np.ndarray) -> float:
    """BNM: Σ σ of the N×K softmax outputs ÷ √(N·min(N, K)), in (0, 1] (Cui et al. 2020, arXiv 2003.12237).

    The division by the largest possible value, which sure and evenly spread predictions reach, makes sample sizes comparable.
    """
    p = probabilities.astype(np.float64)
    return float(np.linalg.norm(p, "nuc") / np.sqrt(len(p) * min(p.shape)))


def density_ratio(source: np.ndarray, target: np.ndarray, seed: int = 0) -> np.ndarray:
    """w(x) = p_T(x) / p_S(x) at each source row, from a domain classifier that has not seen the row.

    w = (n_S / n_T) · P(target | x) / P(source | x) (Bickel et al. 2007, ICML), by the out-of-fold logistic regression of the domain AUC.

    Parameters
    ----------
    source, target : ndarray
        n×D and m×D features.

    Raises
    ------
    InputError
        Fewer than five rows on a side.
    """
    if min(len(source), len(target)) < FOLDS:
        raise InputError("density ratio", f"{len(source)} and {len(target)} samples are too few.", f"Evaluate at least {FOLDS} per domain.")
    rows = np.concatenate([source, target]).astype(np.float64)
    domain = np.repeat([0, 1], [len(source), len(target)])
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=int(np.random.default_rng([seed, 0xDE7]).integers(2**31)))
    model = make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cholesky"))
    odds = np.asarray(cross_val_predict(model, rows, domain, cv=folds, method="decision_function"))[: len(source)]
    return np.exp(np.clip(odds, -SURE, SURE)) * len(source) / len(target)


def iwcv(losses: np.ndarray, weights: np.ndarray) -> float:
    """Importance-weighted validation: mean of w·ℓ over held-out source samples (Sugiyama et al. 2007, JMLR 8:985-1005)."""
    return float((weights * losses).mean())


def dev(losses: np.ndarray, weights: np.ndarray) -> float:
    """Deep embedded validation (You et al. 2019, PMLR 97): IWCV with the weights, whose mean should be 1, as control variate.

    mean(wℓ) + η·mean(w) − η with η = −Cov(wℓ, w) / Var(w).
    """
    weighted = weights * losses
    spread = weights.var(ddof=1)
    eta = -np.cov(weighted, weights)[0, 1] / spread if spread > 0 else 0.0
    return float(weighted.mean() + eta * weights.mean() - eta)


def cross_entropy(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """ℓ = −log p(true class), in nats: the loss of DEV and IWCV. Errors alone are all 0 once the source is learnt, and choose nothing."""
    p = probabilities.astype(np.float64)[np.arange(len(labels)), labels]
    return -np.log(np.maximum(p, 1e-12))


def chosen(values: Mapping[int, float | None], better: Literal["higher", "lower"] | None) -> int | None:
    """The epoch with the best value, the earliest of equals; None where there is no value."""
    known = {epoch: value for epoch, value in values.items() if value is not None and np.isfinite(value)}
    if not known:
        return None
    sign = 1 if better == "higher" else -1
    return max(sorted(known), key=lambda epoch: sign * known[epoch])


def weighted_validators(
    probabilities: np.ndarray, labels: np.ndarray, source: np.ndarray, target: np.ndarray, seed: int
) -> dict[str, float]:
    """``dev``, ``iwcv`` and ``samples`` (effective), from the source's predictions and labels and both domains' features, n rows each.

    At 35 to 50 ms these are too dear for each epoch of a run, so that they are computed from its snapshots when they are asked for.
    """
    weights, losses = density_ratio(source, target, seed), cross_entropy(probabilities, labels)
    return {"dev": dev(losses, weights), "iwcv": iwcv(losses, weights), "samples": effective_samples(weights)}


def infomax(evaluation: Evaluation) -> dict[str, float]:
    return {"infomax": mutual_information(evaluation.target_probabilities)}


MEASURES.add(
    Measure(
        "infomax",
        "InfoMax",
        "Sure predictions that use all classes. Higher is better.",
        r"H\Big(\frac1m\sum_j p_j\Big) - \frac1m\sum_j H(p_j)",
        "Shi & Sha 2012, arXiv 1206.6438.",
        "It takes the classes to be about equally frequent, and cannot see classes that have changed places.",
        range="0 to log K nats",
        better="higher",
        drawing=Drawing("number", 2, axis="InfoMax (nats)", column="blind"),
        validates=True,
        of_run=infomax,
    )
)


def snd(evaluation: Evaluation) -> dict[str, float]:
    n = len(evaluation.target_features)
    return {"snd": soft_neighbourhood_density(evaluation.target_probabilities[:n])}


MEASURES.add(
    Measure(
        "snd",
        "SND",
        "Soft neighbourhood density: whether target samples with like predictions form dense groups. Higher is better.",
        r"\frac1m\sum_i H(P_i),\quad P_{ij} = \mathrm{softmax}_{j\neq i}\big(\hat p_i^\top \hat p_j / T\big),\; T = 0.05",
        "Saito et al. 2021, arXiv 2108.10860.",
        "One big group is the densest of all: SND prefers a collapse onto one class.",
        range="0 to log(n − 1) nats",
        better="higher",
        drawing=Drawing("number", 2, axis="SND (nats)"),
        validates=True,
        of_run=snd,
    )
)


def bnm(evaluation: Evaluation) -> dict[str, float]:
    return {"bnm": nuclear_norm(evaluation.target_probabilities)}


MEASURES.add(
    Measure(
        "bnm",
        "BNM",
        "Nuclear norm of the predictions: sure and diverse at once. 1 is the most that is possible.",
        r"\lVert P\rVert_* / \sqrt{m\min(m,K)}",
        "Cui et al. 2020, arXiv 2003.12237.",
        "Like InfoMax: it takes the classes to be about equally frequent, and cannot see classes that have changed places.",
        range="0 to 1",
        better="higher",
        drawing=Drawing("number", 3),
        validates=True,
        of_run=bnm,
    )
)
MEASURES.add(
    Measure(
        "dev",
        "DEV",
        "IWCV with less noise: the weights should average 1, and what they differ is corrected for. Lower is better.",
        r"\overline{w\ell} + \eta\,\overline{w} - \eta,\quad \eta = -\frac{\mathrm{Cov}(w\ell, w)}{\mathrm{Var}(w)}",
        "You et al. 2019, Towards Accurate Model Selection in Deep Unsupervised Domain Adaptation, PMLR 97.",
        "As IWCV. It can come out below 0, as it is an estimate.",
        range="in nats, about that of the loss",
        better="lower",
        finding_of="run",
        validates=True,
    )
)
MEASURES.add(
    Measure(
        "iwcv",
        "IWCV",
        "Cross-entropy on held-out source samples, where those that look like the target count more. Lower is better.",
        r"\frac1n\sum_i w_i\,\ell(\hat y_i, y_i),\quad w_i = \frac{P(T\mid f_i)}{P(S\mid f_i)}",
        "Sugiyama et al. 2007, JMLR 8:985-1005.",
        "If the domains hardly overlap, the weight lies on a few samples: see the effective number of them. It holds for covariate shift "
        "only.",
        range="0 upwards, in nats",
        better="lower",
        finding_of="run",
        validates=True,
    )
)
MEASURES.add(
    Measure(
        "choice",
        "Choosing an epoch without labels",
        "Which epoch each label-free measure would have chosen, and how much accuracy that gives away against the best epoch.",
        r"\text{cost} = \max_e a_e - a_{e^*},\quad e^* = \arg\max_e v_e",
        "Gulrajani & Lopez-Paz 2021, arXiv 2007.01434; Musgrave et al. 2022, arXiv 2208.07360.",
        "One run shows luck as well as skill. The oracle's choice uses target labels, so nobody could make it in earnest.",
        needs_target_labels=True,
        finding_of="run",
    )
)
