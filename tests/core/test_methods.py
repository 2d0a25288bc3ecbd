"""Every method keeps the contract; every loss agrees with a plain float64 reference, in value and gradient; and they adapt."""

from __future__ import annotations

import dataclasses
import math
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor

from core.backbones import MLPParams, build_network
from core.experiment import Experiment
from core.methods import METHODS, Batch, Method
from core.methods.adversarial import domain_loss, reverse_gradient
from core.methods.base import ramp
from core.methods.confusion import minimum_class_confusion
from core.methods.moments import coral, mk_mmd2
from core.training import train

NAMES = METHODS.names()
ADAPTING = [m.info.name for m in METHODS if m.info.setting == "unsupervised"]
CLASSES, WIDTH = 3, 8


def make(name: str, seed: int = 0, **params) -> Method:
    cls, generator = METHODS.get(name), torch.Generator().manual_seed(seed)
    network = build_network("mlp", MLPParams(width=16, bottleneck=WIDTH), (2,), CLASSES, generator)
    return cls(network, cls.Params(**params), WIDTH, CLASSES, generator)


def batch(seed: int = 0, n: int = 16, m: int = 16) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    source, target = torch.randn(n, 2, generator=generator), 0.5 * torch.randn(m, 2, generator=generator) + 1
    return Batch(source, torch.randint(0, CLASSES, (n,), generator=generator), target)


def learn(method: Method, steps: int = 5) -> Method:
    optimizer = torch.optim.SGD(method.parameters(), lr=0.1, momentum=0.9)
    for i in range(steps):
        optimizer.zero_grad()
        sum(method.step(batch(i), 0.5).losses.values()).backward()
        optimizer.step()
    return method


def same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


# The contract


@pytest.mark.parametrize("name", NAMES)
def test_info_is_complete(name):
    info = METHODS.get(name).info
    assert METHODS.get(name).name == info.name == name
    assert re.fullmatch(r"[a-z0-9-]+", name)
    for text in (info.title, info.family, info.summary, info.helps, info.hurts, info.formula, info.paper):
        assert text.strip() == text != ""
    for sentence in (info.summary, info.helps, info.hurts):
        assert sentence.endswith(".")
    assert info.formula.count("{") == info.formula.count("}")
    assert info.formula.isprintable()
    if info.setting == "unsupervised":
        assert re.fullmatch(r"\d{4}\.\d{4,5}", info.arxiv)
        assert 1980 < info.year <= 2030
        assert info.trains_on == "source"
    else:
        assert info.family == "references"


@pytest.mark.parametrize("name", NAMES)
def test_params_have_defaults_ranges_and_meanings(name):
    params = METHODS.get(name).Params
    assert params.model_validate(params().model_dump()) == params()  # defaults are not validated when they are filled in
    for field, about in params.model_fields.items():
        assert about.description
        bounds = {kind: getattr(rule, kind) for rule in about.metadata for kind in ("ge", "gt", "le", "lt") if hasattr(rule, kind)}
        assert bounds.keys() & {"ge", "gt"}
        assert bounds.keys() & {"le", "lt"}
        for value in bounds.values():
            beyond = value - 1 if value == min(bounds.values()) else value + 1
            with pytest.raises(ValidationError):
                params(**{field: beyond})
    with pytest.raises(ValidationError):
        params(no_such_setting=1)


def test_a_batch_has_no_place_for_target_labels():
    assert [field.name for field in dataclasses.fields(Batch)] == ["source", "labels", "target"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("n", "m"), [(16, 16), (12, 20)])
def test_step_returns_finite_scalars_and_all_features(name, n, m):
    method = make(name)
    step = method.step(batch(n=n, m=m), 0.3)
    assert "task" in step.losses
    for value in (*step.losses.values(), *step.gauges.values()):
        assert torch.as_tensor(value).ndim == 0
        assert torch.as_tensor(value).isfinite()
    rows = n if method.info.family == "references" else n + m
    assert step.features.shape == (rows, WIDTH)
    (gradient,) = torch.autograd.grad(step.losses["task"], step.features)
    assert gradient[:n].abs().max() > 0
    assert gradient[n:].abs().sum() == 0  # the task loss knows nothing of the target's rows


@pytest.mark.parametrize("name", NAMES)
def test_only_adapting_methods_look_at_the_target(name):
    method, seen = make(name), batch()
    target = seen.target.requires_grad_()
    (gradient,) = torch.autograd.grad(sum(method.step(seen, 0.5).losses.values()), target, allow_unused=True)
    assert (gradient is not None) == (name in ADAPTING)


@pytest.mark.parametrize("name", NAMES)
def test_task_loss_uses_the_source_labels(name):
    first, second = batch(), batch()
    second = dataclasses.replace(second, labels=(second.labels + 1) % CLASSES)
    assert make(name).step(first, 0.5).losses["task"] != make(name).step(second, 0.5).losses["task"]


@pytest.mark.parametrize("name", NAMES)
def test_the_state_dict_holds_everything_that_is_learned(name):
    method = learn(make(name))
    assert {key for key, _ in method.named_parameters()} <= set(method.state_dict())
    held = {id(p) for p in method.parameters()}
    assert not [k for k, v in vars(method).items() if isinstance(v, Tensor) and v.requires_grad and id(v) not in held]
    copy = make(name, seed=1)
    assert not same(copy, method)
    copy.load_state_dict(method.state_dict())
    original, restored = method.step(batch(9), 0.7), copy.step(batch(9), 0.7)
    assert original.losses == restored.losses
    assert torch.equal(original.features, restored.features)


@pytest.mark.parametrize("name", NAMES)
def test_weights_and_steps_do_not_draw_from_the_global_generator(name):
    torch.manual_seed(1)
    first = learn(make(name))
    torch.manual_seed(2)
    assert same(first, learn(make(name)))


@pytest.mark.parametrize("name", ADAPTING)
def test_the_alignment_part_has_a_gradient(name):
    step = make(name).step(batch(), 0.5)
    alignment = sum(loss for key, loss in step.losses.items() if key != "task")
    (gradient,) = torch.autograd.grad(alignment, step.features)
    assert gradient[16:].norm() > 1e-5


@pytest.mark.parametrize("name", ADAPTING)
def test_the_trade_off_changes_the_weights(name):
    without, default, double = (learn(make(name, **params)).network for params in ({"trade_off": 0}, {}, {"trade_off": 2}))
    assert not same(without, default)
    assert not same(double, default)


def pooled_source_only(steps: int = 5) -> torch.nn.Module:
    """Cross-entropy on the source, with target samples in the batch that only batch norm sees."""
    network = make("source-only").network
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    for i in range(steps):
        b = batch(i)
        optimizer.zero_grad()
        F.cross_entropy(network(torch.cat([b.source, b.target]))[1][: len(b.source)], b.labels).backward()
        optimizer.step()
    return network


@pytest.mark.parametrize("name", ADAPTING)
def test_without_trade_off_only_the_task_is_learned(name):
    expected, found = pooled_source_only(), learn(make(name, trade_off=0)).network
    for key, value in expected.state_dict().items():
        torch.testing.assert_close(found.state_dict()[key], value, rtol=1e-6, atol=1e-7)


# Losses against references


def numeric_gradient(f, x: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """Central differences in float64."""
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved[i] += sign * h
            ends.append(f(moved))
        gradient[i] = (ends[0] - ends[1]) / (2 * h)
    return gradient


def gradients(loss: Tensor, *inputs: Tensor) -> list[np.ndarray]:
    return [g.numpy() for g in torch.autograd.grad(loss, inputs)]


def clouds(m: int, n: int, d: int = 4, shift: float = 0.5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(m, d)), 1.3 * rng.normal(size=(n, d)) + shift


def reference_bandwidth(x: np.ndarray, y: np.ndarray) -> float:
    z = np.concatenate([x, y])
    return float(np.mean([((z[i] - z[j]) ** 2).sum() for i in range(len(z)) for j in range(len(z)) if i != j]))


def reference_mk_mmd2(x: np.ndarray, y: np.ndarray, bandwidth: float) -> float:
    """Gretton et al. 2012, equation 3, sample by sample."""

    def k(a, b):
        return np.mean([np.exp(-((a - b) ** 2).sum() / (q * bandwidth)) for q in (0.25, 0.5, 1, 2, 4)])

    m, n = len(x), len(y)
    xx = sum(k(x[i], x[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    yy = sum(k(y[i], y[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    return xx + yy - 2 * sum(k(a, b) for a in x for b in y) / (m * n)


@pytest.mark.parametrize(("m", "n"), [(6, 6), (4, 9), (7, 2)])
def test_mmd_agrees_with_a_reference(m, n):
    x, y = clouds(m, n)
    a, b = (torch.tensor(z, requires_grad=True) for z in (x, y))
    loss, h = mk_mmd2(a, b), reference_bandwidth(x, y)
    assert loss.item() == pytest.approx(reference_mk_mmd2(x, y, h), abs=1e-12)
    found = gradients(loss, a, b)  # the bandwidth is held constant
    np.testing.assert_allclose(found[0], numeric_gradient(lambda z: reference_mk_mmd2(z, y, h), x), atol=1e-8)
    np.testing.assert_allclose(found[1], numeric_gradient(lambda z: reference_mk_mmd2(x, z, h), y), atol=1e-8)
    assert np.abs(found[0]).max() > 1e-3


@pytest.mark.parametrize("offset", [0, 1000])
def test_mmd_is_accurate_in_float32_far_from_the_origin(offset):
    x, y = ((z + offset).astype(np.float32) for z in clouds(24, 40, d=8))
    a, b = (torch.tensor(z, requires_grad=True) for z in (x, y))
    loss = mk_mmd2(a, b)
    c, d = (torch.tensor(z.astype(np.float64), requires_grad=True) for z in (x, y))
    exact = reference_mk_mmd2(x.astype(np.float64), y.astype(np.float64), reference_bandwidth(x.astype(np.float64), y.astype(np.float64)))
    assert loss.item() == pytest.approx(exact, abs=1e-6)
    for found, expected in zip(gradients(loss, a, b), gradients(mk_mmd2(c, d), c, d), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(("m", "n"), [(20, 20), (12, 30)])
def test_mmd_averages_to_zero_when_nothing_is_shifted(m, n):
    generator = torch.Generator().manual_seed(0)
    draws = 500
    values = np.array([mk_mmd2(*torch.randn(m + n, 6, generator=generator).split([m, n])).item() for _ in range(draws)])
    biased = (1 / m + 1 / n) / 2  # about what counting the diagonal would add: 1/m + 1/n, less the mean kernel
    assert abs(values.mean()) < 4 * values.std() / math.sqrt(draws) < biased / 10
    assert (values < 0).any()
    shifted = [mk_mmd2(*torch.randn(m + n, 6, generator=generator).split([m, n])[:1], torch.randn(n, 6, generator=generator) + 1).item()]
    assert shifted[0] > values.max()


def test_mmd_of_collapsed_features_is_zero_and_its_gradient_finite():
    for value in (0.0, 0.1):
        x = torch.full((8, 4), value, requires_grad=True)
        loss = mk_mmd2(x, torch.full((5, 4), value))
        assert loss.item() == pytest.approx(0, abs=1e-6)
        assert torch.autograd.grad(loss, x)[0].isfinite().all()


def reference_coral(x: np.ndarray, y: np.ndarray) -> float:
    """Sun and Saenko 2016, equations 1 to 3: C = (DᵀD − (1ᵀD)ᵀ(1ᵀD)/n) / (n − 1)."""

    def covariance(d):
        total = d.sum(0, keepdims=True)
        return (d.T @ d - total.T @ total / len(d)) / (len(d) - 1)

    return float(((covariance(x) - covariance(y)) ** 2).sum() / (4 * x.shape[1] ** 2))


@pytest.mark.parametrize(("m", "n"), [(6, 6), (4, 9)])
def test_coral_agrees_with_a_reference(m, n):
    x, y = clouds(m, n)
    a, b = (torch.tensor(z, requires_grad=True) for z in (x, y))
    loss = coral(a, b)
    assert loss.item() == pytest.approx(reference_coral(x, y), rel=1e-12)
    found = gradients(loss, a, b)
    np.testing.assert_allclose(found[0], numeric_gradient(lambda z: reference_coral(z, y), x), atol=1e-8)
    np.testing.assert_allclose(found[1], numeric_gradient(lambda z: reference_coral(x, z), y), atol=1e-8)
    assert torch.autograd.gradcheck(coral, (a, b))


def test_coral_sees_covariances_and_not_means():
    x, y = (torch.tensor(z) for z in clouds(20, 30))
    assert coral(x + 100, y - 3).item() == pytest.approx(coral(x, y).item(), rel=1e-9)
    assert coral(x, x + 5).item() == pytest.approx(0, abs=1e-20)
    assert coral(x, 2 * x).item() == pytest.approx(9 * np.square(np.cov(x.numpy(), rowvar=False)).sum() / (4 * 4**2))


def reference_confusion_weights(z: np.ndarray, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Jin et al. 2020, equations 2, 4 and 5: probabilities N×K and weights N."""
    p = np.exp(z / temperature)
    p /= p.sum(1, keepdims=True)
    w = 1 + np.exp((p * np.log(p)).sum(1))
    return p, len(z) * w / w.sum()


def reference_confusion(z: np.ndarray, temperature: float, w: np.ndarray) -> float:
    """Equations 3 and 6 to 8, entry by entry, with the weights given."""
    p, _ = reference_confusion_weights(z, temperature)
    k = p.shape[1]
    c = np.array([[sum(w[i] * p[i, a] * p[i, b] for i in range(len(z))) for b in range(k)] for a in range(k)])
    return sum(c[a, b] / c[a].sum() for a in range(k) for b in range(k) if a != b) / k


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_confusion_agrees_with_a_reference(temperature):
    z = 2 * np.random.default_rng(0).normal(size=(9, 4))
    a = torch.tensor(z, requires_grad=True)
    loss = minimum_class_confusion(a, temperature)
    _, w = reference_confusion_weights(z, temperature)
    # The authors' 1e-5 inside the logarithm, which the paper has not, is the difference.
    assert loss.item() == pytest.approx(reference_confusion(z, temperature, w), abs=1e-5)
    expected = numeric_gradient(lambda moved: reference_confusion(moved, temperature, w), z)
    np.testing.assert_allclose(gradients(loss, a)[0], expected, atol=1e-5)
    through_weights = numeric_gradient(
        lambda moved: reference_confusion(moved, temperature, reference_confusion_weights(moved, temperature)[1]), z
    )
    assert np.abs(expected - through_weights).max() > 1e-4  # so the agreement above shows that the weights are held constant


def test_confusion_is_zero_for_sure_and_largest_for_undecided_predictions():
    sure = 50 * torch.eye(4).repeat(3, 1)
    assert minimum_class_confusion(sure, 2.5).item() == pytest.approx(0, abs=1e-4)
    assert minimum_class_confusion(torch.zeros(12, 4), 2.5).item() == pytest.approx(3 / 4)


def test_confusion_stays_finite_when_a_class_is_never_predicted():
    z = torch.zeros(8, 4)
    z[:, 0] = 300
    z.requires_grad_()
    loss = minimum_class_confusion(z, 2.5)
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert torch.autograd.grad(loss, z)[0].isfinite().all()


@pytest.mark.parametrize(("n", "m"), [(5, 5), (3, 7)])
def test_domain_loss_agrees_with_a_reference(n, m):
    d = 2 * np.random.default_rng(1).normal(size=n + m)
    source = np.arange(n + m) < n

    def reference(values):
        p = 1 / (1 + np.exp(-values))
        return -np.mean(np.where(source, np.log(p), np.log(1 - p)))

    a = torch.tensor(d, requires_grad=True)
    loss, accuracy = domain_loss(a, n)
    assert loss.item() == pytest.approx(reference(d), rel=1e-12)
    np.testing.assert_allclose(gradients(loss, a)[0], numeric_gradient(reference, d), atol=1e-8)
    assert torch.autograd.gradcheck(lambda x: domain_loss(x, n)[0], (a,))
    assert accuracy.item() == pytest.approx((np.mean(d[:n] > 0) + np.mean(d[n:] <= 0)) / 2)
    assert not accuracy.requires_grad


def test_discriminator_accuracy_is_balanced_and_its_loss_starts_at_chance():
    assert domain_loss(torch.ones(10), 9)[1].item() == 0.5  # calling everything source is no skill
    assert domain_loss(torch.tensor([1.0, 1.0, -1.0]), 2)[1].item() == 1
    assert domain_loss(torch.zeros(10), 5)[0].item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("scale", [0.0, 0.3, 2.0])
def test_reversal_is_the_identity_with_a_scaled_negative_gradient(scale):
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    y = reverse_gradient(x, scale)
    assert torch.equal(y, x)
    (found,) = torch.autograd.grad(y.pow(3).sum(), x)
    torch.testing.assert_close(found, -scale * 3 * x**2)


def test_ramp_is_the_papers_schedule():
    assert ramp(0) == 0
    assert ramp(1) == pytest.approx(0.9999092)
    for p in (0.1, 0.25, 0.5, 0.9):
        assert ramp(p) == pytest.approx(math.tanh(5 * p))  # 2/(1 + e^(−2t)) − 1 is tanh t


# What each step is made of


@pytest.mark.parametrize("name", ["dan", "deepcoral", "mcc"])
@pytest.mark.parametrize(("n", "m"), [(6, 6), (4, 7)])
def test_alignment_losses_compare_source_rows_with_target_rows(name, n, m):
    method, b = make(name, trade_off=3).double(), batch(n=n, m=m)
    b = Batch(b.source.double(), b.labels, b.target.double())
    step = method.step(b, 0.5)
    weight, bias = (p.detach().numpy() for p in method.network.head.parameters())
    features = step.features.detach().numpy()
    logits = features @ weight.T + bias

    def softmax(z):
        return np.exp(z) / np.exp(z).sum(1, keepdims=True)

    widths = [reference_bandwidth(v[:n], v[n:]) for v in (features, softmax(logits))]
    weights = reference_confusion_weights(logits[n:], 2.5)[1]

    def reference(f):
        z = f @ weight.T + bias
        if name == "dan":
            return 3 * sum(reference_mk_mmd2(v[:n], v[n:], h) for v, h in zip((f, softmax(z)), widths, strict=True))
        return 3 * (reference_coral(f[:n], f[n:]) if name == "deepcoral" else reference_confusion(z[n:], 2.5, weights))

    assert step.losses["align"].item() == pytest.approx(reference(features), abs=1e-5)
    np.testing.assert_allclose(gradients(step.losses["align"], step.features)[0], numeric_gradient(reference, features), atol=1e-5)
    assert step.losses["task"].item() == pytest.approx(F.cross_entropy(torch.tensor(logits[:n]), b.labels).item())


def dann_gradient(method: Method, features: Tensor, n: int, scale: float) -> Tensor:
    features = features.clone().requires_grad_()
    loss, _ = domain_loss(method.discriminator(reverse_gradient(features, scale)).squeeze(1), n)
    return torch.autograd.grad(loss, features)[0]


def test_swapping_the_domain_labels_flips_the_reversed_gradient():
    method = make("dann").double()
    features = torch.randn(20, WIDTH, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    swap = torch.arange(20).roll(10)  # the source's rows now stand where the target's are expected
    normal = dann_gradient(method, features, 10, 1.0)
    swapped = dann_gradient(method, features[swap], 10, 1.0)[swap]
    assert F.cosine_similarity(normal, swapped).numpy() == pytest.approx(-1, abs=1e-9)


@pytest.mark.parametrize(("trade_off", "progress"), [(1.0, 0.1), (0.5, 1.0), (3.0, 0.5), (1.0, 0.0)])
def test_dann_reverses_by_its_ramped_trade_off(trade_off, progress):
    method = make("dann", trade_off=trade_off)
    step = method.step(batch(), progress)
    (found,) = torch.autograd.grad(step.losses["domain"], step.features)
    plain = -dann_gradient(method, step.features.detach(), 16, 1.0)
    torch.testing.assert_close(found, -trade_off * ramp(progress) * plain, rtol=1e-4, atol=1e-9)
    assert plain.norm() > 1e-4


def test_dann_trains_the_discriminator_and_fools_it():
    method = make("dann")
    step = method.step(batch(), 0.5)
    weights = list(method.discriminator.parameters())
    by_weights = torch.autograd.grad(step.losses["domain"], weights, retain_graph=True)
    (by_features,) = torch.autograd.grad(step.losses["domain"], step.features)

    def loss(features):
        return domain_loss(method.discriminator(features).squeeze(1), 16)[0].item()

    with torch.no_grad():
        now = loss(step.features)
        assert loss(step.features - 0.1 * by_features / by_features.norm()) > now  # a descent step on features helps confusion
        for weight, gradient in zip(weights, by_weights, strict=True):
            weight -= 0.01 * gradient
        assert loss(step.features) < now
    assert 0 <= step.gauges["discriminator_accuracy"] <= 1


# They adapt


@pytest.fixture(scope="module")
def accuracies():
    """Final target accuracy of a method over three seeds, and that of the source-trained network before it."""
    references, known = {}, {}

    def run(name: str) -> tuple[np.ndarray, np.ndarray]:
        if name not in known:
            finals = []
            for seed in range(3):
                experiment = Experiment.parse(
                    {
                        "source": {"name": "printed-digits", "params": {"n": 900}},
                        "target": {"name": "handwritten-digits"},
                        "backbone": {"name": "small-cnn", "params": {"width": 8}},
                        "method": {"name": name},
                        "budget": {"source_epochs": 4, "epochs": 6},
                        "snapshot": 20,
                        "seed": seed,
                    }
                )
                *_, last = train(experiment, references=references)
                finals.append((last.measures["source_only_target_accuracy"], last.measures["target_accuracy"]))
            known[name] = tuple(np.array(finals).T)
        return known[name]

    return run


@pytest.mark.parametrize("name", ADAPTING)
def test_adapts_printed_digits_to_handwritten_ones(name, accuracies):
    before, after = accuracies(name)
    _, continued = accuracies("source-only")
    assert (after > before + 0.05).all()
    assert after.mean() > before.mean() + 0.12
    assert after.mean() > continued.mean() + 0.02  # longer training alone does not explain it
