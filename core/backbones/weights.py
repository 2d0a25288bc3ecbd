"""Whether pretrained networks' weights are on this machine, and what to do where they are not."""

from __future__ import annotations

from core.backbones import lite, torchvision


def weights_at_hand(name: str) -> bool:
    """Whether the weights of a pretrained network lie on this machine already, so that it needs no network to be used."""
    return lite.weights_file() is not None if name == lite.NAME else torchvision.weights_at_hand(name)


def about_weights(name: str) -> str:
    """What to know of the weights of a network before its first use, where they are not on this machine; "" for all others."""
    return lite.about_weights() if name == lite.NAME else torchvision.about_weights(name)
