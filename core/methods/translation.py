"""Methods that redraw source images in the target's style, and learn from these."""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import deepcopy

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from core.backbones import initialise
from core.methods.base import Batch, Draws, Method, MethodInfo, Seen, Step, TrainedParams, TwoDomainParams, method


def fourier_style(source: Tensor, target: Tensor, beta: float) -> Tensor:
    """Source images with the target's low frequencies: F⁻¹([M·|F(t)| + (1 − M)·|F(s)|]·e^{i∠F(s)}).

    (Yang and Soatto 2020, arXiv 2004.05498, eq. 1 and 2.) M is 1 for frequencies of at most b = ⌊β·min(H, W)⌋ cycles
    across the image along both axes, as in the authors' code; b = 0 exchanges the mean alone. Only the amplitude is exchanged:
    the phase, which holds the shapes, is the source's.

    Parameters
    ----------
    source, target : Tensor
        N×C×H×W floats.
    beta : float
        β in [0, ½).
    """
    h, w = source.shape[-2:]
    b = int(beta * min(h, w))
    rows, columns = (torch.fft.fftfreq(n, 1 / n, device=source.device).abs() <= b for n in (h, w))
    mask = rows[:, None] & columns[None, :]
    spectrum, style = torch.fft.fft2(source), torch.fft.fft2(target)
    return torch.fft.ifft2(torch.where(mask, torch.polar(style.abs(), spectrum.angle()), spectrum)).real


def charbonnier_entropy(logits: Tensor, eta: float) -> Tensor:
    """1/B Σ_i (h_i² + 10⁻⁶)^η, h_i the entropy of prediction i over log K (Yang and Soatto 2020, eq. 4), of B×K logits.

    Entropy with its gradient taken from the sure samples and given to the unsure ones.
    """
    log_p = logits.log_softmax(1)
    entropy = -(log_p.exp() * log_p).sum(1) / math.log(logits.shape[1])
    return (entropy.square() + 1e-6).pow(eta).mean()


class FDAParams(TwoDomainParams):
    beta: float = Field(
        0.1, ge=0, lt=0.5, description="How far, β, the exchanged square of low frequencies reaches; a share of the image's side."
    )
    trade_off: float = Field(0.005, ge=0, le=10, description="Weight λ of the target's entropy.")
    eta: float = Field(2.0, ge=0.5, le=5, description="Exponent η of the entropy: larger looks at the unsure samples alone.")


@method
class FDA(Method[FDAParams]):
    """Fourier domain adaptation: source images get the low frequencies of random target images."""

    info = MethodInfo(
        name="fda",
        title="FDA",
        family="image translation",
        transfers="instances",
        kinds=("image",),
        summary="Gives source images the coarse brightness pattern of target images, and learns from these. No generator is trained.",
        helps="When the domains differ in light, contrast or tint, and shapes are the same.",
        hurts="When shapes or strokes differ: low frequencies do not hold them. A large β leaves ghosts of the target image.",
        shines="pale-digits",
        fails="turned-digits",
        formula=r"x_{S\to T} = \mathcal{F}^{-1}\big([M_\beta\,|\mathcal{F}x_T| + (1-M_\beta)\,|\mathcal{F}x_S|]"
        r"\,e^{i\angle\mathcal{F}x_S}\big),\quad \min_{F,C}\; \mathcal{L}_\text{task}(x_{S\to T})"
        r" + \lambda\,\mathbb{E}_{x\sim T}\,\rho\big(H(p)\big)",
        paper="Yang and Soatto, FDA: Fourier Domain Adaptation for Semantic Segmentation",
        year=2020,
        arxiv="2004.05498",
    )

    def step(self, batch: Batch, progress: float) -> Step:
        n, style = len(batch.source), batch.target.float()
        partners = style[torch.arange(n, device=style.device) % len(style)]  # batches are drawn at random, so any pairing is
        features = self.features_of(fourier_style(batch.source.float(), partners, self.params.beta), style)
        source, target = batch.split(self.network.head(features))
        entropy = self.params.trade_off * charbonnier_entropy(target, self.params.eta)
        return Step({"task": F.cross_entropy(source, batch.labels), "entropy": entropy}, features)


class Translator(nn.Module):
    """An image to one of the other domain: the image plus what three convolutions say, in [−1, 1]. It starts near the identity."""

    def __init__(self, channels: int, width: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(width, width, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(width, channels, 5, padding=2),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def judge(channels: int, width: int) -> nn.Sequential:
    """A discriminator of images N×C×H×W with a verdict for each patch, 1 for real ones."""
    return nn.Sequential(
        nn.Conv2d(channels, width, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(2 * width, 1, 3, padding=1),
    )


def least_squares(verdicts: Tensor, wanted: float) -> Tensor:
    """E(D(x) − wanted)², the loss of Mao et al. (2017, arXiv 1611.04076, eq. 2 and 9) that CycleGAN uses for both players."""
    return (verdicts - wanted).square().mean()


def told_apart(real: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """What a discriminator minimises, from its verdicts on real and on redrawn images, and the share of these that it gets right."""
    right = (real > 0.5).float().mean() + (drawn <= 0.5).float().mean()
    return least_squares(real, 1) + least_squares(drawn, 0), right / 2


class CyCADAParams(TrainedParams):
    # With CycleGAN's λ = 10 translators that start at the identity stay there in as few steps as are taken here.
    cycle: float = Field(1.0, ge=0, le=100, description="Weight λ of coming back to the same image.")
    semantic: float = Field(0.3, ge=0, le=100, description="Weight μ of keeping the class that the source model sees.")
    width: int = Field(32, ge=4, le=128, description="Channels of the translators and discriminators.")


@method
class CyCADA(Method[CyCADAParams]):
    """Cycle-consistent adversarial domain adaptation: a CycleGAN redraws the source as target, and keeps what the source model sees.

    Three updates for each batch: the two translators, the two discriminators, and the network on translated source images.
    This is the paper's adaptation of pixels; its second discriminator, of features, is DANN's.
    """

    info = MethodInfo(
        name="cycada",
        title="CycleGAN / CyCADA",
        family="image translation",
        transfers="instances",
        kinds=("image",),
        clip=5.0,
        summary="Two small networks learn to redraw images of one domain as the other's; the classifier learns from redrawn source images.",
        helps="When a local change of strokes, texture or light turns one domain into the other, and there are many images.",
        hurts="When shapes move or turn, which translators of small reach cannot do; on few images; and when the source model is mostly"
        " wrong on the target: what it calls 'the same class' then misleads. It takes three updates for each batch.",
        shines="pale-digits",
        fails="turned-digits",
        formula=r"\min_{G,G'}\max_{D,D'}\; \mathcal{L}_\text{GAN}"
        r" + \lambda\big(\lVert G'(G(x_S)) - x_S\rVert_1 + \lVert G(G'(x_T)) - x_T\rVert_1\big)"
        r" + \mu\,\mathcal{L}_\text{sem},\qquad \min_{F,C}\; \mathcal{L}_\text{task}\big(G(x_S)\big)",
        paper="Hoffman et al., CyCADA: Cycle-Consistent Adversarial Domain Adaptation",
        year=2018,
        arxiv="1711.03213",
    )

    def build(self, bottleneck: int, generator: torch.Generator) -> None:
        self.draws = Draws(generator)
        self.source_network = deepcopy(self.network).requires_grad_(False)

    def begin(self, seen: Seen) -> None:
        channels, width = seen.target.shape[1], self.params.width
        self.to_target, self.to_source = Translator(channels, width), Translator(channels, width)
        self.judge_target, self.judge_source = judge(channels, width), judge(channels, width)
        for module in (self.to_target, self.to_source, self.judge_target, self.judge_source):
            initialise(module, self.draws.generator)
            module.to(seen.target.device)

    def steps(self, batch: Batch, progress: float) -> Iterator[Step]:
        source, target = (images.float() / 127.5 - 1 for images in (batch.source, batch.target))
        to_target, to_source = self.to_target(source), self.to_source(target)
        seen, losses = self.translators_losses(source, target, to_target, to_source)
        yield Step(losses, seen, trains=[*self.to_target.parameters(), *self.to_source.parameters()])

        to_target, to_source = to_target.detach(), to_source.detach()
        of_target, right_on_target = told_apart(self.judge_target(target), self.judge_target(to_target))
        of_source, right_on_source = told_apart(self.judge_source(source), self.judge_source(to_source))
        accuracy = (right_on_target + right_on_source) / 2
        judges = [*self.judge_target.parameters(), *self.judge_source.parameters()]
        yield Step({"domain": (of_target + of_source) / 2}, seen, {"discriminator_accuracy": accuracy}, judges)

        features, logits = self.network(pixels(to_target))
        yield Step({"task": F.cross_entropy(logits, batch.labels)}, features, trains=list(self.network.parameters()))

    def translators_losses(self, source: Tensor, target: Tensor, to_target: Tensor, to_source: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """What the source network sees in the redrawn images (features, held constant), and what the translators minimise."""
        realism = least_squares(self.judge_target(to_target), 1) + least_squares(self.judge_source(to_source), 1)
        cycle = (self.to_source(to_target) - source).abs().mean() + (self.to_target(to_source) - target).abs().mean()
        self.source_network.eval()
        with torch.no_grad():
            wanted = self.source_network(pixels(torch.cat([source, target])))[1].argmax(1)
        sizes = [len(source), len(target)]
        features, logits = self.source_network(pixels(torch.cat([to_target, to_source])))
        (of_source, of_target), (source_class, target_class) = logits.split(sizes), wanted.split(sizes)
        semantic = F.cross_entropy(of_source, source_class) + F.cross_entropy(of_target, target_class)
        losses = {"translators": realism, "cycle": self.params.cycle * cycle, "semantic": self.params.semantic * semantic}
        return features.detach(), losses


def pixels(x: Tensor) -> Tensor:
    """Images in [−1, 1] as a network takes them, from 0 to 255; what lies outside is kept, for the sake of its gradient."""
    return 127.5 * (x + 1)
