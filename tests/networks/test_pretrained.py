"""Encoder weights from files in the layouts in which they are published."""

from __future__ import annotations

import hashlib
import http.client
import re
import shutil
import socket
import urllib.error
from email.message import Message
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from common.networks import (
    DropBlockVGG,
    UNet,
    VGGClassifier,
    VGGFeatures,
    VGGUNet,
    WeightsError,
    load_encoder_weights,
    pretrained,
)
from common.networks.pretrained import IMAGENET_URLS, imagenet_file, keras_vgg_state
from common.networks.vgg import BLOCKS, IMAGENET_MEAN, IMAGENET_STD


def small_unet() -> VGGUNet:
    return VGGUNet(16, decoder_features=(8, 8, 8, 8))


@pytest.mark.parametrize("prefix", ["", "encoder.", "module.backbone."])
def test_state_dicts_load_with_any_prefix(tmp_path: Path, prefix: str) -> None:
    torch.manual_seed(1)
    source = VGGFeatures(16)
    state = {prefix + name: tensor for name, tensor in source.state_dict().items()}
    state["classifier.0.weight"] = torch.zeros(3)
    torch.save(state, tmp_path / "vgg16.pt")
    network = small_unet()
    load_encoder_weights(network, tmp_path / "vgg16.pt")
    for name, tensor in source.features.state_dict().items():
        assert torch.equal(network.encoder.features.state_dict()[name], tensor)


def test_weights_of_another_depth_are_refused(tmp_path: Path) -> None:
    torch.save(VGGFeatures(16).state_dict(), tmp_path / "vgg16.pt")
    with pytest.raises(WeightsError, match=r"tensors of VGG-19 are missing or of another shape"):
        load_encoder_weights(VGGFeatures(19), tmp_path / "vgg16.pt")


def test_a_vgg_without_batch_normalisation_starts_one_with_it(tmp_path: Path) -> None:
    source = VGGClassifier(16)
    torch.save(source.state_dict(), tmp_path / "vgg16.pt")
    network = DropBlockVGG()
    network.features[1].weight.data.fill_(0.5)
    load_encoder_weights(network, tmp_path / "vgg16.pt")
    kernels = [module.weight for module in source.modules() if isinstance(module, nn.Conv2d)]
    loaded = [module.weight for module in network.features if isinstance(module, nn.Conv2d)]
    assert len(loaded) == 13
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(loaded, kernels, strict=True))
    assert torch.equal(network.features[1].weight, torch.full((64,), 0.5))


def test_half_a_vgg_starts_no_network(tmp_path: Path) -> None:
    state = {
        name: tensor for name, tensor in VGGFeatures(16).state_dict().items() if not name.startswith("features.28")
    }
    torch.save(state, tmp_path / "vgg16.pt")
    with pytest.raises(WeightsError, match="tensors of VGG-16 with batch normalisation are missing"):
        load_encoder_weights(DropBlockVGG(), tmp_path / "vgg16.pt")


def test_a_network_without_vgg_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="UNet has no encoder"):
        load_encoder_weights(UNet(features=(4, 8)), tmp_path / "any.pt")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent\.pt: no such file\. Accepted: a file of tensors"):
        load_encoder_weights(VGGFeatures(16), tmp_path / "absent.pt")
    with pytest.raises(WeightsError, match=r"absent\.h5: no such file"):
        load_encoder_weights(VGGFeatures(16), tmp_path / "absent.h5")


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in the place of torchvision's VGG-16; torch's folder of downloads is empty, and a download copies it."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    file = tmp_path / "published.pth"
    file.write_bytes(b"weights")
    url = f"https://there/vgg16-{hashlib.sha256(b'weights').hexdigest()[:8]}.pth"
    monkeypatch.setitem(pretrained.IMAGENET_URLS, "VGG-16", url)

    def download(asked: str, target: str, progress: bool) -> None:
        assert asked == url
        shutil.copy(file, target)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    return file


def test_the_published_urls_name_their_hash() -> None:
    assert all(
        re.fullmatch(r"https://download\.pytorch\.org/.*-[0-9a-f]{8}\.pth", url) for url in IMAGENET_URLS.values()
    )


def test_imagenet_weights_are_downloaded_once(tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = imagenet_file("VGG-16")
    assert path.read_bytes() == b"weights"
    assert path.parent == tmp_path / "torch" / "hub" / "checkpoints"
    monkeypatch.delattr(torch.hub, "download_url_to_file")
    assert imagenet_file("VGG-16") == path


def test_imagenet_weights_reach_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(2)
    source, network = VGGFeatures(16), VGGFeatures(16)
    torch.save(source.state_dict(), tmp_path / "vgg16.pth")
    monkeypatch.setattr(pretrained, "imagenet_file", {"VGG-16": tmp_path / "vgg16.pth"}.__getitem__)
    load_encoder_weights(network, "imagenet")
    assert torch.equal(network.features[0].weight, source.features[0].weight)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (urllib.error.URLError(socket.gaierror(-3, "Temporary failure in name resolution")), ".*Temporary failure.*"),
        (urllib.error.HTTPError("https://there", 403, "Forbidden", Message(), None), "Forbidden"),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
        (http.client.IncompleteRead(b""), r"IncompleteRead\(0 bytes read\)"),
    ],
)
def test_without_a_connection_it_is_said_how_to_go_on(
    tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    url, folder = pretrained.IMAGENET_URLS["VGG-16"], tmp_path / "torch/hub/checkpoints"
    message = rf"^{url}: cannot be downloaded \({reason}\); download {url} elsewhere and put it into {folder}$"
    with pytest.raises(WeightsError, match=message):
        imagenet_file("VGG-16")
    shutil.copy(published, folder / url.rsplit("/", 1)[1])
    assert imagenet_file("VGG-16").read_bytes() == b"weights"


def test_a_file_put_there_by_hand_has_to_have_the_published_hash(published: Path) -> None:
    path = imagenet_file("VGG-16")
    path.write_bytes(b"another")
    digest, expected = (hashlib.sha256(content).hexdigest()[:8] for content in (b"another", b"weights"))
    message = f"{path}: damaged or another file (its SHA-256 starts with {digest}, not {expected}); delete it, then "
    with pytest.raises(WeightsError, match=f"^{re.escape(message)}"):
        imagenet_file("VGG-16")


def write_keras_vgg(path: Path, layout: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """A made-up file in one of the two layouts in which Keras stores VGG-16; returns its kernels and biases."""
    rng = np.random.default_rng(0)
    weights = []
    channels = 3
    with h5py.File(path, "w") as file:
        for block, (count, width) in enumerate(zip(BLOCKS[16], (64, 128, 256, 512, 512), strict=True), start=1):
            for conv in range(count):
                suffix = f"_{conv}" if conv else ""
                name = (
                    f"block{block}/layers/conv2d{suffix}/vars"
                    if layout == "nested"
                    else f"layers/block{block}_conv{conv + 1}/vars"
                )
                kernel = rng.normal(size=(3, 3, channels, width), scale=0.02).astype(np.float32)
                bias = rng.normal(size=width).astype(np.float32)
                file[f"{name}/0"], file[f"{name}/1"] = kernel, bias
                weights.append((kernel, bias))
                channels = width
    return weights


@pytest.mark.parametrize("layout", ["nested", "flat"])
def test_keras_weights_give_the_responses_of_keras_input_convention(tmp_path: Path, layout: str) -> None:
    weights = write_keras_vgg(tmp_path / "vgg.weights.h5", layout)
    state = keras_vgg_state(tmp_path / "vgg.weights.h5")
    assert len(state) == 26

    rgb = torch.rand(1, 3, 8, 8)
    standardised = (rgb - torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)) / torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
    ours = F.conv2d(standardised, state["features.0.weight"], state["features.0.bias"])

    bgr = rgb.flip(1) * 255 - torch.tensor((103.939, 116.779, 123.68)).view(1, 3, 1, 1)
    kernel = torch.from_numpy(weights[0][0]).permute(3, 2, 0, 1)
    keras = F.conv2d(bgr, kernel, torch.from_numpy(weights[0][1]))
    # The two conventions' means differ by up to half a grey level.
    assert torch.allclose(ours, keras, atol=0.5 * 27 * 0.1)
    assert torch.corrcoef(torch.stack([ours.flatten(), keras.flatten()]))[0, 1] > 0.9999

    last = torch.from_numpy(weights[-1][0]).permute(3, 2, 0, 1)
    assert torch.equal(state["features.28.weight"], last)


def test_an_unknown_keras_layout_is_named(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["model/conv"] = np.zeros(3)
    with pytest.raises(WeightsError, match=r"neither block1/layers/conv2d/vars nor layers/block1_conv1/vars"):
        load_encoder_weights(VGGFeatures(16), tmp_path / "other.h5")


@pytest.mark.parametrize("content", [b"", b"no volume", b"\x89HDF\r\n\x1a\n" + bytes(50)])
def test_a_damaged_keras_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "vgg.h5").write_bytes(content)
    message = f"{tmp_path}/vgg.h5: a truncated or damaged HDF5 file, or none at all. Accepted: the weights of a VGG-16"
    with pytest.raises(WeightsError, match=f"^{re.escape(message)}"):
        load_encoder_weights(VGGFeatures(16), tmp_path / "vgg.h5")


def test_half_a_keras_file_is_one_line(tmp_path: Path) -> None:
    write_keras_vgg(tmp_path / "vgg.h5", "nested")
    content = (tmp_path / "vgg.h5").read_bytes()
    (tmp_path / "vgg.h5").write_bytes(content[: len(content) // 2])
    with pytest.raises(WeightsError, match=r"vgg\.h5: a truncated or damaged HDF5 file"):
        load_encoder_weights(VGGFeatures(16), tmp_path / "vgg.h5")
