"""Networks in integers of 8 bits against the same networks in torch."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.transforms import ScaleIntensityRangePercentiles
from torch import nn

from common.data import radiograph_phantom, write_phantom_dataset
from common.errors import UsageError
from common.inferers import QuantizedInferer, quantize
from common.inferers.__main__ import main
from common.networks import TinyUNet
from common.networks.weights import load_weights

BUNDLE = Path(__file__).resolve().parents[2] / "bundles" / "lung_seg"
TINY = BUNDLE / "models" / "tiny_unet.pt"

pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("openvino", "onnxruntime", "onnxscript")),
    reason="the extras onnx and openvino are not installed",
)


def films(seeds: range) -> list[torch.Tensor]:
    stretch = ScaleIntensityRangePercentiles(1, 99, 0.0, 1.0, clip=True)
    pictures = (radiograph_phantom((128, 128), seed=seed).image for seed in seeds)
    return [torch.as_tensor(stretch(np.asarray(picture, dtype=np.float32).T[None])) for picture in pictures]


@pytest.fixture(scope="module")
def tiny() -> nn.Module:
    network = TinyUNet(in_channels=1, out_channels=1).eval()
    load_weights(network, TINY)
    return network


@pytest.fixture(scope="module")
def model(tiny: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("int8") / "tiny.xml"
    quantize(tiny, films(range(6)), path)
    return path


def test_masks_are_nearly_those_of_torch_and_the_file_a_quarter_in_size(tiny: nn.Module, model: Path) -> None:
    images = torch.stack(films(range(20, 24)))
    with torch.no_grad():
        expected = tiny(images)
    found = QuantizedInferer(model)(images, tiny)
    assert found.shape == expected.shape
    assert not torch.equal(found, expected)  # integers, not the network of torch again
    inside, truth = found > 0, expected > 0
    assert truth.any()
    assert float(2 * (inside & truth).sum() / (inside.sum() + truth.sum())) > 0.97
    bytes_of_weights = sum(parameter.numel() for parameter in tiny.parameters()) * 4
    assert model.with_suffix(".bin").stat().st_size < 0.4 * bytes_of_weights


def test_other_sides_than_those_it_was_made_with_are_taken(tiny: nn.Module, model: Path) -> None:
    images = torch.rand(1, 1, 96, 80)
    assert QuantizedInferer(model)(images, tiny).shape == (1, 1, 96, 80)


def test_a_model_of_other_weights_is_refused(tiny: nn.Module, model: Path) -> None:
    other = TinyUNet(in_channels=1, out_channels=1)
    other.load_state_dict(tiny.state_dict())
    with torch.no_grad():
        next(other.parameters()).add_(1e-3)
    with pytest.raises(UsageError, match=r"tiny\.xml: made from other weights .* make it again by"):
        QuantizedInferer(model)(torch.rand(1, 1, 64, 64), other)


def test_a_missing_or_foreign_model_is_named(tiny: nn.Module, tmp_path: Path) -> None:
    image = torch.rand(1, 1, 64, 64)
    with pytest.raises(UsageError, match=r"absent\.xml: no such file; make it by"):
        QuantizedInferer(tmp_path / "absent.xml")(image, tiny)
    for extension in (".xml", ".bin"):
        (tmp_path / "foreign").with_suffix(extension).write_text("no model")
    with pytest.raises(UsageError, match=r"foreign\.xml: not an OpenVINO model"):
        QuantizedInferer(tmp_path / "foreign.xml")(image, tiny)


def test_calls_that_cannot_work_are_refused(tiny: nn.Module, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no images"):
        quantize(tiny, [], tmp_path / "a.xml")
    with pytest.raises(ValueError, match=r"ends in \.xml"):
        quantize(tiny, films(range(1)), tmp_path / "a.onnx")


def test_the_command_makes_a_model_from_a_bundle(
    tiny: nn.Module, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_phantom_dataset(tmp_path / "data", 6, seed=0, size=(64, 64))
    words = ["quantize", str(BUNDLE), str(tmp_path / "data"), "--weights", str(TINY), "--images", "3", "--config_file"]
    words += [str(BUNDLE / "configs" / "inference.yaml"), str(BUNDLE / "configs" / "networks" / "tiny_unet.yaml")]
    output = tmp_path / "models" / "tiny_int8.xml"
    assert main([*words, "--output", str(output)]) == 0
    assert "ranges from 3 radiographs of the training list" in capsys.readouterr().out
    assert QuantizedInferer(output)(torch.rand(1, 1, 64, 64), tiny).shape == (1, 1, 64, 64)
    assert str(tmp_path).encode() not in output.read_bytes()  # nothing of this machine goes along

    assert main([*words, "--output", str(output), "--images", "0"]) == 1
    assert capsys.readouterr().err == "error: --images: expected 1 or more, got 0\n"
