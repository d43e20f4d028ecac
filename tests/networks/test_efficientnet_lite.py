"""Training an EfficientNet-Lite in mixed precision."""

from __future__ import annotations

import pytest
import torch

from common.networks.efficientnet_lite import SameConv2d


@pytest.mark.parametrize(("kernel", "stride", "full"), [(5, 1, True), (3, 2, True), (5, 2, True), (3, 1, False)])
def test_slow_gradients_of_single_channels_are_computed_in_full_precision(kernel: int, stride: int, full: bool) -> None:
    torch.manual_seed(0)
    layer = SameConv2d(8, 8, kernel, stride=stride, groups=8)
    # Values that bfloat16 holds exactly: what differs below comes from the arithmetic.
    with torch.no_grad():
        layer.weight.copy_(layer.weight.bfloat16())
    x = torch.randn(2, 8, 16, 16).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = layer(x)
    assert found.dtype == torch.bfloat16
    upstream = torch.randn_like(found)
    found.backward(upstream)
    mixed, layer.weight.grad = layer.weight.grad, None
    layer(x.float()).backward(upstream.float())
    assert mixed is not None
    assert mixed.dtype == torch.float32
    assert torch.equal(mixed, layer.weight.grad) == full
    torch.testing.assert_close(mixed, layer.weight.grad, rtol=0.02, atol=0.2)


def test_inference_stays_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, kinds = SameConv2d(8, 8, 5, groups=8), []
    original = layer._conv_forward

    def forward(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        kinds.append((x.dtype, torch.is_autocast_enabled("cpu")))
        return original(x, weight, bias)

    monkeypatch.setattr(layer, "_conv_forward", forward)
    x = torch.randn(1, 8, 8, 8).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with torch.inference_mode():
            layer(x)
        layer(x)
    assert kinds == [(torch.bfloat16, True), (torch.float32, False)]
