"""The network beside a classifier that needs no patience: a network that loses to it is undertrained."""

from __future__ import annotations

from core.measures.base import MEASURES, Band, Drawing, Measure

MEASURES.add(
    Measure(
        "linear_lead",
        "Lead of a linear classifier",
        "By how much a logistic regression on the same inputs is better than the network on held-out source samples. Clearly above 0: the "
        "network is undertrained.",
        r"\frac{1}{n}\sum_i [\hat y_i^\text{linear} = y_i] - [\hat y_i^\text{network} = y_i],\; x_i \sim S",
        "Logistic regression of scikit-learn on standardised inputs; interval: Tango 1998, Statistics in Medicine 17.",
        "It is fitted to at most 2,000 samples, and to pictures of at most 28×28 pixels. It says nothing of the target.",
        range="−1 to 1",
        better="lower",
        companions=("linear_lead_low", "linear_lead_high"),
        drawing=Drawing("points", 1, band=Band("linear_lead_low", "linear_lead_high"), picture="health"),
        kept="measures",
        every_run=False,
    )
)


MEASURES.add(
    Measure(
        "guessing_lead",
        "Lead over guessing",
        "By how much the source network is better, on held-out source samples, than always naming the commonest class. Not clearly above "
        "0: it has learned nothing that could be carried over.",
        r"\frac{1}{n}\sum_i [\hat y_i = y_i] - [c = y_i],\; x_i \sim S",
        "The majority classifier, for example Holte 1993, Machine Learning 11; interval: Tango 1998, Statistics in Medicine 17.",
        "Where one class has nearly all samples, even a good network leads by little. It says nothing of the target.",
        range="−1 to 1",
        better="higher",
        companions=("guessing_lead_low", "guessing_lead_high"),
        drawing=Drawing("points", 1, band=Band("guessing_lead_low", "guessing_lead_high"), picture="health"),
        kept="measures",
        every_run=False,
    )
)


MEASURES.add(
    Measure(
        "linear_target_accuracy",
        "Linear reference",
        "Target accuracy of a logistic regression that was fitted to the source's inputs (or frozen features): what needs no network.",
        r"\frac1m\sum_j [\hat y^\text{linear}_j = y_j],\; x_j \sim T",
        "Logistic regression of scikit-learn on standardised inputs; as a method, Cox 1958, Journal of the Royal Statistical Society B 20.",
        "It is fitted to at most 2,000 samples, and to pictures of at most 28×28 pixels. On pictures a good network is far above it.",
        range="0 to 1",
        better="higher",
        label="linear",
        needs_target_labels=True,
        finding_of="run",
        drawing=Drawing("share", 1, column="shown"),
    )
)
