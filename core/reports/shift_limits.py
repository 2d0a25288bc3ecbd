"""What a shift report cannot tell from so many samples, and what spoils any comparison: columns that give the answer away."""

from __future__ import annotations

from itertools import groupby
from math import comb

from core.measures.giveaways import Giveaway
from core.reports.shift import Classifier, Distances, Explanation, Samples
from core.reports.shift_data import FEWEST
from core.reports.text import SMALLEST_P, auc_value, number

SMALL = 50  # samples of each domain, from which on it goes without saying what they cannot show
NAMED = 5  # columns in one sentence


def cannot_tell(samples: Samples, classifier: Classifier, explanation: Explanation, distances: Distances) -> tuple[str, ...]:
    """Sentences on what could not have been seen in these samples, whether it is there or not; each with its n."""
    n = samples.measured
    both, said = f"{n} + {n} samples", []
    if n < SMALL or not explanation.differ:
        said.append(_power(both, classifier.seen))
    ways = comb(2 * n, n)
    if 2 / ways > SMALLEST_P:
        said.append(f"No p value can be below {number(2 / ways)}: {both} can be dealt out to two domains in only {ways} ways.")
    tested = sum(int(found.values.get("columns_shifted_tested", 0)) for found in distances.numbers)
    if 2 * tested / ways > 0.05:
        said.append(f"Whether one of the {tested:,} columns differs alone cannot be shown by {both}, even if it differed wholly.")
    if samples.columns >= n:
        said.append(f"There are {samples.columns:,} columns and {both}: a difference in few of so many is easily missed.")
    if not samples.control_n:
        said.append(
            f"There is no A/A control, which shows what no shift looks like: it needs {2 * FEWEST} source samples, and {samples.sizes[0]} "
            "are there."
        )
    return tuple(said)


def _power(both: str, seen: float) -> str:
    if seen >= 0.995:
        return f"With {both} even domains that look completely different may come out as no shift."
    return f"With {both} a shift is found in about four of five cases from an AUC of {auc_value(seen)} on; smaller ones are often missed."


def warnings(found: tuple[Giveaway, ...]) -> tuple[str, ...]:
    """A sentence for each way in which columns give the class or the domain away."""
    grouped = groupby(sorted(found, key=lambda g: (g.of, g.how)), key=lambda g: (g.of, g.how, g.n))
    return tuple(_warning(of, how, n, [g.title for g in several]) for (of, how, n), several in grouped)


def _warning(of: str, how: str, n: int, titles: list[str]) -> str:
    names = ", ".join(titles[:NAMED]) + (f" and {len(titles) - NAMED} more" if len(titles) > NAMED else "")
    one = len(titles) == 1
    what = f"The column {names}" if one else f"Each of the columns {names}"
    if of == "domain":
        why = {
            "ranges": "source and target have no range of its values in common",
            "gaps": "it has values in one domain and none in the other",
        }.get(how, "no value of it occurs in both domains")
        counted = f"({n // 2} + {n // 2} samples)"
        return f"{what} gives the domain away by itself: {why} {counted}. If it only says where a sample is from, leave it out."
    where = f"in all {n} source samples"
    says = {
        "gaps": f"tells classes by itself {where}: some of them have values in it, the others none",
        "equal": f"equals the label {where}: each class has a value of its own",
        "values": f"tells the class by itself {where}: each of its values belongs to one class alone",
        "marks": f"tells some classes by itself {where}: it has one value throughout each class",
        "ranges": f"tells the class by itself {where}: each class has a range of its values to itself",
    }[how]
    return f"{what} {says}. If it is not known for new samples, leave it out."
