"""A question before it is run: samples of both domains, how many of each class they have, and what will happen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.domains import DOMAINS, load_pair
from core.experiment import Experiment, Phase
from core.experiment.settings import backbone_title, method_title
from core.runs.progress import PHASES
from core.samples.pictures import pictures
from core.samples.raw import Originals
from core.training.data import Samples

SHOWN = 8  # samples of each domain
SIDE = 96  # pixels of a sample, at most

STEPS: dict[Phase, str] = {
    "source": "{backbone} learns from the labelled source, for at most {epochs} epochs: it ends where it gains no more.",
    "linear": "A logistic regression does the same without a network, to compare with.",
    "oracle": "The same network is trained on the target's labels. Nobody has these in earnest: it is the line that can be reached.",
    "joint": "The same network is trained on the labels of both domains.",
    "continued": "The network is trained on with the source alone, for as long as the method will be: what the method has to beat.",
    "adapt": "{method} adapts the network to the target, whose labels it never sees: {epochs} epochs, each shown as it comes.",
}


@dataclass(frozen=True, eq=False)
class Glimpse:
    """A few held-out samples, those of the source first, as pages show them, and the labels of all training samples.

    Attributes
    ----------
    pictures : ndarray or None
        uint8 2n×H×W(×3); None for rows and texts.
    rows : ndarray or None
        float32 2n×D.
    labels : ndarray
        int64 2n; −1 where they are unknown.
    source, target : ndarray or None
        int64, of the training samples.
    """

    n: int
    pictures: np.ndarray | None
    rows: np.ndarray | None
    originals: Originals
    labels: np.ndarray
    class_names: tuple[str, ...]
    source: np.ndarray
    target: np.ndarray | None


def glimpse(experiment: Experiment) -> Glimpse | None:
    """A look at the data of a question; None where they may have to be fetched first.

    Raises
    ------
    InputError
        The domains do not fit together, or have been deleted.
    """
    if any(DOMAINS.get(side.name).downloads for side in (experiment.source, experiment.target)):
        return None
    pair = load_pair(*experiment.pair)
    few = Samples.of(experiment.model_copy(update={"snapshot": SHOWN}), pair)
    is_rows, is_text = few.inputs.ndim == 2, bool(few.originals.texts)
    drawn = None if is_rows or is_text else pictures(few.inputs, sound=few.originals.waves is not None, most=SIDE)
    return Glimpse(
        len(few.labels) // 2,
        drawn,
        few.inputs.numpy() if is_rows and not is_text else None,
        few.originals,
        few.labels.numpy(),
        pair.class_names,
        pair.source.known_labels[pair.source.train].numpy(),
        None if pair.target.labels is None else pair.target.labels[pair.target.train].numpy(),
    )


def steps(experiment: Experiment, labelled: bool = True) -> list[tuple[str, str]]:
    """What a run does, one phase after the other: its title, and a sentence. A target that is not ``labelled`` has fewer of them."""
    asked = experiment.model_dump(mode="json")
    words = {"backbone": backbone_title(asked), "method": method_title(asked)}
    unknown = () if labelled else ("oracle", "joint")
    return [
        (PHASES[phase], STEPS[phase].format(epochs=epochs, **words)) for phase, epochs in experiment.phases.items() if phase not in unknown
    ]
