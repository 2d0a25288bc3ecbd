"""From a question to its epochs: the `loop` and what it needs, an experiment's data, network and evaluation on a device."""

from core.training.loop import Checkpoint, Epoch, Reference, train

__all__ = ["Checkpoint", "Epoch", "Reference", "train"]
