"""MMD and its relatives against sample-by-sample references in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from method_tools import agrees, clouds, gradients, numeric_gradient, softmax
from scipy.spatial.distance import cdist

from core.methods.kernels import gaussian_kernel, joint_mmd2, local_mmd2, mk_mmd2


def reference_bandwidth(x: np.ndarray, y: np.ndarray) -> float:
    z = np.concatenate([x, y])
    return float(np.mean([((z[i] - z[j]) ** 2).sum() for i in range(len(z)) for j in range(len(z)) if i != j]))


def reference_kernel(a: np.ndarray, b: np.ndarray, bandwidth: float, widths=(0.25, 0.5, 1, 2, 4)) -> float:
    return float(np.mean([np.exp(-((a - b) ** 2).sum() / (q * bandwidth)) for q in widths]))


def reference_mk_mmd2(x: np.ndarray, y: np.ndarray, bandwidth: float, widths=(0.25, 0.5, 1, 2, 4)) -> float:
    """Gretton et al. 2012, equation 3, sample by sample."""

    def k(a, b):
        return reference_kernel(a, b, bandwidth, widths)

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


@pytest.mark.parametrize(("kernels", "widths"), [(1, (1,)), (3, (0.5, 1, 2))])
def test_fewer_kernels_agree_with_a_reference(kernels, widths):
    x, y = clouds(5, 4)
    h = reference_bandwidth(x, y)
    agrees(lambda a, b: _at_bandwidth(a, b, h, kernels), lambda a, b: reference_mk_mmd2(a, b, h, widths), x, y)
    assert mk_mmd2(torch.tensor(x), torch.tensor(y), kernels).item() == pytest.approx(reference_mk_mmd2(x, y, h, widths), abs=1e-12)


def _at_bandwidth(a: torch.Tensor, b: torch.Tensor, h: float, kernels: int) -> torch.Tensor:
    loss = mk_mmd2(a, b, kernels)
    found = reference_bandwidth(a.detach().numpy(), b.detach().numpy())
    assert found == pytest.approx(h)
    return loss


def test_the_kernel_is_symmetric_one_on_the_diagonal_and_positive():
    k = gaussian_kernel(torch.tensor(clouds(6, 5)[0]))
    torch.testing.assert_close(k, k.T)
    torch.testing.assert_close(k.diagonal(), torch.ones(6, dtype=torch.float64))
    assert torch.linalg.eigvalsh(k).min() > -1e-12


def reference_joint_mmd2(layers: list[np.ndarray], m: int, widths: list[float]) -> float:
    """The unbiased statistic with a product of kernels, sample by sample."""

    def k(i, j):
        return math.prod(reference_kernel(z[i], z[j], h) for z, h in zip(layers, widths, strict=True))

    s, t = range(m), range(m, len(layers[0]))
    xx = np.mean([k(i, j) for i in s for j in s if i != j])
    yy = np.mean([k(i, j) for i in t for j in t if i != j])
    return float(xx + yy - 2 * np.mean([k(i, j) for i in s for j in t]))


@pytest.mark.parametrize(("m", "n"), [(5, 5), (3, 6)])
def test_joint_mmd_agrees_with_a_reference(m, n):
    x, y = clouds(m, n)
    p, q = clouds(m, n, d=3, seed=1)
    layers = [np.concatenate([x, y]), softmax(np.concatenate([p, q]))]
    widths = [reference_bandwidth(z[:m], z[m:]) for z in layers]
    agrees(lambda *z: joint_mmd2(list(z), m), lambda *z: reference_joint_mmd2(list(z), m, widths), *layers)
    assert joint_mmd2([torch.tensor(layers[0])], m).item() == pytest.approx(reference_mk_mmd2(x, y, widths[0]), abs=1e-12)


def test_joint_mmd_averages_to_zero_under_the_null_and_sees_what_each_layer_alone_does_not():
    generator = torch.Generator().manual_seed(0)

    def draw(flipped: bool) -> float:
        a, noise = torch.randn(40, 1, generator=generator), 0.1 * torch.randn(40, 1, generator=generator)
        b = a.clone()
        if flipped:
            b[20:] = -b[20:]  # both layers are as before, but no longer agree with each other
        return joint_mmd2([a, b + noise], 20).item()

    null = np.array([draw(False) for _ in range(400)])
    assert abs(null.mean()) < 4 * null.std() / math.sqrt(400) < 0.01
    assert np.mean([draw(True) for _ in range(20)]) > np.quantile(null, 0.99)


def reference_local_mmd2(x: np.ndarray, y: np.ndarray, labels: np.ndarray, p: np.ndarray, bandwidth: float) -> float:
    """Zhu et al. 2020, equations 6 to 8, over the classes that are on both sides; the kernel is the authors' sum of five."""
    classes = sorted(set(labels) & set(p.argmax(1)))
    k = {}
    for name, a, b in (("ss", x, x), ("tt", y, y), ("st", x, y)):
        far = cdist(a, b, "sqeuclidean")
        k[name] = np.exp(-far / (bandwidth / 4)) + np.exp(-far / (bandwidth / 2)) + np.exp(-far / bandwidth)
        k[name] += np.exp(-far / (2 * bandwidth)) + np.exp(-far / (4 * bandwidth))
    total = 0.0
    for c in classes:
        w = (labels == c) / (labels == c).sum()
        v = p[:, c] / p[:, c].sum()
        total += w @ k["ss"] @ w + v @ k["tt"] @ v - 2 * w @ k["st"] @ v
    return float(total / len(classes))


@pytest.mark.parametrize(("m", "n"), [(8, 8), (6, 9)])
def test_local_mmd_agrees_with_a_reference(m, n):
    x, y = clouds(m, n)
    rng = np.random.default_rng(0)
    labels, p = rng.integers(0, 3, m), softmax(2 * rng.normal(size=(n, 4)))
    assert set(range(4)) - set(labels)  # a class without source samples counts for nothing
    h, t = reference_bandwidth(x, y), torch.tensor
    agrees(lambda a, b: local_mmd2(a, b, t(labels), t(p)), lambda a, b: reference_local_mmd2(a, b, labels, p, h), x, y)
    probabilities = torch.tensor(p, requires_grad=True)
    assert not local_mmd2(t(x), t(y), t(labels), probabilities).requires_grad


def test_local_mmd_sees_classes_that_have_changed_places_and_mmd_does_not():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(2).repeat(100)
    x, y = (3.0 * labels[:, None] + torch.randn(200, 2, generator=generator) for _ in range(2))
    right = torch.eye(2)[labels]
    kept, swapped = local_mmd2(x, y, labels, right), local_mmd2(x, y, labels, right.flip(1))
    assert swapped > 20 * kept
    assert abs(mk_mmd2(x, y)) < kept / 5  # the clouds are alike; the mean of five kernels beside their sum


def test_local_mmd_without_a_common_class_is_zero_with_a_finite_gradient():
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    loss = local_mmd2(x, x.detach() + 1, torch.zeros(4, dtype=torch.long), torch.eye(2)[torch.ones(4, dtype=torch.long)])
    assert loss.item() == 0
    assert torch.autograd.grad(loss, x)[0].isfinite().all()
