"""The question: all that defines a run (`base`), its settings in words (`settings`), small ones that show a method (`presets`)."""

from core.experiment.base import BackboneSpec, Budget, Experiment, MethodSpec, Phase, Role

__all__ = ["BackboneSpec", "Budget", "Experiment", "MethodSpec", "Phase", "Role"]
