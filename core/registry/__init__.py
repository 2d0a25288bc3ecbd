"""What is registered by name: `base` holds the registry, `contract` what the rooms' checks of their entries share."""

from core.registry.base import Registry

__all__ = ["Registry"]
