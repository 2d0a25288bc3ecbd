"""Penguins of two species and workers of two years: shapes, classes, shares, where they come from, and the gap that each pair shows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from core.domains import DOMAINS, Domain, make_pair
from core.domains.shipped_tables import FOLDER, POPULATIONS, PRICES, WAGES
from core.errors import InputError


def make(name: str, seed: int = 0) -> Domain:
    entry = DOMAINS.get(name)
    return entry.make(entry.params(), seed)


@pytest.mark.parametrize(
    ("name", "rows", "columns", "share", "classes"),
    [
        ("penguins-adelie", 146, 4, 73 / 146, ("female", "male")),
        ("penguins-gentoo", 119, 4, 61 / 119, ("female", "male")),
        ("penguins-adelie-no-depth", 146, 3, 73 / 146, ("female", "male")),
        ("penguins-gentoo-no-depth", 119, 3, 61 / 119, ("female", "male")),
        ("wages-1978", 550, 7, 273 / 550, WAGES.class_names),
        ("wages-1985", 534, 7, 398 / 534, WAGES.class_names),
        ("wages-1985-real", 534, 7, 236 / 534, WAGES.class_names),
    ],
)
def test_shapes_classes_and_shares(name, rows, columns, share, classes):
    d = make(name)
    assert tuple(d.inputs.shape) == (rows, columns)
    assert len(d.columns) == columns
    assert d.class_names == classes
    assert float(d.known_labels.float().mean()) == pytest.approx(share)
    assert len(d.test) == round(rows / 3)


def test_every_population_says_where_it_comes_from():
    for one in POPULATIONS:
        entry, d = DOMAINS.get(one.name), make(one.name)
        citation = "Horst, Hill and Gorman, 2020" if "penguins" in one.name else "J. M. Wooldridge's Introductory Econometrics"
        assert citation in entry.licence
        assert citation in d.provenance
        assert ("CC0" if "penguins" in one.name else "US government") in entry.licence
        assert "$" not in entry.summary + entry.title + "".join(d.class_names), "two of them make a formula on a page"
        assert one.table.file in (FOLDER / "SOURCES.md").read_text()


def test_columns_are_standardised_over_both_populations():
    both = torch.cat([make("penguins-adelie").tensor, make("penguins-gentoo").tensor]).double()
    torch.testing.assert_close(both.mean(0), torch.zeros(4, dtype=torch.float64), atol=1e-6, rtol=0)
    torch.testing.assert_close(both.std(0, correction=0), torch.ones(4, dtype=torch.float64), atol=1e-6, rtol=0)
    depth = make("penguins-adelie").columns.index("bill depth (mm)")
    means = [float(make(f"penguins-{species}").tensor[:, depth].mean()) for species in ("adelie", "gentoo")]
    assert means[0] > 0 > means[1], "of all columns the one in which Gentoos are smaller"


def test_in_real_money_the_line_lies_where_prices_rose_to():
    assert pytest.approx(1.65, abs=0.001) == PRICES
    nominal, real = make("wages-1985"), make("wages-1985-real")
    assert torch.equal(nominal.tensor, real.tensor)
    assert (nominal.known_labels >= real.known_labels).all()
    assert 150 < int((nominal.known_labels - real.known_labels).sum()) < 170, "earn between 5.25 and 8.66 dollars"


def test_with_and_without_bill_depth_do_not_fit_together():
    with pytest.raises(InputError, match="3 features"):
        make_pair(make("penguins-adelie"), make("penguins-gentoo-no-depth"))


def right(scaled_by: Domain, trained_on: Domain, tested_on: Domain) -> float:
    """Accuracy of logistic regression on held-out rows, which are scaled by the mean and deviation of ``scaled_by``."""
    own, theirs = (StandardScaler().fit(d.tensor[d.train].numpy()) for d in (trained_on, scaled_by))
    model = LogisticRegression().fit(own.transform(trained_on.tensor[trained_on.train].numpy()), trained_on.known_labels[trained_on.train])
    return float(model.score(theirs.transform(tested_on.tensor[tested_on.test].numpy()), tested_on.known_labels[tested_on.test]))


@pytest.mark.parametrize(
    ("source", "target", "gap", "closed"),
    [
        ("penguins-adelie", "penguins-gentoo", (0.25, 0.45), True),
        ("penguins-adelie-no-depth", "penguins-gentoo-no-depth", (0.25, 0.45), True),
        ("wages-1978", "wages-1985", (0.1, 0.25), False),
        ("wages-1978", "wages-1985-real", (-0.06, 0.06), None),
    ],
)
def test_a_pair_shows_its_gap(source, target, gap, closed):
    """Mean over ten seeds of oracle minus source-only; scaling each population by itself closes it, or does not."""
    found = []
    for seed in range(10):
        a, b = make(source, seed), make(target, seed)
        found.append((right(a, a, b), right(b, a, b), right(b, b, b)))
    only, scaled, oracle = np.mean(found, axis=0)
    assert gap[0] < oracle - only < gap[1]
    if closed is not None:
        assert (scaled > oracle - 0.05) == closed
