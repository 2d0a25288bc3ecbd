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
