"""The method contract as one call: `check_method` tries a method on small data and says what it breaks and how to mend it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from core.errors import InputError
from core.methods.base import METHODS, Method, Side
from core.methods.trial import BATCH, CLASSES, WIDTH, Trial, same, total, updates
from core.registry.contract import require, require_params, require_sentences, require_text, run_checks
from core.samples.inputs import Indexed

# Method → check → why it fails.
EXCEPTIONS: dict[str, dict[str, str]] = {
    "cycada": {"gradient": "CycleGAN adapts images; the features that it hands on take no part in that."},
    "adda": {"task_loss": "The source's network is frozen, so nothing learns from its labels."},
}


def check_method(method: str | type[Method], params: Mapping[str, Any] | None = None, exceptions: Mapping[str, str] | None = None) -> None:
    """Try a method on a few points in the plane, or on small images if it reads nothing else.

    Parameters
    ----------
    method : str or type of Method
        Registered, or a class that is not registered yet.
    params : mapping, optional
        Hyper-parameters to try it with, where its defaults would learn nothing from so few samples.
    exceptions : mapping of str to str, optional
        Names of checks that are known to fail, each with the reason; those in `EXCEPTIONS` where left out.

    Raises
    ------
    AssertionError
        Something breaks the contract; the sentence says what, and how to mend it.
    InputError
        There is no method of this name, or it reads data that there are none of here.
    """
    cls = METHODS.get(method) if isinstance(method, str) else method
    name = cls.info.name
    if cls.info.kinds and not {"features", "image"} & set(cls.info.kinds):
        raise InputError("method", f"{name} reads {', '.join(cls.info.kinds)}.", "Only methods of features or images can be checked.")
    known = EXCEPTIONS.get(name, {}) if exceptions is None else exceptions
    run_checks(f"Method {name!r}", CHECKS, Trial(cls, dict(params or {})), known)


def facts(trial: Trial) -> None:
    """A reader is told what he wants to know before choosing."""
    info = trial.cls.info
    require(re.fullmatch(r"[a-z0-9-]+", info.name), f"the name {info.name!r} stands in links. Use small letters, digits and hyphens.")
    require_text(title=info.title, family=info.family, formula=info.formula, paper=info.paper)
    require_sentences(summary=info.summary, helps=info.helps, hurts=info.hurts)
    braces = info.formula.count("{") == info.formula.count("}")
    require(braces and info.formula.isprintable(), 'the formula is no LaTeX: its braces do not close. Write it as a raw string, r"…".')
    require(info.arxiv is None or re.fullmatch(r"\d{4}\.\d{4,5}", info.arxiv), f"{info.arxiv!r} is no number of arXiv, as 1409.7495 is.")
    if not info.adapts:
        require(info.family == "references", f"the setting {info.setting!r} is that of references. Choose another setting or family.")
        return
    require(info.family != "references", "references do not adapt. Choose the family that the method belongs to.")
    require(info.transfers != "nothing", "it adapts, so something is transferred. Set transfers.")
    require(info.year is not None and 1980 < info.year <= 2030, f"the paper's year is {info.year}. Set year.")
    require(info.trains_on == "source", "only references are given all target labels. Leave trains_on out.")
    without = info.setting in ("source-free", "test-time")
    if info.setting != "semi-supervised":
        require(info.sees_source != without, f"setting {info.setting!r} and sees_source={info.sees_source} contradict each other.")


def hyper_parameters(trial: Trial) -> None:
    """Default, range and meaning stand side by side."""
    require_params(trial.cls.Params)


def predictions(trial: Trial) -> None:
    """Features and logits of both sides in evaluation mode, also before anything was learned."""
    predict(trial, trial.fresh())


def predict(trial: Trial, method: Method) -> list[Tensor]:
    method.eval()
    found, seen = [], trial.seen()
    with torch.inference_mode():
        sides: tuple[tuple[Side, Indexed], ...] = (("source", seen.source), ("target", seen.target))
        for side, samples in sides:
            inputs = samples[torch.arange(len(samples), device=samples.device)]
            if not len(inputs):
                continue
            parts = [method.infer(inputs, side)] if side == "source" else list(method.stream(inputs))
            features, logits = (torch.cat(part) for part in zip(*parts, strict=True))
            require(
                features.ndim == 2 and len(features) == len(inputs), f"infer returns {side} features of {tuple(features.shape)}, not N×D."
            )
            expected = (len(inputs), CLASSES)
            require(tuple(logits.shape) == expected, f"infer returns {side} logits of {tuple(logits.shape)}, not {expected}.")
            require(features.isfinite().all() and logits.isfinite().all(), f"infer returns {side} features or logits that are not finite.")
            found += [features, logits]
    return found


def closed_form(trial: Trial) -> None:
    """An instant method does all of its work in `epoch`: it predicts before and after, and something else after."""
    if not trial.cls.info.instant:
        return
    method = trial.fresh()
    before = predict(trial, method)
    stages = method.stages(method.params)
    for stage in range(stages):
        finite("gauge", method.epoch(trial.seen(), stage / stages))
    after = predict(trial, method)
    for one, other in zip(before, after, strict=True):
        require(one.shape == other.shape, f"epoch changes the shape of what infer returns, {tuple(one.shape)} to {tuple(other.shape)}.")
    changed = any(not torch.allclose(one, other) for one, other in zip(before, after, strict=True))
    require(changed, "epoch changes no prediction. An instant method learns there, and infer or stream must use what it learned.")


def finite(what: str, values: Mapping[str, Tensor | float]) -> None:
    for name, value in values.items():
        number = torch.as_tensor(value).detach()
        require(number.ndim == 0, f"the {what} {name!r} has the shape {tuple(number.shape)}. Reduce it to one number.")
        require(number.isfinite(), f"the {what} {name!r} is {float(number)}. Guard its logarithms and divisions.")


def losses(trial: Trial) -> None:
    """Losses and gauges are finite scalars, features have the bottleneck's width; also with fewer source than target rows."""
    require_steps(trial, trial.started())


def losses_later(trial: Trial) -> None:
    """The same in the middle of adaptation."""
    require_steps(trial, trial.warm())


def require_steps(trial: Trial, method: Method) -> None:
    finite("gauge", method.epoch(trial.seen(), 0.5))
    for n, m in ((BATCH, BATCH), (12, 20)):
        steps = updates(method, trial.batch(n=n, m=m), 0.3)
        require(steps, "steps yields nothing. Yield one Step for each update.")
        for step in steps:
            require(step.losses, "a step has no losses. An update needs one or more.")
            finite("loss", step.losses)
            finite("gauge", step.gauges)
            shape = tuple(step.features.shape)
            require(len(shape) == 2 and shape[1] == WIDTH, f"Step.features is of {shape}, not N×{WIDTH}. Hand on the network's features.")


def trained_parameters(trial: Trial) -> None:
    """What an update trains belongs to the method, and its losses reach it."""
    method = trial.started()
    held = {id(p) for p in method.parameters()}
    for step in updates(method, trial.batch()):
        if step.trains is None:
            continue
        require({id(p) for p in step.trains} <= held, "Step.trains names weights that are not the method's. Keep their module in self.")
        reached = torch.autograd.grad(total(step.losses), step.trains, retain_graph=True, allow_unused=True)
        require(all(g is not None for g in reached), "Step.trains names weights on which no loss depends. Leave them out.")


def task_loss(trial: Trial) -> None:
    """Who is given the source learns from its labels, by a loss called "task"."""
    found = [step.losses["task"] for step in updates(trial.warm(), trial.batch()) if "task" in step.losses]
    if not trial.cls.info.sees_source:
        require(not found, "a task loss without a source. Call it otherwise, or set sees_source.")
        return
    require(found, 'no step has a loss called "task". Give the classification loss on the source this name.')
    other = replace(trial, other_labels=True)
    relabelled = [step.losses["task"] for step in updates(trial.warm(), other.batch()) if "task" in step.losses]
    changed = any(a != b for a, b in zip(found, relabelled, strict=True))
    require(changed, 'the "task" loss is the same under other source labels. Compute it from batch.labels.')


def target_data(trial: Trial) -> None:
    """A method looks at the target (at its inputs, or at its labelled shots), a reference does not."""
    here, there = ([step.losses for step in updates(t.warm(), t.batch())] for t in (trial, replace(trial, other_target=True)))
    changed = any(a[name] != b[name] for a, b in zip(here, there, strict=True) for name in a)
    if trial.cls.info.adapts:
        require(changed, "no loss changes when the target does. Use batch.target, or call it a reference.")
    else:
        require(not changed, "a reference looks at the target. Use batch.source alone.")


def gradient(trial: Trial) -> None:
    """Every loss but the task's pulls at the features that a step hands on."""
    if not trial.cls.info.adapts:
        return
    pulls = []
    for step in updates(trial.warm(), trial.batch()):
        adaptation = {name: loss for name, loss in step.losses.items() if name != "task"}
        if adaptation and step.features.requires_grad:
            (pull,) = torch.autograd.grad(total(adaptation), step.features, retain_graph=True, allow_unused=True)
            both = trial.cls.info.sees_source and len(step.features) == 2 * BATCH
            pulls.append(0.0 if pull is None else float(pull[BATCH if both else 0 :].norm()))
    require(pulls, "no step has a loss of adaptation beside the task's, with features that have a gradient.")
    remedy = "Compute it from Step.features, not detached; if it waits for sure predictions, give check_method params that let it begin"
    require(min(pulls) > 1e-5, f"the gradient of the adaptation by the target's features is {min(pulls):g}. {remedy}.")


def state(trial: Trial) -> None:
    """The state dict holds all that is learned and drawn: a run may be resumed after any epoch."""
    method = trial.learn(trial.warm())
    held = {id(p) for p in method.parameters()}
    loose = [name for name, value in vars(method).items() if isinstance(value, Tensor) and value.requires_grad and id(value) not in held]
    require(not loose, f"{', '.join(loose)} would be lost with a checkpoint. Make it an nn.Parameter or a buffer.")
    restored = trial.fresh(seed=1)
    restored.load_state_dict(method.state_dict())
    for one, other in zip(updates(method, trial.batch(9)), updates(restored, trial.batch(9)), strict=True):
        equal = one.losses == other.losses and torch.equal(one.features, other.features)
        require(equal, "restored from its state dict it goes on differently. Keep what it remembers in buffers, and draw with `Draws`.")


def seeded(trial: Trial) -> None:
    """Weights and steps draw from the experiment's seed alone."""
    torch.manual_seed(1)
    first = trial.learn(trial.started())
    torch.manual_seed(2)
    again = same(first, trial.learn(trial.started()))
    require(again, "the same seed led to other weights. Draw from build's generator, by `initialise` and `Draws`, never from torch's own.")


def trade_off(trial: Trial) -> None:
    """A method with a trade-off takes 0, and it changes what is learned."""
    if "trade_off" not in trial.cls.Params.model_fields:
        return
    default = trial.cls.Params(**trial.params).model_dump()["trade_off"]
    without, once, twice = (
        trial.learn(replace(trial, params=trial.params | {"trade_off": value}).warm()).network for value in (0, default, 2 * default)
    )
    require(not same(without, once), "trade_off=0 learns the same as the default. Multiply the adaptation's losses by it.")
    require(not same(once, twice), "twice the trade_off learns the same. Multiply the adaptation's losses by it.")


def of_batches(check: Callable[[Trial], None]) -> Callable[[Trial], None]:
    """A check that has no meaning for a method without batches."""

    def checked(trial: Trial) -> None:
        if not trial.cls.info.instant:
            check(trial)

    checked.__name__ = check.__name__
    return checked


CHECKS = (
    facts,
    hyper_parameters,
    predictions,
    closed_form,
    *map(of_batches, (losses, trained_parameters, losses_later, task_loss, target_data, gradient, state, seeded, trade_off)),
)
