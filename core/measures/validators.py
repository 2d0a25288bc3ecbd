"""Label-free selection: which epoch would one choose without target labels?

Every validator looks at predictions and features alone; only the source's labels are known. How well one chooses can be
seen afterwards, where target labels are known too.
"""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from core.errors import InputError
from core.measures.base import Evaluation, measure
from core.measures.glossary import WORDS, Words
from core.samples.drawing import effective_samples

TEMPERATURE = 0.05  # of SND, as in its paper
FOLDS = 5
SURE = 20.0  # log-odds of a density ratio are cut at ± this, so that no weight is infinite
VALIDATORS: dict[str, str] = {  # which way each is good
    "source_accuracy": "higher",
    "entropy": "lower",
    "infomax": "higher",
    "snd": "higher",
    "bnm": "higher",
    "dev": "lower",
    "iwcv": "lower",
}


def mutual_information(probabilities: np.ndarray) -> float:
    """InfoMax: H(mean p) − mean H(p) of N×K softmax outputs, in nats (Bridle et al. 1991; Shi & Sha 2012, arXiv 1206.6438)."""
    p = probabilities.astype(np.float64)
    log = np.log(np.maximum(p, 1e-12))
    mean = p.mean(0)
    return float(-(mean * np.log(np.maximum(mean, 1e-12))).sum() + (p * log).sum(1).mean())


def mean_entropy(probabilities: np.ndarray) -> float:
    """Mean entropy of N×K softmax outputs, in nats (Morerio et al. 2018, arXiv 1711.10288)."""
    p = probabilities.astype(np.float64)
    return float(-(p * np.log(np.maximum(p, 1e-12))).sum(1).mean())


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
    odds = cross_val_predict(model, rows, domain, cv=folds, method="decision_function")[: len(source)]
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


def chosen(values: dict[int, float | None], better: str) -> int | None:
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


@measure(
    "infomax",
    title="InfoMax",
    range="0 to log K nats",
    better="higher",
    definition="H(mean prediction) − mean H(prediction) on held-out target samples: sure and diverse. Needs no target labels.",
)
def infomax(evaluation: Evaluation) -> dict[str, float | None]:
    return {"infomax": mutual_information(evaluation.target_probabilities)}


@measure(
    "snd",
    title="SND",
    range="0 to log(n − 1) nats",
    better="higher",
    definition="Soft neighbourhood density: whether target predictions lie in dense groups. T = 0.05, on the samples of MMD² and AUC.",
)
def snd(evaluation: Evaluation) -> dict[str, float | None]:
    n = len(evaluation.target_features)
    return {"snd": soft_neighbourhood_density(evaluation.target_probabilities[:n])}


@measure(
    "bnm",
    title="BNM",
    range="0 to 1",
    better="higher",
    definition="Nuclear norm of the held-out target predictions, as a share of the largest possible: sure and diverse.",
)
def bnm(evaluation: Evaluation) -> dict[str, float | None]:
    return {"bnm": nuclear_norm(evaluation.target_probabilities)}


for _words in (
    Words(
        "source_accuracy",
        "Source validation",
        "Accuracy on held-out source samples. It asks whether the classifier still works where labels are known.",
        r"\frac{1}{n}\sum_i [\hat y_i = y_i],\; x_i \sim S",
        "The usual validation; as a baseline of selection in Gulrajani & Lopez-Paz 2021, arXiv 2007.01434.",
        "It says nothing of the target: it can stay at 100 % while target accuracy falls.",
    ),
    Words(
        "entropy",
        "Entropy",
        "How undecided the predictions on the target are, on average. Lower is surer.",
        r"-\frac{1}{m}\sum_j\sum_k p_{jk}\log p_{jk}",
        "Morerio et al. 2018, arXiv 1711.10288.",
        "A network that gives every sample to one class is sure too: entropy prefers a collapse.",
    ),
    Words(
        "infomax",
        "InfoMax",
        "Sure predictions that use all classes. Higher is better.",
        r"H\Big(\frac1m\sum_j p_j\Big) - \frac1m\sum_j H(p_j)",
        "Shi & Sha 2012, arXiv 1206.6438.",
        "It takes the classes to be about equally frequent, and cannot see classes that have changed places.",
    ),
    Words(
        "snd",
        "SND",
        "Soft neighbourhood density: whether target samples with like predictions form dense groups. Higher is better.",
        r"\frac1m\sum_i H(P_i),\quad P_{ij} = \mathrm{softmax}_{j\neq i}\big(\hat p_i^\top \hat p_j / T\big),\; T = 0.05",
        "Saito et al. 2021, arXiv 2108.10860.",
        "One big group is the densest of all: SND prefers a collapse onto one class.",
    ),
    Words(
        "bnm",
        "BNM",
        "Nuclear norm of the predictions: sure and diverse at once. 1 is the most that is possible.",
        r"\lVert P\rVert_* / \sqrt{m\min(m,K)}",
        "Cui et al. 2020, arXiv 2003.12237.",
        "Like InfoMax: it takes the classes to be about equally frequent, and cannot see classes that have changed places.",
    ),
    Words(
        "iwcv",
        "IWCV",
        "Cross-entropy on held-out source samples, where those that look like the target count more. Lower is better.",
        r"\frac1n\sum_i w_i\,\ell(\hat y_i, y_i),\quad w_i = \frac{P(T\mid f_i)}{P(S\mid f_i)}",
        "Sugiyama et al. 2007, JMLR 8:985-1005.",
        "If the domains hardly overlap, the weight lies on a few samples: see the effective number of them. It holds for covariate shift "
        "only.",
    ),
    Words(
        "dev",
        "DEV",
        "IWCV with less noise: the weights should average 1, and what they differ is corrected for. Lower is better.",
        r"\overline{w\ell} + \eta\,\overline{w} - \eta,\quad \eta = -\frac{\mathrm{Cov}(w\ell, w)}{\mathrm{Var}(w)}",
        "You et al. 2019, Towards Accurate Model Selection in Deep Unsupervised Domain Adaptation, PMLR 97.",
        "As IWCV. It can come out below 0, as it is an estimate.",
    ),
):
    WORDS.add(_words)
