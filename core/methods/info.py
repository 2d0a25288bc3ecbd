"""What a reader wants to know of a method before choosing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["source", "target"]
Family = Literal[
    "references",
    "moments and kernels",
    "adversarial",
    "norm, confusion, nuclear",
    "optimal transport",
    "self-training",
    "source-free and test-time",
    "image translation",
    "shallow, on frozen features",
    "few target labels",
]


@dataclass(frozen=True)
class MethodInfo:
    """What a reader wants to know before choosing.

    Attributes
    ----------
    transfers : str
        What is carried from source to target (Pan and Yang 2010): ``"instances"`` (samples are re-weighted, labelled or redrawn),
        ``"features"`` (they are made alike), ``"model"`` (its weights are the starting point, and go on learning).
    setting : str
        What the method is given. ``"unsupervised"``: labelled source, unlabelled target. ``"semi-supervised"``: a few target
        labels as well. ``"source-free"``: the source's network and the target, no source data. ``"test-time"``: the same, in
        passing, with batch norm alone. ``"supervised"`` and ``"none"`` are references.
    sees_source : bool
        Whether source data are handed over in adaptation; if not, batches hold none.
    instant : bool
        Closed form: no batches, all of it in `Method.epoch`, in as many epochs as `Method.stages` says.
    kinds : tuple of str
        Kinds of inputs the method can read; empty if it works on the features of any.
    shines, fails : str
        Names of situations (`core.experiment.presets`) in which it can be seen to help and to hurt; empty for none.
    trains_on : str
        ``"target"`` or ``"both"`` only for references that are shown all target labels; it is the one door through which
        these labels reach a network, and `core.training` opens it by handing the target over *as* the source.
    """

    name: str
    title: str
    family: Family
    summary: str
    helps: str
    hurts: str
    formula: str
    paper: str
    year: int | None = None
    arxiv: str | None = None
    transfers: Literal["nothing", "instances", "features", "model"] = "features"
    setting: Literal["none", "unsupervised", "semi-supervised", "source-free", "test-time", "supervised"] = "unsupervised"
    sees_source: bool = True
    instant: bool = False
    kinds: tuple[str, ...] = ()
    trains_on: Literal["source", "target", "both"] = "source"
    clip: float | None = None
    shines: str = ""
    fails: str = ""

    @property
    def adapts(self) -> bool:
        """Whether this is a method, rather than a reference to judge methods by."""
        return self.setting not in ("none", "supervised")
