"""Networks in integers of 8 bits."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..io.atomic import atomic_write
from .compiled import optional_module, weights_digest
from .quantized import DIGEST_KEY


def quantize(network: nn.Module, images: Sequence[torch.Tensor], output: str | Path) -> None:
    """Write a network in integers of 8 bits for `QuantizedInferer`.

    Static quantisation: the range of every activation is the one it takes on ``images``, weights have one scale a
    channel (Jacob et al., CVPR 2018). Only ranges are learnt from the images, no weight changes.

    Args:
        network: on the CPU, one input and one output.
        images: preprocessed examples, each (C, W, H); some two dozen that show what the network will see.
        output: OpenVINO model to write (.xml); a .bin of the same name goes beside it.

    Raises:
        ImportError: the extras ``onnx`` and ``openvino`` are not installed.
        ValueError: no images, or an output of another extension.
    """
    output = Path(output)
    if not images:
        raise ValueError("quantize: no images")
    if output.suffix != ".xml":
        raise ValueError(f"quantize: {output}: expected a name that ends in .xml")
    openvino = optional_module("openvino", "openvino", "OpenVINO")
    optional_module("onnxruntime", "onnx", "ONNX Runtime")
    with tempfile.TemporaryDirectory() as folder:
        model = openvino.Core().read_model(_quantized_onnx(network.eval(), images, Path(folder)))
        model.set_rt_info(weights_digest(network), DIGEST_KEY)
        written = Path(folder) / output.name
        openvino.save_model(model, written, compress_to_fp16=False)
        output.parent.mkdir(parents=True, exist_ok=True)
        for extension in (".bin", ".xml"):
            with atomic_write(output.with_suffix(extension)) as stream:
                stream.write(written.with_suffix(extension).read_bytes())


def _quantized_onnx(network: nn.Module, images: Sequence[torch.Tensor], folder: Path) -> Path:
    """An ONNX file with pairs of quantising and dequantising nodes, which OpenVINO turns into integer arithmetic."""
    quantization = optional_module("onnxruntime.quantization", "onnx", "ONNX Runtime")
    shapes = optional_module("onnxruntime.quantization.shape_inference", "onnx", "ONNX Runtime")
    exported, prepared, quantized = (folder / name for name in ("exported.onnx", "prepared.onnx", "quantized.onnx"))
    example = images[0][None].float()
    torch.onnx.export(network, (example,), exported, input_names=["image"], output_names=["logits"], dynamo=False)
    shapes.quant_pre_process(exported, prepared, skip_symbolic_shape=True)
    quantization.quantize_static(
        prepared,
        quantized,
        _reader(quantization.CalibrationDataReader, images),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
    )
    return quantized


def _reader(base: type, images: Sequence[torch.Tensor]) -> Any:
    """The images in the form that ONNX Runtime asks for."""

    class Reader(base):
        def __init__(self) -> None:
            self.batches: Iterator[np.ndarray] = (image[None].float().numpy() for image in images)

        def get_next(self) -> dict[str, np.ndarray] | None:
            batch = next(self.batches, None)
            return None if batch is None else {"image": batch}

    return Reader()
