"""Verification and export of the default network by MONAI's own commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from bundle_facts import Bundle
from monai.bundle import ConfigParser, ckpt_export, onnx_export, verify_net_in_out
from torch import nn


@pytest.fixture
def network(bundle: Bundle) -> nn.Module:
    """The default network as the configuration defines it, with random weights."""
    parser = ConfigParser()
    parser.read_config(str(bundle.configs / "inference.yaml"))
    torch.manual_seed(3)
    found: nn.Module = parser.get_parsed_content("network_def")
    return found.eval()


@pytest.fixture
def weights(bundle: Bundle, network: nn.Module, tmp_path: Path) -> Path:
    """The shipped weights, loaded into ``network``; random ones where none are shipped."""
    shipped = bundle.root / "models" / "model.pt"
    if shipped.is_file():
        network.load_state_dict(torch.load(shipped, weights_only=True))
        return shipped
    torch.save(network.state_dict(), tmp_path / "random.pt")
    return tmp_path / "random.pt"


@pytest.fixture
def images(bundle: Bundle) -> torch.Tensor:
    """Two images in [0, 1]."""
    return torch.rand((2, 1, bundle.side, bundle.side), generator=torch.Generator().manual_seed(5))


def test_the_network_has_the_shapes_of_the_metadata(bundle: Bundle) -> None:
    for factor in (1, 5):
        verify_net_in_out(
            net_id="network_def",
            meta_file=str(bundle.configs / "metadata.json"),
            config_file=str(bundle.configs / "inference.yaml"),
            device="cpu",
            n=factor,
            p=1,
            any=bundle.side,
        )


def test_the_verification_notices_a_wrong_channel_count(bundle: Bundle) -> None:
    override = {"_meta_#network_data_format#outputs#pred#num_channels": 7}
    with pytest.raises(ValueError, match="doesn't match: `7`"):
        verify_net_in_out(
            net_id="network_def",
            meta_file=str(bundle.configs / "metadata.json"),
            config_file=str(bundle.configs / "inference.yaml"),
            device="cpu",
            n=4,
            any=bundle.side,
            **override,
        )


def test_the_torchscript_export_gives_the_logits_of_torch(
    bundle: Bundle, network: nn.Module, weights: Path, images: torch.Tensor, tmp_path: Path
) -> None:
    ckpt_export(
        net_id="network_def",
        filepath=str(tmp_path / "model.ts"),
        ckpt_file=str(weights),
        meta_file=str(bundle.configs / "metadata.json"),
        config_file=str(bundle.configs / "inference.yaml"),
    )
    extra = {"metadata.json": "", "inference.json": ""}
    exported = torch.jit.load(tmp_path / "model.ts", _extra_files=extra)
    with torch.no_grad():
        assert torch.allclose(exported(images), network(images), atol=1e-5)
    assert json.loads(extra["metadata.json"])["version"]
    assert "network_def" in json.loads(extra["inference.json"])


def test_every_network_can_be_scripted(bundle: Bundle, images: torch.Tensor) -> None:
    for name in bundle.overlays("networks"):
        parser = ConfigParser()
        parser.read_config(bundle.files("inference", name))
        if "frame" in parser["network_def"]:
            parser["network_def#frame"] = 8
        network = parser.get_parsed_content("network_def").eval()
        with torch.no_grad():
            assert torch.allclose(torch.jit.script(network)(images), network(images), atol=1e-5), name


def test_the_onnx_export_gives_the_logits_of_torch_for_any_batch(
    bundle: Bundle, network: nn.Module, weights: Path, images: torch.Tensor, tmp_path: Path
) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    onnx_export(
        net_id="network_def",
        filepath=str(tmp_path / "model.onnx"),
        ckpt_file=str(weights),
        meta_file=str(bundle.configs / "metadata.json"),
        config_file=str(bundle.configs / "inference.yaml"),
        input_shape=[1, 1, bundle.side, bundle.side],
        use_trace=True,
        converter_kwargs={
            "input_names": ["image"],
            "output_names": ["pred"],
            "dynamic_axes": {
                "image": {0: "batch", 2: "width", 3: "height"},
                "pred": {0: "batch", 2: "width", 3: "height"},
            },
        },
    )
    session = runtime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    wide = torch.rand((1, 1, bundle.side, 2 * bundle.side), generator=torch.Generator().manual_seed(6))
    for batch in (images, wide):
        with torch.no_grad():
            expected = network(batch).numpy()
        (found,) = session.run(["pred"], {"image": batch.numpy()})
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() < 1e-4


def test_shipped_weights_are_plain_tensors_of_the_default_network(bundle: Bundle, network: nn.Module) -> None:
    shipped = bundle.root / "models" / "model.pt"
    assert shipped.is_file()
    state = torch.load(shipped, weights_only=True)
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    network.load_state_dict(state)
    assert all(torch.isfinite(value).all() for value in state.values())
