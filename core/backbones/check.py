"""The backbone contract as one call: `check_backbone` builds a network and says what it breaks and how to mend it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from core.backbones.base import BACKBONES, BackboneEntry, Network, build_network
from core.errors import InputError
from core.registry.contract import require, require_params, require_text, run_checks

SAMPLES, CLASSES = 6, 5
# What one sample of each kind may look like.
SHAPES: dict[str, tuple[tuple[int, ...], ...]] = {
    "image": ((1, 16, 16), (3, 16, 16), (1, 28, 28)),
    "features": ((2,), (30,)),
    "text": ((9,),),
    "sound": ((1, 48, 41), (1, 48, 8)),
}
# Backbone → check → why it fails; none does.


def check_backbone(
    backbone: str | BackboneEntry, params: Mapping[str, Any] | None = None, exceptions: Mapping[str, str] | None = None
) -> None:
    """Build a backbone's network for samples of every kind that it reads, and send a few of them through.

    Parameters
    ----------
    backbone : str or BackboneEntry
        Registered, or an entry that is not registered yet.
    params : mapping, optional
        Its parameters; the defaults where left out. Choose small ones, and no weights that would have to be downloaded.
    exceptions : mapping of str to str, optional
        Names of checks that are known to fail, each with the reason.

    Raises
    ------
    AssertionError
        Something breaks the contract; the sentence says what, and how to mend it.
    InputError
        There is no backbone of this name, or it is an encoder, which builds no network.
    """
    entry = BACKBONES.get(backbone) if isinstance(backbone, str) else backbone
    if entry.encode is not None:
        raise InputError("backbone", f"{entry.name} is an encoder and builds no network.", "Check what it returns with its own weights.")
    with BACKBONES.holding(entry):
        run_checks(f"Backbone {entry.name!r}", CHECKS, Trial(entry, dict(params or {})), exceptions or {})


@dataclass(frozen=True)
class Trial:
    """A backbone and the parameters that it is tried with."""

    entry: BackboneEntry
    params: dict[str, Any] = field(default_factory=dict)

    def build(self, kind: str, shape: tuple[int, ...], seed: int = 0) -> Network:
        params = self.entry.params(**self.params)
        return build_network(self.entry.name, params, shape, CLASSES, torch.Generator().manual_seed(seed), kind)

    def each(self) -> Iterator[tuple[str, Network, Tensor]]:
        """A network and inputs, with words for them, for every shape of every kind."""
        for kind in self.entry.kinds:
            for shape in SHAPES[kind]:
                yield f"{kind} of {shape}", self.build(kind, shape), samples(kind, shape)


def samples(kind: str, shape: tuple[int, ...]) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    if kind == "text":
        return torch.randint(1, 4097, (SAMPLES, *shape), generator=generator)
    if kind in ("image", "sound"):
        return torch.randint(0, 256, (SAMPLES, *shape), generator=generator, dtype=torch.uint8)
    return torch.randn((SAMPLES, *shape), generator=generator)


def facts(trial: Trial) -> None:
    """It has a name, says what it is, and which kinds of samples it reads."""
    entry = trial.entry
    require_text(name=entry.name, title=entry.title, summary=entry.summary)
    require(entry.kinds and set(entry.kinds) <= SHAPES.keys(), f"it reads {entry.kinds}. Choose from {', '.join(SHAPES)}.")


def parameters(trial: Trial) -> None:
    """Default, range and meaning stand side by side."""
    require_params(trial.entry.params)


def shapes(trial: Trial) -> None:
    """Features and logits are finite float32 of the width that was announced, and every weight has a gradient."""
    for what, network, x in trial.each():
        features, logits = network(x)
        expected = (SAMPLES, network.width)
        require(tuple(features.shape) == expected, f"{what} become features of {tuple(features.shape)}, not {expected}. Return N×width.")
        require(features.dtype == logits.dtype == torch.float32, f"{what} become {features.dtype}. Return float32.")
        require(features.isfinite().all() and logits.isfinite().all(), f"{what} become features that are not finite.")
        trained = [p for p in network.parameters() if p.requires_grad]
        logits.square().sum().backward()
        require(all(p.grad is not None and p.grad.isfinite().all() for p in trained), "a weight has no gradient. Use it, or freeze it.")
        learned = {id(p) for p in (*network.encoder(), *network.head.parameters())}
        require({id(p) for p in trained} <= learned, "prepare has weights of its own. Move them into the body.")


def alone(trial: Trial) -> None:
    """In evaluation mode a sample's features do not depend on its neighbours, and differ from theirs."""
    for what, network, x in trial.each():
        network.eval()
        with torch.no_grad():
            whole, part = network(x)[1], network(x[2:4])[1]
        close = torch.allclose(whole[2:4], part, rtol=1e-4, atol=1e-5)
        require(close, f"{what}: a sample's logits depend on the batch. Compute nothing across samples in evaluation mode.")
        require(not torch.allclose(whole[0], whole[1]), f"{what}: two samples get the same logits. The body must use its inputs.")


def changed_images(trial: Trial) -> None:
    """An image may come as floats from 0 to 255 as well: methods hand on images that they changed, through which a gradient flows."""
    if "image" not in trial.entry.kinds:
        return
    network, x = trial.build("image", (1, 16, 16)).eval(), samples("image", (1, 16, 16))
    as_floats = x.float().requires_grad_()
    with torch.no_grad():
        same = torch.allclose(network(x)[1], network(as_floats)[1], rtol=1e-4, atol=1e-5)
    require(same, "floats from 0 to 255 are not read as uint8 are. Scale by value in prepare, not by type.")
    (slope,) = torch.autograd.grad(network(as_floats)[1].sum(), as_floats, allow_unused=True)
    require(slope is not None and slope.abs().sum() > 0, "no gradient reaches an image. Detach nothing and round nothing in prepare.")


def seeded(trial: Trial) -> None:
    """Every random weight is drawn from the generator that is given."""
    kind = trial.entry.kinds[0]
    shape = SHAPES[kind][0]
    torch.manual_seed(1)
    first = trial.build(kind, shape, 3)
    torch.manual_seed(2)
    again, other = trial.build(kind, shape, 3), trial.build(kind, shape, 4)
    require(same(first, again), "the same seed gives other weights. Make layers that `initialise` knows, or give one a draw(generator).")
    drawn = [name for name, value in first.named_parameters() if value.ndim > 1 and value.requires_grad]
    stuck = [name for name in drawn if torch.equal(first.state_dict()[name], other.state_dict()[name])]
    require(not stuck, f"another seed gives the same {', '.join(stuck)}. Draw them, or freeze them.")


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def other_kinds(trial: Trial) -> None:
    """Samples that it cannot read are refused with a sentence for the user."""
    for kind in SHAPES.keys() - set(trial.entry.kinds):
        try:
            trial.build(kind, SHAPES[kind][0])
        except InputError as error:
            require(error.where == "backbone.name", f"{kind} is refused at {error.where!r}, not at 'backbone.name'.")
        else:
            raise AssertionError(f"{kind} is not refused. Leave the kinds to build_network.")


CHECKS = (facts, parameters, shapes, alone, changed_images, seeded, other_kinds)
