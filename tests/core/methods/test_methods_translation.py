"""Fourier domain adaptation and CycleGAN: images against references, and who learns what from them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from method_tools import agrees, batch, make, softmax, updates

from core.methods.translation import charbonnier_entropy, fourier_style, least_squares

RNG = np.random.default_rng(0)
IMAGES, STYLES = (RNG.uniform(0, 255, size=(4, 2, 12, 10)) for _ in range(2))


def reference_style(source: np.ndarray, target: np.ndarray, beta: float) -> np.ndarray:
    """Yang and Soatto's recipe: amplitudes with the zero frequency in the middle, and a square cut out around it."""
    f, g = np.fft.fft2(source), np.fft.fft2(target)
    amplitude, style = (np.fft.fftshift(np.abs(x), axes=(-2, -1)) for x in (f, g))
    h, w = source.shape[-2:]
    b = int(np.floor(min(h, w) * beta))
    rows, columns = slice(h // 2 - b, h // 2 + b + 1), slice(w // 2 - b, w // 2 + b + 1)
    amplitude[..., rows, columns] = style[..., rows, columns]
    return np.real(np.fft.ifft2(np.fft.ifftshift(amplitude, axes=(-2, -1)) * np.exp(1j * np.angle(f))))


@pytest.mark.parametrize("beta", [0.0, 0.1, 0.25, 0.4])
def test_fourier_style_agrees_with_the_recipe(beta):
    found = fourier_style(torch.tensor(IMAGES), torch.tensor(STYLES), beta)
    np.testing.assert_allclose(found.numpy(), reference_style(IMAGES, STYLES, beta), atol=1e-9)
    assert np.abs(found.numpy() - IMAGES).max() > 1


def test_the_mean_is_the_targets_and_the_same_style_changes_nothing():
    source, target = torch.tensor(IMAGES), torch.tensor(STYLES)
    torch.testing.assert_close(fourier_style(source, target, 0.0).mean((2, 3)), target.mean((2, 3)))
    torch.testing.assert_close(fourier_style(source, source, 0.25), source)
    dark = torch.zeros(1, 1, 8, 8, dtype=torch.float64)  # an image without any amplitude
    assert fourier_style(dark, target[:1, :1, :8, :8], 0.2).isfinite().all()


@pytest.mark.parametrize("eta", [1.0, 2.0])
def test_charbonnier_entropy_agrees_with_a_reference(eta):
    def reference(z):
        return float(np.mean([((-sum(p * np.log(p)) / np.log(4)) ** 2 + 1e-6) ** eta for p in softmax(z)]))

    agrees(lambda z: charbonnier_entropy(z, eta), reference, 2 * np.random.default_rng(1).normal(size=(6, 4)))


@pytest.mark.parametrize(("n", "m"), [(6, 6), (9, 4)])
def test_fda_learns_the_source_in_the_targets_style(n, m):
    method, b = make("fda", trade_off=3, beta=0.2), batch(n=n, m=m, name="fda")
    step = method.step(b, 0.5)
    partners = b.target[[i % m for i in range(n)]]
    styled = torch.tensor(reference_style(b.source.double().numpy(), partners.double().numpy(), 0.2)).float()
    logits = method.network(torch.cat([styled, b.target.float()]))[1]
    torch.testing.assert_close(step.losses["task"], F.cross_entropy(logits[:n], b.labels), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(step.losses["entropy"], 3 * charbonnier_entropy(logits[n:], 2.0), rtol=1e-4, atol=1e-5)


# CycleGAN / CyCADA


def test_least_squares_agrees_with_a_reference():
    x = RNG.normal(size=(3, 1, 2, 2))
    for wanted in (0.0, 1.0):
        agrees(lambda v, w=wanted: least_squares(v, w), lambda v, w=wanted: float(np.mean((v - w) ** 2)), x)


def parts(method) -> dict[str, list[torch.Tensor]]:
    return {name: [p.detach().clone() for p in module.parameters()] for name, module in method.named_children()}


def test_translators_then_judges_then_the_network_learn():
    method = make("cycada")
    optimizer = torch.optim.Adam(method.parameters(), lr=0.01)
    for seed in range(2):  # by the second batch Adam has moments that could move what should rest
        found = []
        for step in method.steps(batch(seed, name="cycada"), 0.5):
            before = parts(method)
            optimizer.zero_grad()
            sum(step.losses.values()).backward(inputs=step.trains)
            optimizer.step()
            after = parts(method)
            found.append({k for k in after if any(not torch.equal(a, b) for a, b in zip(before[k], after[k], strict=True))})
    assert found == [{"to_target", "to_source"}, {"judge_target", "judge_source"}, {"network"}]


def test_each_update_minimises_what_it_should():
    method, b = make("cycada", cycle=7, semantic=3), batch(n=6, m=9, name="cycada")
    made, told, learned = updates(method, b)
    x, y = (2 * part.float() / 255 - 1 for part in (b.source, b.target))
    with torch.no_grad():
        drawn, back = method.to_target(x), method.to_source(y)
        seen_by = method.source_network.eval()
        classes = [seen_by(part)[1].argmax(1) for part in (b.source, b.target)]
        semantic = [F.cross_entropy(seen_by((p + 1) * 255 / 2)[1], c) for p, c in zip((drawn, back), classes, strict=True)]
        realism = ((method.judge_target(drawn) - 1) ** 2).mean() + ((method.judge_source(back) - 1) ** 2).mean()
        cycle = (method.to_source(drawn) - x).abs().mean() + (method.to_target(back) - y).abs().mean()
        torch.testing.assert_close(made.losses["translators"], realism)
        torch.testing.assert_close(made.losses["cycle"], 7 * cycle)
        torch.testing.assert_close(made.losses["semantic"], 3 * sum(semantic))
        domain = sum(
            ((judge(real) - 1) ** 2).mean() + (judge(fake) ** 2).mean()
            for judge, real, fake in ((method.judge_target, y, drawn), (method.judge_source, x, back))
        )
        torch.testing.assert_close(told.losses["domain"], domain / 2)
    task = F.cross_entropy(method.network((drawn + 1) * 255 / 2)[1], b.labels)
    torch.testing.assert_close(learned.losses["task"], task)


@pytest.mark.parametrize("term", ["translators", "cycle", "semantic"])
def test_every_term_reaches_both_translators_and_nothing_else_is_trained(term):
    method = make("cycada")
    made, *_ = updates(method, batch(name="cycada"))
    gradients = torch.autograd.grad(made.losses[term], made.trains)
    both = len(list(method.to_target.parameters()))
    assert sum(g.abs().sum() for g in gradients[:both]) > 1e-5
    assert sum(g.abs().sum() for g in gradients[both:]) > 1e-5
    assert not any(p.requires_grad for p in method.source_network.parameters())


def test_the_source_network_keeps_its_weights_and_statistics():
    method = make("cycada").train()
    start = {key: value.clone() for key, value in method.source_network.state_dict().items()}
    updates(method, batch(name="cycada"))
    assert all(torch.equal(value, start[key]) for key, value in method.source_network.state_dict().items())
