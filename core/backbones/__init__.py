"""Backbones: networks that turn raw inputs into features. `base` holds the contract; each other module makes one kind of network.

Importing this package registers every backbone in `BACKBONES`.
"""

from core.backbones import base, small, torchvision, lite, sound, text  # noqa: F401, I001  (they register themselves, in this order)
from core.backbones.base import (
    BACKBONES,
    BackboneEntry,
    Frozen,
    Network,
    Params,
    backbone,
    build_network,
    embed,
    fitting_backbone,
    initialise,
    is_frozen,
)
from core.backbones.torchvision import about_weights, weights_at_hand

__all__ = [
    "BACKBONES",
    "BackboneEntry",
    "Frozen",
    "Network",
    "Params",
    "about_weights",
    "backbone",
    "build_network",
    "embed",
    "fitting_backbone",
    "initialise",
    "is_frozen",
    "weights_at_hand",
]
