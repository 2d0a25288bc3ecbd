"""Real tables of scikit-learn, each split by one of its columns into two populations: covariate shift on real rows.

Which population a row falls into depends on that column alone, so that p(y | x) is the same in both while p(x) is not. The shares of
the classes differ as a consequence, as they do wherever a column says something of the class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from core.domains.base import Domain, NoParams, domain, random_split

SHARPNESS = 6.0  # of the border between the two populations, per standard deviation: a band of rows is in either


@dataclass(frozen=True)
class Table:
    """One table: ``load()`` gives scikit-learn's bunch; rows with little and with much of ``covariate`` become two domains."""

    name: str
    load: Callable
    covariate: str
    low: tuple[str, str]
    high: tuple[str, str]
    class_names: tuple[str, ...]
    held_out: float
    source: str


def _wine():
    from sklearn.datasets import load_wine

    return load_wine()


def _tumours():
    from sklearn.datasets import load_breast_cancer

    return load_breast_cancer()


TABLES = (
    Table(
        "wine",
        _wine,
        "proline",
        ("little-proline", "little proline"),
        ("much-proline", "much proline"),
        ("grower 0", "grower 1", "grower 2"),
        0.25,  # leaves 66 rows to train on, which is one default batch
        "UCI Wine (Aeberhard and Forina, 1991), CC BY 4.0",
    ),
    Table(
        "tumours",
        _tumours,
        "mean concavity",
        ("smooth", "smooth outlines"),
        ("indented", "indented outlines"),
        ("malignant", "benign"),
        1 / 3,
        "UCI Breast Cancer Wisconsin, diagnostic (Wolberg et al., 1995), CC BY 4.0",
    ),
)
ABOUT = {
    "wine": "Half of the 178 Italian wines by three growers, 13 chemical measurements",
    "tumours": "Half of the 569 breast tumours, 30 measurements of cell nuclei",
}


def population(table: Table, high: bool, params: NoParams, seed: int) -> Domain:
    """Half of the rows: those whose covariate, in standard deviations and blurred by logistic noise, is below or above the middle.

    P(high | x) = 1 / (1 + exp(−`SHARPNESS` · (z − median))) with z the covariate; exactly half of the rows fall on each side. All
    columns are standardised over the whole table, so both populations are in the same units.
    """
    data = table.load()
    names = [str(name) for name in data.feature_names]
    x = (data.data - data.data.mean(0)) / data.data.std(0)
    score = SHARPNESS * x[:, names.index(table.covariate)] + np.random.default_rng([seed, 0x7AB1E]).logistic(size=len(x))
    order = np.argsort(score)
    rows = np.sort(order[len(x) // 2 :] if high else order[: len(x) // 2])
    labels = data.target[rows].astype(np.int64)
    train, test = random_split(len(rows), table.held_out, seed)
    side = table.high if high else table.low
    return Domain(
        f"{table.name}-{side[0]}",
        torch.from_numpy(x[rows].astype(np.float32)),
        torch.from_numpy(labels),
        table.class_names,
        train,
        test,
        f"{table.source}: {len(rows)} of {len(x)} rows, chosen by {table.covariate}, seed {seed}; columns standardised over all rows.",
        "CC BY 4.0",
        originals=tuple(names),
    )


for _table in TABLES:
    for _high, _side in ((False, _table.low), (True, _table.high)):
        domain(
            f"{_table.name}-{_side[0]}",
            title=f"{_table.name.capitalize()}, {_side[1]}",
            kind="features",
            summary=f"{ABOUT[_table.name]}: those with {'high' if _high else 'low'} {_table.covariate}, so the pair is a covariate shift.",
            licence="CC BY 4.0 (UCI Machine Learning Repository, with scikit-learn).",
        )(partial(population, _table, _high))
