"""Encoder weights from files in the layouts in which they are published."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from common.networks import EncoderWeightsError, UNet, VGGFeatures, VGGUNet, load_encoder_weights
from common.networks.pretrained import IMAGENET_URLS, keras_vgg_state
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
    with pytest.raises(EncoderWeightsError, match=r"tensors of VGG-19 are missing or of another shape"):
        load_encoder_weights(VGGFeatures(19), tmp_path / "vgg16.pt")


def test_a_network_without_vgg_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderWeightsError, match="UNet has no VGG encoder"):
        load_encoder_weights(UNet(features=(4, 8)), tmp_path / "any.pt")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EncoderWeightsError, match=r"absent\.pt: no encoder weights there"):
        load_encoder_weights(VGGFeatures(16), tmp_path / "absent.pt")


def test_imagenet_weights_come_from_the_published_url_with_a_checked_hash(tmp_path: Path, monkeypatch) -> None:
    torch.manual_seed(2)
    source = VGGFeatures(16)
    asked = {}

    def fake(url: str, **options: object) -> dict[str, torch.Tensor]:
        asked.update(options, url=url)
        return source.state_dict()

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fake)
    network = VGGFeatures(16)
    load_encoder_weights(network, "imagenet")
    assert asked["url"] == IMAGENET_URLS[16]
    assert asked["check_hash"] is True
    assert asked["weights_only"] is True
    assert torch.equal(network.features[0].weight, source.features[0].weight)


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
    with pytest.raises(EncoderWeightsError, match=r"neither block1/layers/conv2d/vars nor layers/block1_conv1/vars"):
        load_encoder_weights(VGGFeatures(16), tmp_path / "other.h5")
