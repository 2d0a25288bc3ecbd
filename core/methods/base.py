"""The method contract: hyper-parameters, what a method may look at, and one training step. Its facts are those of `core.methods.info`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar, get_args, get_origin

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from core.backbones import Network
from core.methods.info import MethodInfo, Side
from core.methods.norm import Norm, TargetStatistics, norm_field
from core.methods.rate import Schedule, rate_field, schedule_field
from core.registry import Registry
from core.samples.inputs import Indexed, Inputs


class MethodParams(BaseModel):
    """Hyper-parameters: default, range and meaning side by side."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TrainedParams(MethodParams):
    """What every method has that trains in steps. A method gives these its own defaults."""

    rate: float = rate_field(1.0)
    schedule: Schedule = schedule_field("budget")


class TwoDomainParams(TrainedParams):
    """What methods have that pass both domains through the network."""

    norm: Norm = norm_field("pooled")


P = TypeVar("P", bound=MethodParams)


@dataclass(frozen=True)
class Seen:
    """All that a method may look at as a whole: training samples, and no target labels but those of the shots.

    Attributes
    ----------
    source, labels : Indexed, Tensor
        The source's training samples and int64 labels; of length 0 for methods that see no source.
    target : Inputs
        The target's training samples. Pictures that stay on disk are decoded where they are indexed, so ask for batches.
    shots, shot_labels : Tensor
        The experiment's labelled target samples, a few of each class; of length 0 in all other settings.
    """

    source: Indexed
    labels: Tensor
    target: Inputs
    shots: Tensor
    shot_labels: Tensor


@dataclass(frozen=True)
class Batch:
    """What a method may see at one step: labelled source samples, unlabelled target samples, labelled shots if any.

    ``index`` are the target samples' rows in `Seen.target`, for methods that remember something of each. ``source`` has
    length 0 for methods that see no source, ``shots`` in all settings without them.
    """

    source: Tensor
    labels: Tensor
    target: Tensor
    index: Tensor
    shots: Tensor
    shot_labels: Tensor

    def split(self, both: Tensor) -> tuple[Tensor, Tensor]:
        """The source's rows and the target's rows of something that was computed on both."""
        return both[: len(self.source)], both[len(self.source) :]


@dataclass(frozen=True)
class Step:
    """The terms of one update.

    Attributes
    ----------
    losses : dict of Tensor
        Scalars whose sum is minimised, already multiplied by their trade-off. ``"task"`` is the classification loss.
    features : Tensor
        The source and target features, 2B×D, through which the gradient of each loss can be measured.
    gauges : dict of float or Tensor
        Scalars to watch.
    trains : list of Parameter, optional
        What this update changes; everything that the losses depend on, if it is not given.
    """

    losses: dict[str, Tensor]
    features: Tensor
    gauges: dict[str, Tensor | float] = field(default_factory=dict)
    trains: list[nn.Parameter] | None = None


class Method(nn.Module, Generic[P]):
    """An adaptation method. Subclasses set ``info``, name their parameters in brackets, and write ``step``, ``steps`` or ``epoch``.

    ``class MCC(AlignmentMethod[MCCParams])`` makes ``MCC.Params`` `MCCParams`, and ``self.params`` is one.

    It owns the network and whatever else it trains (a discriminator), so that one state dict holds everything.
    Random draws come from a `Draws` module, for the same reason.

    Parameters
    ----------
    network : Network
        With the weights that adaptation starts from: usually trained on the source already.
    params : P
    bottleneck, classes : int
        Width of features and of logits.
    generator : torch.Generator
        For initial weights of the method's own modules.
    """

    name: ClassVar[str]  # that of ``info``
    info: ClassVar[MethodInfo]
    Params: ClassVar[type[MethodParams]] = MethodParams
    label_smoothing: float = 0.0  # the budget's, for references; a method's own task loss is as its paper has it

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for base in cls.__dict__.get("__orig_bases__", ()):
            if issubclass(get_origin(base) or object, Method):
                (given,) = get_args(base)
                cls.Params = getattr(given, "__bound__", given)  # a base of several methods has a type variable there

    def __init__(self, network: Network, params: P, bottleneck: int, classes: int, generator: torch.Generator):
        super().__init__()
        self.network, self.params, self.classes = network, params, classes
        self.norm: Norm = getattr(params, "norm", "pooled")
        self.build(bottleneck, generator)
        # After `build`, as layers of the method's own may have batch norm too.
        self.target_statistics = TargetStatistics(self) if self.norm == "own" else None

    @classmethod
    def stages(cls, params: MethodParams) -> int:
        """Epochs of an instant method: one, or as many as its work has parts that are to be judged by themselves."""
        return 1

    def build(self, bottleneck: int, generator: torch.Generator) -> None:
        """Make the method's own modules; most have none."""

    def begin(self, seen: Seen) -> None:
        """Told once what there is, before the first epoch and before a checkpoint is restored: the place for buffers of the data's size."""

    def epoch(self, seen: Seen, progress: float) -> dict[str, float]:
        """Work on everything at once before an epoch's batches (the whole work of an instant method); returns gauges.

        Whatever it leaves behind must be in the state dict or follow from it and ``seen``: a run may be resumed after any epoch.
        """
        return {}

    def infer(self, inputs: Tensor, side: Side) -> tuple[Tensor, Tensor]:
        """Features N×bottleneck and logits N×K of samples of one side, in evaluation mode.

        An instant method must answer before `epoch` as well: so it would predict without adaptation, and that is what it is judged by.
        """
        with self.statistics(side):
            return self.network(inputs)

    def stream(self, inputs: Tensor, chunk: int = 512) -> Iterator[tuple[Tensor, Tensor]]:
        """Features and logits of the held-out target samples, part by part and in their order.

        Only methods that learn while they predict (test-time adaptation) do more than `infer`; what they learn ends with the last part.
        """
        for part in inputs.split(chunk):
            yield self.infer(part, "target")

    def step(self, batch: Batch, progress: float) -> Step:
        """The losses of one batch; ``progress`` runs from 0 to 1 over this run's adaptation."""
        raise NotImplementedError

    def steps(self, batch: Batch, progress: float) -> Iterator[Step]:
        """The updates of one batch, in turn: a method that alternates yields one after the other.

        Whoever consumes this updates the weights before asking for the next. One optimiser serves all updates:
        momentum and Adam's moments belong to a weight, and a weight without a gradient is left as it is.
        """
        yield self.step(batch, progress)

    def statistics(self, side: Side) -> AbstractContextManager[None]:
        """While it lasts, batch norm uses and updates the running statistics of this side, where each side has its own."""
        if side == "source" or self.target_statistics is None:
            return nullcontext()
        return self.target_statistics.used_by(self)

    def through(self, layers: Callable[[Tensor], Tensor], source: Tensor, target: Tensor) -> Tensor:
        """What layers make of rows of both domains, the source's first: in one pass or in two, as the method's ``norm`` says."""
        if self.norm == "pooled":
            return layers(torch.cat([source, target]))
        first = layers(source)
        with self.statistics("target"):
            return torch.cat([first, layers(target)])

    def features_of(self, source: Tensor, target: Tensor) -> Tensor:
        """Features of samples of both domains, the source's first; ``norm`` says whose statistics batch norm uses."""
        return self.through(self.network.features, source, target)

    def forward_both(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Features and logits of a batch, the source's first; ``norm`` says whose statistics batch norm uses."""
        features = self.features_of(batch.source, batch.target)
        return features, self.through(self.network.head, *batch.split(features))

    @torch.no_grad()
    def look(self, inputs: Inputs, chunk: int = 512, side: Side = "target") -> tuple[Tensor, Tensor]:
        """Features and logits of any number of one side's inputs, in evaluation mode and without gradient."""
        training = self.network.training
        self.network.eval()
        with self.statistics(side):
            features, logits = zip(*(self.network(part) for part in inputs.split(chunk)), strict=True)
        self.network.train(training)
        return torch.cat(features), torch.cat(logits)


class AlignmentParams(TwoDomainParams):
    """Each method gives ``trade_off`` its own default, range and meaning."""

    trade_off: float


A = TypeVar("A", bound=AlignmentParams)


class AlignmentMethod(Method[A]):
    """Task loss on the source plus ``trade_off`` times one alignment term. Subclasses write ``alignment``."""

    ramped: ClassVar[bool] = False  # λ rises from 0 by `ramp`, as in the papers that trust early predictions little

    def alignment(self, features: Tensor, logits: Tensor, batch: Batch) -> Tensor:
        """The term, from features (2B×D) and logits (2B×K) of both domains."""
        raise NotImplementedError

    def step(self, batch: Batch, progress: float) -> Step:
        features, logits = self.forward_both(batch)
        weight = self.params.trade_off * (ramp(progress) if self.ramped else 1)
        task = F.cross_entropy(batch.split(logits)[0], batch.labels)
        return Step({"task": task, "align": weight * self.alignment(features, logits, batch)}, features)


class Draws(nn.Module):
    """A stream of random numbers whose state is part of the state dict: a resumed run draws the same ones.

    Numbers are drawn on the CPU, so that a seed means the same on every device.
    """

    def __init__(self, generator: torch.Generator):
        super().__init__()
        self.generator = torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=generator)))

    def get_extra_state(self) -> Tensor:
        return self.generator.get_state()

    def set_extra_state(self, state: Tensor) -> None:
        self.generator.set_state(state)

    def normal(self, *shape: int, like: Tensor) -> Tensor:
        """Standard normal numbers on the device and of the type of ``like``."""
        return torch.randn(shape, generator=self.generator).to(like)

    def uniform(self, *shape: int, like: Tensor) -> Tensor:
        """Uniform numbers in [0, 1) on the device and of the type of ``like``."""
        return torch.rand(shape, generator=self.generator).to(like)


METHODS: Registry[type[Method]] = Registry("method")


M = TypeVar("M", bound=Method)


def method(cls: type[M]) -> type[M]:
    """Register the decorated method; it is then in the picker, the command line and the contract tests."""
    cls.name = cls.info.name
    METHODS.add(cls)
    return cls


def ramp(progress: float) -> float:
    """λ_p = 2 / (1 + e^(−10p)) − 1, the schedule of Ganin et al. (2016, JMLR 17), from 0 to 1."""
    return 2 / (1 + math.exp(-10 * progress)) - 1
