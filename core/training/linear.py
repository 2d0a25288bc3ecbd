"""The reference that needs no training to be watched: a logistic regression on what the network reads."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import csr_matrix, vstack
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from core.measures.accuracy import gain_interval, wilson
from core.samples.hashing import word_shares
from core.samples.inputs import Inputs
from core.training.checkpoint import Line
from core.training.data import Data

ROWS = 2000  # training samples, at most
SIDE = 28  # pixels: larger pictures are averaged down to it, in the number of channels that they have


def linear_line(data: Data, network_right: np.ndarray) -> Line:
    """The line of the phase ``linear``: accuracies, the lead over the source's network on held-out source samples, with its interval.

    And that network's own lead over always naming the commonest class: where it has none, it has learned nothing.

    Pixels, columns, spectrograms and the features of a frozen network are standardised by the source, and the penalty is scikit-learn's
    (C = 1); the shares of words in a text are rows of length 1 already, and get C = 10.

    Parameters
    ----------
    data : Data
    network_right : ndarray of bool
        Whether the source's network is right on each held-out source sample.
    """
    rows = torch.randperm(len(data.source.inputs), generator=data.generator("linear"))[:ROWS]
    size = data.experiment.budget.batch_size
    read = partial(flat_rows, size=size, kind="features" if data.is_embedded else data.pair.source.kind)
    known = data.source.labels.cpu()[rows].numpy()
    model = _classifier(known, sparse=not data.is_embedded and data.pair.source.kind == "text")
    model.fit(read(data.source.inputs, rows), known)
    right = np.asarray(model.predict(read(data.source.held_out, None))) == data.source.held_out_labels
    lead = gain_interval(network_right, right)
    over_guessing = gain_interval(data.source.held_out_labels == np.bincount(known).argmax(), network_right)
    measures: dict[str, float | None] = {"source_accuracy": float(right.mean()), "target_accuracy": None}
    measures |= {"linear_lead": lead.mean, "linear_lead_low": lead.low, "linear_lead_high": lead.high}
    ends = ("guessing_lead", "guessing_lead_low", "guessing_lead_high")
    measures |= dict(zip(ends, (over_guessing.mean, over_guessing.low, over_guessing.high), strict=True))
    if (labels := data.target.held_out_labels) is not None:
        on_target = np.asarray(model.predict(read(data.target.held_out, None))) == labels
        low, high = wilson(int(on_target.sum()), len(on_target))
        measures |= {"target_accuracy": float(on_target.mean()), "target_accuracy_low": low, "target_accuracy_high": high}
    return {"phase": "linear", "number": 1, "total": 1, "losses": {}, "gauges": {}, "measures": measures, "seconds": 0.0}


def _classifier(labels: np.ndarray, sparse: bool):
    if len(np.unique(labels)) < 2:
        return DummyClassifier()
    logistic = LogisticRegression(C=10.0 if sparse else 1.0, max_iter=300)
    return logistic if sparse else make_pipeline(StandardScaler(), logistic)


def flat_rows(inputs: Inputs, rows: Tensor | None, size: int, kind: str):
    """What a linear classifier reads of samples of this kind: N×D, a float32 array or, of texts, a sparse matrix of word shares.

    ``rows`` are those that are wanted, None for all; ``size`` of them are read at once, as they may lie on disk.
    """
    order = (torch.arange(len(inputs)) if rows is None else rows).to(inputs.device)
    parts = (inputs[part].cpu() for part in order.split(size))
    if kind == "text":
        return vstack([csr_matrix(word_shares(part).numpy()) for part in parts])
    return torch.cat([_flat(part) for part in parts]).numpy()


def _flat(x: Tensor) -> Tensor:
    if x.ndim == 4 and max(x.shape[2:]) > SIDE:
        x = F.adaptive_avg_pool2d(x.float(), (min(SIDE, x.shape[2]), min(SIDE, x.shape[3])))
    return x.flatten(1).float()
