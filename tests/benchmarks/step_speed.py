"""Seconds of one training step: the product's loop against a tight hand-written one, a DataLoader loop, pytorch-adapt and skada.

``uv run --with pytorch-adapt==0.0.83 --with skada==0.6.0 --with skorch --with "setuptools<81" python tests/benchmarks/step_speed.py``

All train the same small CNN on the same images with Adam, on one thread. Loops take turns, round after round. A round's figure is
the 10 % quantile of its steps' times, as whatever else the machine does only adds to them; what is printed is the median of the rounds'
ratios, for the hand-written loop with the median's standard error. Time is that of the process, not of the wall. Libraries
that are not there are left out.
"""

from __future__ import annotations

import gc
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

sys.path.insert(0, str(Path(__file__).parents[2]))
from core.backbones import BACKBONES, build_network
from core.backbones.small import Scale
from core.domains.pair import load_pair
from core.experiment import Experiment
from core.methods.adversarial import domain_loss, perceptron, reverse_gradient
from core.methods.base import ramp
from core.methods.conditional import multilinear
from core.methods.kernels import mk_mmd2
from core.methods.moments import coral
from core.training import train
from core.training.data import Data

ROUNDS, STEPS, SIZE = 30, 31, 64
METHODS = ("source-only", "dann", "dan", "deepcoral", "cdan")
MOONS = {"name": "moons", "params": {"n": 4000}}
TINY = Experiment.parse(
    {
        "source": MOONS,
        "target": MOONS,
        "backbone": {"name": "mlp", "params": {"width": 8, "depth": 1, "bottleneck": 8}},
        "method": {"name": "source-only"},
        "budget": {"source_epochs": 1, "epochs": 1},
    }
)


def quick(times: list[float]) -> float:
    """Seconds of a step that little disturbed, from the process's time after each."""
    return float(np.quantile(np.diff(times), 0.1))


def parts(data: Data, seed: int = 0) -> tuple[nn.Module, nn.Module, torch.optim.Optimizer]:
    """A network, a discriminator of what the method shows it, and their optimiser."""
    spec, generator = data.experiment, torch.Generator().manual_seed(seed)
    backbone, shape, classes = spec.backbone, tuple(data.source.inputs.shape[1:]), len(data.pair.class_names)
    params = BACKBONES.get(backbone.name).params(**backbone.params)
    network = build_network(backbone.name, params, shape, classes, generator, data.pair.source.kind).train()
    seen, hidden = (params.bottleneck * 10, 32) if spec.method.name == "cdan" else (params.bottleneck, 128)
    discriminator = perceptron(seen, hidden, generator)
    weights = [*network.parameters(), *(discriminator.parameters() if spec.method.name in ("dann", "cdan") else [])]
    return network, discriminator, torch.optim.Adam(weights, lr=2e-3, weight_decay=5e-4)


def losses(name: str, network: nn.Module, discriminator: nn.Module, x, y, t, progress: float) -> torch.Tensor:
    """The method's loss as one would write it by hand."""
    if name == "source-only":
        return F.cross_entropy(network(x)[1], y)
    features, logits = network(torch.cat([x, t]))
    task, n = F.cross_entropy(logits[: len(x)], y), len(x)
    if name == "dan":
        p = logits.softmax(1)
        return task + 0.5 * (mk_mmd2(features[:n], features[n:]) + mk_mmd2(p[:n], p[n:]))
    if name == "deepcoral":
        return task + 100 * coral(features[:n], features[n:])
    back = reverse_gradient(features, ramp(progress))
    seen = back if name == "dann" else multilinear(back, logits.softmax(1).detach())
    return task + domain_loss(discriminator(seen), n)[0]


class Done(Exception):
    """The last batch has been trained on."""


def ours(data: Data, references: dict) -> float:
    """The product's own loop, between two batches of the adaptation."""
    times: list[float] = []

    def on_batch(phase: str, number: int, fraction: float) -> None:
        if phase == "adapt":
            times.append(time.process_time())
            if fraction == 1:
                raise Done

    with suppress(Done):
        for _ in train(data.experiment, references=references, on_batch=on_batch, pair=data.pair):
            pass
    return quick(times[:-1])  # the gradients' ratio is taken at the last


def by_hand(data: Data, references: dict) -> float:
    network, discriminator, optimizer = parts(data)
    x, y, t, name = data.source.inputs, data.source.labels, data.target.inputs, data.experiment.method.name
    generator, times = torch.Generator().manual_seed(0), [time.process_time()]
    orders = [torch.randperm(len(one), generator=generator) for one in (x, t)]
    for i in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (1 + 10 * i / STEPS) ** -0.75
        a, b = (order[(i * SIZE) % (len(order) - SIZE) :][:SIZE] for order in orders)
        optimizer.zero_grad()
        loss = losses(name, network, discriminator, x[a], y[a], t[b], i / STEPS)
        loss.backward()
        if name in ("dann", "cdan"):
            nn.utils.clip_grad_norm_([*network.parameters(), *discriminator.parameters()], 5)
        optimizer.step()
        times.append(time.process_time())
    return quick(times)


def with_data_loader(data: Data, references: dict) -> float:
    network, discriminator, optimizer = parts(data)
    name = data.experiment.method.name
    loaders = [
        DataLoader(TensorDataset(*tensors), SIZE, shuffle=True, drop_last=True)
        for tensors in ((data.source.inputs, data.source.labels), (data.target.inputs,))
    ]
    times = [time.process_time()]
    for i, ((x, y), (t,)) in enumerate(zip(*loaders, strict=False)):
        optimizer.zero_grad()
        losses(name, network, discriminator, x, y, t, i / STEPS).backward()
        optimizer.step()
        times.append(time.process_time())
    return quick(times)


def pytorch_adapt(data: Data, references: dict) -> float:
    from pytorch_adapt.hooks import AlignerPlusCHook, ClassifierHook, DANNHook
    from pytorch_adapt.layers import CORALLoss, MMDLoss
    from pytorch_adapt.layers.utils import get_kernel_scales

    network, discriminator, _ = parts(data)
    features = nn.Sequential(network.prepare, network.body, network.bottleneck)
    models = {"G": features, "C": network.head, "D": discriminator}
    name = data.experiment.method.name
    trained = ["G", "C", "D"] if name == "dann" else ["G", "C"]
    optimizers = [torch.optim.Adam(models[key].parameters(), lr=2e-3, weight_decay=5e-4) for key in trained]
    hook = {
        "source-only": lambda: ClassifierHook(optimizers),
        "dann": lambda: DANNHook(optimizers),
        "dan": lambda: AlignerPlusCHook(optimizers, loss_fn=MMDLoss(kernel_scales=get_kernel_scales(-2, 2, 5))),
        "deepcoral": lambda: AlignerPlusCHook(optimizers, loss_fn=CORALLoss()),
    }[name]()
    x, y, t = data.source.inputs, data.source.labels, data.target.inputs
    generator, times = torch.Generator().manual_seed(0), [time.process_time()]
    orders = [torch.randperm(len(one), generator=generator) for one in (x, t)]
    for i in range(STEPS):
        a, b = (order[(i * SIZE) % (len(order) - SIZE) :][:SIZE] for order in orders)
        domains = {"src_domain": torch.zeros(SIZE), "target_domain": torch.ones(SIZE)}
        hook(models | {"src_imgs": x[a], "target_imgs": t[b], "src_labels": y[a]} | domains)
        times.append(time.process_time())
    return quick(times)


def skada(data: Data, references: dict) -> float:
    from skada.deep import CDAN, DANN, DeepCoral, SourceOnly
    from skorch.callbacks import Callback

    class Clock(Callback):
        def on_batch_end(self, net, training=False, **kwargs):
            times.append(time.process_time())

    name = data.experiment.method.name
    if name == "dan":  # its kernel exponentiates the distance, not its square: another method
        raise ImportError
    network, discriminator, _ = parts(data)
    module = nn.Sequential(Scale(), network.body, network.bottleneck, network.head)
    more = {} if name in ("source-only", "deepcoral") else {"domain_classifier": nn.Sequential(discriminator, nn.Sigmoid())}
    make = {"source-only": SourceOnly, "dann": DANN, "deepcoral": DeepCoral, "cdan": CDAN}[name]
    common = {"max_epochs": 1, "batch_size": SIZE, "train_split": None, "verbose": 0, "optimizer": torch.optim.Adam, "lr": 2e-3}
    net = make(module, **({} if name == "source-only" else {"layer_name": "2"}), **more, **common)
    n = min(len(data.source.inputs), len(data.target.inputs)) // SIZE * SIZE
    inputs = torch.cat([data.source.inputs[:n], data.target.inputs[:n]]).float().numpy() / 127.5 - 1
    labels = np.concatenate([data.source.labels[:n].numpy(), np.full(n, -1)])
    domains = np.concatenate([np.ones(n), np.full(n, -2)]).astype(int)
    times: list[float] = []
    net.set_params(callbacks=[Clock()])
    net.fit(inputs, labels, sample_domain=domains)
    return quick(times)


def mmd_alone() -> dict[str, Callable[[], float]]:
    x, y = (torch.randn(64, 128, generator=torch.Generator().manual_seed(i)).requires_grad_() for i in range(2))

    def timed(loss) -> Callable[[], float]:
        def run() -> float:
            started = time.process_time()
            for _ in range(50):
                loss(x, y).backward()
            return (time.process_time() - started) / 50

        return run

    found = {"ours": timed(lambda a, b: mk_mmd2(a, b))}
    try:
        from pytorch_adapt.layers import MMDLoss
        from pytorch_adapt.layers.utils import get_kernel_scales

        theirs = MMDLoss(kernel_scales=get_kernel_scales(-2, 2, 5))
        found["pytorch-adapt"] = timed(theirs)
    except ImportError:
        print("pytorch-adapt is not installed")
    return found


def compare(loops: dict[str, Callable[[], float]]) -> str:
    """Cells: milliseconds of ours, then how many times as long the others take."""
    rounds: dict[str, list[float]] = {name: [] for name in loops}
    for number in range(ROUNDS + 1):
        for name in list(loops)[:: 1 if number % 2 else -1]:  # in turn from both ends: whoever comes first has no advantage
            try:
                gc.collect()
                seconds = loops[name]()
            except ImportError:
                del loops[name], rounds[name]
                continue
            if number:  # the first round warms up
                rounds[name].append(seconds)
    own = rounds.pop("ours")
    cells = [f"{1e3 * median(own):.2f} ms"]
    for name in COLUMNS:
        ratios = [b / a for a, b in zip(own, rounds[name], strict=True)] if name in rounds else []
        if not ratios:
            cells.append("–")
        elif name == "by hand":
            cells.append(f"{median(ratios):.3f} ± {1.25 * np.std(ratios) / len(ratios) ** 0.5:.3f}")
        else:
            cells.append(f"{median(ratios):.2f}")
    return " | ".join(cells)


COLUMNS = ("by hand", "DataLoader", "pytorch-adapt", "skada")


def main() -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print(f"| step of | ours | {' | '.join(f'{name} ÷ ours' for name in COLUMNS)} |\n| --- {'| --- ' * (1 + len(COLUMNS))}|")
    references: dict = {}
    for name in METHODS:
        experiment = Experiment.parse({"method": {"name": name}, "budget": {"source_epochs": 1, "epochs": 1}})
        data = Data.of(experiment, load_pair(*experiment.pair), "cpu")
        loops = {"ours": ours, "by hand": by_hand, "DataLoader": with_data_loader, "pytorch-adapt": pytorch_adapt, "skada": skada}
        if name == "cdan":  # pytorch-adapt's takes turns between the networks instead of reversing a gradient: another algorithm
            del loops["pytorch-adapt"]
        print(f"| {name} | {compare({key: partial(loop, data, references) for key, loop in loops.items()})} |", flush=True)
    print(f"| MK-MMD, 64 + 64 × 128, forward and backward | {compare(mmd_alone())} |")
    data = Data.of(TINY, load_pair(*TINY.pair), "cpu")
    loops = {"ours": partial(ours, data, {}), "by hand": partial(by_hand, data, {})}
    print(f"| source-only with next to no arithmetic: the loop alone | {compare(loops)} |")


if __name__ == "__main__":
    main()
