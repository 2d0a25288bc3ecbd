"""Label-free selection: which epoch would one choose without target labels?"""

from __future__ import annotations

import numpy as np

from core.measures.base import Evaluation, measure


@measure(
    "infomax",
    title="InfoMax",
    range="0 to log K nats",
    better="higher",
    definition="H(mean prediction) − mean H(prediction) on held-out target samples: sure and diverse. Needs no target labels.",
)
def infomax(evaluation: Evaluation) -> dict[str, float | None]:
    """Mutual information of input and predicted class (Bridle et al. 1991; Shi and Sha 2012), in nats."""
    p = evaluation.target_probabilities.astype(np.float64)
    log = np.log(np.maximum(p, 1e-12))
    mean = p.mean(0)
    return {"infomax": float(-(mean * np.log(np.maximum(mean, 1e-12))).sum() + (p * log).sum(1).mean())}
