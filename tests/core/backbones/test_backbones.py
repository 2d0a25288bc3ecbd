"""Every backbone: shapes, weights that depend on the generator alone, and refusals in plain words."""

from __future__ import annotations

import math
import socket

import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from core.backbones import BACKBONES, BackboneEntry, Network, Params, build_network, initialise
from core.backbones.check import check_backbone
from core.backbones.small import MLPParams, Scale
from core.backbones.torchvision import ImageNetScale
from core.errors import InputError

SMALL = {
    "mlp": {"width": 16, "bottleneck": 12},
    "small-cnn": {"width": 4, "bottleneck": 12},
    "lenet": {"bottleneck": 12},
    "identity": {},
    "word-shares": {},
    "word-net": {"width": 16, "bottleneck": 12},
    "sound-cnn": {"width": 8, "bottleneck": 12},
    "resnet18": {"bottleneck": 12, "side": 32, "weights": "none", "freeze": "none"},
    "efficientnet-lite0": {"bottleneck": 12, "side": 32, "weights": "none", "freeze": "none"},
}
# Backbone → check → why it fails.
EXCEPTIONS = {"efficientnet-lite0": {"alone": "Before any batch has set its 49 batch norms, fresh layers shrink every sample to nothing."}}
# Why a backbone is not checked here.
UNCHECKED = {
    "sentence-encoder": "It builds no network: its own file of tests reads its weights.",
    **dict.fromkeys(
        ("resnet50", "mobilenet-v2", "mobilenet-v3", "vgg16", "efficientnet-b0", "vit-b-16", "squeezenet"),
        "Made by the same lines as resnet18, and large: tests of torchvision's networks look at each once.",
    ),
}
SHAPES = {"image": (1, 16, 16), "features": (2,), "text": (9,), "sound": (1, 48, 41)}
NAMES = [name for name in BACKBONES.names() if name not in UNCHECKED]
DRAWN = [name for name in NAMES if name not in ("identity", "word-shares")]
LARGE = ("resnet18", "efficientnet-lite0")
FILE = "resnet18-f37072fd.pth"


def build(name: str, shape: tuple[int, ...], seed: int = 0, classes: int = 5, kind: str | None = None) -> Network:
    params = BACKBONES.get(name).params(**SMALL.get(name, {}))
    return build_network(name, params, shape, classes, torch.Generator().manual_seed(seed), kind)


def inputs(shape: tuple[int, ...], n: int = 6, seed: int = 0, kind: str | None = None) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    if kind == "text":
        return torch.randint(1, 4097, (n, *shape), generator=generator)
    if len(shape) == 3:
        return torch.randint(0, 256, (n, *shape), generator=generator, dtype=torch.uint8)
    return torch.randn((n, *shape), generator=generator)


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in ("resnet18", "efficientnet-lite0") else ()) for name in NAMES]
)
def test_every_backbone_keeps_the_contract(name):
    check_backbone(name, SMALL.get(name), EXCEPTIONS.get(name))


@pytest.mark.parametrize("name", SMALL)
def test_the_bottleneck_decides_the_width(name):
    kind = BACKBONES.get(name).kinds[0]
    expected = {"identity": math.prod(SHAPES[kind]), "word-shares": 4096}.get(name, 12)
    assert build(name, SHAPES[kind], kind=kind).width == expected


@pytest.mark.parametrize("name", DRAWN)
def test_weights_have_pytorchs_default_distribution(name):
    kind = BACKBONES.get(name).kinds[0]
    large = 0
    for layer in build(name, SHAPES[kind], kind=kind).modules():
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
            bound = 1 / math.sqrt(layer.weight[0].numel())
            for values in (parameter.detach() for parameter in layer.parameters()):
                assert values.abs().max() <= bound
                if values.numel() > 1000:
                    large += 1
                    assert values.abs().max() > 0.97 * bound
                    assert values.std() == pytest.approx(bound / math.sqrt(3), rel=0.1)
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            assert (layer.weight == 1).all()
            assert (layer.bias == 0).all()
            assert (layer.running_mean == 0).all()
            assert (layer.running_var == 1).all()
    assert large or name in ("mlp", "word-net")


def test_the_bound_is_that_of_pytorch_itself():
    torch.manual_seed(0)
    ours, theirs = nn.Linear(50, 400), nn.Linear(50, 400)
    initialise(ours, torch.Generator().manual_seed(0))
    for mine, default in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        assert mine.abs().max() == pytest.approx(float(default.abs().max()), rel=0.03)
        assert mine.std() == pytest.approx(float(default.std()), rel=0.1)


def test_initialise_refuses_a_layer_that_it_does_not_know():
    with pytest.raises(TypeError, match="Embedding"):
        initialise(nn.Sequential(nn.Linear(2, 2), nn.Embedding(3, 2)), torch.Generator())


def test_refuses_data_of_another_kind():
    with pytest.raises(InputError, match="mlp") as error:
        build_network("lenet", BACKBONES.get("lenet").params(), (7,), 5, torch.Generator())
    assert error.value.where == "backbone.name"
    assert "lenet" in error.value.what


def test_refuses_an_unknown_name_and_suggests_one():
    with pytest.raises(InputError, match="'lenet'") as error:
        build_network("lenett", MLPParams(), (1, 16, 16), 5, torch.Generator())
    assert error.value.where == "backbone.name"


@pytest.mark.parametrize("name", ["small-cnn", "lenet"])
def test_refuses_images_that_pooling_would_consume(name):
    assert build(name, (1, 4, 4))(inputs((1, 4, 4)))[1].shape == (6, 5)
    for shape in ((1, 3, 3), (3, 4, 2)):
        with pytest.raises(InputError) as error:
            build(name, shape)
        assert error.value.where == "backbone.name"
    assert build("mlp", (1, 3, 3))(inputs((1, 3, 3)))[1].shape == (6, 5)


def test_images_are_scaled_and_rows_are_not():
    image = torch.tensor([0, 51, 255], dtype=torch.uint8)[None, None, None]
    assert Scale()(image).flatten().tolist() == pytest.approx([-1, -0.6, 1])
    assert torch.equal(Scale()(image.float()), Scale()(image))  # an image that a method has changed
    assert Scale()(image.double()).dtype == torch.float64
    rows = torch.randn(3, 2)
    assert torch.equal(Scale()(rows), rows)


def test_resnet_sees_three_normalised_channels_of_its_side():
    grey = torch.full((2, 1, 16, 16), 128, dtype=torch.uint8)
    x = ImageNetScale(48)(grey)
    assert x.shape == (2, 3, 48, 48)
    for channel, (mean, deviation) in enumerate([(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)]):
        assert x[:, channel].mean() == pytest.approx((128 / 255 - mean) / deviation, abs=1e-5)
    images = inputs((1, 16, 16))
    one, three = build("resnet18", (1, 16, 16)).eval(), build("resnet18", (3, 16, 16)).eval()
    with torch.no_grad():
        torch.testing.assert_close(one(images)[1], three(images.expand(-1, 3, -1, -1))[1])


def resnet_params(**values):
    return BACKBONES.get("resnet18").params(**({"weights": "none", "freeze": "none"} | values))


def test_resnets_side_changes_what_the_body_sees_but_not_the_weights():
    small, large = (
        build_network("resnet18", resnet_params(side=side), (1, 16, 16), 5, torch.Generator().manual_seed(0)).eval() for side in (32, 64)
    )
    assert same(small, large)
    assert small.prepare(inputs((1, 16, 16))).shape[-1] == 32
    assert large.prepare(inputs((1, 16, 16))).shape[-1] == 64


def pretrained(seed: int = 0) -> Network:
    return build_network("resnet18", resnet_params(weights="IMAGENET1K_V1", side=32), (1, 16, 16), 5, torch.Generator().manual_seed(seed))


def test_pretraining_without_network_names_the_file_and_the_folder(tmp_path, monkeypatch):
    def no_network(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(InputError) as error:
        pretrained()
    assert error.value.where == "backbone.params.weights"
    assert FILE in error.value.remedy
    assert str(tmp_path / "hub" / "checkpoints") in error.value.remedy


def test_pretrained_weights_are_read_from_torch_home(tmp_path, monkeypatch):
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    stored = resnet18(weights=None).state_dict()
    torch.save(stored, folder / FILE)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    first, second = pretrained(0), pretrained(1)
    body = list(first.body.state_dict().values())
    expected = [value for key, value in stored.items() if not key.startswith("fc.")]
    assert len(body) == len(expected) > 100
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(body, expected, strict=True))
    assert same(first.body, second.body)
    assert same(first.head, pretrained(0).head)
    assert not same(first.head, second.head)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut short"], ids=["empty", "text", "cut"])
def test_a_damaged_checkpoint_is_named(tmp_path, monkeypatch, content):
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / FILE).write_bytes(content)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(InputError, match=FILE) as error:
        pretrained()
    assert error.value.where == "backbone.params.weights"


# The check itself


def entry(make, **more) -> BackboneEntry:
    return BackboneEntry("toy", "Toy", "A layer of its own.", more.pop("kinds", ("features",)), Params, make, **more)


def linear(shape, params):
    return nn.Identity(), nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), 7), nn.Tanh()), 7


class OwnWeights(nn.Module):
    """Draws from the global generator, as no layer may; `initialise` leaves it to ``draw``."""

    def __init__(self, n: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n, 7))

    def draw(self, generator: torch.Generator) -> None:
        pass

    def forward(self, x):
        return x @ self.weight


class Centred(nn.Module):
    def forward(self, x):
        return x - x.mean(0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (entry(lambda shape, params: (nn.Identity(), OwnWeights(math.prod(shape)), 7)), "seeded: the same seed gives other weights"),
        (entry(lambda shape, params: (Centred(), linear(shape, params)[1], 7)), "alone: .* logits depend on the batch"),
        (entry(lambda shape, params: (linear(shape, params)[1], nn.Linear(7, 7), 7)), "shapes: prepare has weights of its own"),
        (entry(lambda shape, params: (*linear(shape, params)[:2], 9)), "shapes: RuntimeError"),
        (entry(linear, kinds=("smells",)), "facts: it reads .*smells"),
    ],
)
def test_what_is_wrong_with_a_backbone_is_told(wrong, message):
    check_backbone(entry(linear))
    assert "toy" not in BACKBONES
    with pytest.raises(AssertionError, match=message):
        check_backbone(wrong)


def test_an_encoder_is_not_checked():
    with pytest.raises(InputError, match="builds no network"):
        check_backbone(entry(linear, encode=lambda *_: torch.zeros(1, 7)))
