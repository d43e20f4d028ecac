"""Forward passes in ONNX Runtime."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import torch
from torch import nn

from .compiled import CompiledInferer, optional_module


class ONNXRuntimeInferer(CompiledInferer):
    """Runs the network of the configuration in ONNX Runtime on the CPU, in full precision.

    Args:
        threads: of one forward pass; 0 takes all cores.

    Raises:
        ImportError: the extra ``onnx`` is not installed.
        ValueError: a negative number of threads.
    """

    def __init__(self, threads: int = 0) -> None:
        super().__init__()
        if threads < 0:
            raise ValueError(f"ONNXRuntimeInferer: threads must be 0 (all cores) or more, got {threads}")
        optional_module("onnxscript", "onnx", "ONNX")
        self._runtime = optional_module("onnxruntime", "onnx", "ONNX Runtime")
        self.threads = threads
        self._session: Any = None

    def _compile(self, network: nn.Module, example: torch.Tensor) -> None:
        file = io.BytesIO()
        torch.onnx.export(
            network,
            (example,),
            file,  # type: ignore[arg-type] # streams are taken, whatever the annotation says
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
            # The exporter through torch.export takes several times as long, for the same graph.
            dynamo=False,
        )
        options = self._runtime.SessionOptions()
        options.intra_op_num_threads = self.threads
        self._session = self._runtime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])

    def _run(self, images: np.ndarray) -> np.ndarray:
        (logits,) = self._session.run(None, {"image": images})
        return np.asarray(logits)
