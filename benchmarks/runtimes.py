"""The ways to run a bundle's network that the benchmarks compare."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Events
from monai.bundle import ConfigParser
from torch import nn

from common.inference_config import read_inference
from common.inferers import MixedPrecisionInferer, ONNXRuntimeInferer, OpenVINOInferer, QuantizedInferer

BUNDLES = Path(__file__).resolve().parent.parent / "bundles"
#: What the other ways are compared with.
PLAIN = "torch fp32"

Forward = Callable[[torch.Tensor], torch.Tensor]


def through(inferer: Callable[..., torch.Tensor], network: nn.Module) -> Forward:
    """The network called by an inferer, without gradients."""

    def forward(images: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            return inferer(images, network)

    return forward


def runtimes(network: nn.Module, quantized: Path | None = None) -> dict[str, Forward]:
    """Name and forward function of every way, plain torch in full precision first.

    Args:
        network: on the CPU, in evaluation mode.
        quantized: the model in integers of 8 bits that was made from its weights; null: without that way.
    """
    ways = {
        PLAIN: through(MixedPrecisionInferer(amp=False, channels_last=False), network),
        "torch fp32 channels_last": through(MixedPrecisionInferer(amp=False), network),
        "torch bf16 channels_last": through(MixedPrecisionInferer(amp=True), network),
        "ONNX Runtime fp32": through(ONNXRuntimeInferer(), network),
        "OpenVINO f32": through(OpenVINOInferer("f32"), network),
        "OpenVINO bf16": through(OpenVINOInferer("bf16"), network),
    }
    return ways if quantized is None else {**ways, "OpenVINO int8": through(QuantizedInferer(quantized), network)}


def from_file(bundle: Path) -> dict[str, tuple[tuple[str, ...], dict[str, Any]]]:
    """Overlays of inference.yaml and options for every way from file to result, plain torch first."""
    # The inferer of tb_seg averages passes of another one.
    one_pass = "one_pass" if bundle.name == "tb_seg" else "inferer"
    return {
        PLAIN: ((), {f"{one_pass}::channels_last": False}),
        "torch bf16 channels_last": ((), {"amp": True}),
        "ONNX Runtime fp32": (("inference_onnx",), {}),
        "OpenVINO f32": (("inference_openvino",), {"precision": "f32"}),
        "OpenVINO bf16": (("inference_openvino",), {}),
        "OpenVINO int8": (("inference_int8",), {}),
    }


def configured(
    bundle: Path, data: Path, output_dir: Path, overlays: Iterable[str] = (), options: Mapping[str, Any] | None = None
) -> ConfigParser:
    """The configuration of inference of a bundle, in one process without reading workers.

    Args:
        bundle: its folder.
        data: folder with radiographs.
        output_dir: folder for results.
        overlays: names of configurations over inference.yaml.
        options: more values.
    """
    files = [bundle / "configs" / f"{name}.yaml" for name in ("inference", *overlays)]
    places = {"dataset_dir": str(data), "output_dir": str(output_dir), "num_workers": 0}
    return read_inference(bundle, files, places | dict(options or {}))


def run_quietly(evaluator: Any) -> None:
    """One run over all radiographs without its progress bar.

    Raises:
        RuntimeError: a radiograph was refused or failed, so that the time means nothing.
    """
    rejected: list[Any] = []
    listen = evaluator.add_event_handler(
        Events.ITERATION_COMPLETED, lambda engine: rejected.extend(engine.state.rejected)
    )
    with listen, contextlib.redirect_stderr(io.StringIO()):
        evaluator.run()
    if rejected:
        raise RuntimeError(f"{len(rejected)} radiographs without a result: {rejected[0].reason}")
