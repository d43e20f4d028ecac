"""The ways to run a bundle's network that the benchmarks compare."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from common.inferers import MixedPrecisionInferer, OpenVINOInferer

Forward = Callable[[torch.Tensor], torch.Tensor]


def onnx_runtime(network: nn.Module, size: tuple[int, int]) -> Forward:
    """The network in ONNX Runtime on the CPU, exported for batches of any length."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        torch.onnx.export(
            network.eval(),
            (torch.zeros(1, 1, *size),),
            str(path),
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
            dynamo=False,
        )
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def forward(images: torch.Tensor) -> torch.Tensor:
        (logits,) = session.run(None, {"image": np.ascontiguousarray(images.numpy())})
        return torch.from_numpy(logits)

    return forward


def through(inferer: Callable[..., torch.Tensor], network: nn.Module) -> Forward:
    """The network called by an inferer, without gradients."""

    def forward(images: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            return inferer(images, network)

    return forward


def runtimes(network: nn.Module, size: tuple[int, int]) -> dict[str, Forward]:
    """Name and forward function of every way, plain torch in full precision first.

    Args:
        network: on the CPU, in evaluation mode.
        size: image sides (W, H).
    """

    return {
        "torch fp32": through(MixedPrecisionInferer(amp=False, channels_last=False), network),
        "torch fp32 channels_last": through(MixedPrecisionInferer(amp=False), network),
        "torch bf16 channels_last": through(MixedPrecisionInferer(amp=True), network),
        "ONNX Runtime fp32": onnx_runtime(network, size),
        "OpenVINO f32": through(OpenVINOInferer("f32"), network),
        "OpenVINO bf16": through(OpenVINOInferer("bf16"), network),
    }
