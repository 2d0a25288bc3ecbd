"""From a question to its epochs: the `loop`; `data`, `build` and `evaluation`, of which it is made; `checkpoint`, from which it goes on."""

from core.training.checkpoint import Checkpoint, Reference
from core.training.loop import Epoch, train

__all__ = ["Checkpoint", "Epoch", "Reference", "train"]
