"""The measure contract as one call: `check_measure` computes a measure on small data and says what it breaks and how to mend it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.measures.base import MEASURES, Evaluation, Measure, Populations
from core.measures.scale import Scale
from core.registry.contract import require, require_sentences, require_text, run_checks

SAMPLES, HELD_OUT, CLASSES, WIDTH = 60, 90, 3, 8
# Measure → check → why it fails; none does.


def check_measure(measure: str | Measure, exceptions: Mapping[str, str] | None = None) -> None:
    """Read what is said of a measure, and compute it on a model's predictions and on two populations, where it belongs to them.

    Parameters
    ----------
    measure : str or Measure
        Registered, or an entry that is not registered yet.
    exceptions : mapping of str to str, optional
        Names of checks that are known to fail, each with the reason.

    Raises
    ------
    AssertionError
        Something breaks the contract; the sentence says what, and how to mend it.
    InputError
        There is no measure of this name.
    """
    entry = MEASURES.get(measure) if isinstance(measure, str) else measure
    run_checks(f"Measure {entry.name!r}", CHECKS, entry, exceptions or {})


@dataclass(frozen=True)
class Values:
    """What a measure returned, and what it may return."""

    entry: Measure
    found: Mapping[str, float | None]

    def check(self, of: str) -> None:
        name, keys = self.entry.name, set(self.entry.keys)
        require(name in self.found, f"{of} returns {', '.join(self.found)} and not {name!r}. Return the measure under its own name.")
        unknown = self.found.keys() - keys
        require(not unknown, f"{of} returns {', '.join(sorted(unknown))} as well. Name these keys in companions.")
        for key, value in self.found.items():
            good = value is None or (isinstance(value, int | float) and np.isfinite(value))
            require(good, f"{of} returns {value!r} for {key!r}. Return a finite Python number, or None where there is none.")


def evaluation(target_labels: bool = True) -> Evaluation:
    """A model that is mostly right on the source and less so on a target that lies a little elsewhere."""
    rng = np.random.default_rng(0)
    labels = [rng.permutation(np.arange(HELD_OUT) % CLASSES) for _ in range(2)]
    probabilities = []
    for one, sharpness in zip(labels, (3.0, 1.5), strict=True):
        logits = sharpness * np.eye(CLASSES)[one] + rng.normal(size=(HELD_OUT, CLASSES))
        p = np.exp(logits)
        probabilities.append((p / p.sum(1, keepdims=True)).astype(np.float32))
    pair, side = populations(), np.linspace(-1, 1, 9)
    plane = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2).astype(np.float32)
    grid = (np.tile(plane, (1, WIDTH // 2)), np.full((len(plane), CLASSES), 1 / CLASSES, np.float32))
    known = labels[1] if target_labels else None
    scale = Scale.of(pair.source, pair.target)
    names = [[f"thing {i}" for i in order] for order in (range(HELD_OUT), rng.permutation(HELD_OUT))]
    identities = names[0], names[1]
    return Evaluation(probabilities[0], probabilities[1], labels[0], known, pair.source, pair.target, scale, 0, grid, identities)


def populations() -> Populations:
    rng = np.random.default_rng(1)
    source, target = rng.normal(size=(2, SAMPLES, WIDTH)).astype(np.float32)
    return Populations(source, target + np.float32(0.5), float(WIDTH), 0)


def facts(entry: Measure) -> None:
    """A reader is told what it means, how it is computed, by whom, and what it cannot say."""
    require(re.fullmatch(r"[a-z0-9_]+", entry.name), f"the name {entry.name!r} is a key. Use small letters, digits and underscores.")
    require_text(title=entry.title, label=entry.label, formula=entry.formula, source=entry.source)
    require_sentences(meaning=entry.meaning, limits=entry.limits)
    for name in ("meaning", "limits"):
        text = getattr(entry, name)
        require(text[0].isupper() and 40 <= len(text) <= 400, f"{name} is {text!r}. Write 40 to 400 letters, and begin with a capital.")
    require(entry.meaning.count(". ") <= 2, "the meaning is longer than three sentences. Say it in one line; limits may be longer.")
    require(re.search(r"\b(19|20)\d\d\b", entry.source), f"the source is {entry.source!r}. Name authors, year and place.")
    computed = entry.of_run is not None or entry.of_pair is not None
    require(entry.range or not computed, "it is a number without a range. Say it in words, such as '0 to 1'.")


def formula(entry: Measure) -> None:
    """LaTeX without dollar signs, every brace closed."""
    depth = 0
    for sign in entry.formula.replace(r"\{", "").replace(r"\}", ""):
        depth += (sign == "{") - (sign == "}")
        require(depth >= 0, "the formula closes a brace that it did not open.")
    require(depth == 0, "the formula leaves a brace open.")
    require("$" not in entry.formula and "\\" in entry.formula, r'the formula is no LaTeX. Write it as r"\frac…", without dollar signs.')


def belongs(entry: Measure) -> None:
    """It says where it belongs, and what is drawn of it is among what it returns."""
    require(entry.of, "it belongs to nothing. Give of_run, of_pair, kept, or finding_of.")
    band = entry.drawing.band
    drawn = {key for key in (entry.drawing.p, *((band.low, band.high) if band else ())) if key}
    missing = drawn - set(entry.keys)
    require(not missing, f"its drawing asks for {', '.join(sorted(missing))}. Name them in companions, and return them.")
    others = {other.name for other in MEASURES} - {entry.name}
    taken = others & set(entry.companions)
    require(not taken, f"its companions {', '.join(sorted(taken))} are measures of their own. Leave them out.")
    require(not entry.validates or entry.better, "one would choose an epoch by it, and which end is good? Set better.")
    require(not (entry.validates and entry.needs_target_labels), "one would choose an epoch by it without labels, and it needs them.")


def of_run(entry: Measure) -> None:
    """Of an evaluation: finite numbers under known keys, the same by the same seed; target labels are needed as it says."""
    if entry.of_run is None:
        return
    given = evaluation()
    before = [x.copy() for x in (given.source_features, given.target_features, given.source_probabilities, given.target_probabilities)]
    found = entry.of_run(given)
    Values(entry, found).check("of_run")
    after = (given.source_features, given.target_features, given.source_probabilities, given.target_probabilities)
    require(all(np.array_equal(a, b) for a, b in zip(before, after, strict=True)), "of_run changes what it is given. Work on a copy.")
    require(entry.of_run(evaluation()) == found, "of_run returns other numbers by the same seed. Draw from evaluation.seed alone.")
    blind = entry.of_run(evaluation(target_labels=False))
    Values(entry, blind).check("of_run without target labels")
    if entry.needs_target_labels:
        told = [key for key, value in blind.items() if value is not None]
        require(not told, f"needs_target_labels, but without them it returns {', '.join(told)}. Return None, or leave it False.")
    else:
        changed = [key for key in found if found[key] != blind.get(key)]
        require(not changed, f"{', '.join(changed)} changes without target labels. Set needs_target_labels, so that blind mode hides it.")


def of_pair(entry: Measure) -> None:
    """Of two populations: finite numbers under known keys, the same by the same seed."""
    if entry.of_pair is None:
        return
    given = populations()
    source, target = given.source.copy(), given.target.copy()
    found = entry.of_pair(given)
    Values(entry, found).check("of_pair")
    unchanged = np.array_equal(given.source, source) and np.array_equal(given.target, target)
    require(unchanged, "of_pair changes what it is given. Work on a copy.")
    require(entry.of_pair(populations()) == found, "of_pair returns other numbers by the same seed. Draw from populations.seed alone.")


CHECKS = (facts, formula, belongs, of_run, of_pair)
