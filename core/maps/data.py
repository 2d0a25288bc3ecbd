"""What a map shows, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from core.samples.raw import Originals

Rings = list[np.ndarray]


@dataclass(frozen=True, eq=False)
class Ground:
    """What the network says of the plane itself, for two-dimensional inputs: a G×G grid over [-1, 1]², first row at the bottom.

    ``classes`` uint8 E×G×G, ``confidence`` uint8 E×G×G (255 is certain).
    """

    classes: np.ndarray
    confidence: np.ndarray


@dataclass(frozen=True, eq=False)
class MapData:
    """What a map shows. E epochs, N samples; the same index is the same sample everywhere.

    Attributes
    ----------
    identity : str
        The same as long as epochs are only added: a browser that holds some of them asks for the rest.
    version : str
        Changes whenever anything here does.
    epochs : tuple of int
        Numbers of the epochs, rising.
    positions : float32, E×N×2
        In [-1, 1], or a little beyond; one projection for all epochs. A point that is not finite is left out of its epoch.
    domain : uint8, N
        0 source, 1 target.
    labels : int16, N
        True class, -1 unknown.
    predictions : int16, E×N
    confidence : float32, E×N
        Of the predicted class, in [0, 1].
    class_names, titles, captions : tuple of str
        ``titles`` ("before", "epoch 3") and ``captions`` (the number beside the picture) have one entry per epoch.
    centres : float32, E×2×K×2
        Median place of each class in source and target, NaN where there is none.
    outlines : tuple of tuple of Rings
        For each epoch the rings of the source's and of the target's 50 % density region, and, over a ``ground``, the lines on which
        the domain classifier cannot decide.
    pictures : uint8, N×H×W or N×H×W×3, or None
    rows : float32, N×D, or None
        The samples themselves, shown on hover.
    originals : Originals
        Texts, sounds or names of columns that belong to them.
    judged : bool
        Whether ``predictions`` and ``confidence`` are a network's; a map of raw inputs has none.
    ground : Ground, optional
    note : str
        How the samples were chosen: "showing 599 of 599 held-out samples per domain, seed 0".
    """

    identity: str
    version: str
    epochs: tuple[int, ...]
    positions: np.ndarray
    domain: np.ndarray
    labels: np.ndarray
    predictions: np.ndarray
    confidence: np.ndarray
    class_names: tuple[str, ...]
    titles: tuple[str, ...]
    captions: tuple[str, ...]
    centres: np.ndarray
    outlines: tuple[tuple[Rings, ...], ...]
    pictures: np.ndarray | None = None
    rows: np.ndarray | None = None
    ground: Ground | None = None
    note: str = ""
    judged: bool = True
    originals: Originals = field(default_factory=Originals)

    def __post_init__(self) -> None:
        frames, count = len(self.epochs), len(self.domain)
        expected = {
            "positions": (frames, count, 2),
            "labels": (count,),
            "predictions": (frames, count),
            "confidence": (frames, count),
            "titles": (frames,),
            "captions": (frames,),
            "centres": (frames, 2, len(self.class_names), 2),
            "outlines": (frames,),
        }
        for name, shape in expected.items():
            value = getattr(self, name)
            found = (len(value),) if isinstance(value, tuple) else value.shape
            if found != shape:
                raise ValueError(f"MapData.{name} has shape {found}; {frames} epochs of {count} samples need {shape}.")
