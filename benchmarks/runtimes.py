"""The ways to run a bundle's network that the benchmarks compare."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from common.inferers import MixedPrecisionInferer, ONNXRuntimeInferer, OpenVINOInferer

Forward = Callable[[torch.Tensor], torch.Tensor]


def through(inferer: Callable[..., torch.Tensor], network: nn.Module) -> Forward:
    """The network called by an inferer, without gradients."""

    def forward(images: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            return inferer(images, network)

    return forward


def runtimes(network: nn.Module) -> dict[str, Forward]:
    """Name and forward function of every way, plain torch in full precision first.

    Args:
        network: on the CPU, in evaluation mode.
    """
    return {
        "torch fp32": through(MixedPrecisionInferer(amp=False, channels_last=False), network),
        "torch fp32 channels_last": through(MixedPrecisionInferer(amp=False), network),
        "torch bf16 channels_last": through(MixedPrecisionInferer(amp=True), network),
        "ONNX Runtime fp32": through(ONNXRuntimeInferer(), network),
        "OpenVINO f32": through(OpenVINOInferer("f32"), network),
        "OpenVINO bf16": through(OpenVINOInferer("bf16"), network),
    }
