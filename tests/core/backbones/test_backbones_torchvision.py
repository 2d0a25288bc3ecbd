"""torchvision's networks: what is said of them, what they see, what is frozen, and a photograph that one of them knows."""

from __future__ import annotations

import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import models
from torchvision.transforms.functional import pil_to_tensor

from core.backbones import BACKBONES, Frozen, build_network, embed, is_frozen
from core.backbones.torchvision import ARCHITECTURES, WeightsTransforms
from core.domains import Domain
from core.domains.pair import load_pair
from core.errors import InputError
from core.experiment import Experiment
from core.training import train
from core.training.build import make_method
from core.training.data import Data
from core.training.estimate import estimate
from core.training.frozen import FEATURES

pytestmark = pytest.mark.slow

LIGHT = ("resnet18", "mobilenet-v2", "mobilenet-v3", "efficientnet-b0", "squeezenet")


def build(name: str, seed: int = 0, **params):
    values = {"weights": "none", "freeze": "none", "side": 32, "bottleneck": 8} | params
    return build_network(name, BACKBONES.get(name).params(**values), (3, 32, 32), 4, torch.Generator().manual_seed(seed))


def images(n: int = 6, side: int = 32) -> torch.Tensor:
    return torch.randint(0, 256, (n, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda a: a.name)
def test_what_is_said_is_what_torchvision_says(architecture):
    theirs = [w for w in models.get_model_weights(architecture.builder) if w.name.startswith("IMAGENET1K_V")]
    assert [w.name for w in architecture.weights] == [w.name for w in theirs]
    for mine, one in zip(architecture.weights, theirs, strict=True):
        assert mine.millions == pytest.approx(one.meta["num_params"] / 1e6, abs=0.06)
        assert mine.megabytes == pytest.approx(one.meta["_file_size"], abs=0.06)
        assert mine.gflops == pytest.approx(one.meta["_ops"], abs=0.006)
        assert mine.accuracy == pytest.approx(one.meta["_metrics"]["ImageNet-1K"]["acc@1"], abs=0.06)
    assert models.get_model_weights(architecture.builder).DEFAULT.name == architecture.weights[-1].name
    entry = BACKBONES.get(architecture.name)
    assert entry.params().weights == architecture.weights[-1].name
    assert f"{architecture.weights[-1].accuracy:g} %" in entry.summary


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda a: a.name)
def test_features_are_what_torchvisions_classifier_would_see(architecture):
    """The rearranged layers compute what the whole network does, up to its last layer."""
    with torch.device("meta"):
        whole = models.get_model(architecture.builder)
    total = sum(p.numel() for p in whole.parameters())
    if total > 50e6:
        pytest.skip("too large to be run with every test: its layers are rearranged by the same few lines")
    network = build(architecture.name).eval()
    theirs = models.get_model(architecture.builder).eval()
    mine, rest = list(network.body.state_dict().values()), list(theirs.state_dict().items())
    for (name, value), given in zip(rest, mine, strict=False):
        assert value.shape == given.shape, name
    theirs.load_state_dict({name: given for (name, _), given in zip(rest, mine, strict=False)}, strict=False)
    caught = []
    last = [m for m in theirs.modules() if isinstance(m, nn.Linear) or (isinstance(m, nn.Conv2d) and m.out_channels == 1000)][-1]
    last.register_forward_pre_hook(lambda module, args: caught.append(args[0]))
    with torch.no_grad():
        x = network.prepare(images())
        theirs(x)
        seen = caught[0].mean((2, 3)) if caught[0].ndim == 4 else caught[0]
        torch.testing.assert_close(network.body(x), seen, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", LIGHT)
class TestFreeze:
    def changed(self, name: str, freeze: str) -> tuple[int, int]:
        """How many weights and statistics of the body a step of training changes, and how many there are."""
        network = build(name, freeze=freeze)
        network.train()
        before = {key: value.clone() for key, value in network.body.state_dict().items() if value.ndim}
        optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
        network(images())[1].square().sum().backward()
        optimizer.step()
        after = network.body.state_dict()
        return sum(not torch.equal(after[key], value) for key, value in before.items()), len(before)

    def test_none_part_all(self, name):
        none, part, everything = (self.changed(name, freeze) for freeze in ("none", "part", "all"))
        assert none[0] > 0.9 * none[1]
        assert 0.1 * part[1] < part[0] < 0.9 * part[1]
        assert everything[0] == 0

    def test_repeats_in_training(self, name):
        """Nothing draws from the global generator."""
        network = build(name)
        network.train()
        torch.manual_seed(0)
        first = network(images())[1]
        network = build(name)
        network.train()
        torch.manual_seed(1)
        assert torch.equal(first, network(images())[1])


def test_frozen_layers_keep_their_statistics():
    layer = Frozen(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    layer.train()
    layer(images().float())
    assert not layer.training
    assert (layer[1].running_mean == 0).all()
    assert not any(p.requires_grad for p in layer.parameters())


class TestComputedOnce:
    """A backbone of which nothing is trained sees every sample once."""

    def experiment(self, freeze: str = "all", method: str = "mcc") -> Experiment:
        backbone = {"name": "squeezenet", "params": {"weights": "none", "side": 32, "freeze": freeze, "bottleneck": 16}}
        few = {"name": "printed-digits", "params": {"n": 200}}
        return Experiment.parse(
            {
                "source": few,
                "target": few | {"shifts": [{"name": "contrast", "severity": 0.4}]},
                "backbone": backbone,
                "method": {"name": method},
                "budget": {"source_epochs": 1, "epochs": 1, "batch_size": 32},
                "snapshot": 30,
            }
        )

    def test_features_are_the_bodys(self):
        experiment = self.experiment()
        FEATURES.clear()  # another test may have computed them
        data, shares = Data.of(experiment, load_pair(*experiment.pair), "cpu"), []
        whole = make_method(data, "source-only", {}, "adapt").network.eval()
        expected = whole.body(whole.prepare(data.target.held_out))
        found = data.embedded(lambda done, of: shares.append(done / of))
        torch.testing.assert_close(found.target.held_out, expected, rtol=1e-4, atol=1e-5)
        assert found.target.inputs.shape == (len(data.pair.target.train), 512)
        assert shares == sorted(shares)
        assert shares[-1] == 1

    def test_runs_and_is_estimated(self):
        experiment = self.experiment()
        last = list(train(experiment))[-1]
        assert last.measures["target_accuracy"] is not None
        assert last.snapshot.features.shape[1] == 16
        found = estimate(experiment, "cpu")
        assert found.train == tuple(len(d.train) for d in (load_pair(*experiment.pair).source, load_pair(*experiment.pair).target))
        assert 0 < found.seconds < float("inf")

    def test_a_part_is_trained_every_time(self):
        experiment = self.experiment("part")
        data = Data.of(experiment, load_pair(*experiment.pair), "cpu")
        assert data.embedded() is data
        assert data.target.inputs.ndim == 4
        assert list(train(self.experiment("part", "dann")))[-1].measures["target_accuracy"] is not None


def test_a_vision_transformer_reads_224_pixels():
    with pytest.raises(InputError, match="Choose 224") as caught:
        build("vit-b-16", weights="IMAGENET1K_V1", side=64)
    assert caught.value.where == "backbone.params.side"


def test_weights_see_what_they_were_trained_on():
    weights = models.ResNet18_Weights.IMAGENET1K_V1
    picture = images(2, 300)
    assert torch.equal(WeightsTransforms(weights, 224)(picture), weights.transforms()(picture))
    assert WeightsTransforms(weights, 64)(picture[:, :1]).shape == (2, 3, 64, 64)


class TestRealWeights:
    @pytest.fixture
    def squeezenet(self, shared_data, monkeypatch):
        monkeypatch.setenv("TORCH_HOME", str(shared_data / "torch_home"))
        params = BACKBONES.get("squeezenet").params(freeze="all")
        return params, shared_data

    def test_the_photograph_is_espresso(self, squeezenet):
        params, shared = squeezenet
        photo = pil_to_tensor(Image.open(shared / "squeezenet_check" / "sample_input.jpg").convert("RGB"))[None]
        network = build_network("squeezenet", params, tuple(photo.shape[1:]), 2, torch.Generator()).eval()
        weights = models.SqueezeNet1_0_Weights.IMAGENET1K_V1
        theirs = models.squeezenet1_0(weights=weights).eval()
        with torch.no_grad():
            maps = network.body[:-2](network.prepare(photo))  # before the mean over places that ends our body
            p = theirs.classifier(maps).flatten(1).softmax(1)[0]
        assert weights.meta["categories"][int(p.argmax())] == "espresso"
        assert float(p.max()) > 0.99

    def test_frozen_features_of_a_domain(self, squeezenet):
        params, _ = squeezenet
        assert is_frozen("squeezenet", params.model_dump())
        x = images(5)
        index = torch.arange(5)
        d = Domain("d", x, index % 2, ("a", "b"), index, index[:0], "test", "none")
        features = embed("squeezenet", params, d, torch.device("cpu"), torch.Generator())
        theirs = models.squeezenet1_0(weights="IMAGENET1K_V1").features.eval()
        with torch.no_grad():
            expected = theirs(models.SqueezeNet1_0_Weights.IMAGENET1K_V1.transforms()(x)).mean((2, 3))
        torch.testing.assert_close(features, expected, rtol=1e-3, atol=1e-4)
