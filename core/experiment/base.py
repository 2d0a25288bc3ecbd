"""Experiment: everything that defines one run, frozen, validated, hashable, JSON."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import Field, JsonValue, ValidationError, model_validator

from core.backbones import BACKBONES, is_frozen
from core.domains import kind_of
from core.domains.base import NOUNS, Kind
from core.domains.spec import DomainSpec, Frozen
from core.domains.titles import domain_name
from core.errors import InputError, as_input_error
from core.methods import METHODS

# Part of every id. Raise it when a change makes old results incomparable with new ones.
SCHEMA = 5

Role = Literal["source", "linear", "oracle", "joint", "continued"]  # of what is trained on labels alone, to judge methods by
Phase = Literal["source", "linear", "oracle", "joint", "continued", "adapt"]


class BackboneSpec(Frozen):
    """A registered backbone and its parameters."""

    name: str = "small-cnn"
    params: dict[str, JsonValue] = Field(default_factory=dict, validate_default=True)

    @model_validator(mode="after")
    def _complete(self) -> BackboneSpec:
        entry = BACKBONES.get(self.name, "backbone")
        self.params.update(entry.params.model_validate(self.params).model_dump(mode="json"))
        return self


class MethodSpec(Frozen):
    """A registered method and its hyper-parameters."""

    name: str = "dan"
    params: dict[str, JsonValue] = Field(default_factory=dict, validate_default=True)

    @model_validator(mode="after")
    def _complete(self) -> MethodSpec:
        entry = METHODS.get(self.name, "method")
        self.params.update(entry.Params.model_validate(self.params).model_dump(mode="json"))
        return self


class Budget(Frozen):
    """How long and how to train. What is learned depends on the number of updates: an epoch has at least ``least_updates`` of them."""

    source_epochs: int = Field(
        default=30,
        ge=1,
        le=1000,
        description="Epochs of training on labels, at most: it ends where samples that were held back no longer gain from it.",
    )
    epochs: int = Field(default=30, ge=1, le=1000, description="Epochs of adaptation.")
    least_updates: int = Field(
        default=20,
        ge=1,
        le=1000,
        description="Updates of an epoch, at least. An epoch is one pass over the larger domain; small domains are passed several times.",
    )
    batch_size: int = Field(
        default=64, ge=2, le=1024, description="Samples of each domain in a batch; where a domain has fewer, as many as it has."
    )
    optimizer: Literal["adam", "sgd"] = Field(default="adam", description="Adam, or SGD with Nesterov momentum 0.9.")
    lr: float = Field(default=2e-3, gt=0, le=1, description="Learning rate at the start of each phase; a method may take a share of it.")
    weight_decay: float = Field(default=5e-4, ge=0, le=1, description="L2 penalty on all weights.")
    schedule: Literal["constant", "inverse", "cosine"] = Field(default="inverse", description="inverse: lr·(1+10p)^−0.75 with progress p.")
    label_smoothing: float = Field(
        default=0.0,
        ge=0,
        le=0.5,
        description="Share of each label spread over all classes where labels alone are learned from. SHOT's paper: 0.1.",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32",
        description="bfloat16: the backbone computes with 8 bits of mantissa, in about half the time where the hardware can.",
    )


class Experiment(Frozen):
    """One question, asked completely. Equal experiments have equal ids and share one run."""

    source: DomainSpec = DomainSpec(name="printed-digits")
    target: DomainSpec = DomainSpec(name="handwritten-digits")
    backbone: BackboneSpec = BackboneSpec()
    method: MethodSpec = MethodSpec()
    start: Literal["source-model", "scratch"] = Field(
        default="source-model", description="Adapt the source-trained network, or a fresh one."
    )
    budget: Budget = Budget()
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    snapshot: int = Field(
        default=2000, ge=20, le=10_000, description="Held-out samples per domain kept for maps; MMD and AUC take the first 500."
    )
    shots: int = Field(default=0, ge=0, le=50, description="Labelled target samples per class, for methods that learn from a few of them.")
    joint: bool = Field(default=False, description="Also train on the labels of both domains together, as a second upper line.")

    @model_validator(mode="after")
    def _fits(self) -> Experiment:
        backbone = BACKBONES.get(self.backbone.name)
        held: list[tuple[str, Kind | None]] = [
            (domain_name(side.name, side.params), kind_of(side.name, side.params)) for side in (self.source, self.target)
        ]
        (source, kind), (target, other) = held
        if kind is not None and other is not None and kind != other:
            what = f"{source} are {NOUNS[kind]}, {target} {NOUNS[other]}: nothing can be carried from one to the other."
            raise InputError("target", what, "Choose two domains of one kind.")
        for title, kind in held:
            if kind is not None and kind not in backbone.kinds:
                good = ", ".join(b.title for b in BACKBONES if kind in b.kinds)
                what = f"{backbone.title} cannot read {NOUNS[kind]}, which {title} are."
                raise InputError("backbone", what, f"Choose one of: {good}.")
        self._fits_method(held[0][1])
        return self

    def _fits_method(self, kind: Kind | None) -> None:
        info = METHODS.get(self.method.name).info
        if info.kinds and kind is not None and kind not in info.kinds:
            reads = " or ".join(NOUNS[one] for one in NOUNS if one in info.kinds)
            raise InputError("method", f"{info.title} reads {reads}, and these are {NOUNS[kind]}.", "Choose another method.")
        if info.kinds == ("image",) and is_frozen(self.backbone.name, self.backbone.params):
            what = f"{info.title} changes the pictures, and a network that is frozen as a whole sees each of them once, before."
            raise InputError("method", what, "Set the backbone's freeze to part or none, or choose another method.")
        if info.setting == "semi-supervised" and not self.shots:
            raise InputError(
                "shots", f"{info.title} learns from labelled target samples, and 0 per class is none.", "Give 1 or more, say 3."
            )
        if self.shots and info.setting != "semi-supervised":
            raise InputError("shots", f"{info.title} takes no target labels.", "Set shots to 0, or choose a method for few target labels.")
        if self.start == "scratch" and (info.instant or not info.sees_source):
            raise InputError("start", f"{info.title} needs a network that was trained on the source.", "Set start to source-model.")

    @property
    def pair(self) -> tuple[DomainSpec, DomainSpec, int]:
        """What `core.domains.load_pair` takes: source, target and seed."""
        return self.source, self.target, self.seed

    @property
    def epochs(self) -> int:
        """Epochs of adaptation: the stages of a method in closed form, the budget's for all others."""
        method = METHODS.get(self.method.name)
        return method.stages(method.Params(**self.method.params)) if method.info.instant else self.budget.epochs

    @property
    def phases(self) -> dict[Phase, int]:
        """The phases of a run, in order, with their epochs. A target without labels has no oracle and no joint phase.

        Training on labels (source, oracle, joint) may end earlier. ``linear`` is a classifier without a network; ``continued`` is the
        source's network, trained on with the source alone for as many updates as the method has.
        """
        longest = self.budget.source_epochs
        phases: dict[Phase, int] = {"source": longest, "linear": 1, "oracle": longest}
        if self.joint:
            phases["joint"] = longest
        if self.has_continued:
            phases["continued"] = self.epochs
        phases["adapt"] = self.epochs
        return phases

    @property
    def has_continued(self) -> bool:
        """Whether training on with the source alone is what the method has to beat: it is for all that see the source, batch by batch."""
        info = METHODS.get(self.method.name).info
        return info.adapts and info.sees_source and not info.instant

    @classmethod
    def parse(cls, data: dict[str, Any] | str | bytes) -> Experiment:
        """Build from a dictionary or JSON text; raises `InputError` naming the field, the value and what is allowed."""
        try:
            return cls.model_validate(data) if isinstance(data, dict) else cls.model_validate_json(data)
        except ValidationError as error:
            raise as_input_error(error) from error

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits of the SHA-256 of the canonical JSON: the run's name."""
        return _digest(self.model_dump(mode="json"))

    def reference_id(self, role: Role) -> str:
        """The address of what was trained on labels alone, shared by every method that is judged by it."""
        also = {"start"} if role == "continued" else set()
        data = self.model_dump(mode="json", include={"source", "target", "backbone", "budget", "seed"} | also)
        if role != "continued":
            del data["budget"]["epochs"]
        return _digest(data | {"role": role})

    def canonical_json(self) -> str:
        return json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=True)


def _digest(data: dict) -> str:
    text = json.dumps(data | {"schema": SCHEMA}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
