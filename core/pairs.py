"""The two domains of an experiment: loaded, cut apart, shifted, brought to one shape, and kept for the next who asks."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace

from pydantic import ValidationError

from core.domains import DOMAINS, Domain, Pair, make_pair, stratified_split
from core.domains.base import shifted
from core.experiment import DomainSpec, Experiment, as_input_error

PAIRS_KEPT = 4
_PAIRS: dict[str, Pair] = {}
_PAIRS_LOCK = threading.Lock()


def load_pair(experiment: Experiment, on_progress: Callable[[float], None] | None = None) -> Pair:
    """The experiment's two domains, shifted and brought to one shape.

    The same domain on both sides is cut into two disjoint halves, so that no sample is on both; with other parameters on
    one side, the target is an independent draw. The last few pairs are kept in memory. ``on_progress`` is told the
    fraction of a download.
    """
    key = json.dumps(experiment.model_dump(mode="json", include={"source", "target", "seed"}), sort_keys=True)
    with _PAIRS_LOCK:
        if key in _PAIRS:
            return _PAIRS[key]
    pair = _make_pair(experiment, on_progress)  # outside the lock: a download must not hold up other experiments
    with _PAIRS_LOCK:
        _PAIRS[key] = pair
        while len(_PAIRS) > PAIRS_KEPT:
            del _PAIRS[next(iter(_PAIRS))]
    return pair


def _make_pair(experiment: Experiment, on_progress: Callable[[float], None] | None) -> Pair:
    source, target, seed = experiment.source, experiment.target, experiment.seed
    first = _load(source, seed, on_progress)
    if (source.name, source.params) == (target.name, target.params):
        domains = [_half(first, half, seed) for half in (0, 1)]
    else:
        domains = [first, _load(target, seed + (source.name == target.name), on_progress)]
    shifts = [[(s.name, s.severity) for s in spec.shifts] for spec in (source, target)]
    return make_pair(*(shifted(d, chain, seed) for d, chain in zip(domains, shifts, strict=True)))


def _load(spec: DomainSpec, seed: int, on_progress: Callable[[float], None] | None) -> Domain:
    entry = DOMAINS.get(spec.name)
    more = {"on_progress": on_progress} if entry.downloads else {}
    try:
        params = entry.params(**spec.params)
    except ValidationError as error:  # a file that was there when the experiment was made
        raise as_input_error(error) from error
    return entry.make(params, seed, **more)


def _half(d: Domain, half: int, seed: int) -> Domain:
    labels = None if d.labels is None else d.labels.numpy()
    cut = {}
    for name, part in (("train", d.train), ("test", d.test)):
        groups = stratified_split(None if labels is None else labels[part.numpy()], len(part), 0.5, seed)
        cut[name] = part[groups[half]]
    return replace(d, **cut)
