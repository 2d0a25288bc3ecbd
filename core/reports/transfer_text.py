"""A transfer report in plain sentences: what happened, whom it helped and whom it hurt."""

from __future__ import annotations

from core.measures.accuracy import Gain
from core.measures.alignment import Alignment
from core.measures.calibration import Calibration
from core.measures.twins import Landing
from core.reports.health import collapsed
from core.reports.text import in_percent, interval, n_of_m, percent, points
from core.reports.transfer import Choice, ClassChange, TransferReport, outcomes

LISTED = 3  # classes that a sentence names
SURE = 0.05  # q below which a class is called helped or hurt


def told(
    report: TransferReport, gap: float | None = None, oracle: float | None = None, seeds: Gain | None = None, runs: int = 0
) -> list[str]:
    """The report in sentences, the most important first; what needs target labels is left out where there are none.

    Parameters
    ----------
    gap, oracle : float, optional
        Share of the gap that was closed, and the oracle's accuracy.
    seeds : Gain, optional
        Over ``runs`` runs that differ in nothing but the seed.
    """
    said = []
    if taken := _taken_over(report):
        said.append(taken)
    if report.classes:
        said += [_changed(report.classes), _worst(report.classes)]
    if gap is not None and oracle is not None:
        said.append(_gap(gap, oracle))
    if seeds is not None:
        ends = interval(seeds.low, seeds.high, points, "interval")
        said.append(f"Over {runs} seeds the gain is {points(seeds.mean)} points on average ({ends}).")
    if report.alignment is not None:
        said.append(_landed(*report.alignment, report.class_names))
    if report.twins is not None:
        said.append(_twins(*report.twins))
    if report.target is not None:
        said.append(_trust("target", report.target[1]))
    else:
        said.append(_trust("source", report.source[1]))
    return said


def _twins(before: Landing, after: Landing) -> str:
    chance = percent(1 / len(after.twin))
    return (
        f"{percent(after.share)} of the source samples landed on their twin, the same thing in the target ({percent(before.share)} before "
        f"adaptation; chance alone gives {chance})."
    )


def _taken_over(report: TransferReport) -> str:
    """What a collapse does to the classes: the one that everything is called seems helped."""
    before, after = (counts / max(counts.sum(), 1) for counts in report.predicted)
    if not collapsed(float(before.max()), float(after.max())):
        return ""
    name = report.class_names[int(after.argmax())]
    return (
        f"{percent(float(after.max()))} of the target is now called {name}. So class {name} looks well recognized, and the others are lost."
    )


def _changed(classes: tuple[ClassChange, ...]) -> str:
    helped = sorted((c for c in classes if c.q < SURE and c.change > 0), key=lambda c: -c.change)
    hurt = sorted((c for c in classes if c.q < SURE and c.change < 0), key=lambda c: c.change)
    if not helped and not hurt:
        return f"No class of {len(classes)} is better or worse beyond chance than before adaptation."
    since = "Compared with the network before adaptation, it helped"
    if not helped:
        return f"{since} no class beyond chance and hurt {n_of_m(len(hurt), len(classes))}{_named(hurt)}."
    first = f"{since} {n_of_m(len(helped), len(classes))} classes beyond chance{_named(helped)}"
    second = f"hurt {len(hurt)}{_named(hurt)}." if hurt else "hurt none."
    return f"{first}, and {second}"


def _named(classes: list[ClassChange]) -> str:
    if not classes:
        return ""
    shown = ", ".join(f"{c.name} ({points(c.change)} points)" for c in classes[:LISTED])
    return f": {'most ' if len(classes) > LISTED else ''}{shown}"


def _worst(classes: tuple[ClassChange, ...]) -> str:
    before, after = (min(classes, key=lambda c, end=end: getattr(c, end)[0]) for end in ("before", "after"))
    if after.after[0] == 1:
        return f"Every class is recognized without a mistake; before, the worst was {before.name} with {percent(before.before[0])}."
    was = "it was the worst before, too, with" if before.name == after.name else f"before it was {before.name} with"
    return (
        f"The worst class is {after.name} with {percent(after.after[0])} of the {after.n} samples kept; {was} {percent(before.before[0])}."
    )


def _gap(gap: float, oracle: float) -> str:
    if gap < 0:
        return f"The gap to the oracle ({percent(oracle)}) became wider."
    return f"It closed {percent(gap, 0)} of the gap to the oracle ({percent(oracle)})."


def _landed(before: Alignment, after: Alignment, names: tuple[str, ...]) -> str:
    right = [int((found.landed == range(len(names))).sum()) for found in (before, after)]
    elsewhere = [f"source {names[a]} landed on target {names[b]}" for a, b in enumerate(after.landed) if b not in (-1, a)]
    open_ones = int((after.landed == -1).sum())
    rest = f"; {', '.join(elsewhere[:LISTED])}" if elsewhere else ""
    unsure = f"; {open_ones} lie{'s' if open_ones == 1 else ''} between classes" if open_ones else ""
    landed = n_of_m(right[1], len(names)).capitalize()
    return f"{landed} source classes landed on their own target class ({right[0]} before){rest}{unsure}."


def _trust(domain: str, after: Calibration) -> str:
    says, right = float((after.confidence * after.counts).sum() / after.n), float((after.accuracy * after.counts).sum() / after.n)
    error = f"{percent(after.error)}, {interval(after.error_low, after.error_high, in_percent, 'interval')}"
    if after.error_low <= 0:
        judged = "no evidence that its confidence is off"
    elif abs(after.overconfidence) < 0.5 * after.error:
        judged = "too sure at some confidences and not sure enough at others"
    else:
        judged = "too sure" if after.overconfidence > 0 else "not sure enough"
    averages = f"{percent(says)} sure on average and {percent(right)} right"
    return f"On the {domain} the network is {averages}: {judged} (calibration error {error})."


def chosen_sentence(found: list[Choice], last: float | None, titles: dict[str, str]) -> str:
    """What choosing an epoch without labels would have come to."""
    known = outcomes(found)
    if not known or last is None:
        return ""
    best = known[0][1].accuracy + known[0][1].cost
    good = sum(outcome.cost <= 0.01 for _, outcome in known)
    worst, dearest = max(known, key=lambda one: one[1].cost)
    within = f"{n_of_m(good, len(found)).capitalize()} label-free measures would have chosen an epoch within one point of the best"
    most = f"{titles[worst.validator]} would have cost most: {in_percent(dearest.cost)} points."
    return f"{within} ({percent(best)}); the last epoch has {percent(last)}. {most}"
