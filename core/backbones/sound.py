"""A network for sounds: convolutions over time, with the bands of the spectrogram as channels."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from core.backbones.base import Params, backbone
from core.backbones.small import Scale


class SoundParams(Params):
    width: int = Field(64, ge=4, le=512, description="Channels of the first layer; the later ones have twice as many.")


class Bands(nn.Module):
    """uint8 spectrograms N×1×H×W to floats N×H×W in [−1, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = Scale()

    def forward(self, x: Tensor) -> Tensor:
        return self.scale(x).flatten(1, 2)


@backbone(
    "sound-cnn",
    title="1-D CNN",
    kinds=("sound",),
    params=SoundParams,
    summary="Three convolutions over time, the bands as channels. Knows when a sound comes, not that neighbouring bands are alike.",
)
def sound_cnn(shape: tuple[int, ...], params: SoundParams):
    bands, width = shape[0] * shape[1], params.width
    layers: list[nn.Module] = []
    for a, b in ((bands, width), (width, 2 * width), (2 * width, 2 * width)):
        layers += [nn.Conv1d(a, b, 5, padding=2), nn.BatchNorm1d(b), nn.ReLU(), nn.MaxPool1d(2, ceil_mode=True)]
    return Bands(), nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten()), 2 * width
