"""OpenVINO and ONNX Runtime against torch."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from common.inferers import ONNXRuntimeInferer, OpenVINOInferer
from common.inferers.compiled import CompiledInferer
from common.networks import ResidualUNet, TinyUNet, UNet

needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="the extra openvino is not installed"
)


needs_onnx = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("onnxruntime", "onnxscript")),
    reason="the extra onnx is not installed",
)
#: Runtimes that calculate as precisely as torch.
PRECISE = [
    pytest.param(lambda: OpenVINOInferer(precision="f32"), marks=needs_openvino, id="openvino"),
    pytest.param(ONNXRuntimeInferer, marks=needs_onnx, id="onnx"),
]
Maker = Callable[[], CompiledInferer]


def network(kind: type[nn.Module], **arguments: Any) -> nn.Module:
    torch.manual_seed(2)
    return kind(**arguments).eval()


def dice(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


@pytest.mark.parametrize("make", PRECISE)
@pytest.mark.parametrize("kind", [TinyUNet, UNet, ResidualUNet])
def test_logits_are_those_of_torch(kind: type[nn.Module], make: Maker) -> None:
    reference, images = network(kind), torch.rand(3, 1, 64, 48)
    with torch.no_grad():
        expected = reference(images)
    found = make()(images, reference)
    assert found.dtype == torch.float32
    assert (found - expected).abs().max() < 1e-3
    # Random networks have no opinion of their own; around their median they decide both ways.
    middle = expected.median()
    assert 0.3 < float((expected > middle).float().mean()) < 0.7
    assert dice(found > middle, expected > middle) > 0.999


@pytest.mark.parametrize("make", PRECISE)
def test_the_order_of_a_batch_is_kept(make: Maker) -> None:
    images = torch.stack([torch.full((1, 16, 16), float(level)) for level in range(40)])
    found = make()(images, network(nn.Conv2d, in_channels=1, out_channels=1, kernel_size=1))
    steps = found[:, 0, 0, 0].diff()
    assert torch.allclose(steps, steps[0].expand(39), atol=1e-4)
    assert abs(float(steps[0])) > 1e-3


@pytest.mark.parametrize("make", PRECISE)
def test_it_compiles_once_and_again_for_another_size_network_or_weights(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    inferer = make()
    compiled: list[tuple[int, ...]] = []
    original = inferer._compile

    def count(module: nn.Module, example: torch.Tensor) -> None:
        compiled.append(tuple(example.shape))
        original(module, example)

    monkeypatch.setattr(inferer, "_compile", count)
    first, second = network(TinyUNet), TinyUNet().eval()
    small, large = torch.rand(2, 1, 32, 32), torch.rand(1, 1, 48, 32)
    for images, module in ((small, first), (small[:1], first), (large, first), (large, second)):
        with torch.no_grad():
            assert torch.allclose(inferer(images, module), module(images), atol=1e-4)
    second.load_state_dict(first.state_dict())
    with torch.no_grad():
        assert torch.allclose(inferer(large, second), first(large), atol=1e-4)
    assert compiled == [(1, 1, 32, 32), *[(1, 1, 48, 32)] * 3]
    second.load_state_dict(first.state_dict())  # the same weights read again, as at the start of every run
    with torch.no_grad():
        assert torch.allclose(inferer(large, second), first(large), atol=1e-4)
    assert len(compiled) == 4


@pytest.mark.parametrize("make", PRECISE)
def test_a_network_in_training_is_converted_as_it_infers_and_stays_in_training(make: Maker) -> None:
    module = network(TinyUNet, noise=5.0)
    images = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        expected = module(images)
    module.train()
    statistics = module.state_dict()["input_norm.running_mean"].clone()
    assert torch.allclose(make()(images, module), expected, atol=1e-4)
    assert module.training
    assert torch.equal(module.state_dict()["input_norm.running_mean"], statistics)


@needs_openvino
def test_bf16_is_close() -> None:
    reference, images = network(TinyUNet), torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        expected = reference(images)
    found = OpenVINOInferer()(images, reference)
    assert found.dtype == torch.float32
    assert (found - expected).abs().max() < 0.05 * (expected.max() - expected.min()) + 0.01


@pytest.mark.parametrize("make", PRECISE)
def test_what_is_no_network_is_refused(make: Maker) -> None:
    with pytest.raises(TypeError, match="Inferer: expected a torch module, got function"):
        make()(torch.rand(1, 1, 32, 32), lambda x: x)


def test_a_negative_number_of_threads_is_refused() -> None:
    with pytest.raises(ValueError, match="threads must be 0"):
        ONNXRuntimeInferer(threads=-1)


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="precision must be one of f32, bf16, f16, got int8"):
        OpenVINOInferer(precision="int8")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.raises(ImportError, match=r"OpenVINO is not installed: pip install 'cxr-tb-common\[openvino\]'"):
        OpenVINOInferer()
    with pytest.raises(ImportError, match=r"ONNX is not installed: pip install 'cxr-tb-common\[onnx\]'"):
        ONNXRuntimeInferer()
