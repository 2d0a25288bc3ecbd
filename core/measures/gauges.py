"""Gauges: cheap numbers per epoch that show a method failing silently, such as a collapse onto one class.

What a method itself reports (`core.methods.base.Step.gauges`) is described here, too: methods do not know of measures.
"""

from __future__ import annotations

import numpy as np

from core.measures.base import MEASURES, Drawing, Measure


def entropy(p: np.ndarray) -> np.ndarray:
    """Shannon entropy in nats over the last axis, with 0·log 0 = 0."""
    return -np.sum(p * np.log(np.where(p > 0, p, 1)), axis=-1)


def prediction_gauges(probabilities: np.ndarray) -> dict[str, float]:
    """How sure and how diverse predictions are.

    Parameters
    ----------
    probabilities : ndarray
        N×K softmax outputs, target domain.

    Returns
    -------
    dict
        ``entropy``: mean entropy in nats, 0..log K. ``largest_class``: share of the most predicted class, 1/K..1;
        near 1 the network has collapsed.
    """
    p = probabilities.astype(np.float64)
    shares = np.bincount(p.argmax(1), minlength=p.shape[1]) / len(p)
    return {"entropy": float(entropy(p).mean()), "largest_class": float(shares.max())}


def feature_gauges(features: np.ndarray) -> dict[str, float]:
    """Size and dimension of features N×D.

    ``feature_norm`` is the mean Euclidean norm. ``effective_rank`` is exp(H(σ/Σσ)) of the centred features'
    singular values σ (Roy and Vetterli 2007, EUSIPCO), from 1 to D.
    """
    x = features.astype(np.float64)
    centred = x - x.mean(0)
    sigma = np.sqrt(np.maximum(np.linalg.eigvalsh(centred.T @ centred), 0))
    total = sigma.sum()
    rank = float(np.exp(entropy(sigma / total))) if total > 0 else 1.0
    return {"feature_norm": float(np.linalg.norm(x, axis=1).mean()), "effective_rank": rank}


for _entry in (
    Measure(
        "gradient_ratio",
        "Gradient ratio",
        "How hard the alignment pulls at the features, beside the task loss. 0: nothing is aligned. 1: both pull alike.",
        r"\frac{\lVert \partial L_\text{align}/\partial f\rVert}{\lVert \partial L_\text{task}/\partial f\rVert}",
        "Compare gradient balancing, Chen et al. 2018, arXiv 1711.02257.",
        "Of the last batch of an epoch. It rises by itself when the task loss becomes small.",
        range="0 upwards",
        label="gradient ratio",
        kept="gauges",
    ),
    Measure(
        "discriminator_accuracy",
        "Discriminator accuracy",
        "How often the method's own discriminator tells source from target in training, both domains weighted alike. Chance is 50 %.",
        r"\tfrac12\big(P(\hat d = S \mid S) + P(\hat d = T \mid T)\big)",
        "Ganin et al. 2016, JMLR 17.",
        "At chance it has been fooled, or it has stopped learning: only an independent classifier (domain AUC) can tell which.",
        range="0 to 1, chance 0.5",
        label="discriminator accuracy",
        drawing=Drawing("share", 1),
        kept="gauges",
        every_run=False,
    ),
    Measure(
        "labelled",
        "Target samples that teach",
        "Share of target samples of whose prediction the method is sure enough to learn from it.",
        r"\tfrac{1}{B}\textstyle\sum_i \mathbf{1}[\max_k q_{ik} \ge \tau]",
        "Sohn et al. 2020, arXiv 2001.07685.",
        "Sure is not right: a high share with low accuracy means that mistakes are being learned.",
        range="0 to 1",
        label="target samples with a label",
        drawing=Drawing("share", 1),
        kept="gauges",
        every_run=False,
    ),
    Measure(
        "relabelled",
        "Labels that changed",
        "Share of the target's pseudo-labels that are others than an epoch before.",
        r"\tfrac{1}{n}\textstyle\sum_i \mathbf{1}[\tilde y_i \ne \tilde y_i^{\text{before}}]",
        "Liang et al. 2020, arXiv 2002.08546.",
        "Labels that have stopped to change may all be wrong: it says that learning has settled, not where.",
        range="0 to 1",
        label="labels that changed",
        drawing=Drawing("share", 1),
        kept="gauges",
        every_run=False,
    ),
    Measure(
        "largest_class",
        "Most predicted class",
        "Share of target samples that are predicted as the most frequent class. Near 100 % the network has collapsed.",
        r"\max_k \frac1m\,|\{j: \hat y_j = k\}|",
        "The collapse alarm of Shiftscope, 2026.",
        "A target that truly has one dominant class looks the same.",
        range="1/K to 1",
        label="largest class",
        drawing=Drawing("share", 1),
        kept="gauges",
    ),
    Measure(
        "entropy",
        "Entropy",
        "How undecided the predictions on the target are, on average. Lower is surer.",
        r"-\frac{1}{m}\sum_j\sum_k p_{jk}\log p_{jk}",
        "Morerio et al. 2018, arXiv 1711.10288.",
        "A network that gives every sample to one class is sure too: entropy prefers a collapse.",
        range="0 to log K nats",
        better="lower",
        label="entropy",
        drawing=Drawing("number", 2, axis="entropy (nats)"),
        kept="gauges",
        validates=True,
    ),
    Measure(
        "feature_norm",
        "Feature norm",
        "Mean length of the target's feature vectors.",
        r"\frac1m\sum_j \lVert f_j\rVert_2",
        "Xu et al. 2019 (adaptive feature norm), arXiv 1811.07456.",
        "Only its change within a run means something.",
        range="0 upwards",
        label="feature norm",
        kept="gauges",
    ),
    Measure(
        "effective_rank",
        "Effective rank",
        "About how many directions the target's features use.",
        r"\exp H\big(\sigma / \textstyle\sum\sigma\big)",
        "Roy & Vetterli 2007, EUSIPCO.",
        "With K classes that are perfectly separated it is about K − 1: lower than before is not bad in itself.",
        range="1 to D",
        label="effective rank",
        kept="gauges",
    ),
    Measure(
        "effective_samples",
        "Effective sample size",
        "How many equally weighted source samples would say as much as the re-weighted ones do.",
        r"\big(\textstyle\sum_i w_i\big)^2 \big/ \textstyle\sum_i w_i^2",
        "Kish 1965, Survey Sampling.",
        "A few large weights make it small: then a handful of source samples decide, and accuracy hangs on chance.",
        range="1 to n",
        better="higher",
        label="effective sample size",
        kept="gauges",
        every_run=False,
    ),
    Measure(
        "shot_accuracy",
        "Accuracy on the shots",
        "Share of the labelled target samples that are classified rightly while they are being learned.",
        r"\tfrac{1}{n}\textstyle\sum_i \mathbf{1}[\hat y_i = y_i]",
        "Training accuracy, as in every course since Vapnik 1998.",
        "They are trained on, so it says nothing of other target samples; it soon is 1.",
        range="0 to 1",
        better="higher",
        label="accuracy on the shots",
        drawing=Drawing("share", 1),
        kept="gauges",
        every_run=False,
    ),
    Measure(
        "batch_norm",
        "Batch norm between domains",
        "Inside the network, batch norm brings every feature to mean 0 and variance 1. Of two domains it can take the common mean and "
        "variance (pooled), each domain's own in training (separate), or each domain's own in testing as well (own).",
        r"\hat x = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}},\quad \mu, \sigma^2 \text{ over } S \cup T \text{, or over } S \text{ and } T"
        r"\text{ each}",
        "Ioffe & Szegedy 2015, arXiv 1502.03167; of domains: Li et al. 2016, arXiv 1603.04779, and Chang et al. 2019, arXiv 1906.03950.",
        "Each domain's own mean and variance removes a shift of light or scale by itself, and spoils what it carries where classes are of "
        "unequal share in the two domains. A network without batch norm does not change.",
        finding_of="run",
    ),
):
    MEASURES.add(_entry)
