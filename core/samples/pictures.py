"""Samples as one looks at them: tensors of channels to pictures."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def pictures(x: Tensor, sound: bool = False, most: int | None = None) -> np.ndarray:
    """Pictures to be shown or stored.

    Parameters
    ----------
    x : Tensor
        uint8 N×C×H×W, one channel or three.
    sound : bool
        Whether they are spectrograms: their low bands come below, as one draws them.
    most : int, optional
        Pixels: larger pictures, which are square, are reduced to this. Spectrograms are not.

    Returns
    -------
    ndarray
        uint8 N×H×W of one channel, N×H×W×3 of three.
    """
    if sound:
        return x[:, 0].flip(1).contiguous().numpy()
    if most is not None and x.shape[-1] > most:
        x = F.interpolate(x.float(), (most, most), mode="bilinear", antialias=True).round().to(torch.uint8)
    return (x[:, 0] if x.shape[1] == 1 else x.permute(0, 2, 3, 1)).contiguous().numpy()
